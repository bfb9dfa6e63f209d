/** Commits offsets as Kafka's OffsetCommit does: each is taken or refused by itself. */
import { EdgelogError } from '../core/errors.ts'
import type { CommittingMember, OffsetToCommit } from '../core/group/group-api.ts'
import type { GroupId } from '../core/group/group-id.ts'
import { COMMIT_OFFSETS_MAX } from '../core/limits.ts'
import type { TopicName } from '../core/topic/topic-name.ts'
import type { Cluster } from './cluster.ts'
import { hasRefreshed } from './committed-offsets.ts'
import { checkGroupExists } from './groups.ts'
import { findGone, type LocatedOffset, locateEach, type WantedOffset } from './locate-offsets.ts'

/** null: it is committed. */
export type CommitOutcome = EdgelogError | null

/**
 * Commits in one call of the group all offsets but those that are refused by themselves: of a topic or
 * partition that does not exist, or with too much metadata. What the group refuses is the refusal of
 * all others. Unlike `commitOffsets` it does not hold offsets against the ends of the log: Kafka does not.
 *
 * A name means the topic that has it now, and only groups whose members speak KIP-848 know topics. So a
 * partition of each topic is asked whether it is still there, side by side with the commit under the id
 * that is remembered. Where one is not, all is committed once more with what the names mean now, that is
 * the outcome, and the group forgets what it took for the topic before:
 *
 *     group       commit under old ──> ok ─┬─> commit under new ──> ok: the outcome
 *     partition   is old there? ──────> no ┴─> forget old
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
  const group = { cluster, groupId, member }
  const first = await commitOnce(group, wanted)
  const isOutdated =
    first.gone.size > 0 ||
    // Where a deletion goes slowly partitions still answer.
    (first.refusal?.code === 'stale_member_epoch' && (await hasRefreshed(cluster, first.names)))
  if (!isOutdated) return first.outcomes
  const [second] = await Promise.all([commitOnce(group, wanted), forgetTopics(group, first.gone)])
  return second.outcomes
}

interface CommittingTo {
  readonly cluster: Cluster
  readonly groupId: GroupId
  readonly member: CommittingMember | null
}

interface Commit {
  readonly outcomes: CommitOutcome[]
  /** Of the group. */
  readonly refusal: EdgelogError | null
  /** Topics that the group was told of. */
  readonly names: ReadonlySet<TopicName>
  /** Those of them, by id, that are not what their names mean any more. */
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
  { cluster, groupId, member }: CommittingTo,
  offsets: readonly OffsetToCommit[],
): Promise<CommitOutcome> {
  try {
    await cluster.objects.callGroup(groupId, (group) =>
      group.commitOffsets({ groupId, member, offsets }),
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

/** Where that fails, the group does so when its offsets are fetched. */
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
