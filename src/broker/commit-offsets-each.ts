/** Commits offsets like Kafka's OffsetCommit: each is committed or rejected separately. */
import { EdgelogError } from '../core/errors.ts'
import type { CommitRequest, CommittingMember, OffsetToCommit } from '../core/group/group-api.ts'
import type { GroupId } from '../core/group/group-id.ts'
import { COMMIT_OFFSETS_MAX } from '../core/limits.ts'
import type { TopicName } from '../core/topic/topic-name.ts'
import type { Cluster } from './cluster.ts'
import { hasRefreshed } from './committed-offsets.ts'
import { checkGroupExists } from './groups.ts'
import { findGone, type LocatedOffset, locateEach, type WantedOffset } from './locate-offsets.ts'

/** The result of one offset; null if it was committed. */
export type CommitResultOrError = EdgelogError | null

/**
 * Commits the offsets in one call to the group. An offset is rejected separately if its topic or partition does not
 * exist or its metadata is too large. An error of the group applies to all others. Unlike `commitOffsets` it does not
 * check offsets against the ends of the log, because Kafka does not.
 *
 * A name refers to the topic that currently has it, and only groups whose members use KIP-848 know topics. So, in
 * parallel with the commit under the cached topic id, one partition of each topic is asked whether that topic still
 * exists. If one does not, everything is committed again under the current ids, that result counts, and the group
 * deletes its offsets of the old topic:
 *
 *     group       commit under old ──> ok ─┬─> commit under new ──> ok: the result
 *     partition   is old there? ──────> no ┴─> forget old
 *
 * The errors of the group are Kafka's: `unknown_member_id` if it has members and `member` is null, `group_id_not_found`
 * for a member of a group that does not exist.
 *
 * @param member null for a commit without a member (generation -1 and no member
 * id), which only a group without members accepts.
 * @param transaction if given, the offsets are pending until it ends.
 * @returns one result for each of `wanted`, in the same order.
 */
export async function commitOffsetsEach(
  cluster: Cluster,
  groupId: GroupId,
  member: CommittingMember | null,
  wanted: readonly WantedOffset[],
  transaction?: CommitRequest['transaction'],
): Promise<CommitResultOrError[]> {
  if (wanted.length > COMMIT_OFFSETS_MAX) return wanted.map(tooMany)
  const group = { cluster, groupId, member, transaction }
  const first = await commitOnce(group, wanted)
  const isOutdated =
    first.gone.size > 0 ||
    // During a slow deletion the partitions of the old topic still respond.
    (first.refusal?.code === 'stale_member_epoch' && (await hasRefreshed(cluster, first.names)))
  if (!isOutdated) return first.outcomes
  const [second] = await Promise.all([commitOnce(group, wanted), forgetTopics(group, first.gone)])
  return second.outcomes
}

interface CommittingTo {
  readonly cluster: Cluster
  readonly groupId: GroupId
  readonly member: CommittingMember | null
  readonly transaction: CommitRequest['transaction']
}

interface Commit {
  readonly outcomes: CommitResultOrError[]
  /** The error of the group. */
  readonly refusal: EdgelogError | null
  /** Names of the topics in the commit. */
  readonly names: ReadonlySet<TopicName>
  /** Ids of the topics whose names now refer to another topic or to none. */
  readonly gone: ReadonlySet<string>
}

async function commitOnce(group: CommittingTo, wanted: readonly WantedOffset[]): Promise<Commit> {
  const located = await locateEach(group.cluster, wanted)
  const found = located.filter((one): one is LocatedOffset => !(one instanceof EdgelogError))
  const offsets = found.map(({ offset }) => offset)
  const [refusal, gone] = await Promise.all([
    offsets.length === 0 ? null : commitToGroup(group, offsets),
    findGone(group.cluster, found),
  ])
  const outcomes = located.map((one) => (one instanceof EdgelogError ? one : refusal))
  const names = new Set(offsets.map(({ topic }) => topic as TopicName))
  return { outcomes, refusal, names, gone }
}

function tooMany(): EdgelogError {
  const why = `offsets: at most ${COMMIT_OFFSETS_MAX} are committed at a time`
  return new EdgelogError('invalid_request', why)
}

async function commitToGroup(
  { cluster, groupId, member, transaction }: CommittingTo,
  offsets: readonly OffsetToCommit[],
): Promise<CommitResultOrError> {
  try {
    await cluster.objects.callGroup(groupId, (group) =>
      group.commitOffsets({ groupId, member, offsets, ...(transaction && { transaction }) }),
    )
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

/** Returns `group_id_not_found` if the group does not exist. */
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

/** Deletes the offsets of old topics. If that fails, the next fetch of the group's offsets does it. */
async function forgetTopics(
  { cluster, groupId }: CommittingTo,
  topicIds: ReadonlySet<string>,
): Promise<void> {
  if (topicIds.size === 0) return
  try {
    await cluster.objects.callGroup(groupId, (group) => group.forgetTopics([...topicIds]))
  } catch (error) {
    if (!(error instanceof EdgelogError)) throw error
  }
}
