/** Commits offsets as Kafka's OffsetCommit does: each is taken or refused by itself. */
import { utf8Length } from '../core/bytes/utf8-length.ts'
import { EdgelogError } from '../core/errors.ts'
import type { CommittingMember, OffsetToCommit } from '../core/group/group-api.ts'
import type { GroupId } from '../core/group/group-id.ts'
import { COMMIT_OFFSETS_MAX, OFFSET_METADATA_BYTES_MAX } from '../core/limits.ts'
import type { Topic } from '../core/topic/topic.ts'
import { parseTopicName, type TopicName } from '../core/topic/topic-name.ts'
import type { Cluster } from './cluster.ts'
import { hasRefreshed, learnBounds } from './committed-offsets.ts'
import { fanOut } from './fan-out.ts'
import { checkGroupExists } from './groups.ts'
import { type Bounds, isKnownWithin } from './known-bounds.ts'

/** A topic as a client names it. */
export type TopicReference = { readonly name: string } | { readonly id: string }

export interface WantedOffset {
  readonly topic: TopicReference
  readonly partition: number
  /** kafkajs resets a group by committing -2, the start of the log, or -1, its end. */
  readonly offset: number
  /** -1: not known. */
  readonly leaderEpoch: number
  readonly metadata: string
}

/** In place of an offset, as in ListOffsets. */
const LOG_END = -1
const LOG_START = -2

/** null: it is committed. */
export type CommitOutcome = EdgelogError | null

/**
 * Commits in one call of the group all offsets but those that are refused by themselves: of a topic or
 * partition that does not exist, or with too much metadata. What the group refuses is the refusal of
 * all others. Unlike `commitOffsets` it does not hold offsets against the ends of the log: Kafka does not.
 *
 * The group's refusals are Kafka's: `unknown_member_id` where it has members and `member` is null,
 * `group_id_not_found` for a member of a group that does not exist.
 *
 * @param member null: by hand (generation -1 and no member id), which only a group without members takes.
 * @returns an outcome for each of `wanted`, in their order.
 */
export async function commitOffsetsEach(
  cluster: Cluster,
  groupId: GroupId,
  member: CommittingMember | null,
  wanted: readonly WantedOffset[],
): Promise<CommitOutcome[]> {
  if (wanted.length > COMMIT_OFFSETS_MAX) return wanted.map(tooMany)
  const first = await commitLocated(cluster, groupId, member, wanted)
  if (first.refusal?.code !== 'stale_member_epoch') return first.outcomes
  // Of a topic that was created anew the edge may have yet to hear, where the one before goes slowly.
  if (!(await hasRefreshed(cluster, first.names))) return first.outcomes
  return (await commitLocated(cluster, groupId, member, wanted)).outcomes
}

interface Commit {
  readonly outcomes: CommitOutcome[]
  /** Of the group. */
  readonly refusal: EdgelogError | null
  /** Topics that the group was told of. */
  readonly names: ReadonlySet<TopicName>
}

async function commitLocated(
  cluster: Cluster,
  groupId: GroupId,
  member: CommittingMember | null,
  wanted: readonly WantedOffset[],
): Promise<Commit> {
  const located = await locateEach(cluster, wanted)
  const offsets = located.filter((one): one is OffsetToCommit => !(one instanceof EdgelogError))
  const refusal =
    offsets.length === 0 ? null : await commitToGroup(cluster, groupId, member, offsets)
  const outcomes = located.map((one) => (one instanceof EdgelogError ? one : refusal))
  return { outcomes, refusal, names: new Set(offsets.map(({ topic }) => topic as TopicName)) }
}

function tooMany(): EdgelogError {
  const why = `offsets: at most ${COMMIT_OFFSETS_MAX} are committed at a time`
  return new EdgelogError('invalid_request', why)
}

async function commitToGroup(
  cluster: Cluster,
  groupId: GroupId,
  member: CommittingMember | null,
  offsets: readonly OffsetToCommit[],
): Promise<CommitOutcome> {
  try {
    await cluster.callGroup(groupId, (group) => group.commitOffsets({ groupId, member, offsets }))
    return null
  } catch (error) {
    if (!(error instanceof EdgelogError)) throw error
    if (error.code === 'non_empty_group') {
      return new EdgelogError('unknown_member_id', error.message, { cause: error })
    }
    const isUnknown = error.code === 'unknown_member_id'
    return (isUnknown ? await findMissingGroup(cluster, groupId) : undefined) ?? error
  }
}

/** The refusal that says that there is no such group, if there is none. */
async function findMissingGroup(
  cluster: Cluster,
  groupId: GroupId,
): Promise<EdgelogError | undefined> {
  try {
    await checkGroupExists(cluster, groupId)
  } catch (error) {
    if (error instanceof EdgelogError && error.code === 'group_id_not_found') return error
    if (!(error instanceof EdgelogError)) throw error
  }
  return undefined
}

// -- what is meant -----------------------------------------------------------------------------

async function locateEach(
  cluster: Cluster,
  wanted: readonly WantedOffset[],
): Promise<Array<OffsetToCommit | EdgelogError>> {
  /** Asked once for all partitions, whether there is such a topic or not. */
  const topics = new Map<string, Promise<Topic>>()
  const find = ({ topic: reference, partition }: WantedOffset): Promise<Topic> => {
    const key = 'id' in reference ? `id ${reference.id}` : `name ${reference.name}`
    const found = topics.get(key) ?? findTopic(cluster, reference, partition)
    topics.set(key, found)
    return found
  }
  return await fanOut(wanted, async (one) => {
    try {
      checkForm(one)
      return await locate(cluster, one, await find(one))
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

/** By its name the one that has it now: of the groups only those whose members speak KIP-848 know topics. */
async function findTopic(
  cluster: Cluster,
  reference: TopicReference,
  partition: number,
): Promise<Topic> {
  if ('id' in reference) return await cluster.topicById(reference.id)
  try {
    const name = parseTopicName(reference.name)
    const known = await cluster.findTopic(name)
    const isGone = known !== undefined && !(await cluster.isCurrent(known, partition))
    const topic = isGone ? await cluster.findTopic(name) : known
    if (topic !== undefined) return topic
  } catch (error) {
    if (!(error instanceof EdgelogError && error.code === 'invalid_topic')) throw error
    throw new EdgelogError('unknown_topic_or_partition', error.message, { cause: error })
  }
  throw new EdgelogError('unknown_topic_or_partition', `topic ${reference.name} does not exist`)
}

/** What was read a moment ago is there; of anything else its partition says what topic it is of. */
async function locate(
  cluster: Cluster,
  { topic: reference, partition, offset, leaderEpoch, metadata }: WantedOffset,
  topic: Topic,
): Promise<OffsetToCommit> {
  const located = { topic: topic.name, partition, offset, leaderEpoch, metadata }
  if (isKnownWithin(topic.id, partition, offset)) return { ...located, topicId: topic.id }
  const { topicId, ...bounds } = await learnBounds(cluster, topic.name, partition)
  if ('name' in reference || topicId === topic.id) {
    return { ...located, topicId, offset: offsetWithin(bounds, offset) }
  }
  const why = `topicId: ${topic.name} was created anew, its id is ${topicId} now`
  throw new EdgelogError('unknown_topic_id', why)
}

function offsetWithin({ logStartOffset, highWatermark }: Bounds, offset: number): number {
  if (offset === LOG_START) return logStartOffset
  return offset === LOG_END ? highWatermark : offset
}
