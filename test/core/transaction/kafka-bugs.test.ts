/** Faults that Kafka has had, as tests; and the ends of its ranges. */
import { describe, expect, test } from 'vitest'
import { PRODUCER_EPOCH_MAX, TRANSACTION_NUMBER_MAX } from '../../../src/core/limits.ts'
import { decideAdd } from '../../../src/core/transaction/add-participants.ts'
import { decideEnd, decideForceAbort } from '../../../src/core/transaction/end-transaction.ts'
import { decideInit } from '../../../src/core/transaction/init-producer-id.ts'
import { complete } from '../../../src/core/transaction/prepare.ts'
import { passTime } from '../../../src/core/transaction/transaction-deadlines.ts'
import {
  markerOf,
  type PreparedState,
  type TransactionRecord,
} from '../../../src/core/transaction/transaction-record.ts'
import { CONTEXT, FRESH, ID, NOW_MS, PRODUCER, partition, recordIn, shown } from './records.ts'

const LAST = { producerId: PRODUCER, producerEpoch: PRODUCER_EPOCH_MAX }
const NEXT = { producerId: FRESH, producerEpoch: 0 }

function end(
  record: TransactionRecord,
  outcome: 'commit' | 'abort',
  producer = { producerId: PRODUCER, producerEpoch: 5 },
  version: 1 | 2 = 2,
) {
  return decideEnd(record, { transactionalId: ID, version, outcome, ...producer }, CONTEXT)
}

function init(record: TransactionRecord, producer?: typeof LAST) {
  const request = { transactionalId: ID, timeoutMs: 60_000, ...(producer && { producer }) }
  return decideInit(record, request, CONTEXT)
}

function changed(decision: { readonly record: TransactionRecord | undefined }): TransactionRecord {
  if (decision.record === undefined) throw new Error('there is no record')
  return decision.record
}

function markerIn(record: TransactionRecord) {
  return markerOf(record as TransactionRecord & { readonly state: PreparedState })
}

describe('the last epoch', () => {
  test('is raised once by a commit, and only the markers carry the one after it (KAFKA-19367)', () => {
    const before = recordIn('Ongoing', LAST)
    const decision = end(before, 'commit', LAST)
    expect(shown(before, decision)).toBe('0 9999/0 > PrepareCommit 9999/0')
    const prepared = changed(decision)
    expect(markerIn(prepared)).toMatchObject({ producerId: PRODUCER, producerEpoch: 32_767 })
    expect(complete(prepared, NOW_MS)).toMatchObject({
      ...NEXT,
      state: 'CompleteCommit',
      number: 0,
    })
  })

  test.each(['commit', 'abort'] as const)('gives a repeated %s the next id again', (outcome) => {
    const prepared = changed(end(recordIn('Ongoing', LAST), outcome, LAST))
    expect(shown(prepared, end(prepared, outcome, LAST))).toBe('51')
    const completed = complete(prepared, NOW_MS)
    expect(shown(completed, end(completed, outcome, LAST))).toBe('0 9999/0')
  })

  test('keeps a producer with its next id waiting while the markers carry the last one', () => {
    const prepared = changed(end(recordIn('Ongoing', LAST), 'commit', LAST))
    const added = { partitions: [partition(0)], groups: [] }
    const request = { transactionalId: ID, version: 2, ...NEXT, ...added } as const
    expect(shown(prepared, decideAdd(prepared, request, CONTEXT))).toBe('51')
    const completed = complete(prepared, NOW_MS)
    const begun = decideAdd(completed, request, CONTEXT)
    expect(begun.result).toEqual({ ok: { number: 1 } })
  })

  test('does not leave a transaction open for a new instance (KAFKA-20090)', () => {
    const before = recordIn('Ongoing', LAST)
    const fenced = init(before)
    expect(shown(before, fenced)).toBe('51 > PrepareAbort 9999/0')
    const completed = complete(changed(fenced), NOW_MS)
    expect(shown(completed, init(completed))).toBe('0 9999/1 > Empty 9999/1')
  })

  test('of version 1 is fenced by the epoch for markers, and a new instance gets another id', () => {
    const before = recordIn('Ongoing', { ...LAST, version: 1 })
    const fenced = changed(init(before))
    expect(markerIn(fenced)).toMatchObject({ producerId: PRODUCER, producerEpoch: 32_767 })
    const completed = complete(fenced, NOW_MS)
    expect(shown(completed, end(completed, 'abort', LAST, 1))).toBe('90')
    expect(shown(completed, init(completed))).toBe('0 9999/0 > Empty 9999/0')
  })

  test('gives the same new id to a repeated InitProducerId', () => {
    const before = recordIn('Empty', LAST)
    const rotated = init(before, LAST)
    expect(shown(before, rotated)).toBe('0 9999/0 > Empty 9999/0')
    expect(shown(changed(rotated), init(changed(rotated), LAST))).toBe('0 9999/0')
  })

  test('is not given to a caller that names the epoch for markers', () => {
    const markers = { producerId: PRODUCER, producerEpoch: 32_767 }
    const fenced = recordIn('CompleteAbort', { ...markers, version: 1 })
    expect(shown(fenced, end(fenced, 'abort', markers))).toBe('90')
    const added = { partitions: [partition(0)], groups: [] }
    const request = { transactionalId: ID, version: 1, ...markers, ...added } as const
    expect(shown(fenced, decideAdd(fenced, request, CONTEXT))).toBe('90')
  })
})

