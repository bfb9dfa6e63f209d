/**
 * The steps of a classic group from one generation to the next: a rebalance is opened, the members
 * join, the generation is made, its leader assigns (classic-sync). Other decisions call these
 * steps; all of them happen at the time `nowMs`.
 */
import { assert } from '../../errors.ts'
import { INITIAL_REBALANCE_DELAY_MS } from '../../limits.ts'
import type { JoinGroupResult } from '../classic-api.ts'
import { deleteDeadlines, setDeadlines } from './classic-deadlines.ts'
import {
  type ClassicClock,
  type ClassicGroup,
  type ClassicResponse,
  type ClassicStep,
  rebalanceError,
  unknownMemberError,
} from './classic-group.ts'
import { metadataOf, selectProtocol } from './classic-protocols.ts'

/**
 * Opens a rebalance so that members can join, unless one is open. Members that wait for an assignment of the
 * generation that ends here receive `rebalance_in_progress`.
 */
export function openRebalance(group: ClassicGroup, nowMs: number): ClassicStep {
  if (group.state === 'preparing_rebalance') return { group, responses: [] }
  const responses = [...group.parkedSyncs.values()].map(
    (ticket): ClassicResponse => ({
      kind: 'sync',
      ticket,
      response: { error: rebalanceError().toBody() },
    }),
  )
  const unparked = restartSessions(group, group.parkedSyncs.keys(), nowMs)
  const opened: ClassicGroup = {
    ...unparked,
    state: 'preparing_rebalance',
    parkedSyncs: new Map(),
    clock: group.state === 'empty' ? initialClock(group, nowMs) : joinClock(group, nowMs),
  }
  return { group: opened, responses }
}

/**
 * Makes the next generation if no join is missing: each member has joined, and so has each client with a
 * reserved member id. The first rebalance of a group always waits for its deadline.
 */
export function completeIfAllJoined(group: ClassicGroup, nowMs: number): ClassicStep {
  if (group.state !== 'preparing_rebalance') return { group, responses: [] }
  if (group.members.size === 0) return completeJoin(group, nowMs)
  const isComplete =
    group.clock?.kind === 'join' &&
    group.parkedJoins.size === group.members.size &&
    group.reserved.size === 0
  return isComplete ? completeJoin(group, nowMs) : { group, responses: [] }
}

/**
 * Makes the next generation from the members that joined. The others are removed, except static members: they
 * stay until their session ends, so that one that restarts slowly keeps its assignment. A generation needs a
 * leader: if only such static members are left, the group continues to wait.
 */
export function completeJoin(group: ClassicGroup, nowMs: number): ClassicStep {
  const late = [...group.members.values()].filter(
    ({ memberId, instanceId }) => instanceId === null && !group.parkedJoins.has(memberId),
  )
  const kept = withoutMembers(
    group,
    late.map(({ memberId }) => memberId),
  )
  const generation = kept.generation + 1
  if (kept.members.size === 0) {
    const empty = { state: 'empty', generation, protocolName: null, leader: null } as const
    return { group: { ...kept, ...empty, clock: null }, responses: [] }
  }
  const leader = electLeader(kept)
  if (leader === undefined) {
    return { group: { ...kept, clock: joinClock(kept, nowMs) }, responses: [] }
  }
  const next: ClassicGroup = {
    ...restartSessions(kept, kept.parkedJoins.keys(), nowMs),
    state: 'completing_rebalance',
    generation,
    protocolName: selectProtocol(kept.members.values()),
    leader,
    parkedJoins: new Map(),
    clock: syncClock(kept, nowMs),
  }
  const responses = [...kept.parkedJoins].map(
    ([memberId, ticket]): ClassicResponse => ({
      kind: 'join',
      ticket,
      response: { ok: joinResult(next, memberId) },
    }),
  )
  return { group: next, responses }
}

/** Returns the former leader if it joined, otherwise the first member that did. */
function electLeader({ leader, members, parkedJoins }: ClassicGroup): string | undefined {
  if (leader !== null && parkedJoins.has(leader)) return leader
  for (const memberId of members.keys()) if (parkedJoins.has(memberId)) return memberId
  return undefined
}

