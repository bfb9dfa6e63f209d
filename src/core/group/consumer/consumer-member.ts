/**
 * One member of the consumer protocol (KIP-848), and how it is stored.
 *
 *   stable ──new target takes something away──> unrevoked_partitions ──the member confirms──┐
 *     ▲                                                                                     │
 *     └──all of the target is free── unreleased_partitions <──some is still with others─────┘
 *
 * A partition is given to a member only when no other member has it in `assigned` or in
 * `pendingRevocation`: that, and no clock, keeps two from holding it.
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
  /** Null: that of its group. Rows of earlier releases have a number for all. */
  readonly sessionTimeoutMs: number | null
  readonly rebalanceTimeoutMs: number
  /** Rising, each once. */
  readonly topics: readonly string[]
  readonly topicPattern: string | null
  readonly assignor: AssignorName | null
  /** The epoch of the target it has reached; `LEAVE_STATIC_EPOCH` while it is away. */
  readonly memberEpoch: number
  /** The one before: who did not get the last answer still speaks of it. */
  readonly previousMemberEpoch: number
  readonly state: MemberState
  /** What it holds, or may take at once. */
  readonly assigned: Assignment
  /** What it was told to give up and has not confirmed. */
  readonly pendingRevocation: Assignment
}

/** A static member that left to come back: its partitions wait for it, for a session. */
export function isAway(member: ConsumerMember): boolean {
  return member.memberEpoch === LEAVE_STATIC_EPOCH
}

interface StoredMember extends Omit<ConsumerMember, 'assigned' | 'pendingRevocation'> {
  readonly assigned: ReadonlyArray<readonly [string, readonly number[]]>
  readonly pendingRevocation: ReadonlyArray<readonly [string, readonly number[]]>
  readonly target: ReadonlyArray<readonly [string, readonly number[]]>
}

const MEMBER = new StoredForm<StoredMember>('member of a group')

/** A member and its target as the JSON of one row. */
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
