import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import type { BatchHeader } from '../../../src/core/batch/record-batch.ts'
import { OFFSET_MAX } from '../../../src/core/limits.ts'
import {
  type AppendDecision,
  type AppendInput,
  decideAppend,
} from '../../../src/core/log/append.ts'
import type { ProducerState } from '../../../src/core/log/producer-state.ts'
import { checkOf } from '../../support/batch-checks.ts'
import { runs, SEEDED } from '../../support/seed.ts'
import { config, header, NOW_MS } from './log-batches.ts'

function decide(headers: readonly BatchHeader[], input: Partial<AppendInput> = {}): AppendDecision {
  return decideAppend({
    headers,
    checks: headers.map((one) => checkOf(one)),
    producerRules: 'kafka',
    expectedOffset: undefined,
    logEndOffset: 500,
    config: config(),
    nowMs: NOW_MS,
    producerState: () => undefined,
    openTransactions: new Map(),
    ...input,
  })
}

function outcomeOf(decision: AppendDecision): string {
  return 'error' in decision ? `${decision.kind} ${decision.error.code}` : decision.kind
}

function produced(baseSequence: number, fields: Parameters<typeof header>[0] = {}): BatchHeader {
  return header({ producerId: 7n, producerEpoch: 0, baseSequence, ...fields })
}

const KNOWN: ProducerState = {
  epoch: 0,
  batches: [{ firstSequence: 0, lastSequence: 9, baseOffset: 40, logAppendTime: null }],
}
const withKnownProducer = { producerState: (id: bigint) => (id === 7n ? KNOWN : undefined) }

