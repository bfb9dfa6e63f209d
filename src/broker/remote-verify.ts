/** Compares the rows of a partition with its objects in R2. */
import { EdgelogError } from '../core/errors.ts'
import {
  EDGE_FANOUT_MAX,
  REMOTE_LIST_OBJECTS_MAX,
  REMOTE_READ_BYTES_MAX,
  REMOTE_VERIFY_DATA_SEGMENTS_MAX,
  REMOTE_VERIFY_SEGMENTS_MAX,
} from '../core/limits.ts'
import type { RemoteListing } from '../core/log/partition-api.ts'
import { checkFooter, type RemoteChunk } from '../core/log/remote/remote-object.ts'
import {
  baseOffsetKey,
  baseOffsetOf,
  objectPrefix,
  type PartitionIdentity,
  type RemoteSegment,
} from '../core/log/remote/remote-segment.ts'
import type { TopicName } from '../core/topic/topic-name.ts'
import { RemoteObjectCache, RemoteObjects } from '../remote/remote-objects.ts'
import type { Cluster } from './cluster.ts'
import { fanOut } from './fan-out.ts'

export interface VerifyOptions {
  /** Checks the objects that begin at this offset or later. */
  readonly fromOffset: number
  /** True to read all records too, and not only the footers. */
  readonly data: boolean
}

export interface VerifyResult {
  readonly objects: number
  readonly bytes: number
  readonly damaged: ReadonlyArray<{
    readonly key: string
    readonly baseOffset: number
    readonly endOffset: number
    readonly reason: string
  }>
  /** Objects in R2 that belong to no row. */
  readonly orphans: readonly string[]
  /** Where the next call goes on; null at the end. */
  readonly nextOffset: number | null
}

/**
 * Checks some of the objects of a partition.
 *
 * @throws {EdgelogError} `unknown_topic_or_partition`, `remote_storage_unavailable`.
 */
export async function verifyRemote(
  cluster: Cluster,
  name: TopicName,
  partition: number,
  { fromOffset, data }: VerifyOptions,
): Promise<VerifyResult> {
  // Nothing that an isolate keeps: the objects themselves are meant.
  const objects = new RemoteObjects(cluster.objects.remoteLog, new RemoteObjectCache())
  const list = (baseOffset: number, limit: number) =>
    cluster.topics.callPartition(name, partition, (stub) => stub.listRemote(baseOffset, limit))
  const first = await list(fromOffset, 0)
  // R2 first: an object that is listed had its row before.
  const after = baseOffsetKey(first.partition, fromOffset)
  const prefix = objectPrefix(first.partition)
  const stored = await objects.list(prefix, { startAfter: after, limit: REMOTE_LIST_OBJECTS_MAX })
  const segmentsMax = data ? REMOTE_VERIFY_DATA_SEGMENTS_MAX : REMOTE_VERIFY_SEGMENTS_MAX
  const listing = await list(fromOffset, segmentsMax)
  const endOffset = pageEnd(listing, segmentsMax, stored)
  const segments = listing.segments.filter(({ baseOffset }) => baseOffset <= endOffset)
  const check = async (segment: RemoteSegment) => {
    const reason = await faultOf(objects, segment, listing.partition, data)
    if (reason === undefined) return []
    const [current] = (await list(segment.baseOffset, 1)).segments
    // Retention may have deleted it while it was read.
    if (current?.key !== segment.key) return []
    const { key, baseOffset, endOffset: end } = segment
    return [{ key, baseOffset, endOffset: end, reason }]
  }
  // The data of one object at a time is in memory.
  const faults = await fanOut(segments, check, data ? 1 : EDGE_FANOUT_MAX)
  const keys = stored.objects.map(({ key }) => key)
  const isInPage = (key: string) => (baseOffsetOf(listing.partition, key) ?? 0) <= endOffset
  const orphans = await orphansOf(objects, listing, keys.filter(isInPage))
  return {
    objects: segments.length,
    bytes: segments.reduce((sum, { sizeBytes }) => sum + sizeBytes, 0),
    damaged: faults.flat(),
    orphans,
    nextOffset: endOffset === Number.POSITIVE_INFINITY ? null : endOffset + 1,
  }
}

/** Returns the last base offset up to which both lists are whole. */
function pageEnd(
  { segments, partition }: RemoteListing,
  segmentsMax: number,
  stored: R2Objects,
): number {
  const lastRow = segments.at(-1)?.baseOffset
  const lastKey = baseOffsetOf(partition, stored.objects.at(-1)?.key ?? '')
  return Math.min(
    segments.length === segmentsMax && lastRow !== undefined ? lastRow : Number.POSITIVE_INFINITY,
    stored.truncated && lastKey !== undefined ? lastKey : Number.POSITIVE_INFINITY,
  )
}

/** Returns why an object is not the segment of its row; undefined if it is. */
async function faultOf(
  objects: RemoteObjects,
  segment: RemoteSegment,
  partition: PartitionIdentity,
  withData: boolean,
): Promise<string | undefined> {
  try {
    const found = await objects.inspect(segment.key)
    checkFooter(found.footer, segment, partition)
    if (found.segment.objectBytes !== segment.objectBytes) return 'it has another size'
    if (!withData) return undefined
    for (const chunks of groupsOf(found.footer.chunks)) {
      await objects.chunks(segment, found.footer, chunks)
    }
    return undefined
  } catch (error) {
    const isDamage = error instanceof EdgelogError && error.code === 'remote_storage_damaged'
    if (!isDamage) throw error
    return error.message
  }
}

/** Cuts chunks into groups that one call of R2 reads. */
function groupsOf(chunks: readonly RemoteChunk[]): RemoteChunk[][] {
  const groups: RemoteChunk[][] = []
  let sizeBytes = Number.POSITIVE_INFINITY
  for (const chunk of chunks) {
    sizeBytes += chunk.sizeBytes
    const last = groups.at(-1)
    if (last !== undefined && sizeBytes <= REMOTE_READ_BYTES_MAX) last.push(chunk)
    else {
      groups.push([chunk])
      sizeBytes = chunk.sizeBytes
    }
  }
  return groups
}

/** Returns the objects without a row, which still exist after the rows were read. */
async function orphansOf(
  objects: RemoteObjects,
  { segments, changing }: RemoteListing,
  keys: readonly string[],
): Promise<string[]> {
  const known = new Set([...segments.map(({ key }) => key), ...changing])
  const unknown = keys.filter((key) => !known.has(key))
  const existing = await fanOut(unknown, async (key) => ((await objects.exists(key)) ? [key] : []))
  return existing.flat()
}
