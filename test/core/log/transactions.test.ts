/**
 * Question: does a partition accept exactly the records of open transactions, and do readers see exactly those of
 * committed ones?
 * Contract: `transactions.ts` and `visible-batches.ts`; Kafka's rule for consumers, written again below.
 * Generated: appends, ends and late messages of a few producers with a few transactions each, in any order.
 */
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { encodeBatch } from '../../../src/core/batch/batch-builder.ts'
import { decodeTransactionMarker } from '../../../src/core/batch/control-record.ts'
import {
  assignOffset,
  type BatchHeader,
  readBatchHeaders,
} from '../../../src/core/batch/record-batch.ts'
import { concatenate } from '../../../src/core/bytes/concatenate.ts'
import { OPEN_TRANSACTIONS_MAX } from '../../../src/core/limits.ts'
import { decideAppend } from '../../../src/core/log/append.ts'
import type { ProducerState } from '../../../src/core/log/producer-state.ts'
import {
  type AbortedTransaction,
  checkTransaction,
  decideEnd,
  endedProducer,
  type OpenTransaction,
  questionDueAtMs,
} from '../../../src/core/log/transactions.ts'
import { visibleBatches } from '../../../src/core/log/visible-batches.ts'
import {
  ONE_SHOT_PRODUCER_ID_MIN,
  type TransactionTag,
} from '../../../src/core/transaction/participant-api.ts'
import { checkOf } from '../../support/batch-checks.ts'
import { committedAsKafka } from '../../support/committed-as-kafka.ts'
import { runs, SEEDED } from '../../support/seed.ts'
import { config, header, NOW_MS } from './log-batches.ts'

function tag(number: number, version: 1 | 2 = 1): TransactionTag {
  return { coordinator: 'id/t', transactionalId: 't', number, version }
}

function open(number: number, fields: Partial<OpenTransaction> = {}): OpenTransaction {
  const producer = { producerId: 7n, producerEpoch: 0 }
  return { ...tag(number), ...producer, firstOffset: 40, startedAtMs: NOW_MS, ...fields }
}

function ended(endedNumber: number, fields: Partial<ProducerState> = {}): ProducerState {
  return { epoch: 0, batches: [], endedNumber, ...fields }
}

const transactional = header({ producerId: 7n, producerEpoch: 0, isTransactional: true })
const plain = header({ producerId: 7n, producerEpoch: 0 })
const NOTHING = {
  tag: undefined,
  open: undefined,
  producer: undefined,
  openCount: 0,
  nowMs: NOW_MS,
}

describe('checkTransaction()', () => {
  test.each([
    ['a plain batch', plain, {}, undefined],
    ['a plain batch of a transaction', plain, { tag: tag(1) }, 'invalid_record'],
    ['a plain batch beside an open transaction', plain, { open: open(1) }, 'invalid_txn_state'],
    ['a batch that was not verified', transactional, {}, 'invalid_txn_state'],
    ['the first batch', transactional, { tag: tag(1) }, undefined],
    ['a further batch', transactional, { tag: tag(3), open: open(3) }, undefined],
    ['an earlier one', transactional, { tag: tag(2), open: open(3) }, 'invalid_txn_state'],
    ['a later one', transactional, { tag: tag(4), open: open(3) }, 'invalid_txn_state'],
    ['the next one', transactional, { tag: tag(4), producer: ended(3) }, undefined],
    ['one that has ended', transactional, { tag: tag(3), producer: ended(3) }, 'invalid_txn_state'],
    ['one at its deadline', transactional, { tag: { ...tag(1), deadlineMs: NOW_MS } }, undefined],
    [
      'one after its deadline',
      transactional,
      { tag: { ...tag(1), deadlineMs: NOW_MS - 1 } },
      'invalid_txn_state',
    ],
    [
      'one transaction too many',
      transactional,
      { tag: tag(1), openCount: OPEN_TRANSACTIONS_MAX },
      'throttled',
    ],
    [
      'a further batch at the limit',
      transactional,
      { tag: tag(1), open: open(1), openCount: OPEN_TRANSACTIONS_MAX },
      undefined,
    ],
  ] as const)('decides on %s', (_, batch, state, code) => {
    expect(checkTransaction(batch, { ...NOTHING, ...state })?.code).toBe(code)
  })
})