describe('decideAppend()', () => {
  test('assigns offsets from the end of the log', () => {
    const decision = decide([header({ records: 3 }), header({ records: 2 })])
    expect(decision).toMatchObject({
      kind: 'append',
      logEndOffset: 505,
      placed: [
        { baseOffset: 500, isDuplicate: false },
        { baseOffset: 503, isDuplicate: false },
      ],
    })
  })

  test('throws instead of assigning an offset above 2^53 - 1', () => {
    expect(() => decide([header({ records: 2 })], { logEndOffset: OFFSET_MAX - 1 })).toThrow(
      '2^53 - 1',
    )
    expect(outcomeOf(decide([header()], { logEndOffset: OFFSET_MAX - 1 }))).toBe('append')
  })

  test.each([
    [1_000, 'append'],
    [1_001, 'refuse message_too_large'],
  ])('checks a batch of %d bytes against max.message.bytes=1000: %s', (sizeBytes, result) => {
    const settings = config({ 'max.message.bytes': '1000' })
    expect(outcomeOf(decide([header({ sizeBytes })], { config: settings }))).toBe(result)
  })

  test('refuses transactional batches whose transaction was not verified', () => {
    const batch = produced(0, { isTransactional: true })
    expect(outcomeOf(decide([batch]))).toBe('refuse invalid_txn_state')
  })

  test.each([
    ['delete', 'append'],
    ['compact', 'refuse invalid_record'],
    ['compact,delete', 'refuse invalid_record'],
  ])('decides on a null key with cleanup.policy=%s: %s', (policy, result) => {
    const settings = config({ 'cleanup.policy': policy })
    const checks = [checkOf(header(), true)]
    expect(outcomeOf(decide([header()], { config: settings, checks }))).toBe(result)
  })

  test('applies the config to the records of a new batch, not to those of a retry', () => {
    const settings = config({ 'cleanup.policy': 'compact' })
    const call = [produced(0, { records: 10 }), produced(10)]
    const withNullKeys = (...nullKeys: readonly boolean[]) => ({
      ...withKnownProducer,
      config: settings,
      checks: call.map((one, index) => checkOf(one, nullKeys[index])),
    })
    expect(outcomeOf(decide(call, withNullKeys(true, false)))).toBe('append')
    expect(decide(call, withNullKeys(false, true))).toMatchObject({
      kind: 'refuse',
      error: { code: 'invalid_record', details: { batchIndex: 1 } },
    })
  })

  test('accepts a key in a compacted topic', () => {
    const settings = config({ 'cleanup.policy': 'compact' })
    expect(outcomeOf(decide([header()], { config: settings }))).toBe('append')
  })

  describe('with message.timestamp.before.max.ms=1000 and after.max.ms=500', () => {
    const bounds = {
      'message.timestamp.before.max.ms': '1000',
      'message.timestamp.after.max.ms': '500',
    }
    test.each([
      [-1_000, 0, 'append'],
      [-1_001, 0, 'refuse invalid_timestamp'],
      [0, 500, 'append'],
      [0, 501, 'refuse invalid_timestamp'],
    ])('decides on timestamps from now%+d to now%+d: %s', (base, max, result) => {
      const batch = header({ baseTimestamp: NOW_MS + base, maxTimestamp: NOW_MS + max })
      expect(outcomeOf(decide([batch], { config: config(bounds) }))).toBe(result)
    })

    test('refuses a batch with an early record behind its first', () => {
      const batch = header({ records: 3 })
      const check = { hasNullKey: false, minTimestamp: NOW_MS - 1_001, maxTimestamp: NOW_MS }
      expect(outcomeOf(decide([batch], { config: config(bounds), checks: [check] }))).toBe(
        'refuse invalid_timestamp',
      )
    })

    test('accepts records without a timestamp', () => {
      const batch = header({ baseTimestamp: -1, maxTimestamp: -1 })
      expect(outcomeOf(decide([batch], { config: config(bounds) }))).toBe('append')
    })

    test('accepts any timestamp with LogAppendTime, which sets its own', () => {
      const batch = header({ baseTimestamp: 5, maxTimestamp: NOW_MS * 2 })
      const settings = config({ ...bounds, 'message.timestamp.type': 'LogAppendTime' })
      expect(outcomeOf(decide([batch], { config: settings }))).toBe('append')
    })
  })

  test('fences a lower epoch', () => {
    const producerState = () => ({ ...KNOWN, epoch: 3 })
    expect(outcomeOf(decide([produced(10)], { producerState }))).toBe(
      'refuse invalid_producer_epoch',
    )
  })

  test('returns a gap with the expected sequence', () => {
    const decision = decide([produced(12)], withKnownProducer)
    expect(decision).toMatchObject({
      kind: 'gap',
      producerId: 7n,
      error: { code: 'out_of_order_sequence_number', details: { expectedSequence: 10 } },
    })
  })

  test('returns a gap for an unknown producer', () => {
    const decision = decide([produced(12)], { producerRules: 'resendable' })
    expect(outcomeOf(decision)).toBe('gap unknown_producer_id')
  })

  test('returns the first offset of a duplicate, and does not change the log', () => {
    const decision = decide([produced(0, { records: 10 })], withKnownProducer)
    expect(decision).toMatchObject({
      kind: 'append',
      logEndOffset: 500,
      placed: [{ baseOffset: 40, isDuplicate: true }],
    })
    expect(decision).toHaveProperty('producers.size', 0)
  })

  test('recognizes a batch that occurs twice in one call as a duplicate', () => {
    const decision = decide([produced(0), produced(0), produced(1)])
    expect(decision).toMatchObject({
      logEndOffset: 502,
      placed: [
        { baseOffset: 500, isDuplicate: false },
        { baseOffset: 500, isDuplicate: true },
        { baseOffset: 501, isDuplicate: false },
      ],
    })
  })

  test.each([
    [500, 'append'],
    [499, 'refuse expected_offset_mismatch'],
    [501, 'refuse expected_offset_mismatch'],
    [0, 'refuse expected_offset_mismatch'],
  ])('decides with If-Match %d at the end 500: %s', (expectedOffset, result) => {
    expect(outcomeOf(decide([header()], { expectedOffset }))).toBe(result)
  })

  test('returns the next offset if If-Match does not match', () => {
    const decision = decide([header()], { expectedOffset: 3 })
    expect(decision).toMatchObject({ error: { details: { nextOffset: 500 } } })
  })

  test('returns the first offset for a retry of a conditional append', () => {
    const decision = decide([produced(0, { records: 10 })], {
      ...withKnownProducer,
      expectedOffset: 40,
    })
    expect(decision).toMatchObject({ kind: 'append', placed: [{ baseOffset: 40 }] })
  })

  test.each([
    ['max.message.bytes', '50'],
    ['message.timestamp.before.max.ms', '0'],
    ['cleanup.policy', 'compact'],
  ])('accepts a retry that a later change of %s would refuse', (key, value) => {
    const retry = produced(0, { records: 10, baseTimestamp: NOW_MS - 5, maxTimestamp: NOW_MS - 5 })
    const input = { config: config({ [key]: value }), checks: [checkOf(retry, true)] }
    expect(outcomeOf(decide([retry], { ...withKnownProducer, ...input }))).toBe('append')
    expect(
      outcomeOf(decide([{ ...retry, baseSequence: 10 }], { ...withKnownProducer, ...input })),
    ).toMatch(/^refuse/)
  })
})

describe('decideAppend() of batches that overlap stored records', () => {
  const trims = { ...withKnownProducer, producerRules: 'resendable' } as const
  const overlaps = [{ index: 1, pieces: [{ recordsCount: 3, baseOffset: 47 }] }]

  test('appends nothing, and decides on the other batches as if these were trimmed', () => {
    const call = [header(), produced(7, { records: 5 }), produced(12)]
    expect(decide(call, trims)).toEqual({ kind: 'overlap', overlaps })
    expect(outcomeOf(decide([...call, produced(14)], trims))).toBe(
      'gap out_of_order_sequence_number',
    )
  })

  test('does not apply the config and If-Match to them', () => {
    const call = [produced(0, { records: 10, sizeBytes: 2_000 }), produced(7, { records: 5 })]
    const settings = config({ 'max.message.bytes': '50', 'cleanup.policy': 'compact' })
    const input = { ...trims, config: settings, expectedOffset: 3 }
    const checks = call.map((one) => checkOf(one, true))
    expect(decide(call, { ...input, checks })).toEqual({ kind: 'overlap', overlaps })
    const late = produced(2, { records: 3, sizeBytes: 2_000 })
    const old = decide([late], { ...input, checks: [checkOf(late, true)] })
    expect(old).toMatchObject({
      kind: 'append',
      logEndOffset: 500,
      placed: [{ baseOffset: 42, isDuplicate: true, pieces: [{ recordsCount: 3 }] }],
    })
  })

  test.each([
    [2, 'append'],
    [10, 'append'],
    [12, 'refuse invalid_txn_state'],
  ])('checks the transaction of %d records only if some are new: %s', (records, outcome) => {
    const batch = produced(0, { records, isTransactional: true })
    expect(outcomeOf(decide([batch], trims))).toBe(outcome)
  })

  test('refuses batches that overlap records of the same call', () => {
    const call = [produced(10, { records: 5 }), produced(12, { records: 5 })]
    expect(outcomeOf(decide(call, trims))).toBe('gap out_of_order_sequence_number')
  })
})

