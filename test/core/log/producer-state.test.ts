import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { PRODUCER_BATCHES_REMEMBERED } from '../../../src/core/limits.ts'
import {
  addToSequence,
  decideSequence,
  type ProducerRules,
  type ProducerState,
  rememberBatch,
} from '../../../src/core/log/producer-state.ts'
import { runs, SEEDED } from '../../support/seed.ts'
import { header } from './log-batches.ts'

const SEQUENCE_MAX = 2 ** 31 - 1

function batch(baseSequence: number, records = 1, producerEpoch = 0) {
  return header({ producerId: 7n, producerEpoch, baseSequence, records })
}

/** Returns the state after batches of one record each with the given sequences, at offsets 100, 101, ... */
function stateAfter(...sequences: number[]): ProducerState {
  let state: ProducerState | undefined
  for (const [index, sequence] of sequences.entries()) {
    state = rememberBatch(state, batch(sequence), 100 + index, null)
  }
  if (state === undefined) throw new Error('at least one batch')
  return state
}

describe('addToSequence()', () => {
  test.each([
    [0, 1, 1],
    [SEQUENCE_MAX - 1, 1, SEQUENCE_MAX],
    [SEQUENCE_MAX, 1, 0],
    [SEQUENCE_MAX - 1, 3, 1],
  ])('returns for %d + %d the sequence %d', (sequence, count, sum) => {
    expect(addToSequence(sequence, count)).toBe(sum)
  })
})

describe('decideSequence()', () => {
  test('lets a new producer begin with 0', () => {
    expect(decideSequence(undefined, batch(0), 'kafka')).toEqual({ kind: 'append' })
  })

  test('does not let a resendable producer begin with 1', () => {
    expect(decideSequence(undefined, batch(1), 'resendable')).toEqual({ kind: 'unknown_producer' })
  })

  test("lets a new producer begin with any sequence under Kafka's rules", () => {
    expect(decideSequence(undefined, batch(12), 'kafka')).toEqual({ kind: 'append' })
  })

  test('returns the first offset for a retry', () => {
    expect(decideSequence(stateAfter(0, 1), batch(0), 'kafka')).toMatchObject({
      kind: 'duplicate',
      first: { baseOffset: 100 },
    })
  })

  test('remembers exactly five batches', () => {
    const state = stateAfter(0, 1, 2, 3, 4, 5)
    expect(decideSequence(state, batch(1), 'kafka')).toMatchObject({ first: { baseOffset: 101 } })
    expect(decideSequence(state, batch(0), 'kafka')).toEqual({ kind: 'gap', expectedSequence: 6 })
  })

  test('does not treat a batch of another length as a retry', () => {
    expect(decideSequence(stateAfter(0), batch(0, 2), 'kafka')).toEqual({
      kind: 'gap',
      expectedSequence: 1,
    })
  })

  test('refuses a gap, and returns the expected sequence', () => {
    expect(decideSequence(stateAfter(0), batch(2), 'kafka')).toEqual({
      kind: 'gap',
      expectedSequence: 1,
    })
  })

  test('continues after 2147483647 with 0', () => {
    const state = stateAfter(SEQUENCE_MAX)
    expect(decideSequence(state, batch(0), 'kafka')).toEqual({ kind: 'append' })
  })

  test('recognizes a retry of a batch whose sequences wrap', () => {
    const state = rememberBatch(undefined, batch(SEQUENCE_MAX - 1, 4), 50, null)
    expect(decideSequence(state, batch(SEQUENCE_MAX - 1, 4), 'kafka')).toMatchObject({
      kind: 'duplicate',
      first: { baseOffset: 50 },
    })
    expect(decideSequence(state, batch(2), 'kafka')).toEqual({ kind: 'append' })
  })

  test('fences a lower epoch, also for a former retry', () => {
    const state = rememberBatch(stateAfter(0), batch(0, 1, 3), 200, null)
    expect(decideSequence(state, batch(0, 1, 2), 'kafka')).toEqual({
      kind: 'fenced',
      currentEpoch: 3,
    })
    expect(decideSequence(state, batch(0, 1, 0), 'kafka')).toEqual({
      kind: 'fenced',
      currentEpoch: 3,
    })
  })

  test('lets a higher epoch begin only with 0', () => {
    const state = stateAfter(0, 1, 2)
    expect(decideSequence(state, batch(0, 1, 1), 'kafka')).toEqual({ kind: 'append' })
    expect(decideSequence(state, batch(3, 1, 1), 'kafka')).toEqual({
      kind: 'gap',
      expectedSequence: 0,
    })
  })
})

