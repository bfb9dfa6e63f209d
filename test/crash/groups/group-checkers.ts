/** Checks a group's history against G1 to G3 and G5 of docs/GUARANTEES.md; the harness checks G4, a time. */
import type { Violation } from '../history.ts'
import type { MemberEvent, MemberHistory } from './member-events.ts'

export interface GroupHistory {
  readonly members: readonly MemberHistory[]
  /** The end of each partition's log at the end of the run. */
  readonly endOffsets: readonly number[]
  /** The committed offset of each partition at the end of the run; undefined if there is none. */
  readonly committed: ReadonlyArray<number | undefined>
}

export function checkGroupHistory(history: GroupHistory): Violation[] {
  return [
    ...checkDelivered(history),
    ...history.members.flatMap(checkCommits),
    ...history.members.flatMap(checkSteps),
    ...checkEpochs(history),
    ...checkOwners(history),
  ]
}

function eventsOf<Kind extends MemberEvent['kind']>(
  { members }: GroupHistory,
  kind: Kind,
): Array<Extract<MemberEvent, { kind: Kind }>> {
  return members.flatMap(({ events }) =>
    events.filter((event): event is Extract<MemberEvent, { kind: Kind }> => event.kind === kind),
  )
}

/** G1: each record was delivered to a member, or its offset is not below the committed offset. */
function checkDelivered(history: GroupHistory): Violation[] {
  const violations: Violation[] = []
  for (const [partition, endOffset] of history.endOffsets.entries()) {
    const isDelivered = new Uint8Array(endOffset)
    for (const delivered of eventsOf(history, 'delivered')) {
      if (delivered.partition === partition)
        isDelivered.fill(1, delivered.offset, delivered.nextOffset)
    }
    const missed = isDelivered.indexOf(0)
    const committed = history.committed[partition] ?? 0
    if (missed >= 0 && missed < committed) {
      const what = `partition ${partition} is committed up to ${committed}, but offset ${missed} was not delivered to any member`
      violations.push({ promise: 'G1', what })
    }
  }
  return violations
}

/**
 * G2: a member commits no offset beyond its finished records, or beyond its first position if it finished none.
 * G2 itself allows any delivered record; the harness commits only automatically, which is stricter.
 */
function checkCommits({ name, events }: MemberHistory): Violation[] {
  const delivered = new Map<number, number>()
  const finished = new Map<number, number>()
  const violations: Violation[] = []
  for (const event of events) {
    if (event.kind === 'delivered') raise(delivered, event.partition, event.nextOffset)
    if (event.kind === 'finished') raise(finished, event.partition, event.nextOffset)
    if (event.kind === 'fetched') {
      for (const [partition, offset] of entries(event.offsets)) raise(finished, partition, offset)
    }
    if (event.kind !== 'commit sent') continue
    for (const [partition, offset] of entries(event.offsets)) {
      const limit = finished.get(partition) ?? 0
      if (offset <= limit) continue
      const reached = Math.max(limit, delivered.get(partition) ?? 0)
      const what = `${name} commits ${offset} of partition ${partition}, but was delivered up to ${reached} and finished ${limit}`
      violations.push({ promise: 'G2', what })
    }
  }
  return violations
}

function raise(reached: Map<number, number>, partition: number, offset: number): void {
  reached.set(partition, Math.max(reached.get(partition) ?? 0, offset))
}

/** G5: while a member owns a partition, each delivery starts at the end of the previous one. */
function checkSteps({ name, events }: MemberHistory): Violation[] {
  const next = new Map<number, number>()
  const violations: Violation[] = []
  for (const event of events) {
    if (event.kind === 'assigned' || event.kind === 'removed') {
      for (const partition of event.partitions) next.delete(partition)
    }
    if (event.kind !== 'delivered') continue
    const expected = next.get(event.partition) ?? event.offset
    if (event.offset !== expected) {
      const what = `${name} was delivered offset ${event.offset} of partition ${event.partition}, but ${expected} is next`
      violations.push({ promise: 'G5', what })
    }
    next.set(event.partition, event.nextOffset)
  }
  return violations
}

/** G3: a partition has one owner in each epoch. */
function checkEpochs(history: GroupHistory): Violation[] {
  const owners = new Map<string, string>()
  const violations: Violation[] = []
  for (const { memberId, epoch, partitions } of eventsOf(history, 'assignment received')) {
    for (const partition of partitions) {
      const key = `partition ${partition} in epoch ${epoch}`
      const owner = owners.get(key) ?? memberId
      owners.set(key, owner)
      if (owner !== memberId) {
        violations.push({
          promise: 'G3',
          what: `${key} is assigned to ${owner} and to ${memberId}`,
        })
      }
    }
  }
  return violations
}

/**
 * G3: once a member has received a partition, the group accepts no heartbeat or commit for it from others.
 *
 * A note has the time at which the response arrived. A note of an assignment may thus be late, when another
 * member already owns the partition. That member received it under a higher epoch, because a partition has
 * one owner per epoch, and noted it before it used the partition.
 */
function checkOwners(history: GroupHistory): Violation[] {
  const received = eventsOf(history, 'assignment received')
  const violations: Violation[] = []
  for (const { memberId, partition, sentAtMs, what } of usesOf(history)) {
    const before = received.filter(
      // Within one millisecond the order of events of two members is unknown.
      (one) =>
        one.partitions.includes(partition) &&
        (one.atMs < sentAtMs || (one.atMs === sentAtMs && one.memberId === memberId)),
    )
    const epoch = Math.max(
      0,
      ...before.filter((one) => one.memberId === memberId).map((one) => one.epoch),
    )
    const next = before.find((one) => one.memberId !== memberId && one.epoch > epoch)
    if (next === undefined) continue
    violations.push({
      promise: 'G3',
      what: `${memberId} ${what} partition ${partition} at ${sentAtMs}; it received it in epoch ${epoch}, and ${next.memberId} in epoch ${next.epoch} at ${next.atMs}`,
    })
  }
  return violations
}

interface Use {
  readonly memberId: string
  readonly partition: number
  readonly sentAtMs: number
  readonly what: 'holds' | 'commits'
}

function usesOf(history: GroupHistory): Use[] {
  return [
    ...eventsOf(history, 'held').flatMap(({ memberId, partitions, sentAtMs }) =>
      partitions.map((partition) => ({
        memberId,
        partition,
        sentAtMs,
        what: 'holds' as const,
      })),
    ),
    ...eventsOf(history, 'commit accepted').flatMap(({ memberId, offsets, sentAtMs }) =>
      entries(offsets).map(([partition]) => ({
        memberId,
        partition,
        sentAtMs,
        what: 'commits' as const,
      })),
    ),
  ]
}

function entries(offsets: Readonly<Record<number, number>>): Array<readonly [number, number]> {
  return Object.entries(offsets).map(([partition, offset]) => [Number(partition), offset])
}