describe('the last number of a producer id', () => {
  const last = { number: TRANSACTION_NUMBER_MAX }

  test('makes the end of version 2 continue under a new id', () => {
    const before = recordIn('Ongoing', last)
    const prepared = changed(end(before, 'commit'))
    expect(markerIn(prepared)).toMatchObject({ number: TRANSACTION_NUMBER_MAX, producerEpoch: 6 })
    expect(complete(prepared, NOW_MS)).toMatchObject({ ...NEXT, number: 0 })
  })

  test('makes a producer of version 1 initialize again, which gives it a new id', () => {
    const committed = complete(
      changed(end(recordIn('Ongoing', last), 'commit', undefined, 1)),
      NOW_MS,
    )
    const added = { partitions: [partition(0)], groups: [] }
    const producer = { producerId: PRODUCER, producerEpoch: 5 }
    const request = { transactionalId: ID, version: 1, ...producer, ...added } as const
    expect(shown(committed, decideAdd(committed, request, CONTEXT))).toBe('90')
    expect(shown(committed, init(committed, producer))).toBe('0 9999/0 > Empty 9999/0')
  })
})

describe('a fence', () => {
  test('takes one epoch, however often a new instance tries (KAFKA-9666)', () => {
    let record = recordIn('Ongoing')
    for (let attempt = 0; attempt < 5; attempt++) record = changed(init(record))
    expect(record).toMatchObject({ state: 'PrepareAbort', producerEpoch: 6 })
  })

  test('by time lets a late client of version 2 live on after its abort, and refuses its commit', () => {
    const nowMs = NOW_MS + 60_000
    const overdue = passTime(recordIn('Ongoing'), { ...CONTEXT, nowMs })
    const completed = complete(overdue as TransactionRecord, nowMs)
    expect(completed).toMatchObject({ state: 'CompleteAbort', producerEpoch: 6 })
    expect(shown(completed, end(completed, 'abort'))).toBe('0 4711/6')
    expect(shown(completed, end(completed, 'commit'))).toBe('48')
    expect(shown(completed, end(completed, 'abort', undefined, 1))).toBe('90')
  })

  test('does not give the epoch of an abort to the fenced producer that initializes again', () => {
    const completed = complete(changed(init(recordIn('Ongoing'))), NOW_MS)
    const fenced = { producerId: PRODUCER, producerEpoch: 5 }
    expect(shown(completed, init(completed, fenced))).toBe('90')
  })

  test('by an operator aborts an open transaction only', () => {
    const open = recordIn('Ongoing')
    expect(shown(open, decideForceAbort(open, CONTEXT))).toBe('0 4711/6 > PrepareAbort 4711/6')
    const prepared = recordIn('PrepareCommit')
    expect(shown(prepared, decideForceAbort(prepared, CONTEXT))).toBe('51')
    const idle = recordIn('CompleteCommit')
    expect(shown(idle, decideForceAbort(idle, CONTEXT))).toBe('48')
    expect(shown(undefined, decideForceAbort(undefined, CONTEXT))).toBe('105')
  })
})