describe('decideSequence() of a resend in other batches', () => {
  /** Sequences 0 to 9 at offset 40, 10 to 14 at offset 90. */
  const state = rememberBatch(
    rememberBatch(undefined, batch(0, 10), 40, null),
    batch(10, 5),
    90,
    7_000,
  )

  test.each([
    ['the middle of one', 3, 4, [[4, 43]]],
    [
      'parts of two',
      8,
      4,
      [
        [2, 48],
        [2, 90],
      ],
    ],
    [
      'two',
      0,
      15,
      [
        [10, 40],
        [5, 90],
      ],
    ],
    ['the last record', 14, 1, [[1, 94]]],
  ])('finds %s', (_, baseSequence, records, pieces) => {
    expect(decideSequence(state, batch(baseSequence, records), 'resendable')).toMatchObject({
      kind: 'stored',
      pieces: pieces.map(([recordsCount, baseOffset]) => ({ recordsCount, baseOffset })),
    })
  })

  test('returns the first new sequence of a batch', () => {
    expect(decideSequence(state, batch(12, 4), 'resendable')).toEqual({
      kind: 'overlap',
      expectedSequence: 15,
      pieces: [{ recordsCount: 3, baseOffset: 92 }],
    })
  })

  test('returns the log append time of the last record', () => {
    const timeOf = (baseSequence: number, records: number) =>
      decideSequence(state, batch(baseSequence, records), 'resendable')
    expect(timeOf(8, 2)).toMatchObject({ logAppendTime: null })
    expect(timeOf(8, 3)).toMatchObject({ logAppendTime: 7_000 })
  })

  test("treats remembered batches, fencing and gaps like Kafka's rules", () => {
    expect(decideSequence(state, batch(10, 5), 'resendable')).toMatchObject({ kind: 'duplicate' })
    expect(decideSequence(state, batch(16), 'resendable')).toEqual({
      kind: 'gap',
      expectedSequence: 15,
    })
    const newer = rememberBatch(state, batch(0, 1, 2), 200, null)
    expect(decideSequence(newer, batch(0, 5), 'resendable')).toMatchObject({ kind: 'fenced' })
    expect(decideSequence(state, batch(3, 5, 1), 'resendable')).toMatchObject({ kind: 'gap' })
    expect(decideSequence(undefined, batch(3), 'resendable')).toEqual({ kind: 'unknown_producer' })
  })

  test.each([0, 15, 2 ** 30])(
    'treats a sequence that was never stored as later: %d before sequence 0',
    (back) => {
      for (const records of [1, 20]) {
        const never = batch(SEQUENCE_MAX - back, records)
        expect(decideSequence(state, never, 'resendable')).toMatchObject({ kind: 'gap' })
      }
    },
  )

  test('treats a forgotten sequence as earlier, however long ago it was', () => {
    const far = stateAfter(...[6, 5, 4, 3, 2].map((back) => 2 ** 31 - back))
    for (const old of [0, 2 ** 29, 2 ** 30]) {
      expect(decideSequence(far, batch(old), 'resendable')).toMatchObject({
        kind: 'stored',
        pieces: [{ recordsCount: 1, baseOffset: -1 }],
      })
    }
    expect(decideSequence(far, batch(SEQUENCE_MAX, 2), 'resendable')).toEqual({ kind: 'append' })
  })

  test('treats, once 2147483647 is stored, up to 2^30 behind as earlier and the rest as later', () => {
    const wrapped = rememberBatch(stateAfter(SEQUENCE_MAX), batch(0, 15), 90, null)
    const old = 2 ** 31 + 15 - 2 ** 30
    expect(decideSequence(wrapped, batch(old), 'resendable')).toMatchObject({
      kind: 'stored',
      pieces: [{ recordsCount: 1, baseOffset: -1 }],
    })
    expect(decideSequence(wrapped, batch(old - 1), 'resendable')).toMatchObject({ kind: 'gap' })
    const ended = stateAfter(SEQUENCE_MAX - 1, SEQUENCE_MAX)
    expect(decideSequence(ended, batch(SEQUENCE_MAX - 1, 2), 'resendable')).toMatchObject({
      kind: 'stored',
      pieces: [{ baseOffset: 100 }, { baseOffset: 101 }],
    })
    const restarted = rememberBatch(wrapped, batch(0, 1, 1), 200, null)
    expect(decideSequence(restarted, batch(old, 1, 1), 'resendable')).toMatchObject({ kind: 'gap' })
  })

  test('counts across the end of the sequences', () => {
    const wrapped = rememberBatch(undefined, batch(SEQUENCE_MAX - 1, 4), 50, null)
    expect(decideSequence(wrapped, batch(SEQUENCE_MAX, 5), 'resendable')).toEqual({
      kind: 'overlap',
      expectedSequence: 2,
      pieces: [{ recordsCount: 3, baseOffset: 51 }],
    })
    expect(decideSequence(wrapped, batch(SEQUENCE_MAX - 3, 6), 'resendable')).toMatchObject({
      kind: 'stored',
      pieces: [
        { recordsCount: 2, baseOffset: -1 },
        { recordsCount: 4, baseOffset: 50 },
      ],
    })
  })
})

