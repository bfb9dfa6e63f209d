/** Operations on the committed offsets of groups. */
import { groupResource, topicResource, transactionalIdResource } from '../core/access/resource.ts'
import { EdgelogError } from '../core/errors.ts'
import type {
  CommittedOffset,
  CommittingMember,
  OffsetFetchRequest,
} from '../core/group/group-api.ts'
import type { GroupId } from '../core/group/group-id.ts'
import { COMMIT_OFFSETS_MAX } from '../core/limits.ts'
import type { TopicName } from '../core/topic/topic-name.ts'
import type { Access } from './access.ts'
import type { Cluster } from './cluster.ts'
import { type CommitResultOrError, commitOffsetsEach } from './commit-offsets-each.ts'
import {
  commitOffsets,
  deleteOffsets,
  fetchOffsets,
  fetchOffsetsIfAny,
  type NamedOffset,
} from './committed-offsets.ts'
import { fanOut } from './fan-out.ts'
import type { TopicReference, WantedOffset } from './locate-offsets.ts'
import { applyReset, planReset, type ResetOffset, type ResetRequest } from './reset-offsets.ts'
import { commitTransactionalOffsets, type TransactionCall } from './transactions.ts'

/**
 * Every method throws `group_authorization_failed` and `topic_authorization_failed`,
 * in addition to the errors of the function it calls.
 */
export class OffsetOperations {
  readonly #cluster: Cluster
  readonly #access: Access

  constructor(cluster: Cluster, access: Access) {
    this.#cluster = cluster
    this.#access = access
  }

  /** Needs `read` on the group and on each topic. */
  async commit(
    groupId: GroupId,
    member: CommittingMember | null,
    offsets: readonly NamedOffset[],
  ): Promise<void> {
    await this.#access.check('read', groupResource(groupId))
    await this.#checkTopics(offsets)
    await commitOffsets(this.#cluster, groupId, member, offsets)
  }

  /**
   * Needs `read` on the group and on each topic; without it only the offsets of that topic are rejected.
   *
   * @param call if given, the offsets are part of the producer's transaction: needs `write` on its transactional id.
   */
  async commitEach(
    groupId: GroupId,
    member: CommittingMember | null,
    wanted: readonly WantedOffset[],
    call?: TransactionCall,
  ): Promise<CommitResultOrError[]> {
    if (call !== undefined) {
      await this.#access.check('write', transactionalIdResource(call.transactionalId))
    }
    await this.#access.check('read', groupResource(groupId))
    // Too many offsets are rejected as a whole, before any topic is looked up.
    if (wanted.length > COMMIT_OFFSETS_MAX) {
      return await commitOffsetsEach(this.#cluster, groupId, member, wanted)
    }
    const refusals = await this.#refusals(wanted.map(({ topic }) => topic))
    const allowed = wanted.filter(({ topic }) => !refusals.has(keyOf(topic)))
    const results =
      call === undefined
        ? await commitOffsetsEach(this.#cluster, groupId, member, allowed)
        : await commitTransactionalOffsets(this.#cluster, call, groupId, member, allowed)
    const next = results.values()
    return wanted.map(
      ({ topic }) => refusals.get(keyOf(topic)) ?? (next.next().value as CommitResultOrError),
    )
  }

  /** Needs `describe` on the group and on `topic`. Without `topic` it leaves out topics without `describe`. */
  async fetch(
    groupId: GroupId,
    topic?: TopicName,
    requireStable = false,
  ): Promise<readonly CommittedOffset[]> {
    await this.#access.check('describe', groupResource(groupId))
    if (topic !== undefined) await this.#access.check('describe', topicResource(topic))
    return await this.#visible(await fetchOffsets(this.#cluster, groupId, topic, requireStable))
  }

  /** Needs `describe` on the group, and leaves out topics without `describe`. */
  async fetchIfAny(
    groupId: GroupId,
    request: OffsetFetchRequest,
  ): Promise<readonly CommittedOffset[]> {
    await this.#access.check('describe', groupResource(groupId))
    return await this.#visible(await fetchOffsetsIfAny(this.#cluster, groupId, request))
  }

  /** Needs `delete` on the group and `read` on the topic. */
  async delete(groupId: GroupId, topic: TopicName, partition: number | null): Promise<void> {
    await this.#access.check('delete', groupResource(groupId))
    await this.#access.check('read', topicResource(topic))
    await deleteOffsets(this.#cluster, groupId, topic, partition)
  }

  /** Needs `read` on the group and on each topic whose offsets move. */
  async reset(groupId: GroupId, request: ResetRequest): Promise<readonly ResetOffset[]> {
    await this.#access.check('read', groupResource(groupId))
    await this.#checkTopics(request.topics ?? [])
    const resets = await planReset(this.#cluster, groupId, request)
    await this.#checkTopics(resets)
    if (!request.dryRun) await applyReset(this.#cluster, groupId, resets)
    return resets
  }

  async #checkTopics(named: ReadonlyArray<{ readonly topic: string }>): Promise<void> {
    await this.#access.checkEach(
      'read',
      named.map(({ topic }) => topicResource(topic)),
    )
  }

  async #visible(offsets: readonly CommittedOffset[]): Promise<readonly CommittedOffset[]> {
    return await this.#access.filter(offsets, 'describe', ({ topic }) => topicResource(topic))
  }

  /**
   * Returns, by key, the errors of topics that may not be read or whose id was not found.
   * An unknown name is left to the commit, which rejects it.
   */
  async #refusals(
    references: readonly TopicReference[],
  ): Promise<ReadonlyMap<string, EdgelogError>> {
    const unique = new Map(references.map((reference) => [keyOf(reference), reference]))
    const refusals = new Map<string, EdgelogError>()
    await fanOut([...unique], async ([key, reference]) => {
      const name = await this.#nameOf(reference)
      const refusal =
        name instanceof EdgelogError
          ? name
          : await this.#access.refusal('read', topicResource(name))
      if (refusal !== undefined) refusals.set(key, refusal)
    })
    return refusals
  }

  async #nameOf(reference: TopicReference): Promise<string | EdgelogError> {
    if ('name' in reference) return reference.name
    try {
      return (await this.#cluster.topics.getById(reference.id)).name
    } catch (error) {
      if (error instanceof EdgelogError) return error
      throw error
    }
  }
}

function keyOf(reference: TopicReference): string {
  return 'id' in reference ? `id ${reference.id}` : `name ${reference.name}`
}
