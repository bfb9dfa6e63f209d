/** Makes lost rows of a partition again from its objects in R2. */
import { EdgelogError } from '../core/errors.ts'
import {
  REMOTE_ADOPT_SEGMENTS_MAX,
  REMOTE_LIST_CALLS_MAX,
  REMOTE_LIST_OBJECTS_MAX,
} from '../core/limits.ts'
import type { LogEnds } from '../core/log/log-ends.ts'
import type { FoundSegment, OffsetRange } from '../core/log/partition-api.ts'
import { placesToAdopt } from '../core/log/remote/plan-adopt.ts'
import { checkFooter } from '../core/log/remote/remote-object.ts'
import {
  baseOffsetOf,
  objectPrefix,
  type PartitionIdentity,
} from '../core/log/remote/remote-segment.ts'
import type { TopicName } from '../core/topic/topic-name.ts'
import { RemoteObjectCache, RemoteObjects } from '../remote/remote-objects.ts'
import type { Cluster } from './cluster.ts'
import { fanOut } from './fan-out.ts'

export interface RebuildResult extends LogEnds {
  /** Objects that became part of the log. */
  readonly adopted: number
  /** Objects that could not, because they are not what a partition writes. */
  readonly damaged: ReadonlyArray<{ readonly key: string; readonly reason: string }>
  /** Offsets between the objects that are in none; the highest first. */
  readonly holes: readonly OffsetRange[]
  /** The offset below which the next call goes on; null at the end. */
  readonly beforeOffset: number | null
  readonly isComplete: boolean
}

/**
 * Adds objects in R2 to a log whose rows were lost: below its beginning, and in the holes between its objects. A log
 * that has no record and no row becomes the log of its objects. One call inspects up to `REMOTE_ADOPT_SEGMENTS_MAX`
 * objects, the last ones first.
 *
 * @param beforeOffset only objects that begin below it are meant
 * @throws {EdgelogError} `unknown_topic_or_partition`, `remote_storage_unavailable`.
 */
export async function rebuildRemote(
  { objects: { remoteLog }, topics }: Cluster,
  name: TopicName,
  partition: number,
  beforeOffset: number,
): Promise<RebuildResult> {
  const objects = new RemoteObjects(remoteLog, new RemoteObjectCache())
  const listing = await topics.callPartition(name, partition, (stub) => stub.listRemote(0, 0))
  const readHoles = () => topics.callPartition(name, partition, (stub) => stub.remoteHoles())
  const places = placesToAdopt({ ...listing, holes: await readHoles() })
  const mayFit = (key: string) => {
    const baseOffset = baseOffsetOf(listing.partition, key)
    if (baseOffset === undefined || baseOffset >= beforeOffset) return false
    return places.some(({ from, to }) => baseOffset >= from && baseOffset < to)
  }
  const changing = new Set(listing.changing)
  const stored = await namesOf(objects, listing.partition)
  const keys = stored.filter((key) => !changing.has(key) && mayFit(key))
  const nearest = keys.slice(-REMOTE_ADOPT_SEGMENTS_MAX)
  const inspections = await fanOut(nearest, (key) => inspect(objects, key, listing.partition))
  const found = inspections.flatMap((one) => ('sha256' in one ? [one] : []))
  const { adopted, ...ends } = await topics.callPartition(name, partition, (stub) =>
    stub.adoptRemote(found),
  )
  const isComplete = keys.length === nearest.length
  return {
    ...ends,
    adopted: adopted.length,
    damaged: inspections.flatMap((one) => ('reason' in one ? [one] : [])),
    holes: await readHoles(),
    beforeOffset: isComplete ? null : (baseOffsetOf(listing.partition, nearest[0] ?? '') ?? 0),
    isComplete,
  }
}

/** Returns the names of all objects of a partition, in order. */
async function namesOf(objects: RemoteObjects, partition: PartitionIdentity): Promise<string[]> {
  const prefix = objectPrefix(partition)
  const keys: string[] = []
  let startAfter = prefix
  for (let calls = 0; calls < REMOTE_LIST_CALLS_MAX; calls++) {
    const page = await objects.list(prefix, { startAfter, limit: REMOTE_LIST_OBJECTS_MAX })
    for (const { key } of page.objects) keys.push(key)
    startAfter = page.objects.at(-1)?.key ?? startAfter
    if (!page.truncated) return keys
  }
  const most = REMOTE_LIST_CALLS_MAX * REMOTE_LIST_OBJECTS_MAX
  throw new EdgelogError('policy_violation', `a partition has at most ${most} objects to rebuild`)
}

/** Returns what an object is by its own footer, or why it is not an object of the partition. */
async function inspect(
  objects: RemoteObjects,
  key: string,
  partition: PartitionIdentity,
): Promise<FoundSegment | RebuildResult['damaged'][number]> {
  try {
    const { segment, footer, sha256 } = await objects.inspect(key)
    checkFooter(footer, segment, partition)
    return { ...segment, sha256 }
  } catch (error) {
    const isDamage = error instanceof EdgelogError && error.code === 'remote_storage_damaged'
    if (!isDamage) throw error
    return { key, reason: error.message }
  }
}