/** Removes members that have left or whose session expired, and rebalances their partitions among the others. */
export function removeMembers(
  group: ClassicGroup,
  memberIds: readonly string[],
  nowMs: number,
): ClassicStep {
  if (memberIds.length === 0) return { group, responses: [] }
  const responses: ClassicResponse[] = []
  for (const memberId of memberIds) {
    const response = { error: unknownMemberError(memberId).toBody() }
    const join = group.parkedJoins.get(memberId)
    if (join !== undefined) responses.push({ kind: 'join', ticket: join, response })
    const sync = group.parkedSyncs.get(memberId)
    if (sync !== undefined) responses.push({ kind: 'sync', ticket: sync, response })
  }
  const opened = openRebalance(withoutMembers(group, memberIds), nowMs)
  const completed = completeIfAllJoined(opened.group, nowMs)
  return {
    group: completed.group,
    responses: [...responses, ...opened.responses, ...completed.responses],
  }
}

function withoutMembers(group: ClassicGroup, memberIds: readonly string[]): ClassicGroup {
  if (memberIds.length === 0) return group
  const members = new Map(group.members)
  const instances = new Map(group.instances)
  const parkedJoins = new Map(group.parkedJoins)
  const parkedSyncs = new Map(group.parkedSyncs)
  for (const memberId of memberIds) {
    const instanceId = members.get(memberId)?.instanceId ?? null
    if (instanceId !== null) instances.delete(instanceId)
    members.delete(memberId)
    parkedJoins.delete(memberId)
    parkedSyncs.delete(memberId)
  }
  const sessions = deleteDeadlines(group.sessions, memberIds)
  return { ...group, members, instances, parkedJoins, parkedSyncs, sessions }
}

/** Returns the join response to a member of the current generation. */
export function joinResult(group: ClassicGroup, memberId: string): JoinGroupResult {
  const { generation, protocolType, protocolName, leader, members } = group
  assert(
    protocolType !== null && protocolName !== null && leader !== null,
    'a generation with members has a protocol and a leader',
  )
  const shown = memberId === leader ? [...members.values()] : []
  return {
    generation,
    protocolType,
    protocolName,
    leader,
    skipAssignment: false,
    memberId,
    members: shown.map((member) => ({
      memberId: member.memberId,
      instanceId: member.instanceId,
      metadata: metadataOf(member, protocolName),
    })),
  }
}

/** Restarts the sessions of members whose parked calls get their response. */
export function restartSessions(
  group: ClassicGroup,
  memberIds: Iterable<string>,
  nowMs: number,
): ClassicGroup {
  const deadlines: Array<[string, number]> = []
  for (const memberId of memberIds) {
    const member = group.members.get(memberId)
    if (member !== undefined) deadlines.push([memberId, nowMs + member.sessionTimeoutMs])
  }
  if (deadlines.length === 0) return group
  return { ...group, sessions: setDeadlines(group.sessions, deadlines) }
}

function initialClock(group: ClassicGroup, nowMs: number): ClassicClock {
  const deadlineMs = nowMs + INITIAL_REBALANCE_DELAY_MS
  const latestMs = Math.max(deadlineMs, nowMs + rebalanceTimeoutMs(group))
  return { kind: 'initial', deadlineMs, hasNewMember: false, latestMs }
}

export function joinClock(group: ClassicGroup, nowMs: number): ClassicClock {
  return { kind: 'join', deadlineMs: nowMs + rebalanceTimeoutMs(group) }
}

export function syncClock(group: ClassicGroup, nowMs: number): ClassicClock {
  const deadlineMs = nowMs + rebalanceTimeoutMs(group)
  return { kind: 'sync', deadlineMs, pending: new Set(group.members.keys()) }
}

/** Returns the longest rebalance time-out of a member; at least 1 ms, so that a new deadline is never due at once. */
function rebalanceTimeoutMs({ members }: ClassicGroup): number {
  let longestMs = 1
  for (const member of members.values()) {
    longestMs = Math.max(longestMs, member.rebalanceTimeoutMs)
  }
  return longestMs
}
