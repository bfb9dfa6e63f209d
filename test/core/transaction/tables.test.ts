/**
 * Every state with every request of both versions, against Kafka's tables: error numbers, the producer in the response,
 * and the next state.
 */
import { describe, expect, test } from 'vitest'
import { decideAdd, decideVerify } from '../../../src/core/transaction/add-participants.ts'
import { decideEnd } from '../../../src/core/transaction/end-transaction.ts'
import { decideInit } from '../../../src/core/transaction/init-producer-id.ts'
import type { TransactionState } from '../../../src/core/transaction/transaction-api.ts'
import { CONTEXT, GROUP, ID, numberOf, PRODUCER, partition, recordIn, shown } from './records.ts'

/** The producers of the requests: the current one, one that lost a response, an old one, and another id. */
const CALLERS = {
  current: { producerId: PRODUCER, producerEpoch: 5 },
  retry: { producerId: PRODUCER, producerEpoch: 4 },
  old: { producerId: PRODUCER, producerEpoch: 3 },
  other: { producerId: 1n, producerEpoch: 5 },
} as const
type Caller = keyof typeof CALLERS

type EndRow = Readonly<Record<'abort' | 'commit', Readonly<Record<Caller, string>>>>
type Table<Row> = Readonly<Record<TransactionState, Row>>

function refusedWith(current: string, retry = '90'): Record<Caller, string> {
  return { current, retry, old: '90', other: '49' }
}

const BUMP = '0 4711/6 > PrepareAbort 4711/6'
const EMPTY_ABORT = '0 4711/6 > CompleteAbort 4711/6'
const REPEATED = '0 4711/5'

const END_VERSION_2: Table<EndRow> = {
  Empty: { abort: refusedWith(EMPTY_ABORT), commit: refusedWith('48') },
  Ongoing: {
    abort: refusedWith(BUMP),
    commit: refusedWith('0 4711/6 > PrepareCommit 4711/6'),
  },
  // The current epoch: Kafka's check for a transition under way comes first.
  PrepareAbort: { abort: refusedWith('51', '51'), commit: refusedWith('51', '48') },
  PrepareCommit: { abort: refusedWith('51', '48'), commit: refusedWith('51', '51') },
  CompleteAbort: { abort: refusedWith(EMPTY_ABORT, REPEATED), commit: refusedWith('48', '48') },
  CompleteCommit: { abort: refusedWith(EMPTY_ABORT, '48'), commit: refusedWith('48', REPEATED) },
}

const END_VERSION_1: Table<EndRow> = {
  Empty: { abort: refusedWith('48'), commit: refusedWith('48') },
  Ongoing: {
    abort: refusedWith('0 4711/5 > PrepareAbort 4711/5'),
    commit: refusedWith('0 4711/5 > PrepareCommit 4711/5'),
  },
  PrepareAbort: { abort: refusedWith('51'), commit: refusedWith('48') },
  PrepareCommit: { abort: refusedWith('48'), commit: refusedWith('51') },
  CompleteAbort: { abort: refusedWith(REPEATED), commit: refusedWith('48') },
  CompleteCommit: { abort: refusedWith('48'), commit: refusedWith(REPEATED) },
}

describe.each([
  [1, END_VERSION_1],
  [2, END_VERSION_2],
] as const)('EndTxn of version %i', (version, table) => {
  const cases = Object.entries(table).flatMap(([state, row]) =>
    Object.entries(row).flatMap(([outcome, callers]) =>
      Object.entries(callers).map(([caller, expected]) => [state, outcome, caller, expected]),
    ),
  ) as Array<[TransactionState, 'abort' | 'commit', Caller, string]>

  test.each(cases)(
    'in %s: %s by the %s producer is answered %s',
    (state, outcome, caller, expected) => {
      const record = recordIn(state)
      const request = { transactionalId: ID, version, outcome, ...CALLERS[caller] }
      expect(shown(record, decideEnd(record, request, CONTEXT))).toBe(expected)
    },
  )

  test('of an unknown transactional id is answered 49, and of an empty one 42', () => {
    const request = { transactionalId: ID, version, outcome: 'commit', ...CALLERS.current } as const
    expect(numberOf(decideEnd(undefined, request, CONTEXT).result)).toBe(49)
    const empty = { ...request, transactionalId: '' }
    expect(numberOf(decideEnd(recordIn('Ongoing'), empty, CONTEXT).result)).toBe(42)
  })
})

type InitCaller = Caller | 'none'

function initRow(none: string, current: string, retry: string): Record<InitCaller, string> {
  return { none, current, retry, old: '90', other: '90' }
}

const FENCED = '51 > PrepareAbort 4711/6'
const NEXT = '0 4711/6 > Empty 4711/6'
const INIT: Table<Record<InitCaller, string>> = {
  Empty: initRow(NEXT, NEXT, REPEATED),
  Ongoing: { none: FENCED, current: FENCED, retry: FENCED, old: FENCED, other: '90' },
  PrepareAbort: { none: '51', current: '51', retry: '51', old: '51', other: '90' },
  PrepareCommit: { none: '51', current: '51', retry: '51', old: '51', other: '90' },
  CompleteAbort: initRow(NEXT, NEXT, REPEATED),
  CompleteCommit: initRow(NEXT, NEXT, REPEATED),
}