/**
 * Question: is every batch of a producer decided by Kafka's rules, for any history?
 * Contract: the last five batches appended under the current epoch are recognized as retries; the next
 * sequence is appended; everything else is a gap; lower epochs are fenced.
 * Model: the whole history of appended batches, with sequences that never wrap (they are cut to 31 bits
 * only where a batch is made), so the model forgets nothing and computes nothing modulo.
 * Generated: up to 60 batches: the next one, retries of any earlier one, gaps, epochs up and down; first
 * sequences on both sides of the wrap. Limits: one producer; lengths up to 9.
 */
interface Appended {
  readonly epoch: number
  readonly position: bigint
  readonly records: number
  readonly offset: number
}

interface Step {
  readonly kind: 'next' | 'retry' | 'near' | 'new epoch' | 'new epoch, not 0' | 'old epoch'
  readonly records: number
  readonly pick: number
}

class HistoryModel {
  readonly appended: Appended[] = []
  epoch = 0
  next: bigint
  readonly #rules: ProducerRules

  constructor(first: number, rules: ProducerRules) {
    this.next = BigInt(first)
    this.#rules = rules
  }

  decide(epoch: number, position: bigint, records: number): object {
    const isFirst = position % 2n ** 31n === 0n
    if (this.appended.length === 0) {
      const mayBegin = this.#rules === 'kafka' || isFirst
      return { kind: mayBegin ? 'append' : 'unknown_producer' }
    }
    if (epoch < this.epoch) return { kind: 'fenced', currentEpoch: this.epoch }
    if (epoch > this.epoch) {
      return isFirst ? { kind: 'append' } : { kind: 'gap', expectedSequence: 0 }
    }
    const first = this.appended
      .filter((one) => one.epoch === epoch)
      .slice(-5)
      .find((one) => one.position === position && one.records === records)
    if (first !== undefined) return { kind: 'duplicate', first: { baseOffset: first.offset } }
    if (position === this.next) return { kind: 'append' }
    if (position < this.next && this.#rules === 'resendable') return { kind: 'stored' }
    return { kind: 'gap', expectedSequence: Number(this.next % 2n ** 31n) }
  }
}

const arbitraryStep: fc.Arbitrary<Step> = fc.record({
  kind: fc.constantFrom<Step['kind'][]>(
    ...(['next', 'next', 'next', 'retry', 'retry', 'near'] as const),
    ...(['new epoch', 'new epoch, not 0', 'old epoch'] as const),
  ),
  records: fc.integer({ min: 1, max: 9 }),
  pick: fc.nat(1_000),
})

function batchOf(
  { kind, records, pick }: Step,
  model: HistoryModel,
): Pick<Appended, 'epoch' | 'position' | 'records'> {
  const { epoch, next, appended } = model
  const earlier = appended[appended.length - 1 - (pick % Math.min(8, Math.max(1, appended.length)))]
  if (kind === 'retry' && earlier !== undefined) return earlier
  if (kind === 'near') return { epoch, position: next + BigInt((pick % 6) + 1), records }
  if (kind === 'new epoch') return { epoch: epoch + 1 + (pick % 2), position: 0n, records }
  if (kind === 'new epoch, not 0') return { epoch: epoch + 1, position: next + 1n, records }
  if (kind === 'old epoch' && epoch > 0) return { epoch: pick % epoch, position: next, records }
  return { epoch, position: next, records }
}

test('decideSequence() agrees with a model that forgets nothing', () => {
  fc.assert(
    fc.property(
      fc.constantFrom(0, 0, 1, SEQUENCE_MAX, SEQUENCE_MAX - 10),
      fc.constantFrom<ProducerRules[]>('kafka', 'resendable'),
      fc.array(arbitraryStep, { maxLength: 60 }),
      (first, rules, steps) => {
        const model = new HistoryModel(first, rules)
        let state: ProducerState | undefined
        let offset = 1_000
        for (const step of steps) {
          const { epoch, position, records } = batchOf(step, model)
          const asSent = batch(Number(position % 2n ** 31n), records, epoch)
          const decision = decideSequence(state, asSent, rules)
          expect(decision).toMatchObject(model.decide(epoch, position, records))
          if (decision.kind !== 'append') continue
          model.appended.push({ epoch, position, records, offset })
          model.epoch = epoch
          model.next = position + BigInt(records)
          state = rememberBatch(state, asSent, offset, null)
          expect(state.batches.length).toBeLessThanOrEqual(PRODUCER_BATCHES_REMEMBERED)
          offset += records + (step.pick % 3)
        }
      },
    ),
    { ...SEEDED, numRuns: runs(500) },
  )
})
