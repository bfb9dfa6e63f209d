/**
 * A group of the consumer protocol without a platform: a shell that stores and expires like the Durable Object, and
 * clients that use only the responses they received. The invariants are checked after each step.
 */
import { expect } from 'vitest'
import { EdgelogError } from '../../../../src/core/errors.ts'
import {
  type Assignment,
  filterPartitions,
  intersect,
  isEmpty,
  isSameAssignment,
  isSubset,
  NO_PARTITIONS,
  subtract,
  unite,
} from '../../../../src/core/group/assign/assignment.ts'
import { assignmentOf } from '../../../../src/core/group/consumer/assigned-topics.ts'
import { checkConsumerCommit } from '../../../../src/core/group/consumer/check-commit.ts'
import { checkHeartbeat } from '../../../../src/core/group/consumer/check-heartbeat.ts'
import {
  ConsumerGroup,
  type ConsumerGroupChange,
} from '../../../../src/core/group/consumer/consumer-group.ts'
import {
  type ConsumerMember,
  decodeMember,
  encodeMember,
  isAway,
} from '../../../../src/core/group/consumer/consumer-member.ts'
import { decideExpiry, decideTopicsChange } from '../../../../src/core/group/consumer/departure.ts'
import { decideHeartbeat } from '../../../../src/core/group/consumer/heartbeat.ts'
import { subscribedPartitionCounts } from '../../../../src/core/group/consumer/target.ts'
import type {
  GroupTopic,
  HeartbeatRequest,
  HeartbeatResponse,
  TopicPartitions,
} from '../../../../src/core/group/group-api.ts'
import { groupTimes } from '../../../../src/core/group/group-config.ts'
import { parseGroupId } from '../../../../src/core/group/group-id.ts'
import { TopicDirectory } from '../../../../src/core/group/topic-directory.ts'
import { checkValid } from '../assign/assignor-checks.ts'

/** Times of a group without configs. */
const TIMES = groupTimes({})

export const SESSION_MS = 10_000
export const REBALANCE_MS = 6_000
export const ROUND_MS = 500

export interface Client {
  readonly name: string
  readonly instanceId: string | null
  readonly mayNameUnknownTopics: boolean
  /** Sends its partitions only when required. */
  readonly isMinimal: boolean
  memberId: string
  topics: readonly string[]
  topicPattern: string
  /** The epoch in its last response; 0: it has to join. */
  epoch: number
  /** The partitions it consumes: those it received and has not given up. */
  holds: Assignment
  /** The assignment in its last response. */
  lastAssignment: Assignment
  /** The next heartbeat contains all fields, because something has changed or a response was lost. */
  mustSendAll: boolean
  /** Delays giving up its partitions. */
  isSlow: boolean
  /** `gone` until it is started again; `paused`: it keeps its partitions and sends nothing. */
  state: 'running' | 'paused' | 'gone'
  lives: number
}

function client(name: string, changes: Partial<Client> = {}): Client {
  return {
    ...{ name, instanceId: null, mayNameUnknownTopics: false, isMinimal: false, memberId: name },
    ...{
      topics: ['a'],
      topicPattern: '',
      epoch: 0,
      holds: NO_PARTITIONS,
      lastAssignment: NO_PARTITIONS,
    },
    ...{ mustSendAll: true, isSlow: false, state: 'gone', lives: 0 },
    ...changes,
  }
}

/** Subscription of a client that matches a pattern itself and has found no topic yet. */
const NO_SUBSCRIPTION = { topics: [], topicPattern: '' }

export const SUBSCRIPTIONS: ReadonlyArray<Pick<Client, 'topics' | 'topicPattern'>> = [
  { topics: ['a'], topicPattern: '' },
  { topics: ['a', 'b'], topicPattern: '' },
  { topics: ['b', 'c'], topicPattern: '' },
  { topics: [], topicPattern: '[ac]' },
  { topics: ['b'], topicPattern: '.*' },
  NO_SUBSCRIPTION,
]

