/**
 * A group of the classic protocol as the shell stores it: a header, and a row for each member. Values
 * of JSON; bytes are base64.
 *
 * What is lost with an eviction is what is parked, the reserved ids and the deadlines. Callers of
 * parked calls see them fail and call again. Unlike Kafka's coordinator, which stores a group only
 * once it is stable and falls back to that generation, a group goes on where it was:
 *
 *  - empty, stable: so it is again. Members that have died meanwhile are found out anew.
 *  - preparing_rebalance: heartbeats tell the members to join, as before, and those that had joined
 *    call again by the ids they know. The time for it begins anew. A member that never learned its
 *    id comes as a new one; its old self is given up after its session timeout. No falling back:
 *    what a member that left had held would be nobody's.
 *  - completing_rebalance: the members have heard of the generation or, if their answers were lost,
 *    join again and hear of it; the leader assigns. The time for it begins anew.
 *
 * A generation is stored before anyone hears of it, so none is made twice.
 */
import { decodeBase64, encodeBase64 } from '../../bytes/base64.ts'
import { setDeadlines } from './classic-deadlines.ts'
import {
  type ClassicClock,
  type ClassicGroup,
  type ClassicHeader,
  type ClassicMember,
  EMPTY_CLASSIC_GROUP,
} from './classic-group.ts'
import { joinClock, syncClock } from './classic-rebalance.ts'

export interface ClassicMemberRow extends Omit<ClassicMember, 'protocols' | 'assignment'> {
  readonly protocols: ReadonlyArray<{ readonly name: string; readonly metadata: string }>
  readonly assignment: string
}

export interface ClassicRows {
  readonly header: ClassicHeader
  /** In any order: `joinOrder` tells it. */
  readonly members: readonly ClassicMemberRow[]
}

/** What a step has to store. */
interface ClassicChanges {
  /** null: unchanged. */
  readonly header: ClassicHeader | null
  readonly changed: readonly ClassicMemberRow[]
  /** Member ids. */
  readonly removed: readonly string[]
}

/** What to store after a step; looks at the members only if one of them has changed. */
export function encodeClassicChanges(before: ClassicGroup, after: ClassicGroup): ClassicChanges {
  const header = isSameHeader(before, after) ? null : headerOf(after)
  if (before.members === after.members) return { header, changed: [], removed: [] }
  const changed: ClassicMemberRow[] = []
  for (const [memberId, member] of after.members) {
    if (before.members.get(memberId) !== member) changed.push(encodeMember(member))
  }
  const removed = [...before.members.keys()].filter((memberId) => !after.members.has(memberId))
  return { header, changed, removed }
}

/** The group after an eviction; every deadline begins anew. */
export function decodeClassicGroup(rows: ClassicRows, nowMs: number): ClassicGroup {
  const ordered = rows.members.map(decodeMember).sort((a, b) => a.joinOrder - b.joinOrder)
  const members = new Map(ordered.map((member) => [member.memberId, member]))
  const instances = new Map<string, string>()
  for (const { memberId, instanceId } of ordered) {
    if (instanceId !== null) instances.set(instanceId, memberId)
  }
  const sessions = setDeadlines(
    EMPTY_CLASSIC_GROUP.sessions,
    ordered.map(({ memberId, sessionTimeoutMs }) => [memberId, nowMs + sessionTimeoutMs]),
  )
  const group = { ...EMPTY_CLASSIC_GROUP, ...rows.header, members, instances, sessions }
  return { ...group, clock: clockAnew(group, nowMs) }
}

function clockAnew(group: ClassicGroup, nowMs: number): ClassicClock | null {
  if (group.state === 'preparing_rebalance') return joinClock(group, nowMs)
  if (group.state === 'completing_rebalance') return syncClock(group, nowMs)
  return null
}

function headerOf(group: ClassicGroup): ClassicHeader {
  const { state, generation, protocolType, protocolName, leader } = group
  return { state, generation, protocolType, protocolName, leader }
}

function isSameHeader(one: ClassicHeader, other: ClassicHeader): boolean {
  return (
    one.state === other.state &&
    one.generation === other.generation &&
    one.protocolType === other.protocolType &&
    one.protocolName === other.protocolName &&
    one.leader === other.leader
  )
}

function encodeMember({ protocols, assignment, ...rest }: ClassicMember): ClassicMemberRow {
  return {
    ...rest,
    protocols: protocols.map(({ name, metadata }) => ({ name, metadata: encodeBase64(metadata) })),
    assignment: encodeBase64(assignment),
  }
}

function decodeMember({ protocols, assignment, ...rest }: ClassicMemberRow): ClassicMember {
  return {
    ...rest,
    protocols: protocols.map(({ name, metadata }) => ({ name, metadata: decodeBase64(metadata) })),
    assignment: decodeBase64(assignment),
  }
}
