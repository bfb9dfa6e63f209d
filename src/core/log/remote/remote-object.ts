/**
 * The form of an object in R2: the chunks as the partition stored them, and a footer that describes them.
 *
 *     chunk | chunk | ... | footer, JSON | footer bytes uint32 | footer CRC-32C uint32 | version uint32 | "elog"
 *
 * The footer has everything that a reader needs besides the name of the object, so the rows of a partition can be made
 * again from its objects.
 */
import { crc32c } from '../../bytes/crc32c.ts'
import { EdgelogError } from '../../errors.ts'
import { REMOTE_FOOTER_BYTES_MAX } from '../../limits.ts'
import type { ChunkSpan } from '../chunk.ts'
import { latestTimestamp } from '../chunk.ts'
import type { AbortedTransaction } from '../transactions.ts'
import type { PartitionIdentity, RemoteSegment } from './remote-segment.ts'

const VERSION = 1
/** "elog" in ASCII. */
const MAGIC = 0x656c6f67
export const TRAILER_BYTES = 16

export interface RemoteChunk extends ChunkSpan {
  readonly crc: number
}

export interface RemoteFooter {
  readonly partition: PartitionIdentity
  /** In order. Offsets between two of them have no record: the log was compacted once. */
  readonly chunks: readonly RemoteChunk[]
  /** The aborted transactions with records in the chunks, in the order of their markers. */
  readonly aborted: readonly AbortedTransaction[]
}

/** The JSON of version 1. */
interface StoredFooter {
  readonly topicId: string
  readonly partition: number
  /** [base offset, end offset, bytes, max timestamp, CRC-32C] */
  readonly chunks: readonly (readonly [number, number, number, number, number])[]
  /** [producer id, first offset, last offset] */
  readonly aborted: readonly (readonly [string, number, number])[]
}

/** Returns how many bytes a footer has at most: five numbers of a chunk, three of a transaction, and their JSON. */
export function footerBytesMax(chunksCount: number, abortedCount: number): number {
  return 1_024 + 100 * chunksCount + 80 * abortedCount
}

/** Returns the bytes that follow the chunks in their object. */
export function encodeFooter({
  partition,
  chunks,
  aborted,
}: RemoteFooter): Uint8Array<ArrayBuffer> {
  const stored: StoredFooter = {
    topicId: partition.topicId,
    partition: partition.partition,
    chunks: chunks.map(({ baseOffset, endOffset, sizeBytes, maxTimestamp, crc }) => [
      baseOffset,
      endOffset,
      sizeBytes,
      maxTimestamp,
      crc,
    ]),
    aborted: aborted.map(({ producerId, firstOffset, lastOffset }) => [
      String(producerId),
      firstOffset,
      lastOffset,
    ]),
  }
  const json = new TextEncoder().encode(JSON.stringify(stored))
  const footer = new Uint8Array(json.length + TRAILER_BYTES)
  footer.set(json)
  const view = new DataView(footer.buffer)
  for (const [index, value] of [json.length, crc32c(json), VERSION, MAGIC].entries()) {
    view.setUint32(json.length + 4 * index, value)
  }
  return footer
}

/**
 * Returns how many bytes at the end of an object are its footer.
 *
 * @param trailer the last `TRAILER_BYTES` of the object
 * @throws {EdgelogError} `remote_storage_damaged`.
 */
export function footerBytesOf(trailer: Uint8Array, key: string): number {
  if (trailer.length !== TRAILER_BYTES) throw damaged(key, 'it is cut')
  const view = new DataView(trailer.buffer, trailer.byteOffset, trailer.byteLength)
  if (view.getUint32(12) !== MAGIC) throw damaged(key, 'it does not end like an object of a log')
  const version = view.getUint32(8)
  if (version !== VERSION) {
    throw damaged(key, `it has form ${version}; this release reads form ${VERSION}`)
  }
  const footerBytes = view.getUint32(0) + TRAILER_BYTES
  if (footerBytes > REMOTE_FOOTER_BYTES_MAX) throw damaged(key, 'its footer is too large')
  return footerBytes
}

