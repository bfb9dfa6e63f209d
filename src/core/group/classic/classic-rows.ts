/**
 * The stored form of a group of the classic protocol: a header, and a row for each member, as JSON values; bytes
 * are base64.
 *
 * An eviction loses the parked calls, the reserved ids and the deadlines. Callers of parked calls see them fail and
 * retry. Kafka's coordinator stores a group only once it is stable, and falls back to that generation. Here a group
 * continues in its state:
 *
 *  - empty, stable: unchanged. Members that have died meanwhile are detected again.
 *  - preparing_rebalance: heartbeats return `rebalance_in_progress` as before, and members that had joined retry
 *    with the ids they have. The time for joining starts again. A member that never received its
 *    id joins as a new one; its old entry expires after its session time-out. The group does not fall back to the
 *    previous generation: the partitions of a member that left would have no owner.
 *  - completing_rebalance: the members have received the generation or, if their responses were lost,
 *    rejoin and receive it; the leader assigns. The time for assigning starts again.
 *
 * A generation is stored before a member receives it, so no generation is made twice.
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
  /** In any order; `joinOrder` gives the order. */
  readonly members: readonly ClassicMemberRow[]
}

/** The changes that a step has to store. */
interface ClassicChanges {
  /** null: unchanged. */
  readonly header: ClassicHeader | null
  readonly changed: readonly ClassicMemberRow[]
  /** Ids of the removed members. */
  readonly removed: readonly string[]
}

/** Returns the changes to store after a step. Compares members only if one of them has changed. */
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

/** Restores the group after an eviction; every deadline starts again. */
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
  return { ...group, clock: restartedClock(group, nowMs) }
}

function restartedClock(group: ClassicGroup, nowMs: number): ClassicClock | null {
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
