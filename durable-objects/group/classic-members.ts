/**
 * The members of the classic protocol: decides in memory, writes what changed, answers who waits, all
 * in one turn. Calls that wait for others are held here; an eviction ends them, and they come again.
 */
import type { Reply } from '../../src/core/errors.ts'
import {
  type ClassicAnswer,
  type ClassicGroup,
  type ClassicStep,
  EMPTY_CLASSIC_GROUP,
} from '../../src/core/group/classic/classic-group.ts'
import {
  checkClassicCommit,
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
  JoinGroupAnswer,
  JoinGroupRequest,
  LeavingMember,
  LeftMember,
  SyncGroupAnswer,
  SyncGroupRequest,
} from '../../src/core/group/classic-api.ts'
import type { CommittingMember } from '../../src/core/group/group-api.ts'
import type { GroupStore } from './group-store.ts'

type Answered = ClassicAnswer['answer']

export class ClassicMembers {
  readonly #store: GroupStore
  /** Called when time has come for something while calls are held. */
  readonly #onDue: () => void
  #group: ClassicGroup
  readonly #held = new Map<number, (answer: Answered) => void>()
  #nextTicket = 0
  /** Nothing is due before. */
  #nextDueMs: number
  #timer: ReturnType<typeof setTimeout> | undefined
  /** Members that were heard since the object woke up, or the roll was called. */
  readonly #heard = new Set<string>()

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

  callRoll(): void {
    this.#heard.clear()
  }

  /** Since then nothing was heard of some member. */
  get hasUnheard(): boolean {
    return [...this.#group.members.keys()].some((memberId) => !this.#heard.has(memberId))
  }

  get nextDeadlineMs(): number {
    return nextDeadlineMs(this.#group) ?? Number.POSITIVE_INFINITY
  }

  /** Held until the generation is made. */
  join(request: JoinGroupRequest, nowMs: number): Promise<Reply<JoinGroupAnswer>> {
    const newMemberId = `${request.instanceId ?? request.clientId}-${crypto.randomUUID()}`
    return this.#hold((ticket) => {
      const step = decideJoin(this.#group, request, { nowMs, ticket, newMemberId })
      const memberId = request.memberId === '' ? newMemberId : request.memberId
      if (step.group.members.has(memberId)) this.#heard.add(memberId)
      return step
    }, nowMs)
  }

  /** Held until the leader has assigned. */
  sync(request: SyncGroupRequest, nowMs: number): Promise<Reply<SyncGroupAnswer>> {
    this.#hear(request.memberId)
    return this.#hold((ticket) => decideSync(this.#group, request, { nowMs, ticket }), nowMs)
  }

  /** @throws {EdgelogError} `unknown_member_id`, `fenced_instance_id`, `illegal_generation`. */
  heartbeat(request: ClassicHeartbeatRequest, nowMs: number): Reply<null> {
    const { group, answer } = decideClassicHeartbeat(this.#group, request, nowMs)
    this.#heard.add(request.memberId)
    this.#take({ group, answers: [] }, nowMs)
    return answer
  }

  leave(members: readonly LeavingMember[], nowMs: number): readonly LeftMember[] {
    const { results, ...step } = decideLeave(this.#group, members, nowMs)
    this.#take(step, nowMs)
    this.#look(nowMs)
    return results
  }

  /** @throws {EdgelogError} what `checkClassicCommit` refuses. */
  checkCommit(member: CommittingMember, nowMs: number): void {
    this.#hear(member.memberId)
    this.#take({ group: checkClassicCommit(this.#group, member, nowMs), answers: [] }, nowMs)
  }

  #hear(memberId: string): void {
    if (this.#group.members.has(memberId)) this.#heard.add(memberId)
  }

  /** Does what is due by now. */
  expire(nowMs: number): void {
    if (nowMs < this.#nextDueMs) return
    this.#take(decideTime(this.#group, nowMs), nowMs)
    this.#look(nowMs)
  }

  #hold<T>(decide: (ticket: number) => ClassicStep, nowMs: number): Promise<Reply<T>> {
    const ticket = this.#nextTicket++
    const answered = new Promise<Reply<T>>((resolve) => {
      this.#held.set(ticket, resolve as (answer: Answered) => void)
    })
    // Not within the promise, which would keep an error from whoever is to drop the turn.
    this.#take(decide(ticket), nowMs)
    this.#look(nowMs)
    return answered
  }

  #take({ group, answers }: ClassicStep, nowMs: number): void {
    const { header, changed, removed } = encodeClassicChanges(this.#group, group)
    this.#group = group
    for (const row of changed) this.#store.writeClassicMember(row)
    for (const memberId of removed) {
      this.#store.deleteMember(memberId)
      this.#heard.delete(memberId)
    }
    if (header !== null) this.#store.writeClassicHeader(header)
    if (changed.length + removed.length > 0) {
      const emptySinceMs = this.#store.emptySinceMs(this.count, nowMs)
      this.#store.updateGroup({ emptySinceMs, lastProtocol: 'classic' })
    }
    for (const { ticket, answer } of answers) {
      this.#held.get(ticket)?.(answer)
      this.#held.delete(ticket)
    }
  }

  /** Finds out when something is due next: after all that may have made it earlier. */
  #look(nowMs: number): void {
    this.#nextDueMs = this.nextDeadlineMs
    this.#setTimer(nowMs)
  }

  /** Only while somebody is held: the object is awake for that anyway. Else calls and the alarm look. */
  #setTimer(nowMs: number): void {
    clearTimeout(this.#timer)
    if (this.#held.size === 0 || this.#nextDueMs === Number.POSITIVE_INFINITY) return
    const ring = () => {
      this.#onDue()
      // A timer may ring a moment too early.
      this.#setTimer(Date.now())
    }
    this.#timer = setTimeout(ring, Math.max(1, this.#nextDueMs - nowMs))
  }
}