/**
 * Reads a footer, and checks that it is whole and describes chunks in order.
 *
 * @param bytes the end of the object, from the footer on
 * @throws {EdgelogError} `remote_storage_damaged`.
 */
export function decodeFooter(bytes: Uint8Array, key: string): RemoteFooter {
  const footerBytes = footerBytesOf(bytes.subarray(-TRAILER_BYTES), key)
  if (footerBytes !== bytes.length) throw damaged(key, 'its footer has another size')
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  const json = bytes.subarray(0, -TRAILER_BYTES)
  if (view.getUint32(json.length + 4) !== crc32c(json)) throw damaged(key, 'its footer is changed')
  // The checksum shows that edgelog wrote this JSON.
  const stored = JSON.parse(new TextDecoder().decode(json)) as StoredFooter
  const chunks = stored.chunks.map(([baseOffset, endOffset, sizeBytes, maxTimestamp, crc]) => {
    return { baseOffset, endOffset, sizeBytes, maxTimestamp, crc }
  })
  const isInOrder = chunks.every(
    ({ baseOffset }, index) => (chunks[index - 1]?.endOffset ?? 0) <= baseOffset,
  )
  if (chunks.length === 0 || !isInOrder) throw damaged(key, 'its chunks are not in order')
  return {
    partition: { topicId: stored.topicId, partition: stored.partition },
    chunks,
    aborted: stored.aborted.map(([producerId, firstOffset, lastOffset]) => {
      return { producerId: BigInt(producerId), firstOffset, lastOffset }
    }),
  }
}

/** Returns the segment that an object with this footer is. */
export function segmentOf(
  key: string,
  { chunks }: Pick<RemoteFooter, 'chunks'>,
  footerBytes: number,
): RemoteSegment {
  const sizeBytes = chunks.reduce((sum, chunk) => sum + chunk.sizeBytes, 0)
  return {
    key,
    baseOffset: chunks[0]?.baseOffset ?? 0,
    endOffset: chunks.at(-1)?.endOffset ?? 0,
    maxTimestamp: latestTimestamp(chunks.map((chunk) => chunk.maxTimestamp)),
    sizeBytes,
    objectBytes: sizeBytes + footerBytes,
  }
}

/**
 * Checks that a footer is that of a segment of a partition.
 *
 * @throws {EdgelogError} `remote_storage_damaged`.
 */
export function checkFooter(
  footer: RemoteFooter,
  segment: RemoteSegment,
  partition: PartitionIdentity,
): void {
  const { key } = segment
  const { topicId, partition: number } = footer.partition
  if (topicId !== partition.topicId || number !== partition.partition) {
    throw damaged(key, `it is of partition ${number} of topic ${topicId}`)
  }
  const found = segmentOf(key, footer, segment.objectBytes - segment.sizeBytes)
  const isSame =
    found.baseOffset === segment.baseOffset &&
    found.endOffset === segment.endOffset &&
    found.sizeBytes === segment.sizeBytes
  if (!isSame) {
    const has = `${found.baseOffset} to ${found.endOffset} in ${found.sizeBytes} bytes`
    const wanted = `${segment.baseOffset} to ${segment.endOffset} in ${segment.sizeBytes}`
    throw damaged(key, `it has offsets ${has}, and not ${wanted}`)
  }
}

/**
 * Cuts the bytes of neighbouring chunks, and checks each.
 *
 * @throws {EdgelogError} `remote_storage_damaged`.
 */
export function cutChunks(
  bytes: Uint8Array,
  chunks: readonly RemoteChunk[],
  key: string,
): Uint8Array[] {
  let position = 0
  return chunks.map(({ sizeBytes, crc, baseOffset }) => {
    const chunk = bytes.subarray(position, position + sizeBytes)
    position += sizeBytes
    if (chunk.length !== sizeBytes) throw damaged(key, `it is cut at offset ${baseOffset}`)
    if (crc32c(chunk) !== crc) throw damaged(key, `its chunk at offset ${baseOffset} is changed`)
    return chunk
  })
}

export function damaged(key: string, why: string): EdgelogError {
  return new EdgelogError('remote_storage_damaged', `object ${key}: ${why}`)
}