describe('decideAppend()', () => {
  test.each([
    [1, 5, 'append'],
    [2, 0, 'append'],
    [2, 5, 'gap'],
  ] as const)(
    'accepts from an unknown producer with version %d the sequence %d: %s',
    (version, baseSequence, kind) => {
      const batch = { ...transactional, baseSequence }
      const decision = decideAppend({
        headers: [batch],
        checks: [checkOf(batch)],
        producerRules: 'kafka',
        expectedOffset: undefined,
        logEndOffset: 500,
        config: config(),
        nowMs: NOW_MS,
        producerState: () => undefined,
        openTransactions: new Map(),
        transaction: tag(1, version),
      })
      expect(decision.kind).toBe(kind)
      if (decision.kind !== 'append') return
      const producer = { producerId: 7n, producerEpoch: 0 }
      const begun = { ...tag(1, version), ...producer, firstOffset: 500, startedAtMs: NOW_MS }
      expect(decision.opened).toEqual([begun])
    },
  )

  test('marks the producer of a transaction with a deadline as transient, until after its end', () => {
    const transaction = { ...tag(1, 2), deadlineMs: NOW_MS }
    const decision = decideAppend({
      headers: [{ ...transactional, baseSequence: 0 }],
      checks: [checkOf(transactional)],
      producerRules: 'kafka',
      expectedOffset: undefined,
      logEndOffset: 0,
      config: config(),
      nowMs: NOW_MS,
      producerState: () => undefined,
      openTransactions: new Map(),
      transaction,
    })
    if (decision.kind !== 'append') throw new Error(decision.kind)
    const state = decision.producers.get(7n)
    expect(state).toMatchObject({ isTransient: true })
    expect(endedProducer(state, { producerEpoch: 1, number: 1 })).toEqual({
      ...{ epoch: 1, batches: [], endedNumber: 1, isTransient: true },
    })
  })
})

describe('decideEnd()', () => {
  const end = (number: number, outcome: 'commit' | 'abort' = 'commit', producerEpoch = 0) =>
    ({ producerId: 7n, producerEpoch, version: 1, number, outcome }) as const
  const KNOWN: ProducerState = {
    epoch: 0,
    batches: [{ firstSequence: 0, lastSequence: 9, baseOffset: 40, logAppendTime: null }],
    endedNumber: 2,
  }

  test.each([
    ['the open one', end(3), KNOWN, open(3), 'end commit'],
    ['the open one', end(3, 'abort'), KNOWN, open(3), 'end abort'],
    ['one without records here', end(3), KNOWN, undefined, 'end commit'],
    ['one of an unknown producer', end(1), undefined, undefined, 'end commit'],
    ['one that has ended', end(2), KNOWN, undefined, 'done'],
    ['one that has ended, beside an open one', end(2), KNOWN, open(3), 'done'],
    ['an earlier one', end(1), KNOWN, open(3), 'refuse transaction_coordinator_fenced'],
    [
      'an earlier one, though none has ended',
      end(1),
      undefined,
      open(3),
      'refuse transaction_coordinator_fenced',
    ],
    ['an earlier epoch', end(3), { ...KNOWN, epoch: 1 }, open(3), 'refuse invalid_producer_epoch'],
    ['a later one, so the open one is lost', end(4), KNOWN, open(3), 'end abort'],
  ] as const)('ends %s', (_, request, producer, transaction, outcome) => {
    const decision = decideEnd(request, producer, transaction, NOW_MS)
    const detail = {
      done: () => '',
      refuse: () => 'error' in decision && ` ${decision.error.code}`,
      end: () => 'outcome' in decision && ` ${decision.outcome}`,
    }[decision.kind]()
    expect(`${decision.kind}${detail}`).toBe(outcome)
  })

  test.each([
    [0, KNOWN.batches],
    [1, []],
  ])('keeps the sequences of an epoch, marker epoch %d', (epoch, batches) => {
    const decision = decideEnd(end(3, 'commit', epoch), KNOWN, open(3), NOW_MS)
    expect(decision).toMatchObject({ producer: { epoch, batches, endedNumber: 3 } })
  })

  test('writes a marker with the number of the transaction', () => {
    const decision = decideEnd(end(3, 'abort', 4), KNOWN, open(3), NOW_MS)
    if (decision.kind !== 'end') throw new Error(decision.kind)
    const [marker] = readBatchHeaders(decision.marker)
    expect(marker).toMatchObject({ producerId: 7n, producerEpoch: 4, isTransactional: true })
    expect(marker && decodeTransactionMarker(decision.marker, marker)).toEqual({
      type: 'abort',
      coordinatorEpoch: 3,
    })
  })

  test('writes no marker for a transaction of one call that has no records here', () => {
    const producerId = ONE_SHOT_PRODUCER_ID_MIN + 5n
    const decision = decideEnd({ ...end(1), producerId }, undefined, undefined, NOW_MS)
    expect(decision).toEqual({ kind: 'done' })
  })
})

