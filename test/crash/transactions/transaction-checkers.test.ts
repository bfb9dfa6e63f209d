/** The checkers with histories that are right, or wrong in one place. */
import { describe, expect, test } from 'vitest'
import { copyOf } from './copiers.ts'
import { findCycle } from './find-cycle.ts'
import { checkTransactions } from './transaction-checkers.ts'
import type { Reader, TransactionEvent, TransactionHistory } from './transaction-history.ts'

const LOG = { topic: 'log', partition: 0 }
const COPIES = { topic: 'copies', partition: 0 }

function event(name: string, changes: Partial<TransactionEvent> = {}): TransactionEvent {
  return {
    ...{ name, transactionalId: 'id', instance: 1, offsets: [], reads: [], answers: [] },
    records: [{ ...LOG, value: name, offset: 0 }],
    outcome: 'committed',
    commitInvokedAt: 10,
    ...changes,
  }
}

function reader(changes: Partial<Reader> = {}): Reader {
  const seen = [
    { offset: 0, value: 'a', seenAt: 20 },
    { offset: 2, value: 'b', seenAt: 20 },
  ]
  return {
    ...{ ...LOG, kind: 'committed fetch', seen, stableOffsets: [0, 4], position: 4 },
    ...changes,
  }
}

/** A log with two transactions, of which the first was copied. */
const RIGHT: TransactionHistory = {
  transactions: [
    event('a'),
    event('b', { records: [{ ...LOG, value: 'b', offset: 2 }], outcome: 'unknown' }),
    event('none', { records: [{ ...LOG, value: 'none' }], outcome: 'aborted' }),
    event('copy', { records: [{ ...COPIES, value: copyOf('a'), offset: 0 }], reads: ['a'] }),
  ],
  inits: [{ transactionalId: 'id', instance: 2, answeredAt: 30 }],
  probes: [{ promise: 'T7', what: 'a probe', isKept: true }],
  readers: [reader()],
  partitions: [
    {
      ...LOG,
      committed: [
        { offset: 0, value: 'a' },
        { offset: 2, value: 'b' },
      ],
      uncommitted: [
        { offset: 0, value: 'a' },
        { offset: 2, value: 'b' },
      ],
      asKafka: [
        { offset: 0, value: 'a' },
        { offset: 2, value: 'b' },
      ],
      ...{ lastStableOffset: 4, highWatermark: 4 },
    },
    {
      ...COPIES,
      committed: [{ offset: 0, value: copyOf('a') }],
      uncommitted: [{ offset: 0, value: copyOf('a') }],
      asKafka: [{ offset: 0, value: copyOf('a') }],
      ...{ lastStableOffset: 2, highWatermark: 2 },
    },
  ],
  copies: [{ group: 'g', from: LOG, to: COPIES, committedOffset: 1 }],
  stuck: [],
}

const [LOG_AT_END, COPIES_AT_END] = RIGHT.partitions as [
  TransactionHistory['partitions'][number],
  TransactionHistory['partitions'][number],
]

function withTransaction(changed: TransactionEvent): TransactionHistory {
  const others = RIGHT.transactions.filter(({ name }) => name !== changed.name)
  return { ...RIGHT, transactions: [...others, changed] }
}

test('accept a history in which every promise is kept', () => {
  expect(checkTransactions(RIGHT)).toEqual([])
})

