/**
 * A shell for the decisions about a classic group, without a platform: it assigns tickets, records responses, stores
 * the changes of each step, and checks the group's invariants after it.
 */
import { expect } from 'vitest'
import { deadlineOf, NEVER_MS } from '../../../../src/core/group/classic/classic-deadlines.ts'
import {
  type ClassicGroup,
  type ClassicHeader,
  type ClassicResponse,
  type ClassicStep,
  EMPTY_CLASSIC_GROUP,
} from '../../../../src/core/group/classic/classic-group.ts'
import {
  checkClassicCommit,
  decideClassicHeartbeat,
} from '../../../../src/core/group/classic/classic-heartbeat.ts'
import { decideJoin } from '../../../../src/core/group/classic/classic-join.ts'
import { decideLeave } from '../../../../src/core/group/classic/classic-leave.ts'
import {
  type ClassicMemberRow,
  decodeClassicGroup,
  encodeClassicChanges,
} from '../../../../src/core/group/classic/classic-rows.ts'
import { decideSync } from '../../../../src/core/group/classic/classic-sync.ts'
import { decideTime, nextDeadlineMs } from '../../../../src/core/group/classic/classic-time.ts'
import type {
  ClassicHeartbeatRequest,
  JoinGroupRequest,
  JoinGroupResult,
  LeavingMember,
  SyncGroupRequest,
  SyncGroupResult,
} from '../../../../src/core/group/classic-api.ts'
import type { CommittingMember } from '../../../../src/core/group/group-api.ts'
import { parseGroupId } from '../../../../src/core/group/group-id.ts'

/** The decisions that the property tests replace with broken ones. */
export const DECISIONS = {
  decideJoin,
  decideSync,
  decideTime,
  checkClassicCommit,
  encodeClassicChanges,
}
export type Decisions = typeof DECISIONS

export const SESSION_MS = 10_000
export const REBALANCE_MS = 60_000

export function bytes(text: string): Uint8Array {
  return new TextEncoder().encode(text)
}

export function text(bytes: Uint8Array): string {
  return new TextDecoder().decode(bytes)
}

/** Returns the first join request of an old client, which does not need to know its member id, unless changed. */
export function joinRequest(changes: Partial<JoinGroupRequest> = {}): JoinGroupRequest {
  return {
    groupId: parseGroupId('g'),
    memberId: '',
    instanceId: null,
    clientId: 'client',
    clientHost: '/10.0.0.1',
    sessionTimeoutMs: SESSION_MS,
    rebalanceTimeoutMs: REBALANCE_MS,
    protocolType: 'consumer',
    protocols: [{ name: 'range', metadata: bytes('topics') }],
    requiresKnownMemberId: false,
    supportsSkippingAssignment: true,
    ...changes,
  }
}

export class ClassicShell {
  group: ClassicGroup = EMPTY_CLASSIC_GROUP
  nowMs = 1_000_000
  readonly responses = new Map<number, ClassicResponse>()
  readonly lost = new Set<number>()
  readonly #decisions: Decisions
  readonly #stored: { header: ClassicHeader; members: Map<string, ClassicMemberRow> }
  #ticket = 0
  #memberId = 0

  constructor(decisions: Decisions = DECISIONS) {
    this.#decisions = decisions
    const { state, generation, protocolType, protocolName, leader } = EMPTY_CLASSIC_GROUP
    const header = { state, generation, protocolType, protocolName, leader }
    this.#stored = { header, members: new Map() }
  }

  /** Joins and returns the ticket. A new member gets the id m1, m2, ... */
  join(changes: Partial<JoinGroupRequest> = {}): number {
    const ticket = ++this.#ticket
    const facts = { nowMs: this.nowMs, ticket, newMemberId: `m${this.#memberId + 1}` }
    this.#memberId++
    this.#apply(this.#decisions.decideJoin(this.group, joinRequest(changes), facts))
    return ticket
  }

  sync(request: Pick<SyncGroupRequest, 'memberId'> & Partial<SyncGroupRequest>): number {
    const ticket = ++this.#ticket
    const { generation } = this.group
    const whole = {
      ...{ instanceId: null, generation, protocolType: null, protocolName: null, assignments: [] },
      ...request,
    }
    const facts = { nowMs: this.nowMs, ticket }
    this.#apply(this.#decisions.decideSync(this.group, whole, facts))
    return ticket
  }

  /** Throws the error if the heartbeat is refused. */
  heartbeat(memberId: string, changes: Partial<ClassicHeartbeatRequest> = {}) {
    const request = { memberId, instanceId: null, generation: this.group.generation, ...changes }
    const { group, response } = decideClassicHeartbeat(this.group, request, this.nowMs)
    expect(encodeClassicChanges(this.group, group)).toEqual(NOTHING)
    this.#apply({ group, responses: [] })
    return response
  }

  commit(memberId: string, changes: Partial<CommittingMember> = {}): void {
    const member = { memberId, instanceId: null, epoch: this.group.generation, ...changes }
    const group = this.#decisions.checkClassicCommit(this.group, member, this.nowMs)
    expect(encodeClassicChanges(this.group, group)).toEqual(NOTHING)
    this.#apply({ group, responses: [] })
  }

  leave(...members: Array<Partial<LeavingMember>>) {
    const leaving = members.map((member) => ({ memberId: '', instanceId: null, ...member }))
    const step = decideLeave(this.group, leaving, this.nowMs)
    this.#apply(step)
    return step.results
  }

  /** Advances time; the timer fires whenever it is due. */
  pass(ms: number): void {
    const untilMs = this.nowMs + ms
    for (;;) {
      const dueMs = nextDeadlineMs(this.group)
      if (dueMs === null || dueMs > untilMs) break
      this.nowMs = Math.max(this.nowMs, dueMs)
      this.#ring()
    }
    this.nowMs = untilMs
  }

