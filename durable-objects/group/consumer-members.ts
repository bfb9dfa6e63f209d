/** The members of the consumer protocol: decides in memory and writes the changes, in one turn. */
import {
  ConsumerGroup,
  type ConsumerGroupChange,
} from '../../src/core/group/consumer/consumer-group.ts'
import { type ConsumerMember, isAway } from '../../src/core/group/consumer/consumer-member.ts'
import { decideExpiry, decideTopicsChange } from '../../src/core/group/consumer/departure.ts'
import { decideHeartbeat } from '../../src/core/group/consumer/heartbeat.ts'
import {
  type HeartbeatRequest,
  type HeartbeatResponse,
  JOIN_EPOCH,
  type TopicInterest,
} from '../../src/core/group/group-api.ts'
import { type GroupTimes, groupTimes } from '../../src/core/group/group-config.ts'
import type { TopicDirectory } from '../../src/core/group/topic-directory.ts'
import type { GroupStore } from './group-store.ts'
import { Timeouts } from './timeouts.ts'

export class ConsumerMembers {
  readonly group = new ConsumerGroup()
  readonly #store: GroupStore
  /** Session deadline of each member. Kept in memory only: a heartbeat writes nothing. */
  readonly #sessions = new Timeouts()
  /** Revocation deadline of each member that must release partitions. */
  readonly #revocations = new Timeouts()
  /** Members that sent a heartbeat since the object started or the liveness check began. */
  readonly #seen = new Set<string>()
  #lastAssignedAtMs = Number.NEGATIVE_INFINITY

  constructor(store: GroupStore, nowMs: number) {
    this.#store = store
    if (store.group === undefined) return
    store.loadConsumerGroup(this.group, store.group)
    // Last-seen times are not stored, so every session starts again.
    for (const member of this.group.members.values()) {
      this.#beginSession(member, nowMs)
      this.#watchRevocation(member.memberId, nowMs)
    }
  }

  get count(): number {
    return this.group.members.size
  }

  startLivenessCheck(): void {
    this.#seen.clear()
  }

  /** True if some member has sent no heartbeat since then. */
  get hasUnseen(): boolean {
    return this.#seen.size < this.group.members.size
  }

  /** Returns the earliest session or revocation deadline. */
  get nextDeadlineMs(): number {
    return Math.min(this.#sessions.earliestMs(), this.#revocations.earliestMs())
  }

  /** Extends the session of a known member, whether its request succeeds or not. */
  extendSession({ memberId, memberEpoch }: HeartbeatRequest, nowMs: number): void {
    const member = this.group.member(memberId)
    const isIts =
      memberEpoch > JOIN_EPOCH &&
      (memberEpoch === member?.memberEpoch || memberEpoch === member?.previousMemberEpoch)
    if (member === undefined || !isIts) return
    this.#beginSession(member, nowMs)
    this.#seen.add(memberId)
  }

  /** @throws {EdgelogError} errors of `decideHeartbeat`. */
  heartbeat(request: HeartbeatRequest, topics: TopicDirectory, nowMs: number): HeartbeatResponse {
    const time = { nowMs, lastAssignedAtMs: this.#lastAssignedAtMs }
    const { change, result } = decideHeartbeat(this.group, topics, request, time, this.#times)
    if (change !== null) this.#commit(change, nowMs)
    const member = this.group.members.get(request.memberId)
    // A static member that left temporarily has the rest of its session to return.
    if (member !== undefined && !isAway(member)) {
      this.#beginSession(member, nowMs)
      this.#seen.add(member.memberId)
    }
    return result
  }

  /** Removes the members whose deadline has passed. */
  expire(nowMs: number): void {
    const due = [...this.#sessions.due(nowMs), ...this.#revocations.due(nowMs)]
    if (due.length === 0) return
    const change = decideExpiry(this.group, due)
    if (change !== null) this.#commit(change, nowMs)
  }

  topicsChanged(before: TopicDirectory, after: TopicDirectory, nowMs: number): void {
    const change = decideTopicsChange(this.group, before, after)
    if (change !== null) this.#commit(change, nowMs)
  }

  interest(): TopicInterest {
    const names = new Set<string>()
    let all = false
    for (const member of this.group.members.values()) {
      for (const name of member.topics) names.add(name)
      if (member.topicPattern !== null) all = true
    }
    return { names: [...names], all }
  }

  get #times(): GroupTimes {
    return groupTimes(this.#store.config)
  }

  #beginSession({ memberId, sessionTimeoutMs }: ConsumerMember, nowMs: number): void {
    this.#sessions.set(memberId, nowMs + (sessionTimeoutMs ?? this.#times.sessionTimeoutMs))
  }

  #commit(change: ConsumerGroupChange, nowMs: number): void {
    if (change.assignmentEpoch > this.group.assignmentEpoch) this.#lastAssignedAtMs = nowMs
    for (const [memberId, member] of change.members) {
      // The partitions to revoke changed: restart the deadline.
      const before = this.group.members.get(memberId)?.pendingRevocation
      if (member?.pendingRevocation !== before) this.#revocations.delete(memberId)
    }
    this.group.apply(change)
    this.#store.writeMembers(change, this.group)
    const { groupEpoch, assignmentEpoch } = change
    const emptySinceMs = this.#store.emptySinceMs(this.count, nowMs)
    this.#store.updateGroup({
      groupEpoch,
      assignmentEpoch,
      emptySinceMs,
      lastProtocol: 'consumer',
    })
    for (const memberId of change.members.keys()) this.#watchRevocation(memberId, nowMs)
  }

  #watchRevocation(memberId: string, nowMs: number): void {
    const member = this.group.members.get(memberId)
    if (member === undefined) {
      this.#sessions.delete(memberId)
      this.#seen.delete(memberId)
    }
    if (member?.state !== 'unrevoked_partitions') this.#revocations.delete(memberId)
    else if (!this.#revocations.has(memberId)) {
      this.#revocations.set(memberId, nowMs + member.rebalanceTimeoutMs)
    }
  }
}
