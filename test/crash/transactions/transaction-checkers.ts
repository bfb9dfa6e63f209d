/**
 * Checks a history against T1-T11 of docs/GUARANTEES.md. Transactions with an unknown outcome are settled by the final
 * committed read, and must be the same in all their partitions and groups.
 */
import type { Violation } from '../history.ts'
import { copyOf } from './copiers.ts'
import { findCycle } from './find-cycle.ts'
import {
  placeKey,
  type SentRecord,
  type TransactionEvent,
  type TransactionHistory,
} from './transaction-history.ts'

/** Where each value is in the logs at the end. */
class Final {
  readonly committed = new Map<string, string[]>()
  readonly uncommitted = new Map<string, string[]>()
  readonly writerOf = new Map<string, TransactionEvent>()

  constructor({ partitions, transactions }: TransactionHistory) {
    for (const partition of partitions) {
      for (const isolation of ['committed', 'uncommitted'] as const) {
        for (const { offset, value } of partition[isolation]) {
          const positions = this[isolation]
          positions.set(value, [
            ...(positions.get(value) ?? []),
            `${placeKey(partition)}@${offset}`,
          ])
        }
      }
    }
    // A value may be sent by several transactions: a copy that was aborted is made again.
    for (const transaction of transactions) {
      for (const { value } of transaction.records) {
        const writer = this.writerOf.get(value)
        if (writer === undefined || !this.isCommitted(writer)) this.writerOf.set(value, transaction)
      }
    }
  }

  /** Returns how many records of a transaction a committed reader gets. */
  visibleCount({ records }: TransactionEvent): number {
    return records.filter((record) => this.isVisible(record)).length
  }

  isVisible(record: SentRecord): boolean {
    const found = this.committed.get(record.value) ?? []
    if (record.offset === undefined) return found.length > 0
    return found.includes(`${placeKey(record)}@${record.offset}`)
  }

  isCommitted(transaction: TransactionEvent): boolean {
    return transaction.outcome === 'unknown'
      ? this.visibleCount(transaction) > 0
      : transaction.outcome === 'committed'
  }
}

type Check = (history: TransactionHistory, final: Final) => Violation[]

/** Returns all violations; the list is empty if every promise holds. */
export function checkTransactions(history: TransactionHistory): Violation[] {
  const final = new Final(history)
  const checks: Check[] = [
    checkAllOrNothing,
    checkNoDuplicate,
    checkKnownWriters,
    checkReadsOfCommitted,
    checkReadersSeeAll,
    checkNoCycle,
    checkCopies,
    checkFencing,
    checkStableOffsets,
    checkSameAnswer,
    checkAsKafka,
    checkProbes,
    checkAnswered,
  ]
  return checks.flatMap((check) => check(history, final))
}

/** T1: all records of a committed transaction are visible at their offsets, and none of any other. */
const checkAllOrNothing: Check = ({ transactions }, final) =>
  transactions.flatMap((transaction) => {
    const { name, outcome, records } = transaction
    const count = final.visibleCount(transaction)
    const isWhole =
      outcome === 'committed'
        ? count === records.length
        : count === 0 || (outcome === 'unknown' && count === records.length)
    if (isWhole || isOfAnother(transaction, final)) return []
    const what = `${name} is ${outcome}, ${count} of its ${records.length} records are visible`
    return [{ promise: 'T1', what }]
  })

/** Returns whether what is visible of it are copies that a later transaction made again at unknown offsets. */
function isOfAnother(transaction: TransactionEvent, final: Final): boolean {
  return (
    transaction.outcome !== 'committed' &&
    transaction.records.every((record) => {
      const isVisible = final.isVisible(record)
      return (
        !isVisible ||
        (record.offset === undefined && final.writerOf.get(record.value) !== transaction)
      )
    })
  )
}

/** T3: no value is committed twice. */
const checkNoDuplicate: Check = (_, final) =>
  [...final.committed]
    .filter(([, positions]) => positions.length > 1)
    .map(([value, positions]) => ({ promise: 'T3', what: `${value}: ${positions.join(' and ')}` }))

/** T3: each visible record was sent by a transaction that was committed. */
const checkKnownWriters: Check = (_, final) =>
  [...final.committed].flatMap(([value, [position]]) => {
    const writer = final.writerOf.get(value)
    if (writer !== undefined && final.isCommitted(writer)) return []
    return [{ promise: 'T3', what: `${value} at ${position}: sent by ${writer?.name ?? 'nobody'}` }]
  })

/** T2: a committed read returns records of committed transactions only, and not before the commit was requested. */
const checkReadsOfCommitted: Check = ({ readers, transactions }, final) => {
  const violations: Violation[] = []
  for (const reader of readers) {
    const positions = reader.kind === 'uncommitted fetch' ? final.uncommitted : final.committed
    for (const { offset, value, seenAt } of reader.seen) {
      const where = `${placeKey(reader)}@${offset}`
      if (!positions.get(value)?.includes(where)) {
        violations.push({ promise: 'T2', what: `${reader.kind} of ${where}: ${value}, later not` })
      }
      const invokedAt = final.writerOf.get(value)?.commitInvokedAt ?? 0
      if (reader.kind !== 'uncommitted fetch' && seenAt < invokedAt) {
        violations.push({ promise: 'T2', what: `${reader.kind} of ${where}: before its commit` })
      }
    }
  }
  for (const { name, reads } of transactions) {
    const value = reads.find((read) => !final.committed.has(read))
    if (value !== undefined) violations.push({ promise: 'T2', what: `${name} read ${value}` })
  }
  return violations
}