describe('a repeat', () => {
  test('of version 2 is recognized from the stored record (KAFKA-20310, KAFKA-20357)', () => {
    const prepared = changed(end(recordIn('Ongoing'), 'commit'))
    expect(prepared.replaced).toEqual({ producerId: PRODUCER, producerEpoch: 5, by: 'end' })
    const completed = complete(prepared, NOW_MS)
    expect(shown(completed, end(completed, 'commit'))).toBe('0 4711/6')
  })

  test('of version 2 is not answered with the outcome of a later transaction of version 1', () => {
    const committed = complete(changed(end(recordIn('Ongoing'), 'commit')), NOW_MS)
    const producer = { producerId: PRODUCER, producerEpoch: 6 }
    const added = { partitions: [partition(0)], groups: [] }
    const request = { transactionalId: ID, version: 1, ...producer, ...added } as const
    const open = changed(decideAdd(committed, request, CONTEXT))
    const later = complete(changed(end(open, 'commit', producer, 1)), NOW_MS)
    expect(shown(later, end(later, 'commit'))).toBe('90')
  })

  test.each([
    ['a new instance', undefined],
    ['a producer that continues', { producerId: PRODUCER, producerEpoch: 5 }],
  ])('is not seen in a request with the epoch before that of %s', (_, given) => {
    const initialized = changed(init(recordIn('Empty'), given))
    const added = { partitions: [partition(0)], groups: [] }
    const producer = { producerId: PRODUCER, producerEpoch: 6 }
    const request = { transactionalId: ID, version: 1, ...producer, ...added } as const
    const open = changed(decideAdd(initialized, request, CONTEXT))
    const committed = complete(changed(end(open, 'commit', producer, 1)), NOW_MS)
    expect(committed.producerEpoch).toBe(6)
    // One epoch less, as a repeat of version 2 has: but the commit was that of a later instance.
    expect(shown(committed, end(committed, 'commit'))).toBe('90')
  })
})

describe('a connection of version 1', () => {
  const producer = { producerId: PRODUCER, producerEpoch: 5 }
  const added = { partitions: [partition(3)], groups: [] }
  const add = (record: TransactionRecord, connection?: number) =>
    decideAdd(
      record,
      { transactionalId: ID, version: 1, ...producer, ...added, ...(connection && { connection }) },
      CONTEXT,
    )
  const endOver = (record: TransactionRecord, connection?: number) =>
    decideEnd(
      record,
      {
        transactionalId: ID,
        version: 1,
        outcome: 'commit',
        ...producer,
        ...(connection && { connection }),
      },
      CONTEXT,
    )

  test('is refused after a later one: its EndTxn would end the next transaction (KAFKA-17754)', () => {
    const first = changed(add(recordIn('Empty'), 10))
    const committed = complete(changed(endOver(first, 20)), NOW_MS)
    const second = changed(add(committed, 20))
    expect(shown(second, endOver(second, 10))).toBe('7')
    expect(shown(second, add(second, 10))).toBe('7')
    expect(shown(second, endOver(second, 20))).toBe('0 4711/5 > PrepareCommit 4711/5')
  })

  test('is stored if it is later, also if the participants are known', () => {
    const record = changed(add(changed(add(recordIn('Empty'), 10)), 11))
    expect(record.connection).toBe(11)
  })

  test('may be unknown', () => {
    const record = changed(add(recordIn('Empty'), 10))
    expect(shown(record, endOver(record))).toBe('0 4711/5 > PrepareCommit 4711/5')
    expect(changed(endOver(record)).connection).toBe(10)
  })

  test('of an earlier instance does not count for the next epoch', () => {
    const initialized = changed(init(recordIn('CompleteCommit', { connection: 99 })))
    expect(initialized.connection).toBe(0)
  })
})
