/** Holds the history of a group against G1 to G3 and G5 of docs/GUARANTEES.md; G4 is a matter of time. */
import type { Violation } from '../history.ts'
import type { MemberEvent, MemberHistory } from './member-events.ts'

export interface GroupHistory {
  readonly members: readonly MemberHistory[]
  /** The end of each partition's log when all was over. */
  readonly endOffsets: readonly number[]
  /** What was committed then; undefined: nothing. */
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

/** G1: each record was delivered to some member, or lies past the committed offset. */
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
      const what = `partition ${partition} is committed up to ${committed}, offset ${missed} was delivered to nobody`
      violations.push({ promise: 'G1', what })
    }
  }
  return violations
}

/**
 * G2: nobody commits beyond what it was delivered, or beyond where it began. Commits of the harness are
 * all automatic: those stay within what the application has finished.
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
      const what = `${name} commits ${offset} of partition ${partition}, having been delivered ${reached} and finished ${limit}`
      violations.push({ promise: 'G2', what })
    }
  }
  return violations
}

function raise(reached: Map<number, number>, partition: number, offset: number): void {
  reached.set(partition, Math.max(reached.get(partition) ?? 0, offset))
}

/** G5: while a member has a partition, each delivery follows the one before. */
function checkSteps({ name, events }: MemberHistory): Violation[] {
  const next = new Map<number, number>()
  const violations: Violation[] = []
  for (const event of events) {
    if (event.kind === 'assigned' || event.kind === 'taken away') {
      for (const partition of event.partitions) next.delete(partition)
    }
    if (event.kind !== 'delivered') continue
    const expected = next.get(event.partition) ?? event.offset
    if (event.offset !== expected) {
      const what = `${name} was delivered ${event.offset} of partition ${event.partition} where ${expected} is next`
      violations.push({ promise: 'G5', what })
    }
    next.set(event.partition, event.nextOffset)
  }
  return violations
}

/** G3: a partition is with one member in each epoch. */
function checkEpochs(history: GroupHistory): Violation[] {
  const owners = new Map<string, string>()
  const violations: Violation[] = []
  for (const { memberId, epoch, partitions } of eventsOf(history, 'told')) {
    for (const partition of partitions) {
      const key = `partition ${partition} in epoch ${epoch}`
      const owner = owners.get(key) ?? memberId
      owners.set(key, owner)
      if (owner !== memberId) {
        violations.push({ promise: 'G3', what: `${key} is with ${owner} and with ${memberId}` })
      }
    }
  }
  return violations
}

/**
 * G3: from when a member is told to take a partition, nobody else's heartbeat or commit of it is taken.
 *
 * Notes are of when an answer arrived. So one that was told may be late, and the partition with another
 * by then: that other was told so under a higher epoch, as a partition has one owner in each, and noted
 * it before it did anything with the partition.
 */
function checkOwners(history: GroupHistory): Violation[] {
  const told = eventsOf(history, 'told')
  const violations: Violation[] = []
  for (const { memberId, partition, sentAtMs, what } of usesOf(history)) {
    const before = told.filter(
      // In the same millisecond nobody knows which was first.
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
      what: `${memberId} ${what} partition ${partition} at ${sentAtMs}, which it was told to take in epoch ${epoch}, and ${next.memberId} in epoch ${next.epoch} at ${next.atMs}`,
    })
  }
  return violations
}

interface Use {
  readonly memberId: string
  readonly partition: number
  readonly sentAtMs: number
  readonly what: 'holds on to' | 'commits'
}

function usesOf(history: GroupHistory): Use[] {
  return [
    ...eventsOf(history, 'held').flatMap(({ memberId, partitions, sentAtMs }) =>
      partitions.map((partition) => ({
        memberId,
        partition,
        sentAtMs,
        what: 'holds on to' as const,
      })),
    ),
    ...eventsOf(history, 'commit taken').flatMap(({ memberId, offsets, sentAtMs }) =>
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
