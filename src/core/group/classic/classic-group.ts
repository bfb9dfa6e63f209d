/**
 * A group of the classic rebalance protocol, as an immutable value:
 *
 *   empty ──join──> preparing_rebalance ──all joined, or time is up──> completing_rebalance
 *     ^                 ^        │                                       │            │
 *     │                 │        └─no member left┐        member joins,  │      leader syncs
 *     │                 │                        │      leaves, changes  │            v
 *     └─────────────────┼────────────────────────┘ <─────────────────────┤         stable
 *                       └────────────────────────────────────────────────┴────────────┘
 *
 * `ClassicHeader` and the objects in `members` must survive an eviction. A step that does not change a member keeps
 * the same object. The other fields live in memory only: a heartbeat changes only `sessions`. Decisions are in
 * classic-join, -sync, -heartbeat, -leave and -time; the change from one generation to the next is in
 * classic-rebalance.
 *
 * Invariants:
 *  - every member has a session deadline. While one of its calls is parked the deadline is never, or, for the first
 *    join of a new member, the longest time for which that join is held;
 *  - joins are parked only while preparing, syncs only while completing, and both have a `clock`;
 *  - some protocol is offered by all members; `leader` is one of them unless the group is preparing
 *    (then it is the previous leader) or empty (null).
 */
import { EdgelogError, type ErrorCode, type ErrorDetails, type Result } from '../../errors.ts'
import type { ClassicProtocol, JoinGroupResult, SyncGroupResult } from '../classic-api.ts'
import type { GroupState } from '../group-state.ts'
import { type Deadlines, NO_DEADLINES, setDeadline } from './classic-deadlines.ts'

type ClassicState = Extract<
  GroupState,
  'empty' | 'preparing_rebalance' | 'completing_rebalance' | 'stable'
>

export interface ClassicMember {
  readonly memberId: string
  readonly instanceId: string | null
  readonly clientId: string
  readonly clientHost: string
  readonly sessionTimeoutMs: number
  readonly rebalanceTimeoutMs: number
  /** The offered protocols, best first. */
  readonly protocols: readonly ClassicProtocol[]
  /** The assignment of the last generation that became stable with this member. */
  readonly assignment: Uint8Array
  /** Grows from member to member. A static member keeps it under its new id. */
  readonly joinOrder: number
}

export interface ClassicHeader {
  readonly state: ClassicState
  /** 0 before the first generation. */
  readonly generation: number
  /** null before the first member; kept while the group is empty, but not enforced then. */
  readonly protocolType: string | null
  readonly protocolName: string | null
  readonly leader: string | null
}

/** The deadline that ends a phase of a rebalance if its members do not. */
export type ClassicClock =
  /** The first rebalance of an empty group waits for more members, and longer while new ones arrive. */
  | {
      readonly kind: 'initial'
      readonly deadlineMs: number
      readonly hasNewMember: boolean
      /** Upper limit of the deadline. */
      readonly latestMs: number
    }
  /** Members that have not rejoined by the deadline are removed. */
  | { readonly kind: 'join'; readonly deadlineMs: number }
  /** `pending`, the members of the generation that have not requested their assignment by then, are removed. */
  | { readonly kind: 'sync'; readonly deadlineMs: number; readonly pending: ReadonlySet<string> }

export interface ClassicGroup extends ClassicHeader {
  /** By member id, in the order of `joinOrder`. */
  readonly members: ReadonlyMap<string, ClassicMember>
  /** Member ids of the static members, by instance id. */
  readonly instances: ReadonlyMap<string, string>
  /** Session deadline of each member; `touch` extends it. */
  readonly sessions: Deadlines
  /** Ids assigned with `member_id_required`, and when they expire. */
  readonly reserved: ReadonlyMap<string, number>
  /** Tickets of the parked calls, by member id. */
  readonly parkedJoins: ReadonlyMap<string, number>
  readonly parkedSyncs: ReadonlyMap<string, number>
  /** 'initial' or 'join' while preparing; 'sync' while completing, and while stable until all members have synced. */
  readonly clock: ClassicClock | null
}