/** The end of a call: lost before its effect, lost after it, or completed. */
export type Fate = 'request lost' | 'response lost' | 'completed'

export class World {
  group = new ConsumerGroup()
  nowMs = 1_000_000
  readonly clients: readonly Client[] = [
    client('one'),
    client('two', { isMinimal: true, topics: ['a', 'b'] }),
    client('three', { mayNameUnknownTopics: true, topics: ['b', 'c'] }),
    client('pattern', { isMinimal: true, topics: [], topicPattern: '.*' }),
    client('static', { instanceId: 'i', topics: ['a', 'b'] }),
    client('terse static', { instanceId: 'j', isMinimal: true }),
  ]
  /** The existing topics; `directory` has those that the group has received. */
  topics: GroupTopic[] = [
    { id: 'a1', name: 'a', partitions: 3 },
    { id: 'b1', name: 'b', partitions: 2 },
  ]
  directory = new TopicDirectory(this.topics)
  readonly #rows = new Map<string, string>()
  readonly #sessions = new Map<string, number>()
  readonly #revocations = new Map<string, number>()
  #lastAssignedAtMs = Number.NEGATIVE_INFINITY
  #topicIds = 1

  // -- what clients do -------------------------------------------------------------------------

  start(caller: Client): void {
    if (caller.state === 'running') return
    if (caller.state === 'paused') {
      caller.state = 'running'
      return
    }
    caller.lives += 1
    const memberId = `${caller.name}-${caller.lives}`
    Object.assign(caller, { memberId, state: 'running', epoch: 0, mustSendAll: true })
  }

  crash(caller: Client): void {
    Object.assign(caller, { state: 'gone', holds: NO_PARTITIONS, lastAssignment: NO_PARTITIONS })
  }