  /** Advances time; the timer fires late. */
  oversleep(ms: number): void {
    this.nowMs += ms
    this.#ring()
  }

  #ring(): void {
    this.#apply(this.#decisions.decideTime(this.group, this.nowMs))
    const dueMs = nextDeadlineMs(this.group)
    if (dueMs !== null && dueMs <= this.nowMs) throw new Error('a due deadline was not processed')
  }

  /** Drops all state except the stored JSON. */
  evict(): void {
    for (const ticket of this.parkedTickets()) this.lost.add(ticket)
    const { header, members } = this.#stored
    const rows = JSON.parse(JSON.stringify({ header, members: [...members.values()].reverse() }))
    this.group = decodeClassicGroup(rows, this.nowMs)
    checkInvariants(this.group)
  }

  parkedTickets(): number[] {
    return [...this.group.parkedJoins.values(), ...this.group.parkedSyncs.values()]
  }

  isParked(ticket: number): boolean {
    return this.parkedTickets().includes(ticket)
  }

  joined(ticket: number): JoinGroupResult {
    const given = this.responses.get(ticket)
    if (given?.kind !== 'join' || 'error' in given.response) throw this.#surprise(ticket)
    return given.response.ok
  }

  synced(ticket: number): SyncGroupResult {
    const given = this.responses.get(ticket)
    if (given?.kind !== 'sync' || 'error' in given.response) throw this.#surprise(ticket)
    return given.response.ok
  }

  refused(ticket: number) {
    const given = this.responses.get(ticket)
    if (given === undefined || !('error' in given.response)) throw this.#surprise(ticket)
    return given.response.error
  }

  #surprise(ticket: number): Error {
    return new Error(`call ${ticket} was answered ${JSON.stringify(this.responses.get(ticket))}`)
  }

  #apply({ group, responses }: ClassicStep): void {
    const changes = this.#decisions.encodeClassicChanges(this.group, group)
    if (changes.header !== null) this.#stored.header = changes.header
    for (const row of changes.changed) this.#stored.members.set(row.memberId, row)
    for (const memberId of changes.removed) this.#stored.members.delete(memberId)
    for (const response of responses) {
      const { ticket } = response
      if (this.responses.has(ticket) || this.lost.has(ticket)) {
        throw new Error(`call ${ticket} is answered twice, or after it was lost`)
      }
      this.responses.set(ticket, response)
    }
    this.group = group
    const parked = new Set(this.parkedTickets())
    for (let ticket = 1; ticket <= this.#ticket; ticket++) {
      const isDone = this.responses.has(ticket) || this.lost.has(ticket)
      if (isDone === parked.has(ticket)) {
        throw new Error(`call ${ticket} is ${isDone ? 'done, but parked' : 'forgotten'}`)
      }
    }
    checkInvariants(group)
  }
}

const NOTHING = { header: null, changed: [], removed: [] }

/** Checks the invariants listed in classic-group.ts. */
export function checkInvariants(group: ClassicGroup): void {
  const { state, members, parkedJoins, parkedSyncs, clock, sessions, leader } = group
  const ids = [...members.keys()]
  const broken: string[] = []
  const hold = (condition: boolean, what: string) => {
    if (!condition) broken.push(what)
  }
  hold((state === 'empty') === (members.size === 0), 'only an empty group has no members')
  hold(parkedJoins.size === 0 || state === 'preparing_rebalance', 'joins wait while preparing')
  hold(parkedSyncs.size === 0 || state === 'completing_rebalance', 'syncs wait while completing')
  const withSession = new Set([...sessions.settled.keys(), ...sessions.recent.keys()])
  hold(withSession.size === members.size, 'only members have a session')
  for (const [memberId, { protocols, instanceId }] of members) {
    const deadlineMs = deadlineOf(sessions, memberId)
    const isParked = parkedJoins.has(memberId) || parkedSyncs.has(memberId)
    hold(deadlineMs !== undefined, 'each member has a session')
    hold(isParked || deadlineMs !== NEVER_MS, 'a member without a parked call has a deadline')
    hold(protocols.length > 0, 'each member offers a protocol')
    if (instanceId !== null) {
      hold(group.instances.get(instanceId) === memberId, 'each instance is found')
    }
  }
  const statics = [...members.values()].filter(({ instanceId }) => instanceId !== null)
  hold(group.instances.size === statics.length, 'no instance outlives its member')
  const waiting = [...parkedJoins.keys(), ...parkedSyncs.keys()]
  hold(
    waiting.every((memberId) => members.has(memberId)),
    'only members have parked calls',
  )
  const orders = [...members.values()].map(({ joinOrder }) => joinOrder)
  hold(orders.join() === [...new Set(orders)].sort((a, b) => a - b).join(), 'in order of joining')
  const names = [...members.values()].map(({ protocols }) => protocols.map(({ name }) => name))
  hold(
    names[0]?.some((name) => names.every((some) => some.includes(name))) ?? true,
    'some protocol is common to all',
  )
  const clocks: ReadonlyArray<string | undefined> = {
    empty: [undefined],
    preparing_rebalance: ['initial', 'join'],
    completing_rebalance: ['sync'],
    stable: ['sync', undefined],
  }[state]
  hold(clocks.includes(clock?.kind), 'each phase has its clock')
  if (state === 'completing_rebalance' || state === 'stable') {
    hold(leader !== null && ids.includes(leader), 'the leader is a member')
  }
  if (broken.length > 0) throw new Error(`${broken.join('; ')}: ${JSON.stringify(group)}`)
}
