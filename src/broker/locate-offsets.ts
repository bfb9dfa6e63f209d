/** Finds the topics and partitions of committed offsets, and checks that the topics are still current. */
import { utf8Length } from '../core/bytes/utf8-length.ts'
import { EdgelogError } from '../core/errors.ts'
import type { OffsetToCommit } from '../core/group/group-api.ts'
import { OFFSET_METADATA_BYTES_MAX } from '../core/limits.ts'
import type { Topic } from '../core/topic/topic.ts'
import { parseTopicName, type TopicName } from '../core/topic/topic-name.ts'
import type { Cluster } from './cluster.ts'
import { learnBounds } from './committed-offsets.ts'
import { fanOut } from './fan-out.ts'
import type { Bounds } from './known-bounds.ts'

/** A topic as referenced by a client. */
export type TopicReference = { readonly name: string } | { readonly id: string }

export interface WantedOffset {
  readonly topic: TopicReference
  readonly partition: number
  /** kafkajs resets a group by committing -2, the start of the log, or -1, its end. */
  readonly offset: number
  /** -1 if unknown. */
  readonly leaderEpoch: number
  readonly metadata: string
}

/** Special offsets, as in ListOffsets. */
const LOG_END = -1
const LOG_START = -2

/** An offset with the topic it belongs to. */
export interface LocatedOffset {
  readonly offset: OffsetToCommit
  /** True if the topic id comes from the cache and was not checked. */
  readonly isRemembered: boolean
}

/**
 * Locates each offset.
 *
 * @returns for each of `wanted`, in the same order, its location or its error.
 */
export async function locateEach(
  cluster: Cluster,
  wanted: readonly WantedOffset[],
): Promise<Array<LocatedOffset | EdgelogError>> {
  /** Looked up once for all partitions, also if the topic does not exist. */
  const topics = new Map<string, Promise<Topic>>()
  const find = (reference: TopicReference): Promise<Topic> => {
    const key = 'id' in reference ? `id ${reference.id}` : `name ${reference.name}`
    const found = topics.get(key) ?? findTopic(cluster, reference)
    topics.set(key, found)
    return found
  }
  return await fanOut(wanted, async (one) => {
    try {
      checkForm(one)
      return await locate(cluster, one, await find(one.topic))
    } catch (error) {
      if (error instanceof EdgelogError) return error
      throw error
    }
  })
}

function checkForm({ offset, metadata }: WantedOffset): void {
  if (utf8Length(metadata) > OFFSET_METADATA_BYTES_MAX) {
    const why = `metadata: at most ${OFFSET_METADATA_BYTES_MAX} bytes are allowed`
    throw new EdgelogError('offset_metadata_too_large', why)
  }
  if (!Number.isSafeInteger(offset) || offset < LOG_START) {
    throw new EdgelogError('offset_out_of_range', `offset: 0 to 2^53 - 1 is allowed, got ${offset}`)
  }
}

async function findTopic(cluster: Cluster, reference: TopicReference): Promise<Topic> {
  if ('id' in reference) return await cluster.topics.getById(reference.id)
  try {
    return await cluster.topics.get(parseTopicName(reference.name))
  } catch (error) {
    if (!(error instanceof EdgelogError && error.code === 'invalid_topic')) throw error
    throw new EdgelogError('unknown_topic_or_partition', error.message, { cause: error })
  }
}

/** Uses the cached bounds if they hold the offset; otherwise asks the partition which topic it belongs to. */
async function locate(
  cluster: Cluster,
  { topic: reference, partition, offset, leaderEpoch, metadata }: WantedOffset,
  topic: Topic,
): Promise<LocatedOffset> {
  const located = { topic: topic.name, partition, offset, leaderEpoch, metadata }
  if (cluster.bounds.isWithin(topic.id, partition, offset)) {
    return { offset: { ...located, topicId: topic.id }, isRemembered: 'name' in reference }
  }
  const { topicId, ...bounds } = await learnBounds(cluster, topic.name, partition)
  if ('name' in reference || topicId === topic.id) {
    const asked = { ...located, topicId, offset: offsetWithin(bounds, offset) }
    return { offset: asked, isRemembered: false }
  }
  const why = `topicId: ${topic.name} was recreated; its id is now ${topicId}`
  throw new EdgelogError('unknown_topic_id', why)
}

function offsetWithin({ logStartOffset, highWatermark }: Bounds, offset: number): number {
  if (offset === LOG_START) return logStartOffset
  return offset === LOG_END ? highWatermark : offset
}

/** Returns the ids of cached topics whose names now refer to another topic or to none. */
export async function findGone(
  cluster: Cluster,
  located: readonly LocatedOffset[],
): Promise<ReadonlySet<string>> {
  const doubtful = new Map<string, OffsetToCommit>()
  for (const { offset, isRemembered } of located) {
    if (isRemembered) doubtful.set(offset.topicId, offset)
  }
  for (const { offset, isRemembered } of located) {
    if (!isRemembered) doubtful.delete(offset.topicId)
  }
  const gone = await fanOut([...doubtful], async ([id, { topic, partition }]) => {
    const isCurrent = await cluster.topics.isCurrent({ id, name: topic as TopicName }, partition)
    return isCurrent ? [] : [id]
  })
  return new Set(gone.flat())
}