  heartbeat(caller: Client, fate: Fate = 'completed', sendsOwned = true): void {
    if (caller.state !== 'running') return
    this.expire()
    if (fate === 'request lost') {
      caller.mustSendAll = true
      return
    }
    const before = this.group.members.get(caller.memberId)
    const isLate = before !== undefined && caller.epoch > 0 && caller.epoch !== before.memberEpoch
    let result: HeartbeatResponse
    try {
      result = this.call(this.#requestOf(caller, sendsOwned))
    } catch (error) {
      if (!(error instanceof EdgelogError)) throw error
      this.#refused(caller, error, isLate)
      return
    }
    if (fate === 'response lost') caller.mustSendAll = true
    else this.#receive(caller, result)
  }

  /** Makes a slow client give up its partitions. */
  giveUp(caller: Client): void {
    if (isSubset(caller.holds, caller.lastAssignment)) return
    caller.holds = intersect(caller.holds, caller.lastAssignment)
    caller.mustSendAll = true
    this.check()
  }

  /** Leaves; the client gives up all its partitions before it sends the request. */
  leave(caller: Client, fate: Fate, isTemporary: boolean): void {
    if (caller.state !== 'running') return
    const isMember = caller.epoch > 0
    this.crash(caller)
    if (fate === 'request lost' || !isMember) return
    this.expire()
    const memberEpoch = isTemporary && caller.instanceId !== null ? -2 : -1
    try {
      const { topics: _, topicPattern: __, ...request } = this.#requestOf(caller, false)
      this.call({ ...request, memberEpoch })
    } catch (error) {
      if (!(error instanceof EdgelogError)) throw error
      expect(['unknown_member_id', 'fenced_instance_id']).toContain(error.code)
    }
    this.check()
  }

  subscribe(caller: Client, subscription: Pick<Client, 'topics' | 'topicPattern'>): void {
    const isThere = subscription.topics.every((name) => this.directory.named(name))
    if ((isThere && subscription !== NO_SUBSCRIPTION) || caller.mayNameUnknownTopics)
      Object.assign(caller, subscription, { mustSendAll: true })
  }

  /** Commits; returns the error code, or `ok`. */
  commit(memberId: string, epoch: number, topicId: string, partition: number): string {
    this.expire()
    const member = this.group.members.get(memberId)
    const isEpoch = epoch === member?.memberEpoch || epoch === member?.previousMemberEpoch
    const isHeld = this.group.owner(topicId, partition) === memberId
    const isRightful = epoch > 0 && isEpoch && isHeld
    const code = codeOf(() =>
      checkConsumerCommit(this.group, { memberId, epoch, instanceId: member?.instanceId ?? null }, [
        { topicId, topic: topicId, partition },
      ]),
    )
    if (member === undefined) expect(code, 'commit without membership').toBe('unknown_member_id')
    else expect(code, 'commit').toBe(isRightful ? 'ok' : 'stale_member_epoch')
    return code
  }

  #requestOf(caller: Client, sendsOwned: boolean): HeartbeatRequest {
    const sendsAll = caller.epoch === 0 || caller.mustSendAll || !caller.isMinimal
    const owned: TopicPartitions[] =
      caller.epoch === 0
        ? []
        : [...caller.holds].map(([topicId, partitions]) => ({ topicId, partitions }))
    const { mayNameUnknownTopics, topics, topicPattern, memberId, instanceId, epoch } = caller
    const ends = { sessionTimeoutMs: SESSION_MS, rebalanceTimeoutMs: REBALANCE_MS }
    return {
      ...request({ memberId, memberEpoch: epoch, instanceId, mayNameUnknownTopics }),
      ...(sendsAll ? { ...ends, topicPattern } : {}),
      // Deleted topics are left out, so that they are no reason for an error.
      ...(sendsAll ? { topics: topics.filter((t) => mayNameUnknownTopics || this.#names(t)) } : {}),
      ...(sendsAll && sendsOwned ? { owned } : {}),
    }
  }

  #names(topic: string): boolean {
    return this.directory.named(topic) !== undefined
  }

  #receive(caller: Client, { memberEpoch, assignment }: HeartbeatResponse): void {
    const isJoin = caller.epoch === 0
    const sentAll = caller.mustSendAll
    expect(memberEpoch, 'an accepted member has an epoch').toBeGreaterThan(0)
    caller.epoch = memberEpoch
    caller.mustSendAll = isJoin && sentAll && assignment === null
    if (assignment !== null) {
      const lastAssignment = assignmentOf(assignment, this.directory)
      const target = this.group.target(caller.memberId)
      const pending = this.group.members.get(caller.memberId)?.pendingRevocation ?? NO_PARTITIONS
      const settled = subtract(caller.holds, pending)
      const here = filterPartitions(settled, (id) => this.directory.withId(id) !== undefined)
      expect(
        isSubset(intersect(here, target), lastAssignment),
        'a partition that stays in the target is never taken',
      ).toBe(true)
      caller.mustSendAll ||= !isSameAssignment(caller.holds, lastAssignment)
      caller.lastAssignment = lastAssignment
      caller.holds = unite(caller.holds, lastAssignment)
      if (!caller.isSlow) caller.holds = intersect(caller.holds, lastAssignment)
    }
    this.check()
  }

  #refused(caller: Client, error: EdgelogError, isLate: boolean): void {
    switch (error.code) {
      case 'fenced_member_epoch':
        expect(isLate, 'only a member that missed a response is fenced').toBe(true)
        break
      case 'unknown_member_id':
        expect(this.group.members.has(caller.memberId)).toBe(false)
        break
      case 'unreleased_instance_id':
        expect(caller.epoch).toBe(0)
        return
      case 'invalid_request':
        // None of its topics exists any more.
        expect(caller.epoch).toBe(0)
        expect(
          caller.topicPattern === '' && !caller.topics.some((topic) => this.#names(topic)),
        ).toBe(true)
        return
      default:
        throw error
    }
    Object.assign(caller, {
      epoch: 0,
      holds: NO_PARTITIONS,
      lastAssignment: NO_PARTITIONS,
      mustSendAll: true,
    })
    this.check()
  }

  // -- what else happens -----------------------------------------------------------------------

  setTopic(name: string, partitions: number): void {
    const rest = this.topics.filter((topic) => topic.name !== name)
    const known = this.topics.find((topic) => topic.name === name)
    const id = known?.id ?? `${name}${++this.#topicIds}`
    this.topics = [...rest, { id, name, partitions: Math.max(partitions, known?.partitions ?? 0) }]
  }

  deleteTopic(name: string): void {
    this.topics = this.topics.filter((topic) => topic.name !== name)
  }

  /** Sends the changed topics to the group. */
  refreshTopics(): void {
    const after = new TopicDirectory(this.topics)
    const change = this.#pure(() => decideTopicsChange(this.group, this.directory, after))
    this.directory = after
    if (change !== null) this.#apply(change, new Set())
  }

  pass(ms: number): void {
    this.nowMs += ms
  }

  expire(): void {
    const due = [this.#sessions, this.#revocations].flatMap((deadlines) =>
      [...deadlines].filter(([, atMs]) => atMs <= this.nowMs).map(([memberId]) => memberId),
    )
    const change = this.#pure(() => decideExpiry(this.group, due))
    if (change !== null) this.#apply(change, new Set())
  }

  /** Restores the group from its rows. */
  evict(): void {
    const stored = [...this.#rows.values()].map(decodeMember)
    const { groupEpoch, assignmentEpoch } = this.group
    const group = new ConsumerGroup()
    group.apply({
      groupEpoch,
      assignmentEpoch,
      members: new Map(stored.map(({ member }) => [member.memberId, member])),
      targets: new Map(stored.map(({ member, target }) => [member.memberId, target])),
    })
    expect(dump(group), 'as it was before the eviction').toEqual(dump(this.group))
    this.group = group
    this.#lastAssignedAtMs = Number.NEGATIVE_INFINITY
    this.#revocations.clear()
    for (const member of group.members.values()) {
      this.#sessions.set(
        member.memberId,
        this.nowMs + (member.sessionTimeoutMs ?? TIMES.sessionTimeoutMs),
      )
      this.#watch(member.memberId)
    }
  }

  /** Sends a request that must be refused without a change. */
  refuse(changes: Partial<HeartbeatRequest>, codes: readonly string[]): void {
    this.expire()
    const before = dump(this.group)
    expect(codes).toContain(codeOf(() => this.call(request(changes))))
    expect(dump(this.group)).toEqual(before)
  }

  /** Handles a request like the Durable Object. */
  call(request: HeartbeatRequest): HeartbeatResponse {
    checkHeartbeat(request)
    const time = { nowMs: this.nowMs, lastAssignedAtMs: this.#lastAssignedAtMs }
    const { change, result } = this.#pure(() =>
      decideHeartbeat(this.group, this.directory, request, time, TIMES),
    )
    if (change !== null) {
      const { instanceId } = request
      const replaced = instanceId === null ? undefined : this.group.memberOf(instanceId)?.memberId
      const isJoin = request.memberEpoch <= 0
      this.#apply(change, new Set(isJoin ? [request.memberId, replaced ?? ''] : []))
    }
    const member = this.group.members.get(request.memberId)
    if (member !== undefined && !isAway(member)) {
      this.#sessions.set(
        member.memberId,
        this.nowMs + (member.sessionTimeoutMs ?? TIMES.sessionTimeoutMs),
      )
    }
    return result
  }