describe('InitProducerId', () => {
  const cases = Object.entries(INIT).flatMap(([state, row]) =>
    Object.entries(row).map(([caller, expected]) => [state, caller, expected]),
  ) as Array<[TransactionState, InitCaller, string]>

  test.each(cases)('in %s: a producer that gives %s is answered %s', (state, caller, expected) => {
    const record = recordIn(state)
    const producer = caller === 'none' ? {} : { producer: CALLERS[caller] }
    const request = { transactionalId: ID, timeoutMs: 60_000, ...producer }
    expect(shown(record, decideInit(record, request, CONTEXT))).toBe(expected)
  })

  test.each([
    ['none', {}],
    ['one of an id that expired', { producer: CALLERS.current }],
  ])('of a new transactional id gives a new producer id, if the request has %s', (_, producer) => {
    const request = { transactionalId: ID, timeoutMs: 60_000, ...producer }
    const decision = decideInit(undefined, request, CONTEXT)
    expect(shown(undefined, decision)).toBe('0 9999/0 > Empty 9999/0')
  })

  test.each([
    ['', 60_000, 42],
    ['x'.repeat(256), 60_000, 42],
    [ID, 0, 50],
    [ID, -1, 50],
    [ID, 900_001, 50],
    [ID, 900_000, 0],
    [ID, 1, 0],
  ])('checks the id %j and the timeout %i first', (transactionalId, timeoutMs, expected) => {
    const decision = decideInit(undefined, { transactionalId, timeoutMs }, CONTEXT)
    expect(numberOf(decision.result)).toBe(expected)
    expect(decision.record === undefined).toBe(expected !== 0)
  })
})

const BEGUN = '0 > Ongoing 4711/5'
const ADD: Table<Record<Caller, string>> = {
  Empty: refusedWith(BEGUN),
  Ongoing: refusedWith(BEGUN),
  PrepareAbort: refusedWith('51'),
  PrepareCommit: refusedWith('51'),
  CompleteAbort: refusedWith(BEGUN),
  CompleteCommit: refusedWith(BEGUN),
}
/** For participants that the open transaction has. */
const VERIFY: Table<Record<Caller, string>> = {
  Empty: refusedWith('120'),
  Ongoing: refusedWith('0'),
  PrepareAbort: refusedWith('51'),
  PrepareCommit: refusedWith('51'),
  CompleteAbort: refusedWith('120'),
  CompleteCommit: refusedWith('120'),
}

function callerCases(table: Table<Record<Caller, string>>) {
  return Object.entries(table).flatMap(([state, row]) =>
    Object.entries(row).map(([caller, expected]) => [state, caller, expected]),
  ) as Array<[TransactionState, Caller, string]>
}

describe.each([1, 2] as const)('an addition of version %i', (version) => {
  test.each(callerCases(ADD))(
    'in %s by the %s producer is answered %s',
    (state, caller, expected) => {
      const record = recordIn(state)
      const added = { partitions: [partition(7)], groups: [] }
      const request = { transactionalId: ID, version, ...CALLERS[caller], ...added }
      expect(shown(record, decideAdd(record, request, CONTEXT))).toBe(expected)
    },
  )

  test('changes nothing if the open transaction has all participants', () => {
    const record = recordIn('Ongoing')
    const added = { partitions: [partition(1)], groups: [GROUP] }
    const request = { transactionalId: ID, version, ...CALLERS.current, ...added }
    expect(shown(record, decideAdd(record, request, CONTEXT))).toBe('0')
  })

  test('of an unknown transactional id is answered 49, and of an empty one 42', () => {
    const added = { partitions: [partition(1)], groups: [] }
    const request = { transactionalId: ID, version, ...CALLERS.current, ...added }
    expect(numberOf(decideAdd(undefined, request, CONTEXT).result)).toBe(49)
    const empty = { ...request, transactionalId: '' }
    expect(numberOf(decideAdd(recordIn('Ongoing'), empty, CONTEXT).result)).toBe(42)
  })
})

describe('a verification', () => {
  test.each(callerCases(VERIFY))(
    'in %s by the %s producer is answered %s',
    (state, caller, expected) => {
      const request = { transactionalId: ID, ...CALLERS[caller] }
      const result = decideVerify(recordIn(state), {
        ...request,
        partitions: [partition(1)],
        groups: [GROUP],
      })
      expect(String(numberOf(result))).toBe(expected)
    },
  )

  test.each([
    [{ partitions: [partition(1), partition(9)], groups: [] }],
    [{ partitions: [], groups: ['another' as typeof GROUP] }],
  ])('is answered 120 if the transaction lacks one participant: %j', (asked) => {
    const request = { transactionalId: ID, ...CALLERS.current, ...asked }
    expect(numberOf(decideVerify(recordIn('Ongoing'), request))).toBe(120)
  })

  test('without participants does not pass for an open transaction', () => {
    const request = { transactionalId: ID, ...CALLERS.current, partitions: [], groups: [] }
    expect(numberOf(decideVerify(recordIn('Empty'), request))).toBe(120)
  })
})
