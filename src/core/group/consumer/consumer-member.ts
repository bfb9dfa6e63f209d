/**
 * One member of the consumer protocol (KIP-848), and how it is stored.
 *
 *   stable ──new target takes a partition away──> unrevoked_partitions ──the member confirms──┐
 *     ▲                                                                                       │
 *     └──all of the target is free── unreleased_partitions <──others still hold a partition───┘
 *
 * A partition is given to a member only when no other member has it in `assigned` or in `pendingRevocation`. This rule,
 * and not a clock, prevents two members from holding it.
 */

import { StoredForm } from '../../stored-form.ts'
import type { Assignment } from '../assign/assignment.ts'
import type { AssignorName } from '../assign/assignor.ts'
import { LEAVE_STATIC_EPOCH } from '../group-api.ts'

type MemberState = 'stable' | 'unrevoked_partitions' | 'unreleased_partitions'

export interface ConsumerMember {
  readonly memberId: string
  readonly instanceId: string | null
  readonly rackId: string | null
  readonly clientId: string
  readonly clientHost: string
  /** null: the group's time-out. Rows of earlier releases have a number in every member. */
  readonly sessionTimeoutMs: number | null
  readonly rebalanceTimeoutMs: number
  /** Sorted, without duplicates. */
  readonly topics: readonly string[]
  readonly topicPattern: string | null
  readonly assignor: AssignorName | null
  /** The epoch of the target that the member has reached; `LEAVE_STATIC_EPOCH` while it is away. */
  readonly memberEpoch: number
  /** Previous epoch; accepted in case the last response was lost. */
  readonly previousMemberEpoch: number
  readonly state: MemberState
  /** The partitions that it holds, or may take at once. */
  readonly assigned: Assignment
  /** The partitions that it has to revoke and has not confirmed. */
  readonly pendingRevocation: Assignment
}

/** Returns whether a static member has left temporarily: its partitions are reserved for one session. */
export function isAway(member: ConsumerMember): boolean {
  return member.memberEpoch === LEAVE_STATIC_EPOCH
}

interface StoredMember extends Omit<ConsumerMember, 'assigned' | 'pendingRevocation'> {
  readonly assigned: ReadonlyArray<readonly [string, readonly number[]]>
  readonly pendingRevocation: ReadonlyArray<readonly [string, readonly number[]]>
  readonly target: ReadonlyArray<readonly [string, readonly number[]]>
}

const MEMBER = new StoredForm<StoredMember>('member of a group')

/** Returns a member and its target as the JSON of one row. */
export function encodeMember(member: ConsumerMember, target: Assignment): string {
  const stored: StoredMember = {
    ...member,
    assigned: [...member.assigned],
    pendingRevocation: [...member.pendingRevocation],
    target: [...target],
  }
  return MEMBER.encode(stored)
}

export function decodeMember(json: string): { member: ConsumerMember; target: Assignment } {
  const { target, assigned, pendingRevocation, ...rest } = MEMBER.decode(json)
  const member = {
    ...rest,
    assigned: new Map(assigned),
    pendingRevocation: new Map(pendingRevocation),
  }
  return { member, target: new Map(target) }
}