  // -- what is true after each step ------------------------------------------------------------

  #pure<T>(decide: () => T): T {
    const before = dump(this.group)
    try {
      return decide()
    } finally {
      expect(dump(this.group), 'a decision changes nothing').toEqual(before)
    }
  }

  /**
   * Applies a change.
   *
   * @param restarted Members that start again with this step.
   */
  #apply(change: ConsumerGroupChange, restarted: ReadonlySet<string>): void {
    const before = new Map(this.group.members)
    const targets = new Map([...before.keys()].map((id) => [id, this.group.target(id)]))
    const { groupEpoch, assignmentEpoch } = this.group
    expect(change.groupEpoch, 'the group epoch grows').toBeGreaterThanOrEqual(groupEpoch)
    expect(change.assignmentEpoch).toBeGreaterThanOrEqual(assignmentEpoch)
    expect(change.assignmentEpoch).toBeLessThanOrEqual(change.groupEpoch)
    checkOneOwner(before, change)
    this.group.apply(change)
    if (change.assignmentEpoch > assignmentEpoch) {
      expect(assignmentEpoch, 'a new assignment was due').toBeLessThan(change.groupEpoch)
      this.#lastAssignedAtMs = this.nowMs
      this.#checkTargets()
    } else this.#checkTargetsStay(targets, restarted)
    for (const [memberId, member] of this.group.members) {
      const old = before.get(memberId)
      if (old !== undefined && !restarted.has(memberId)) this.#checkMoved(old, member)
    }
    for (const memberId of new Set([...change.members.keys(), ...change.targets.keys()])) {
      const member = this.group.members.get(memberId)
      if (member === undefined) this.#rows.delete(memberId)
      else this.#rows.set(memberId, encodeMember(member, this.group.target(memberId)))
      const isNew = member?.pendingRevocation !== before.get(memberId)?.pendingRevocation
      if (isNew) this.#revocations.delete(memberId)
      this.#watch(memberId)
    }
  }

  #watch(memberId: string): void {
    const member = this.group.members.get(memberId)
    if (member === undefined) this.#sessions.delete(memberId)
    if (member?.state !== 'unrevoked_partitions') this.#revocations.delete(memberId)
    else if (!this.#revocations.has(memberId)) {
      this.#revocations.set(memberId, this.nowMs + member.rebalanceTimeoutMs)
    }
  }

  #checkTargets(): void {
    const members = [...this.group.members.values()]
    const input = members.map((member) => ({
      memberId: member.memberId,
      instanceId: member.instanceId,
      topicIds: this.directory.resolve(member),
      target: NO_PARTITIONS,
    }))
    checkValid(
      {
        members: new Map(input.map((member) => [member.memberId, member])),
        partitionCounts: subscribedPartitionCounts(members, this.directory),
      },
      new Map(input.map(({ memberId }) => [memberId, this.group.target(memberId)])),
    )
  }

  #checkTargetsStay(before: ReadonlyMap<string, Assignment>, restarted: ReadonlySet<string>): void {
    for (const memberId of this.group.members.keys()) {
      const heir = [...restarted].find((id) => before.has(id))
      const old = before.get(memberId) ?? (restarted.has(memberId) && heir && before.get(heir))
      expect(isSameAssignment(this.group.target(memberId), old || NO_PARTITIONS)).toBe(true)
    }
  }

  #checkMoved(before: ConsumerMember, after: ConsumerMember): void {
    const { memberId } = after
    expect(after.memberEpoch, 'epochs only grow').toBeGreaterThanOrEqual(before.memberEpoch)
    expect(after.memberEpoch).toBeLessThanOrEqual(this.group.assignmentEpoch)
    const stays = intersect(before.assigned, this.group.target(memberId))
    expect(isSubset(stays, after.assigned), `${memberId} keeps what stays with it`).toBe(true)
    const isPending = after.state === 'unrevoked_partitions'
    expect(isEmpty(after.pendingRevocation)).toBe(!isPending)
  }

  /** Checks that no two clients hold the same partition, except clients that the group has removed. */
  check(): void {
    const holders = new Map<string, string>()
    for (const { memberId, holds } of this.clients) {
      const member = this.group.members.get(memberId)
      if (member === undefined) continue
      const assignedOrPending = unite(member.assigned, member.pendingRevocation)
      expect(
        Object.fromEntries(subtract(holds, assignedOrPending)),
        `${memberId} holds only its partitions`,
      ).toEqual({})
      for (const [topicId, partitions] of holds) {
        for (const partition of partitions) {
          const name = `${topicId}-${partition}`
          expect(holders.get(name), `${name} is held by ${memberId} alone`).toBe(undefined)
          holders.set(name, memberId)
        }
      }
    }
  }

  /**
   * Checks that the group is stable within a time limit once all clients follow
   * the protocol, and has no free partition.
   */
  checkRecovery(): void {
    this.refreshTopics()
    const boundMs = SESSION_MS + REBALANCE_MS + 20 * ROUND_MS
    for (let elapsedMs = 0; elapsedMs < boundMs; elapsedMs += ROUND_MS) {
      this.pass(ROUND_MS)
      this.expire()
      this.round()
    }
    const running = this.clients.filter(({ state }) => state === 'running')
    const members = running.filter(({ epoch }) => epoch > 0)
    expect(this.group.state).toBe(members.length === 0 ? 'empty' : 'stable')
    expect([...this.group.members.keys()].sort()).toEqual(
      members.map((caller) => caller.memberId).sort(),
    )
    const held = new Map<string, number>()
    for (const { memberId, holds } of members) {
      expect(holds).toEqual(this.group.members.get(memberId)?.assigned)
      for (const [topicId, partitions] of holds) {
        held.set(topicId, (held.get(topicId) ?? 0) + partitions.length)
      }
    }
    expect(held).toEqual(subscribedPartitionCounts(this.group.members.values(), this.directory))
  }

  /** Lets every client act once. */
  round(): void {
    for (const caller of this.clients) {
      this.giveUp(caller)
      this.heartbeat(caller)
    }
  }
}