export const EMPTY_CLASSIC_GROUP: ClassicGroup = {
  state: 'empty',
  generation: 0,
  protocolType: null,
  protocolName: null,
  leader: null,
  members: new Map(),
  instances: new Map(),
  sessions: NO_DEADLINES,
  reserved: new Map(),
  parkedJoins: new Map(),
  parkedSyncs: new Map(),
  clock: null,
}

/** The response to the call that the shell stores under `ticket`: the current call or one parked earlier. */
export type ClassicResponse =
  | { readonly kind: 'join'; readonly ticket: number; readonly response: Result<JoinGroupResult> }
  | { readonly kind: 'sync'; readonly ticket: number; readonly response: Result<SyncGroupResult> }

/**
 * The result of a decision. A call whose ticket is not among `answers` is parked until a later step responds to
 * it; each call gets one response.
 */
export interface ClassicStep {
  readonly group: ClassicGroup
  readonly responses: readonly ClassicResponse[]
}

/** Runs `next` on the group of `step` and returns both results together. */
export function andThen(
  step: ClassicStep,
  next: (group: ClassicGroup) => ClassicStep,
): ClassicStep {
  const { group, responses } = next(step.group)
  return {
    group,
    responses: responses.length === 0 ? step.responses : [...step.responses, ...responses],
  }
}

export function refusal(
  code: ErrorCode,
  message: string,
  details?: ErrorDetails,
): { readonly error: ReturnType<EdgelogError['toBody']> } {
  return { error: new EdgelogError(code, message, details && { details }).toBody() }
}

/** Runs `decide`; if it throws an `EdgelogError`, the call changes nothing and gets the error as its response. */
export function orRefuse(
  group: ClassicGroup,
  kind: ClassicResponse['kind'],
  ticket: number,
  decide: () => ClassicStep,
): ClassicStep {
  try {
    return decide()
  } catch (error) {
    if (!(error instanceof EdgelogError)) throw error
    return { group, responses: [{ kind, ticket, response: { error: error.toBody() } }] }
  }
}

/**
 * Returns the calling member.
 *
 * @throws {EdgelogError} `unknown_member_id`; `fenced_instance_id` if another member
 * has taken over the request's instance id.
 */
export function requireMember(
  group: ClassicGroup,
  { memberId, instanceId }: { readonly memberId: string; readonly instanceId: string | null },
): ClassicMember {
  if (instanceId !== null) {
    const current = group.instances.get(instanceId)
    if (current !== undefined && current !== memberId) throw fencedError(instanceId)
    if (current === undefined) throw unknownMemberError(memberId)
  }
  const member = group.members.get(memberId)
  if (member === undefined) throw unknownMemberError(memberId)
  return member
}

/**
 * @throws {EdgelogError} `illegal_generation`: a member that missed a
 * rebalance cannot take part in the next (G3).
 */
export function requireGeneration(group: ClassicGroup, generation: number): void {
  if (generation === group.generation) return
  throw new EdgelogError(
    'illegal_generation',
    `generation: must be ${group.generation}, the group's generation; got ${generation}`,
  )
}

export function unknownMemberError(memberId: string): EdgelogError {
  return new EdgelogError('unknown_member_id', `memberId: ${memberId} is not a member of the group`)
}

export function fencedError(instanceId: string): EdgelogError {
  return new EdgelogError(
    'fenced_instance_id',
    `instanceId: ${instanceId} belongs to another member now`,
  )
}

export function rebalanceError(): EdgelogError {
  return new EdgelogError('rebalance_in_progress', 'the group is rebalancing: rejoin it')
}

/** Extends the session of a member after a request. A member with a parked call cannot expire before the response. */
export function touch(group: ClassicGroup, member: ClassicMember, nowMs: number): ClassicGroup {
  const { memberId, sessionTimeoutMs } = member
  if (group.parkedJoins.has(memberId) || group.parkedSyncs.has(memberId)) return group
  return { ...group, sessions: setDeadline(group.sessions, memberId, nowMs + sessionTimeoutMs) }
}