/**
 * Question: does a call with many batches have the effect of calls with one batch each, or none?
 * Contract: the call is appended if each of its batches would be, one after the other; then offsets are dense,
 * duplicates have the first result, and the producers' states are the same. Otherwise the result is that
 * of the first batch that is not appended.
 * Model: `decideAppend` with one batch at a time, folded over a log end and a map of producers.
 * Generated: calls of 1 to 8 batches from 3 producers and from none, sequences near the expected ones,
 * sizes and timestamps on both sides of their limits. Limits: no `expectedOffset`.
 */
interface BatchPlan {
  readonly producer: number
  readonly step: number
  readonly records: number
  readonly epochStep: number
  readonly sizeBytes: number
}

const arbitraryPlan: fc.Arbitrary<BatchPlan> = fc.record({
  producer: fc.integer({ min: -1, max: 2 }),
  step: fc.constantFrom(0, 0, 0, 0, 0, 0, -1, -2, 1),
  records: fc.integer({ min: 1, max: 3 }),
  epochStep: fc.constantFrom(0, 0, 0, 0, 0, 0, 0, 1, -1),
  sizeBytes: fc.constantFrom(100, 100, 100, 100, 1_000, 1_001),
})

test('decideAppend() appends many batches one after the other, or none', () => {
  const settings = config({ 'max.message.bytes': '1000' })
  fc.assert(
    fc.property(fc.array(fc.array(arbitraryPlan, { minLength: 1, maxLength: 8 })), (calls) => {
      const producers = new Map<bigint, ProducerState>()
      const sent = new Map<number, BatchHeader[]>()
      let logEndOffset = 0
      for (const call of calls) {
        const headers = call.map((plan) => headerFor(plan, sent))
        const input = { config: settings, logEndOffset }
        const whole = decide(headers, { ...input, producerState: (id) => producers.get(id) })
        const oneByOne = fold(headers, input, producers)
        expect(summary(whole)).toEqual(summary(oneByOne))
        if (whole.kind !== 'append') continue
        let next = logEndOffset
        for (const { header: batch, baseOffset, isDuplicate } of whole.placed) {
          if (isDuplicate) continue
          expect(baseOffset).toBe(next)
          next += batch.recordsCount
        }
        expect(whole.logEndOffset).toBe(next)
        logEndOffset = next
        for (const [id, state] of whole.producers) producers.set(id, state)
      }
    }),
    { ...SEEDED, numRuns: runs(300) },
  )
})

function headerFor(plan: BatchPlan, sent: Map<number, BatchHeader[]>): BatchHeader {
  const { producer, records, sizeBytes } = plan
  if (producer < 0) return header({ records, sizeBytes })
  const mine = sent.get(producer) ?? []
  sent.set(producer, mine)
  const last = mine.at(-1)
  if (plan.step < 0 && mine.length > 0) return mine.at(plan.step) ?? mine[0] ?? header()
  const epoch = Math.max(0, (last?.producerEpoch ?? 0) + plan.epochStep)
  const isSameEpoch = last?.producerEpoch === epoch
  const batch = header({
    producerId: BigInt(producer),
    producerEpoch: epoch,
    baseSequence: (isSameEpoch ? last.baseSequence + last.recordsCount : 0) + plan.step,
    records,
    sizeBytes,
  })
  mine.push(batch)
  return batch
}

function fold(
  headers: readonly BatchHeader[],
  input: Partial<AppendInput>,
  before: ReadonlyMap<bigint, ProducerState>,
): AppendDecision {
  const producers = new Map<bigint, ProducerState>()
  const placed = []
  let logEndOffset = input.logEndOffset ?? 0
  for (const batch of headers) {
    const producerState = (id: bigint) => producers.get(id) ?? before.get(id)
    const decision = decide([batch], { ...input, logEndOffset, producerState })
    if (decision.kind !== 'append') return decision
    placed.push(...decision.placed)
    for (const [id, state] of decision.producers) producers.set(id, state)
    logEndOffset = decision.logEndOffset
  }
  return { kind: 'append', placed, logEndOffset, producers, opened: [] }
}

function summary(decision: AppendDecision): unknown {
  if (!('error' in decision)) return decision
  return { kind: decision.kind, code: decision.error.code, message: decision.error.message }
}