/** T2: a reader gets every committed record below its position, in order and once. */
const checkReadersSeeAll: Check = ({ readers, partitions }) =>
  readers.flatMap((reader) => {
    const partition = partitions.find((one) => placeKey(one) === placeKey(reader))
    const isolation = reader.kind === 'uncommitted fetch' ? 'uncommitted' : 'committed'
    const expected = partition?.[isolation].filter(({ offset }) => offset < reader.position) ?? []
    const index = expected.findIndex(({ offset }, at) => reader.seen[at]?.offset !== offset)
    if (index < 0 && expected.length === reader.seen.length) return []
    const [want, got] = [expected.at(index)?.offset, reader.seen.at(index)?.offset]
    const what = `${reader.kind} of ${placeKey(reader)}: offset ${got} in place of ${want}`
    return [{ promise: 'T2', what }]
  })

/** T2: no committed transactions have read from each other in a circle. */
const checkNoCycle: Check = ({ transactions }, final) => {
  const readFrom = (transaction: TransactionEvent) =>
    transaction.reads
      .map((value) => final.writerOf.get(value))
      .filter((writer): writer is TransactionEvent => writer !== undefined)
  const cycle = findCycle(
    transactions.filter((one) => final.isCommitted(one)),
    readFrom,
  )
  if (cycle === undefined) return []
  return [
    { promise: 'T2', what: `a circle of reads: ${cycle.map(({ name }) => name).join(' <- ')}` },
  ]
}

/** T5: what was copied is what lies below the committed offset, once and in order. */
const checkCopies: Check = ({ copies, partitions }) =>
  copies.flatMap(({ group, from, to, committedOffset }) => {
    const committedIn = (place: typeof from) =>
      partitions.find((one) => placeKey(one) === placeKey(place))?.committed ?? []
    const expected = committedIn(from)
      .filter(({ offset }) => offset < committedOffset)
      .map(({ value }) => copyOf(value))
    const copied = committedIn(to).map(({ value }) => value)
    const index = expected.findIndex((value, at) => copied[at] !== value)
    if (index < 0 && expected.length === copied.length) return []
    const what = `${group}: ${copied.length} copies of ${expected.length} records below offset ${committedOffset}, different from ${index}`
    return [{ promise: 'T5', what }]
  })

/** T6: a transaction is not committed if its commit was first requested after a later instance was initialized. */
const checkFencing: Check = ({ transactions, inits }, final) =>
  transactions
    .filter((one) => final.isCommitted(one))
    .filter(({ transactionalId, instance, commitInvokedAt }) =>
      inits.some(
        (init) =>
          init.transactionalId === transactionalId &&
          init.instance > instance &&
          init.answeredAt < commitInvokedAt,
      ),
    )
    .map(({ name }) => ({ promise: 'T6', what: `${name} was committed after it was fenced` }))

/** T4, T8: the last stable offset never moves back, and is the high watermark in the end. */
const checkStableOffsets: Check = ({ readers, partitions }) => [
  ...readers
    .filter(({ stableOffsets }) =>
      stableOffsets.some((offset, index) => offset < (stableOffsets[index - 1] ?? 0)),
    )
    .map((reader) => ({ promise: 'T8', what: `${placeKey(reader)}: it moved back` })),
  ...partitions
    .filter(({ lastStableOffset, highWatermark }) => lastStableOffset !== highWatermark)
    .map((one) => ({
      promise: 'T8',
      what: `${placeKey(one)}: it stays at ${one.lastStableOffset} of ${one.highWatermark}`,
    })),
]

/** T7, T10: a repeated call has the first response. */
const checkSameAnswer: Check = ({ transactions }) =>
  transactions
    .filter(({ answers }) => new Set(answers).size > 1)
    .map(({ name, instance, answers }) => ({
      promise: instance === 0 ? 'T10' : 'T7',
      what: `${name}: ${answers.join(' and then ')}`,
    }))

/** T9: Kafka's clients, which filter by themselves, get the records of the native committed read. */
const checkAsKafka: Check = ({ partitions }) =>
  partitions.flatMap((partition) => {
    const { committed, asKafka } = partition
    const index = committed.findIndex(({ offset, value }, at) => {
      return asKafka[at]?.offset !== offset || asKafka[at]?.value !== value
    })
    if (index < 0 && committed.length === asKafka.length) return []
    const what = `${placeKey(partition)}: ${asKafka.length} records for Kafka's clients, ${committed.length} for others, different from ${index}`
    return [{ promise: 'T9', what }]
  })

const checkProbes: Check = ({ probes }) =>
  probes.filter(({ isKept }) => !isKept).map(({ promise, what }) => ({ promise, what }))

const checkAnswered: Check = ({ stuck }) => stuck.map((what) => ({ promise: 'V1', what }))
