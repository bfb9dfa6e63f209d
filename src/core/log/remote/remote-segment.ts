/**
 * A segment of a tiered log: whole sealed chunks that lie in one object of R2.
 *
 *     offset 0           log start        local start          copied end       high watermark
 *            | deleted ... | segment | segment | segment | segment |   chunks    |
 *                          |--- in R2 only ----|-- in both places -|-- in the partition only --|
 *
 * An object is written once, under a name that is never used again:
 *
 *     log/{topic id}/{partition}/{base offset, 16 digits}-{16 hex digits}
 */
import type { ChunkSpan } from '../chunk.ts'

export interface RemoteSegment extends ChunkSpan {
  /** The name of the object. */
  readonly key: string
  /** Bytes of the object: those of the chunks, and the footer. */
  readonly objectBytes: number
}

/**
 * - `copying`: the object may exist or not; its chunks are in the partition.
 * - `live`: the object exists. Its chunks may be deleted, once the object was looked at again.
 * - `deleting`: the object is not read any more, and may exist or not.
 */
export type RemoteState = 'copying' | 'live' | 'deleting'

/** The segments that the edge needs to read a log below its local start. */
export interface RemoteRange {
  /** The segments are all that end above this offset, up to the last one of them. */
  readonly fromOffset: number
  /** In order. Offsets between two of them have no record. */
  readonly segments: readonly RemoteSegment[]
  readonly partition: PartitionIdentity
}

export interface PartitionIdentity {
  readonly topicId: string
  readonly partition: number
}

const OFFSET_DIGITS = 16

/** Returns what the names of all objects of a partition begin with. */
export function objectPrefix({ topicId, partition }: PartitionIdentity): string {
  return `log/${topicId}/${partition}/`
}

/** @param suffix random: a name is used once */
export function objectKey(
  partition: PartitionIdentity,
  baseOffset: number,
  suffix: string,
): string {
  return `${baseOffsetKey(partition, baseOffset)}-${suffix}`
}

/** Returns the base offset that the name of an object begins with; undefined if it is not such a name. */
export function baseOffsetOf(partition: PartitionIdentity, key: string): number | undefined {
  const prefix = objectPrefix(partition)
  const digits = key.slice(prefix.length, prefix.length + OFFSET_DIGITS)
  return key.startsWith(prefix) && /^\d{16}-/.test(`${digits}${key[prefix.length + OFFSET_DIGITS]}`)
    ? Number(digits)
    : undefined
}

/** Returns a text that sorts before the names of the objects that begin at `baseOffset` or later. */
export function baseOffsetKey(partition: PartitionIdentity, baseOffset: number): string {
  return `${objectPrefix(partition)}${String(baseOffset).padStart(OFFSET_DIGITS, '0')}`
}