export function request(changes: Partial<HeartbeatRequest> = {}): HeartbeatRequest {
  return {
    groupId: parseGroupId('g'),
    memberId: 'm',
    memberEpoch: 0,
    instanceId: null,
    clientId: 'client',
    clientHost: '10.0.0.1',
    mayNameUnknownTopics: false,
    ...changes,
  }
}

export function codeOf(call: () => unknown): string {
  try {
    call()
    return 'ok'
  } catch (error) {
    if (error instanceof EdgelogError) return error.code
    throw error
  }
}

/** Returns the whole state of a group. */
export function dump(group: ConsumerGroup): unknown {
  const { groupEpoch, assignmentEpoch, state } = group
  const members = [...group.members.values()]
    .sort((one, other) => (one.memberId < other.memberId ? -1 : 1))
    .map((member) => ({
      row: encodeMember(member, group.target(member.memberId)),
      isFound: member.instanceId === null || group.memberOf(member.instanceId) === member,
      isOwner: [...unite(member.assigned, member.pendingRevocation)].every(
        ([topicId, partitions]) =>
          partitions.every((partition) => group.owner(topicId, partition) === member.memberId),
      ),
    }))
  return { groupEpoch, assignmentEpoch, state, members }
}

/** Checks owners before the change is applied, because applying it would throw if two members had a partition. */
function checkOneOwner(
  before: ReadonlyMap<string, ConsumerMember>,
  change: ConsumerGroupChange,
): void {
  const owners = new Map<string, string>()
  for (const [memberId, member] of new Map<string, ConsumerMember | null>([
    ...before,
    ...change.members,
  ])) {
    for (const part of [member?.assigned, member?.pendingRevocation]) {
      for (const [topicId, partitions] of part ?? []) {
        for (const partition of partitions) {
          const name = `${topicId}-${partition}`
          expect(owners.get(name), `${name} is with ${memberId} alone`).toBe(undefined)
          owners.set(name, memberId)
        }
      }
    }
  }
}