test.each([
  [{}, 16 * 60_000],
  [{ deadlineMs: NOW_MS + 10_000 }, 40_000],
])('asks the coordinator of a transaction with %o after %d ms', (fields, afterMs) => {
  expect(questionDueAtMs(open(1, fields))).toBe(NOW_MS + afterMs)
})

// -- readers -------------------------------------------------------------------------------------

interface Step {
  readonly producerId: bigint
  readonly action: 'append' | 'commit' | 'abort' | 'plain'
  /** How far the message is behind or ahead of the producer's transaction. */
  readonly lateBy: number
}

const step: fc.Arbitrary<Step> = fc.record({
  producerId: fc.constantFrom(1n, 2n, 3n),
  action: fc.constantFrom('append', 'append', 'append', 'commit', 'abort', 'plain'),
  lateBy: fc.constantFrom(0, 0, 0, 0, 0, 1, 2, -1),
})

/** A log that acts on the decisions, with the coordinator's count of each producer. */
class Log {
  readonly batches: Uint8Array[] = []
  readonly aborted: AbortedTransaction[] = []
  readonly #open = new Map<bigint, OpenTransaction>()
  readonly #producers = new Map<bigint, ProducerState>()
  readonly #numbers = new Map<bigint, number>()
  readonly #sequences = new Map<bigint, number>()
  /** The numbers of the transactions that committed, by the offset of each record. */
  readonly #ofOffset: { offset: number; key: string }[] = []
  readonly #committed = new Set<string>()
  endOffset = 0

  run({ producerId, action, lateBy }: Step): void {
    const number = (this.#numbers.get(producerId) ?? 1) - lateBy
    if (action === 'plain') this.#append(99n, undefined)
    else if (action === 'append') this.#append(producerId, number)
    else this.#end(producerId, number, action, lateBy === 0)
  }

  #append(producerId: bigint, number: number | undefined): void {
    const baseSequence = this.#sequences.get(producerId) ?? 0
    const value = { timestamp: NOW_MS, key: null, value: new Uint8Array(3), headers: [] }
    const isTransactional = number !== undefined
    const producer = { producerId, producerEpoch: 0, baseSequence, isTransactional }
    const bytes = encodeBatch([value, value], producer)
    const headers = readBatchHeaders(bytes)
    const decision = decideAppend({
      headers,
      checks: headers.map((one) => checkOf(one)),
      producerRules: 'kafka',
      expectedOffset: undefined,
      logEndOffset: this.endOffset,
      config: config(),
      nowMs: NOW_MS,
      producerState: (id) => this.#producers.get(id),
      openTransactions: this.#open,
      transaction: number === undefined ? undefined : tag(number),
    })
    const current = this.#numbers.get(producerId) ?? 1
    const isCurrent = number === undefined || number === current
    if (decision.kind !== 'append') {
      expect(isCurrent, `transaction ${number} at ${current} is accepted`).toBe(false)
      return
    }
    // A coordinator never hands out a number ahead of the open transaction, so only late ones are excluded.
    expect(number === undefined || number >= current).toBe(true)
    if (number !== undefined) this.#numbers.set(producerId, number)
    assignOffset(bytes, 0, this.endOffset, 0)
    this.batches.push(bytes)
    const key = `${producerId}/${number ?? 'plain'}`
    for (const offset of [0, 1]) this.#ofOffset.push({ offset: this.endOffset + offset, key })
    this.endOffset = decision.logEndOffset
    this.#sequences.set(producerId, baseSequence + 2)
    for (const [id, state] of decision.producers) this.#producers.set(id, state)
    for (const begun of decision.opened) this.#open.set(begun.producerId, begun)
  }

