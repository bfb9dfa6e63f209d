/**
 * The members of the classic protocol: decides in memory, writes the changes and resolves the waiting calls, all in one
 * turn. Calls that wait for other members are held here; an eviction ends them, and the clients retry.
 */
import type { Result } from '../../src/core/errors.ts'
import {
  type ClassicGroup,
  type ClassicResponse,
  type ClassicStep,
  EMPTY_CLASSIC_GROUP,
} from '../../src/core/group/classic/classic-group.ts'
import {
  checkClassicCommit,
  checkTransactionalCommit,
  decideClassicHeartbeat,
} from '../../src/core/group/classic/classic-heartbeat.ts'
import { decideJoin } from '../../src/core/group/classic/classic-join.ts'
import { decideLeave } from '../../src/core/group/classic/classic-leave.ts'
import {
  decodeClassicGroup,
  encodeClassicChanges,
} from '../../src/core/group/classic/classic-rows.ts'
import { decideSync } from '../../src/core/group/classic/classic-sync.ts'
import { decideTime, nextDeadlineMs } from '../../src/core/group/classic/classic-time.ts'
import type {
  ClassicHeartbeatRequest,
  JoinGroupRequest,
  JoinGroupResult,
  LeavingMember,
  LeftMember,
  SyncGroupRequest,
  SyncGroupResult,
} from '../../src/core/group/classic-api.ts'
import type { CommittingMember } from '../../src/core/group/group-api.ts'
import type { GroupStore } from './group-store.ts'

type Answered = ClassicResponse['response']

export class ClassicMembers {
  readonly #store: GroupStore
  /** Called when a deadline passes while calls are held. */
  readonly #onDue: () => void
  #group: ClassicGroup
  readonly #held = new Map<number, (response: Answered) => void>()
  #nextTicket = 0
  /** Lower bound of the next deadline. */
  #nextDueMs: number
  #timer: ReturnType<typeof setTimeout> | undefined
  /** Members that made a call since the object started or the liveness check began. */
  readonly #seen = new Set<string>()

  constructor(store: GroupStore, nowMs: number, onDue: () => void) {
    this.#store = store
    this.#onDue = onDue
    const rows = store.readClassic()
    this.#group = rows === undefined ? EMPTY_CLASSIC_GROUP : decodeClassicGroup(rows, nowMs)
    this.#nextDueMs = this.nextDeadlineMs
  }

  get group(): ClassicGroup {
    return this.#group
  }

  get count(): number {
    return this.#group.members.size
  }

  startLivenessCheck(): void {
    this.#seen.clear()
  }

  /** True if some member has made no call since then. */
  get hasUnseen(): boolean {
    return [...this.#group.members.keys()].some((memberId) => !this.#seen.has(memberId))
  }

  get nextDeadlineMs(): number {
    return nextDeadlineMs(this.#group) ?? Number.POSITIVE_INFINITY
  }

  /** Joins a member. The call is held until the generation is complete. */
  join(request: JoinGroupRequest, nowMs: number): Promise<Result<JoinGroupResult>> {
    const newMemberId = `${request.instanceId ?? request.clientId}-${crypto.randomUUID()}`
    return this.#hold((ticket) => {
      const step = decideJoin(this.#group, request, { nowMs, ticket, newMemberId })
      const memberId = request.memberId === '' ? newMemberId : request.memberId
      if (step.group.members.has(memberId)) this.#seen.add(memberId)
      return step
    }, nowMs)
  }

  /** Syncs a member. The call is held until the leader has sent the assignment. */
  sync(request: SyncGroupRequest, nowMs: number): Promise<Result<SyncGroupResult>> {
    this.#markSeen(request.memberId)
    return this.#hold((ticket) => decideSync(this.#group, request, { nowMs, ticket }), nowMs)
  }

  /** @throws {EdgelogError} `unknown_member_id`, `fenced_instance_id`, `illegal_generation`. */
  heartbeat(request: ClassicHeartbeatRequest, nowMs: number): Result<null> {
    const { group, response } = decideClassicHeartbeat(this.#group, request, nowMs)
    this.#seen.add(request.memberId)
    this.#apply({ group, responses: [] }, nowMs)
    return response
  }

  leave(members: readonly LeavingMember[], nowMs: number): readonly LeftMember[] {
    const { results, ...step } = decideLeave(this.#group, members, nowMs)
    this.#apply(step, nowMs)
    this.#scheduleNext(nowMs)
    return results
  }

  /** @throws {EdgelogError} errors of `checkClassicCommit`. */
  checkCommit(member: CommittingMember, nowMs: number): void {
    this.#markSeen(member.memberId)
    this.#apply({ group: checkClassicCommit(this.#group, member, nowMs), responses: [] }, nowMs)
  }

  /** @throws {EdgelogError} errors of `checkTransactionalCommit`. */
  checkTransactionalCommit(member: CommittingMember): void {
    checkTransactionalCommit(this.#group, member)
  }

  #markSeen(memberId: string): void {
    if (this.#group.members.has(memberId)) this.#seen.add(memberId)
  }

  /** Handles the deadlines that have passed. */
  expire(nowMs: number): void {
    if (nowMs < this.#nextDueMs) return
    this.#apply(decideTime(this.#group, nowMs), nowMs)
    this.#scheduleNext(nowMs)
  }

  #hold<T>(decide: (ticket: number) => ClassicStep, nowMs: number): Promise<Result<T>> {
    const ticket = this.#nextTicket++
    const answered = new Promise<Result<T>>((resolve) => {
      this.#held.set(ticket, resolve as (response: Answered) => void)
    })
    // Outside the promise: a rejected promise would hide the error from the caller that aborts the turn.
    this.#apply(decide(ticket), nowMs)
    this.#scheduleNext(nowMs)
    return answered
  }

  #apply({ group, responses }: ClassicStep, nowMs: number): void {
    const { header, changed, removed } = encodeClassicChanges(this.#group, group)
    this.#group = group
    for (const row of changed) this.#store.writeClassicMember(row)
    for (const memberId of removed) {
      this.#store.deleteMember(memberId)
      this.#seen.delete(memberId)
    }
    if (header !== null) this.#store.writeClassicHeader(header)
    if (changed.length + removed.length > 0) {
      const emptySinceMs = this.#store.emptySinceMs(this.count, nowMs)
      this.#store.updateGroup({ emptySinceMs, lastProtocol: 'classic' })
    }
    for (const { ticket, response } of responses) {
      this.#held.get(ticket)?.(response)
      this.#held.delete(ticket)
    }
  }

  /** Recomputes the next deadline. Call it after any change that may have moved it forward. */
  #scheduleNext(nowMs: number): void {
    this.#nextDueMs = this.nextDeadlineMs
    this.#setTimer(nowMs)
  }

  /**
   * Runs a timer only while calls are held, as they keep the object awake anyway. Otherwise calls and the alarm check.
   */
  #setTimer(nowMs: number): void {
    clearTimeout(this.#timer)
    if (this.#held.size === 0 || this.#nextDueMs === Number.POSITIVE_INFINITY) return
    const fire = () => {
      this.#onDue()
      // A timer may fire slightly early.
      this.#setTimer(Date.now())
    }
    this.#timer = setTimeout(fire, Math.max(1, this.#nextDueMs - nowMs))
  }
}
