/** The members of a group. All use the same protocol, which may change once the group is empty. */
import { EdgelogError } from '../../src/core/errors.ts'
import { requireMember } from '../../src/core/group/classic/classic-group.ts'
import {
  describeClassicGroup,
  describeForKafka,
} from '../../src/core/group/classic/describe-classic-group.ts'
import type { ClassicGroupDescription } from '../../src/core/group/classic-api.ts'
import { checkConsumerCommit, findCommitting } from '../../src/core/group/consumer/check-commit.ts'
import {
  CONSUMER_PROTOCOL_TYPE,
  describeConsumerGroup,
} from '../../src/core/group/consumer/describe-consumer-group.ts'
import { subscribedPartitionCounts } from '../../src/core/group/consumer/target.ts'
import type {
  CommitRequest,
  CommittingMember,
  GroupDescription,
  GroupProtocol,
  OffsetToCommit,
} from '../../src/core/group/group-api.ts'
import type { TopicDirectory } from '../../src/core/group/topic-directory.ts'
import { ClassicMembers } from './classic-members.ts'
import { ConsumerMembers } from './consumer-members.ts'
import type { GroupRow, GroupStore } from './group-store.ts'

export class GroupMembers {
  readonly consumers: ConsumerMembers
  readonly classics: ClassicMembers

  /** @param onDue called when a deadline passes while calls are held. */
  constructor(store: GroupStore, nowMs: number, onDue: () => void) {
    this.consumers = new ConsumerMembers(store, nowMs)
    this.classics = new ClassicMembers(store, nowMs, onDue)
  }

  get count(): number {
    return this.consumers.count + this.classics.count
  }

  /** Starts a liveness check: every member must make a call again. */
  startLivenessCheck(): void {
    this.consumers.startLivenessCheck()
    this.classics.startLivenessCheck()
  }

  /** True if some member has made no call since the object started or the liveness check began. */
  get hasUnseen(): boolean {
    return this.consumers.hasUnseen || this.classics.hasUnseen
  }

  get nextDeadlineMs(): number {
    return Math.min(this.consumers.nextDeadlineMs, this.classics.nextDeadlineMs)
  }

  /** Handles the deadlines that have passed, for example removes members whose session expired. */
  expire(nowMs: number): void {
    this.consumers.expire(nowMs)
    this.classics.expire(nowMs)
  }

  describe({ groupId, lastProtocol }: GroupRow, topics: TopicDirectory): GroupDescription {
    if (this.classics.count > 0) return describeClassicGroup(groupId, this.classics.group)
    const description = describeConsumerGroup(groupId, this.consumers.group, topics)
    if (this.count > 0) return description
    return {
      ...description,
      protocol: null,
      lastProtocol: lastProtocol ?? null,
      protocolType: this.#lastProtocolType(lastProtocol),
      assignor: null,
    }
  }

  /** @throws {EdgelogError} `inconsistent_group_protocol`. */
  describeClassic({ lastProtocol }: GroupRow): ClassicGroupDescription {
    this.requireProtocol('classic')
    const description = describeForKafka(this.classics.group)
    return { ...description, protocolType: this.#lastProtocolType(lastProtocol) }
  }

  #lastProtocolType(lastProtocol: GroupProtocol | undefined): string | null {
    if (lastProtocol === 'consumer') return CONSUMER_PROTOCOL_TYPE
    return this.classics.group.protocolType
  }

  /** Returns 'all' for classic members, because the group does not decode their subscriptions. */
  subscribedTopicIds(topics: TopicDirectory): ReadonlySet<string> | 'all' {
    if (this.classics.count > 0) return 'all'
    return new Set(subscribedPartitionCounts(this.consumers.group.members.values(), topics).keys())
  }

  /** @throws {EdgelogError} `inconsistent_group_protocol` if there are members of the other protocol. */
  requireProtocol(asked: GroupProtocol): void {
    const others = asked === 'classic' ? this.consumers.count : this.classics.count
    if (others === 0) return
    throw new EdgelogError(
      'inconsistent_group_protocol',
      `groupId: the members of the group do not use the ${asked} protocol`,
    )
  }

  /** @throws {EdgelogError} `non_empty_group`. */
  requireNone(why: string): void {
    if (this.count > 0) throw new EdgelogError('non_empty_group', why)
  }

  /** @throws {EdgelogError} errors of `checkConsumerCommit` and `checkClassicCommit`; `non_empty_group`. */
  checkCommit({ member, offsets, transaction }: CommitRequest, nowMs: number): void {
    if (transaction !== undefined) this.#checkTransactionalCommit(member, offsets)
    else if (member === null) this.requireNone('the group has members; only its members may commit')
    else if (this.classics.count > 0) this.classics.checkCommit(member, nowMs)
    else checkConsumerCommit(this.consumers.group, member, offsets)
  }

  /**
   * Checks the member of a transactional commit like Kafka: only if the commit names one.
   *
   * @throws {EdgelogError} `unknown_member_id`, `fenced_instance_id`, `illegal_generation`.
   */
  #checkTransactionalCommit(
    member: CommittingMember | null,
    offsets: readonly OffsetToCommit[],
  ): void {
    if (member === null || (this.count === 0 && member.epoch < 0)) return
    if (this.classics.count > 0) {
      this.classics.checkTransactionalCommit(member)
      return
    }
    try {
      checkConsumerCommit(this.consumers.group, member, offsets)
    } catch (error) {
      // Producers expect the error of the classic protocol here.
      if (!(error instanceof EdgelogError) || error.code !== 'stale_member_epoch') throw error
      throw new EdgelogError('illegal_generation', error.message, { cause: error })
    }
  }

  /** @throws {EdgelogError} `unknown_member_id`, `fenced_instance_id`, `stale_member_epoch`. */
  checkMember(member: CommittingMember): void {
    if (this.classics.count > 0) requireMember(this.classics.group, member)
    else findCommitting(this.consumers.group, member)
  }
}