  #end(producerId: bigint, number: number, outcome: 'commit' | 'abort', isCurrent: boolean): void {
    if (number < 1) return
    const transaction = this.#open.get(producerId)
    const request = { producerId, producerEpoch: 0, version: 1, number, outcome } as const
    const decision = decideEnd(request, this.#producers.get(producerId), transaction, NOW_MS)
    if (decision.kind !== 'end') {
      expect(isCurrent).toBe(false)
      return
    }
    if (!isCurrent && number < (this.#numbers.get(producerId) ?? 1)) {
      throw new Error('a late end is accepted')
    }
    const lastOffset = this.endOffset
    assignOffset(decision.marker, 0, lastOffset, 0)
    this.batches.push(decision.marker)
    this.endOffset += 1
    this.#open.delete(producerId)
    this.#producers.set(producerId, decision.producer)
    this.#numbers.set(producerId, number + 1)
    if (decision.outcome === 'commit') this.#committed.add(`${producerId}/${number}`)
    else if (transaction !== undefined) {
      this.aborted.push({ producerId, firstOffset: transaction.firstOffset, lastOffset })
    }
  }

  get stableOffset(): number {
    const [oldest] = this.#open.values()
    return oldest?.firstOffset ?? this.endOffset
  }

  /** The offsets that a committed reader gets. */
  expected(): number[] {
    return this.#ofOffset
      .filter(({ key }) => key === '99/plain' || this.#committed.has(key))
      .map(({ offset }) => offset)
      .filter((offset) => offset < this.stableOffset)
  }
}

function offsetsOf(batches: Uint8Array): number[] {
  return batches.length === 0 ? [] : offsetsIn(readBatchHeaders(batches))
}

function offsetsIn(headers: readonly BatchHeader[]): number[] {
  return headers.flatMap(({ baseOffset, recordsCount }) =>
    Array.from({ length: recordsCount }, (_, index) => baseOffset + index),
  )
}

test('shows readers the records of committed transactions, as Kafka does', () => {
  fc.assert(
    fc.property(fc.array(step, { maxLength: 60 }), (steps) => {
      const log = new Log()
      for (const one of steps) log.run(one)
      const stable = log.batches.filter((bytes) => {
        const [first] = readBatchHeaders(bytes)
        return (first?.baseOffset ?? 0) < log.stableOffset
      })
      const bytes = concatenate(stable)
      const visible = concatenate(visibleBatches(bytes, log.aborted))
      expect(offsetsOf(visible)).toEqual(log.expected())
      const listed = log.aborted.filter(({ firstOffset }) => firstOffset < log.stableOffset)
      expect(offsetsIn(committedAsKafka(bytes, listed))).toEqual(log.expected())
    }),
    { ...SEEDED, numRuns: runs(500) },
  )
})

test('returns the visible batches as views that are as long as possible', () => {
  const record = { timestamp: NOW_MS, key: null, value: new Uint8Array(3), headers: [] }
  const parts = [0, 1, 2, 3].map((baseOffset) => {
    const isTransactional = baseOffset === 2
    const bytes = encodeBatch([record], {
      producerId: 1n,
      producerEpoch: 0,
      baseSequence: baseOffset,
      isTransactional,
    })
    assignOffset(bytes, 0, baseOffset, 0)
    return bytes
  })
  const all = concatenate(parts)
  const aborted = [{ producerId: 1n, firstOffset: 2, lastOffset: 9 }]
  expect(visibleBatches(all, aborted).map(({ length }) => length)).toEqual([
    (parts[0] as Uint8Array).length * 2,
    (parts[3] as Uint8Array).length,
  ])
  expect(visibleBatches(all, [])).toEqual([all])
})
