/**
 * A group of the consumer protocol (KIP-848): its members, their targets, and
 * the current owner of each partition.
 *
 * Decisions are made on a `ConsumerGroupDraft` and return a change, which is stored and then applied. A
 * decision that throws has therefore changed nothing, and memory always equals the rows.
 */
import { assert } from '../../errors.ts'
import { type Assignment, holds, isSameAssignment, NO_PARTITIONS } from '../assign/assignment.ts'
import type { GroupState } from '../group-state.ts'
import { type ConsumerMember, isAway } from './consumer-member.ts'

export interface ConsumerGroupChange {
  /** Grows whenever a new assignment is due. */
  readonly groupEpoch: number
  /** The group epoch that the targets were made for. */
  readonly assignmentEpoch: number
  /** The new state of each changed member; null: the member is removed. */
  readonly members: ReadonlyMap<string, ConsumerMember | null>
  /** The new targets of members that remain. */
  readonly targets: ReadonlyMap<string, Assignment>
}

export class ConsumerGroup {
  #groupEpoch = 0
  #assignmentEpoch = 0
  readonly #members = new Map<string, ConsumerMember>()
  readonly #targets = new Map<string, Assignment>()
  readonly #memberIdByInstanceId = new Map<string, string>()
  /** Member that holds a partition, as assigned or as pending revocation: by topic id and partition. */
  readonly #owners = new Map<string, Map<number, string>>()

  get groupEpoch(): number {
    return this.#groupEpoch
  }

  get assignmentEpoch(): number {
    return this.#assignmentEpoch
  }

  get members(): ReadonlyMap<string, ConsumerMember> {
    return this.#members
  }

  get state(): GroupState {
    if (this.#members.size === 0) return 'empty'
    if (this.#groupEpoch > this.#assignmentEpoch) return 'assigning'
    for (const member of this.#members.values()) {
      const isThere = member.state === 'stable' && member.memberEpoch === this.#assignmentEpoch
      if (!isThere && !isAway(member)) return 'reconciling'
    }
    return 'stable'
  }

  target(memberId: string): Assignment {
    return this.#targets.get(memberId) ?? NO_PARTITIONS
  }

  member(memberId: string): ConsumerMember | undefined {
    return this.#members.get(memberId)
  }

  memberOf(instanceId: string): ConsumerMember | undefined {
    const memberId = this.#memberIdByInstanceId.get(instanceId)
    return memberId === undefined ? undefined : this.#members.get(memberId)
  }

  owner(topicId: string, partition: number): string | undefined {
    return this.#owners.get(topicId)?.get(partition)
  }

  /** Applies a change in memory. The caller has stored it in the same turn. */
  apply(change: ConsumerGroupChange): void {
    for (const memberId of change.members.keys()) this.#removeMember(memberId)
    for (const [memberId, member] of change.members) {
      if (member === null) this.#targets.delete(memberId)
      else this.#addMember(member)
    }
    for (const [memberId, target] of change.targets) {
      assert(this.#members.has(memberId), 'a target belongs to a member')
      this.#targets.set(memberId, target)
    }
    this.#groupEpoch = change.groupEpoch
    this.#assignmentEpoch = change.assignmentEpoch
  }

  #removeMember(memberId: string): void {
    const member = this.#members.get(memberId)
    if (member === undefined) return
    this.#members.delete(memberId)
    if (member.instanceId !== null) this.#memberIdByInstanceId.delete(member.instanceId)
    for (const [topicId, partition] of partitionsOf(member)) {
      this.#owners.get(topicId)?.delete(partition)
    }
  }

  #addMember(member: ConsumerMember): void {
    this.#members.set(member.memberId, member)
    if (member.instanceId !== null) {
      this.#memberIdByInstanceId.set(member.instanceId, member.memberId)
    }
    for (const [topicId, partition] of partitionsOf(member)) {
      const owners = this.#owners.get(topicId) ?? new Map<number, string>()
      assert(!owners.has(partition), 'a partition belongs to one member at a time')
      this.#owners.set(topicId, owners.set(partition, member.memberId))
    }
  }
}

function* partitionsOf(member: ConsumerMember): Generator<readonly [string, number]> {
  for (const assignment of [member.assigned, member.pendingRevocation]) {
    for (const [topicId, partitions] of assignment) {
      for (const partition of partitions) yield [topicId, partition]
    }
  }
}

/** A group together with the changes of a decision in progress. */
export class ConsumerGroupDraft {
  readonly #base: ConsumerGroup
  readonly #members = new Map<string, ConsumerMember | null>()
  readonly #targets = new Map<string, Assignment>()
  groupEpoch: number
  assignmentEpoch: number

  constructor(base: ConsumerGroup) {
    this.#base = base
    this.groupEpoch = base.groupEpoch
    this.assignmentEpoch = base.assignmentEpoch
  }

  get memberCount(): number {
    let count = this.#base.members.size
    for (const [memberId, member] of this.#members) {
      const wasThere = this.#base.members.has(memberId)
      if (member === null && wasThere) count -= 1
      if (member !== null && !wasThere) count += 1
    }
    return count
  }

  *members(): Generator<ConsumerMember> {
    for (const member of this.#base.members.values()) {
      if (!this.#members.has(member.memberId)) yield member
    }
    for (const member of this.#members.values()) if (member !== null) yield member
  }

  member(memberId: string): ConsumerMember | undefined {
    const changed = this.#members.get(memberId)
    return changed === undefined ? this.#base.member(memberId) : (changed ?? undefined)
  }

  /** Returns the member that had an instance id before this decision. */
  memberOf(instanceId: string): ConsumerMember | undefined {
    const member = this.#base.memberOf(instanceId)
    return member && this.member(member.memberId)
  }

  put(member: ConsumerMember): void {
    if (this.member(member.memberId) !== member) this.#members.set(member.memberId, member)
  }

  remove(memberId: string): void {
    this.#members.set(memberId, null)
    this.#targets.delete(memberId)
  }

  target(memberId: string): Assignment {
    return this.#targets.get(memberId) ?? this.#base.target(memberId)
  }

  setTarget(memberId: string, target: Assignment): void {
    if (!isSameAssignment(target, this.target(memberId))) this.#targets.set(memberId, target)
  }

  /** Returns whether no member other than `memberId` holds a partition. */
  isFree(topicId: string, partition: number, memberId: string): boolean {
    for (const member of this.#members.values()) {
      if (member === null || member.memberId === memberId) continue
      if (has(member, topicId, partition)) return false
    }
    const owner = this.#base.owner(topicId, partition)
    return owner === undefined || owner === memberId || this.#members.has(owner)
  }

  /** Returns the change to store and to apply; null if nothing changed. */
  change(): ConsumerGroupChange | null {
    const { groupEpoch, assignmentEpoch } = this
    const isSame =
      this.#members.size === 0 &&
      this.#targets.size === 0 &&
      groupEpoch === this.#base.groupEpoch &&
      assignmentEpoch === this.#base.assignmentEpoch
    if (isSame) return null
    return { groupEpoch, assignmentEpoch, members: this.#members, targets: this.#targets }
  }
}

function has(member: ConsumerMember, topicId: string, partition: number): boolean {
  return (
    holds(member.assigned, topicId, partition) ||
    holds(member.pendingRevocation, topicId, partition)
  )
}