test.each<[string, string, TransactionHistory]>([
  [
    'T1',
    'a committed record that is not there',
    withTransaction(event('a', { records: [{ ...LOG, value: 'a', offset: 1 }] })),
  ],
  [
    'T1',
    'half a transaction',
    withTransaction(
      event('b', {
        outcome: 'unknown',
        records: [
          { ...LOG, value: 'b', offset: 2 },
          { ...LOG, value: 'c', offset: 3 },
        ],
      }),
    ),
  ],
  [
    'T1',
    'an aborted record that is visible',
    withTransaction(
      event('b', { outcome: 'aborted', records: [{ ...LOG, value: 'b', offset: 2 }] }),
    ),
  ],
  [
    'T2',
    'a read before the commit',
    {
      ...RIGHT,
      readers: [
        reader({
          seen: [
            { offset: 0, value: 'a', seenAt: 5 },
            { offset: 2, value: 'b', seenAt: 20 },
          ],
        }),
      ],
    },
  ],
  [
    'T2',
    'a read of an aborted record',
    {
      ...RIGHT,
      readers: [
        reader({
          seen: [
            { offset: 0, value: 'a', seenAt: 20 },
            { offset: 1, value: 'none', seenAt: 20 },
            { offset: 2, value: 'b', seenAt: 20 },
          ],
        }),
      ],
    },
  ],
  [
    'T2',
    'a record that a reader missed',
    { ...RIGHT, readers: [reader({ seen: [{ offset: 2, value: 'b', seenAt: 20 }] })] },
  ],
  [
    'T2',
    'a transaction that read an aborted record',
    withTransaction(event('a', { reads: ['none'] })),
  ],
  ['T2', 'a transaction that read itself', withTransaction(event('a', { reads: ['a'] }))],
  ['T2', 'a circle of reads', withTransaction(event('a', { reads: [copyOf('a')] }))],
  [
    'T3',
    'a record that is visible twice',
    {
      ...RIGHT,
      partitions: [
        { ...LOG_AT_END, committed: [...LOG_AT_END.committed, { offset: 3, value: 'a' }] },
        COPIES_AT_END,
      ],
    },
  ],
  [
    'T3',
    'a record of no transaction',
    {
      ...RIGHT,
      partitions: [
        { ...LOG_AT_END, committed: [...LOG_AT_END.committed, { offset: 3, value: 'x' }] },
        COPIES_AT_END,
      ],
    },
  ],
  [
    'T5',
    'an offset without its copies',
    { ...RIGHT, copies: [{ group: 'g', from: LOG, to: COPIES, committedOffset: 3 }] },
  ],
  [
    'T5',
    'copies without their offset',
    { ...RIGHT, copies: [{ group: 'g', from: LOG, to: COPIES, committedOffset: 0 }] },
  ],
  [
    'T6',
    'a commit after the producer was fenced',
    withTransaction(event('a', { commitInvokedAt: 40 })),
  ],
  ['T7', 'two responses to a commit', withTransaction(event('a', { answers: ['7/1', '7/2'] }))],
  [
    'T7',
    'a probe that fails',
    { ...RIGHT, probes: [{ promise: 'T7', what: 'a probe', isKept: false }] },
  ],
  [
    'T8',
    'a last stable offset that moves back',
    { ...RIGHT, readers: [reader({ stableOffsets: [4, 2] })] },
  ],
  [
    'T8',
    'a transaction that stays open',
    { ...RIGHT, partitions: [{ ...LOG_AT_END, highWatermark: 5 }, COPIES_AT_END] },
  ],
  [
    'T9',
    'a record that Kafka clients do not get',
    { ...RIGHT, partitions: [{ ...LOG_AT_END, asKafka: [] }, COPIES_AT_END] },
  ],
  [
    'T10',
    'two results of a transaction in one call',
    withTransaction(event('a', { instance: 0, answers: ['[]', 'transaction_aborted'] })),
  ],
  ['V1', 'a call without a response', { ...RIGHT, stuck: ['commit of a'] }],
])('find a breach of %s: %s', (promise, _, history) => {
  expect(checkTransactions(history).map((violation) => violation.promise)).toContain(promise)
})

describe('findCycle()', () => {
  const inGraph = (edges: Record<string, readonly string[]>) =>
    findCycle(Object.keys(edges), (node) => edges[node] ?? [])

  test.each([
    ['a chain', { a: ['b'], b: ['c'], c: [] }],
    ['a diamond', { a: ['b', 'c'], b: ['d'], c: ['d'], d: [] }],
    ['two ways into one', { a: ['c'], b: ['c', 'a'], c: [] }],
  ])('finds none in %s', (_, edges) => {
    expect(inGraph(edges)).toBeUndefined()
  })

  test.each([
    ['a node that points to itself', { a: ['b'], b: ['b'] }, ['b']],
    ['two nodes', { a: ['b'], b: ['a'] }, ['a', 'b']],
    [
      'a circle behind a chain',
      { a: ['b'], b: ['c'], c: ['d'], d: ['b', 'e'], e: [] },
      ['b', 'c', 'd'],
    ],
  ])('finds %s', (_, edges, cycle) => {
    expect(inGraph(edges)?.sort()).toEqual(cycle)
  })
})
