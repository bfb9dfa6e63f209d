/**
 * A group of the classic rebalance protocol, as a value:
 *
 *   empty ──join──> preparing_rebalance ──all joined, or time is up──> completing_rebalance
 *     ^                 ^        │                                       │            │
 *     │                 │        └─nobody left─┐          member comes,  │      leader syncs
 *     │                 │                      │          goes, changes  │            v
 *     └─────────────────┼──────────────────────┘ <───────────────────────┤         stable
 *                       └────────────────────────────────────────────────┴────────────┘
 *
 * `ClassicHeader` and the objects in `members` are what must survive an eviction. A step that changes
 * nothing of a member keeps the very same object. The rest lives in memory: a heartbeat changes only
 * `sessions`. Decisions are in classic-join, -sync, -heartbeat, -leave and -time; how the group gets
 * from one generation to the next is in classic-rebalance.
 *
 * Invariants:
 *  - every member has a session: when it is given up. While a call of it is parked that is never, or,
 *    for the first join of a new member, when that join has been held too long;
 *  - joins are parked only while preparing, syncs only while completing, and both have a `clock`;
 *  - some protocol is offered by all members; `leader` is one of them unless the group is preparing
 *    (then it is who led last) or empty (null).
 */
import { EdgelogError, type ErrorCode, type ErrorDetails, type Reply } from '../../errors.ts'
import type { ClassicProtocol, JoinGroupAnswer, SyncGroupAnswer } from '../classic-api.ts'
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
  /** What it offers, best first. */
  readonly protocols: readonly ClassicProtocol[]
  /** As of the last generation that became stable with it. */
  readonly assignment: Uint8Array
  /** Grows from member to member. A static member keeps it under its new id. */
  readonly joinOrder: number
}

export interface ClassicHeader {
  readonly state: ClassicState
  /** 0 before the first. */
  readonly generation: number
  /** null before the first member; kept while the group is empty, but binding nobody then. */
  readonly protocolType: string | null
  readonly protocolName: string | null
  readonly leader: string | null
}

/** What ends a phase of a rebalance that does not end by itself. */
export type ClassicClock =
  /** The first rebalance of an empty group waits for others, longer while they keep coming. */
  | {
      readonly kind: 'initial'
      readonly deadlineMs: number
      readonly hasNewMember: boolean
      /** The deadline is not moved beyond. */
      readonly latestMs: number
    }
  /** Members that have not joined again by then are dropped. */
  | { readonly kind: 'join'; readonly deadlineMs: number }
  /** So are `pending`, the members of the generation that have not asked for their assignment. */
  | { readonly kind: 'sync'; readonly deadlineMs: number; readonly pending: ReadonlySet<string> }

export interface ClassicGroup extends ClassicHeader {
  /** By member id, in the order of `joinOrder`. */
  readonly members: ReadonlyMap<string, ClassicMember>
  /** Member ids of the static members, by instance id. */
  readonly instances: ReadonlyMap<string, string>
  /** When each member is given up; `touch` moves it on. */
  readonly sessions: Deadlines
  /** Ids given with `member_id_required`, and when they are forgotten. */
  readonly reserved: ReadonlyMap<string, number>
  /** Tickets of the calls that are held, by member id. */
  readonly parkedJoins: ReadonlyMap<string, number>
  readonly parkedSyncs: ReadonlyMap<string, number>
  /** While preparing 'initial' or 'join'; while completing, and stable until all have synced, 'sync'. */
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

/** The answer to the call that the shell knows by `ticket`, be it this one or one parked before. */
export type ClassicAnswer =
  | { readonly kind: 'join'; readonly ticket: number; readonly answer: Reply<JoinGroupAnswer> }
  | { readonly kind: 'sync'; readonly ticket: number; readonly answer: Reply<SyncGroupAnswer> }

/**
 * What a decision comes to. A call whose ticket is not among `answers` is parked, until a later step
 * answers it; each is answered once.
 */
export interface ClassicStep {
  readonly group: ClassicGroup
  readonly answers: readonly ClassicAnswer[]
}

/** `step`, and then what `next` makes of its group. */
export function andThen(
  step: ClassicStep,
  next: (group: ClassicGroup) => ClassicStep,
): ClassicStep {
  const { group, answers } = next(step.group)
  return { group, answers: answers.length === 0 ? step.answers : [...step.answers, ...answers] }
}

export function refusal(
  code: ErrorCode,
  message: string,
  details?: ErrorDetails,
): { readonly error: ReturnType<EdgelogError['toBody']> } {
  return { error: new EdgelogError(code, message, details && { details }).toBody() }
}

/** A call that throws an `EdgelogError` changes nothing and is answered with it. */
export function orRefuse(
  group: ClassicGroup,
  kind: ClassicAnswer['kind'],
  ticket: number,
  decide: () => ClassicStep,
): ClassicStep {
  try {
    return decide()
  } catch (error) {
    if (!(error instanceof EdgelogError)) throw error
    return { group, answers: [{ kind, ticket, answer: { error: error.toBody() } }] }
  }
}

/**
 * The member that calls.
 *
 * @throws {EdgelogError} `unknown_member_id`; `fenced_instance_id` where another member has taken over
 * the instance id that it gives.
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

/** @throws {EdgelogError} `illegal_generation`: G3, who missed a rebalance has no say in the next. */
export function requireGeneration(group: ClassicGroup, generation: number): void {
  if (generation === group.generation) return
  throw new EdgelogError(
    'illegal_generation',
    `generation: the group is at ${group.generation}, got ${generation}`,
  )
}

export function unknownMemberError(memberId: string): EdgelogError {
  return new EdgelogError('unknown_member_id', `the group has no member ${memberId}`)
}

export function fencedError(instanceId: string): EdgelogError {
  return new EdgelogError(
    'fenced_instance_id',
    `another member has taken over the instance id ${instanceId}`,
  )
}

export function rebalanceError(): EdgelogError {
  return new EdgelogError('rebalance_in_progress', 'the group is rebalancing: join it again')
}

/** The group after a sign of life. Who has a call parked is alive anyway, until that is answered. */
export function touch(group: ClassicGroup, member: ClassicMember, nowMs: number): ClassicGroup {
  const { memberId, sessionTimeoutMs } = member
  if (group.parkedJoins.has(memberId) || group.parkedSyncs.has(memberId)) return group
  return { ...group, sessions: setDeadline(group.sessions, memberId, nowMs + sessionTimeoutMs) }
}
