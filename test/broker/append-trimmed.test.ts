/**
 * Question: does a producer that regroups its records at any time find each of them in the
 * log once, in order, and does it receive their offsets?
 * Contract: `appendTrimmed` with the partition's own `decideAppend` behind it. Its result covers every record of the
 * request; an offset is that of the record; -1 is only used outside the last five batches of the producer. The next
 * offset and the time are those of the last record.
 * Generated: requests of one to four batches that begin anywhere in what was sent before, split anywhere, compressed or
 * not, of three producers, one of which wraps its sequence; lost responses, so that the producer does not know its
 * position; requests that overtake one that is being trimmed.
 * Limits: one partition, which forgets no producer; the bytes are stored as the partition would store them.
 */
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { replyTo } from '../../durable-objects/partition/append-result.ts'
import { checkBatches } from '../../src/broker/append.ts'
import {
  type Append,
  type AppendedBatches,
  appendTrimmed,
} from '../../src/broker/append-trimmed.ts'
import { encodeBatch } from '../../src/core/batch/batch-builder.ts'
import type { BatchCheck } from '../../src/core/batch/batch-check.ts'
import { compressBatch } from '../../src/core/batch/compress-batch.ts'
import { decodeBatch } from '../../src/core/batch/decode-records.ts'
import { batchBytes, readBatchHeaders, verifyCrc } from '../../src/core/batch/record-batch.ts'
import { concatenate } from '../../src/core/bytes/concatenate.ts'
import { CODECS } from '../../src/core/compression/codecs.ts'
import { EdgelogError } from '../../src/core/errors.ts'
import { OVERLAP_TRIMS_MAX } from '../../src/core/limits.ts'
import { decideAppend } from '../../src/core/log/append.ts'
import type { AppendResult, OverlapResult } from '../../src/core/log/partition-api.ts'
import { addToSequence, type ProducerState } from '../../src/core/log/producer-state.ts'
import { resolveTopicConfig, type TopicConfig } from '../../src/core/topic/topic-config.ts'
import { checksOf } from '../support/batch-checks.ts'
import { runs, SEEDED } from '../support/seed.ts'

const CONFIG = resolveTopicConfig({})
const STAMPED = resolveTopicConfig({ 'message.timestamp.type': 'LogAppendTime' })
const FIRST_SEQUENCES = [0, 0, 2 ** 31 - 20]

/** Appends with the checks that result from the headers of the batches. */
async function appendChecked(
  batches: Uint8Array,
  append: Append,
  batchBytesMax: () => Promise<number>,
): Promise<AppendedBatches> {
  return await appendTrimmed(batches, checksOf(batches), append, batchBytesMax)
}

/** The log of one partition, with the name of each record at its offset. */
class FakeLog {
  readonly records: string[] = []
  /** The log append time of each record. */
  readonly times: Array<number | null> = []
  readonly config: TopicConfig
  readonly #producers = new Map<bigint, ProducerState>()
  #nowMs = 5_000

  constructor(config = CONFIG) {
    this.config = config
    for (const [id, first] of FIRST_SEQUENCES.entries()) {
      if (first === 0) continue
      const before = { firstSequence: first - 1, lastSequence: first - 1, logAppendTime: null }
      this.records.push('before')
      this.times.push(null)
      this.#producers.set(BigInt(id), { epoch: 0, batches: [{ ...before, baseOffset: 0 }] })
    }
  }

  async append(
    batches: Uint8Array,
    checks: readonly BatchCheck[],
    expectedOffset?: number,
  ): Promise<AppendResult | OverlapResult> {
    const headers = readBatchHeaders(batches)
    const names = await Promise.all(headers.map((header) => namesOf(batches, header)))
    const decision = decideAppend({
      headers,
      checks,
      producerRules: 'resendable',
      expectedOffset,
      logEndOffset: this.records.length,
      config: this.config,
      nowMs: this.#nowMs++,
      openTransactions: new Map(),
      producerState: (id) => this.#producers.get(id),
    })
    if ('error' in decision) throw decision.error
    if (decision.kind === 'overlap') return { overlaps: decision.overlaps, topicVersion: 1 }
    for (const [index, { isDuplicate, logAppendTime }] of decision.placed.entries()) {
      if (isDuplicate) continue
      for (const name of names[index] ?? []) {
        this.records.push(name)
        this.times.push(logAppendTime)
      }
    }
    for (const [id, state] of decision.producers) this.#producers.set(id, state)
    const assignment = { topicId: 't', topic: 't', partition: 0, version: 1, config: this.config }
    return replyTo(decision.placed, { logStartOffset: 0, assignment })
  }

  /** Returns how many records of this producer are stored. */
  count(producer: number): number {
    return this.records.filter((name) => name.startsWith(`${producer}/`)).length
  }

  isRemembered(producer: number, offset: number): boolean {
    const { batches = [] } = this.#producers.get(BigInt(producer)) ?? {}
    return batches.some(
      ({ baseOffset, firstSequence, lastSequence }) =>
        offset >= baseOffset &&
        offset <= baseOffset + ((lastSequence - firstSequence + 2 ** 31) % 2 ** 31),
    )
  }
}

async function namesOf(
  batches: Uint8Array,
  header: ReturnType<typeof readBatchHeaders>[number],
): Promise<string[]> {
  verifyCrc(batches, header)
  const records = await decodeBatch(batches, header, CODECS)
  expect(records.map(({ timestamp }) => timestamp)).toEqual(
    records.map(({ value }) => timeOf(new TextDecoder().decode(value ?? undefined))),
  )
  return records.map(({ value }) => new TextDecoder().decode(value ?? undefined))
}

/** Returns times that rise and fall, so that a changed one is noticed. */
function timeOf(name: string): number {
  return 1_000 + ((Number(name.split('/')[1]) * 7) % 13)
}

async function encode(producer: number, from: number, count: number, isCompressed: boolean) {
  const names = Array.from({ length: count }, (_, index) => `${producer}/${from + index}`)
  const batch = encodeBatch(
    names.map((name) => ({
      timestamp: timeOf(name),
      key: null,
      value: new TextEncoder().encode(name),
      headers: [],
    })),
    {
      producerId: BigInt(producer),
      producerEpoch: 0,
      baseSequence: addToSequence(FIRST_SEQUENCES[producer] ?? 0, from),
    },
  )
  return isCompressed ? await compressBatch(batch, 'gzip', CODECS) : batch
}

interface Sent {
  readonly batches: Uint8Array
  readonly checks: readonly BatchCheck[]
}

interface Send {
  readonly producer: number
  /** Number of records before the first unstored one at which it begins. */
  readonly back: number
  readonly counts: readonly number[]
  readonly isCompressed: boolean
  /** A request that overtakes this one while it is being trimmed. */
  readonly ahead: Send | undefined
}

const send: fc.Arbitrary<Send> = fc.letrec<{ send: Send }>((tie) => ({
  send: fc.record({
    producer: fc.nat(FIRST_SEQUENCES.length - 1),
    back: fc.oneof(fc.constant(0), fc.nat(12), fc.nat(60)),
    counts: fc.array(fc.integer({ min: 1, max: 9 }), { minLength: 1, maxLength: 4 }),
    isCompressed: fc.boolean(),
    ahead: fc.option(tie('send'), { nil: undefined, depthSize: 'small', maxDepth: 3 }),
  }),
})).send

async function perform(log: FakeLog, one: Send): Promise<void> {
  const { producer, counts, isCompressed, ahead } = one
  const stored = log.count(producer)
  const from = Math.max(0, stored - one.back)
  const parts: Uint8Array[] = []
  let next = from
  for (const count of counts) {
    parts.push(await encode(producer, next, count, isCompressed))
    next += count
  }
  let calls = 0
  const result = await appendChecked(
    concatenate(parts),
    async (batches, checks) => {
      const resultOf = await log.append(batches, checks)
      if (calls++ === 0 && ahead !== undefined) await perform(log, ahead)
      return resultOf
    },
    async () => 150,
  )
  expectPlaced(log, producer, from, counts, result)
}

function expectPlaced(
  log: FakeLog,
  producer: number,
  from: number,
  counts: readonly number[],
  { baseOffsets, pieces: given, nextOffset, logAppendTime }: AppendedBatches,
): void {
  const pieces =
    given ??
    counts.map((recordsCount, index) => ({ recordsCount, baseOffset: baseOffsets[index] ?? -2 }))
  const offsets = pieces.flatMap(({ recordsCount, baseOffset }) =>
    Array.from({ length: recordsCount }, (_, index) => (baseOffset < 0 ? -1 : baseOffset + index)),
  )
  expect(offsets.length).toBe(counts.reduce((sum, count) => sum + count, 0))
  for (const [index, offset] of offsets.entries()) {
    const name = `${producer}/${from + index}`
    if (offset !== -1) expect(log.records[offset]).toBe(name)
    else expect(log.isRemembered(producer, log.records.indexOf(name))).toBe(false)
  }
  const last = offsets.at(-1) ?? -1
  expect(nextOffset).toBe(last === -1 ? -1 : last + 1)
  expect(logAppendTime).toBe(log.times[last] ?? null)
  let first = 0
  for (const [index, count] of counts.entries()) {
    expect(baseOffsets[index]).toBe(offsets[first])
    first += count
  }
}

test('stores each record once, in order, and returns its offset, however the records are grouped', async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(send, { maxLength: 25 }), fc.boolean(), async (sends, isStamped) => {
      const log = new FakeLog(isStamped ? STAMPED : CONFIG)
      for (const one of sends) await perform(log, one)
      for (const [producer] of FIRST_SEQUENCES.entries()) {
        const mine = log.records.filter((name) => name.startsWith(`${producer}/`))
        expect(mine).toEqual(mine.map((_, index) => `${producer}/${index}`))
      }
    }),
    { ...SEEDED, numRuns: runs(200) },
  )
})

describe('appendTrimmed()', () => {
  const append = async (log: FakeLog, from: number, count: number, sizeBytesMax = 1e6) =>
    await appendChecked(
      await encode(0, from, count, false),
      (batches, checks) => log.append(batches, checks),
      async () => sizeBytesMax,
    )

  test('returns what the protocol specifies', async () => {
    const log = new FakeLog()
    expect(await append(log, 0, 50)).not.toHaveProperty('pieces')
    const whole = [
      { recordsCount: 50, baseOffset: 1 },
      { recordsCount: 30, baseOffset: 51 },
    ]
    expect(await append(log, 0, 80)).toMatchObject({ baseOffsets: [1], pieces: whole })
    expect(await append(log, 0, 80)).toMatchObject({ baseOffsets: [1], pieces: whole })
    expect(await append(log, 10, 51)).toMatchObject({
      baseOffsets: [11],
      pieces: [
        { recordsCount: 40, baseOffset: 11 },
        { recordsCount: 11, baseOffset: 51 },
      ],
    })
    expect(log.count(0)).toBe(80)
    // Repeating the same batches returns no pieces.
    expect(await append(log, 0, 50)).not.toHaveProperty('pieces')
    expect(await append(log, 50, 30)).not.toHaveProperty('pieces')
  })

  test('returns -1 as the offset of records before the last five batches', async () => {
    const log = new FakeLog()
    for (let index = 0; index < 7; index++) await append(log, index * 2, 2)
    expect(await append(log, 0, 2)).toMatchObject({
      baseOffsets: [-1],
      pieces: [{ recordsCount: 2, baseOffset: -1 }],
    })
    expect(await append(log, 1, 14)).toMatchObject({
      baseOffsets: [-1],
      pieces: [
        { recordsCount: 3, baseOffset: -1 },
        ...[5, 7, 9, 11, 13].map((baseOffset) => ({ recordsCount: 2, baseOffset })),
        { recordsCount: 1, baseOffset: 15 },
      ],
    })
  })

  test('splits a batch that does not fit into several', async () => {
    const log = new FakeLog()
    await append(log, 0, 5)
    const { pieces } = await append(log, 0, 40, 120)
    expect(pieces?.length).toBeGreaterThan(3)
    expect(pieces?.reduce((sum, { recordsCount }) => sum + recordsCount, 0)).toBe(40)
    expect(log.count(0)).toBe(40)
  })

  test('rejects a gap, and a batch that overlaps another one of the same request', async () => {
    const log = new FakeLog()
    await append(log, 0, 5)
    await expect(append(log, 6, 2)).rejects.toMatchObject({
      code: 'out_of_order_sequence_number',
      details: { expectedSequence: 5 },
    })
    const parts = [await encode(0, 3, 4, false), await encode(0, 6, 4, false)]
    const both = appendChecked(
      concatenate(parts),
      (batches, checks) => log.append(batches, checks),
      async () => 1e6,
    )
    await expect(both).rejects.toMatchObject({ code: 'out_of_order_sequence_number' })
    expect(log.count(0)).toBe(5)
  })

  test('gives up if other requests always overtake it, and has stored nothing', async () => {
    const batches = await encode(0, 0, 20, false)
    let calls = 0
    const racing = appendChecked(
      batches,
      async () => {
        calls += 1
        const pieces = [{ recordsCount: 1, baseOffset: calls }]
        return { overlaps: [{ index: 0, pieces }], topicVersion: 1 }
      },
      async () => 1e6,
    )
    await expect(racing).rejects.toThrow(EdgelogError)
    await expect(racing).rejects.toMatchObject({ code: 'throttled', retryable: true })
    expect(calls).toBe(OVERLAP_TRIMS_MAX + 1)
  })

  test('trims each overlapping batch, and leaves the others unchanged', async () => {
    const log = new FakeLog()
    await append(log, 0, 3)
    const plain = encodeBatch([
      { timestamp: timeOf('x/9'), key: null, value: new TextEncoder().encode('x/9'), headers: [] },
    ])
    const parts = [plain, await encode(0, 1, 4, true), await encode(0, 5, 2, true)]
    const sent: Uint8Array[] = []
    const result = await appendChecked(
      concatenate(parts),
      (batches, checks) => {
        sent.push(batches)
        return log.append(batches, checks)
      },
      async () => 1e6,
    )
    expect(result).toMatchObject({
      baseOffsets: [4, 2, 7],
      pieces: [
        { recordsCount: 1, baseOffset: 4 },
        { recordsCount: 2, baseOffset: 2 },
        { recordsCount: 2, baseOffset: 5 },
        { recordsCount: 2, baseOffset: 7 },
      ],
    })
    const [first, , third] = readBatchHeaders(sent[1] as Uint8Array)
    expect(batchBytes(sent[1] as Uint8Array, first as never)).toEqual(parts[0])
    expect(batchBytes(sent[1] as Uint8Array, third as never)).toEqual(parts[2])
  })

  /** Makes a batch of producer 0 whose records are zeros of these sizes. */
  const zeros = async (from: number, sizes: readonly number[], key: Uint8Array | null = null) =>
    await compressBatch(
      encodeBatch(
        sizes.map((size) => ({ timestamp: 1, key, value: new Uint8Array(size), headers: [] })),
        { producerId: 0n, producerEpoch: 0, baseSequence: from },
      ),
      'gzip',
      CODECS,
    )
  /** Makes a log that already has the first three records of the given number of batches. */
  const overlapsFirst = (sent: Sent[], count = 1) => {
    return async (batches: Uint8Array, checks: readonly BatchCheck[]) => {
      sent.push({ batches, checks })
      const headers = readBatchHeaders(batches)
      const pieces = [{ recordsCount: 3, baseOffset: 0 }]
      const overlaps = Array.from({ length: count }, (_, index) => ({ index, pieces }))
      if (sent.length === 1) return { overlaps, topicVersion: 1 }
      const baseOffsets = headers.map((_, index) => 100 + index)
      return { baseOffsets, nextOffset: 0, logAppendTime: null, logStartOffset: 0, topicVersion: 1 }
    }
  }

  test.each([
    ['a record', 1, [1, 1, 1, 40_000], 20_000],
    ['the whole rest', 9, [1, 1, 1, ...new Array(190).fill(10_000)], 1e6],
    ['the number of batches', 1, [1, 1, 1, ...new Array(10_002).fill(10)], 90],
  ])(
    'leaves the trimming to the producer if %s needs the compression',
    async (_, count, sizes, batchBytesMax) => {
      const sent: Sent[] = []
      const one = await zeros(5, sizes)
      const appended = appendChecked(
        concatenate(new Array(count).fill(one)),
        overlapsFirst(sent, count),
        async () => batchBytesMax,
      )
      await expect(appended).rejects.toMatchObject({
        code: 'out_of_order_sequence_number',
        details: { expectedSequence: 8 },
      })
      expect(sent.length).toBe(1)
    },
  )

  test('makes more batches than a request may have, if the rest needs them', async () => {
    const sent: Sent[] = []
    const first = await zeros(0, [1, 1, 1, 40, 40, 40, 40])
    const small = await encode(1, 0, 1, false)
    const batches = concatenate([first, ...new Array(9_999).fill(small)])
    const result = await appendChecked(batches, overlapsFirst(sent), async () => 140)
    expect(readBatchHeaders(sent[1]?.batches as Uint8Array).length).toBe(10_003)
    expect(result.baseOffsets.length).toBe(10_000)
    expect(result.pieces?.slice(0, 3)).toEqual([
      { recordsCount: 3, baseOffset: 0 },
      { recordsCount: 1, baseOffset: 100 },
      { recordsCount: 1, baseOffset: 101 },
    ])
  })

  test('passes the check of each remaining batch to the log', async () => {
    const key = new TextEncoder().encode('k')
    const sent: Sent[] = []
    const records = [null, null, null, key].map((one, index) => ({
      timestamp: 10 - index,
      key: one,
      value: null,
      headers: [],
    }))
    const cut = encodeBatch(records, { producerId: 0n, producerEpoch: 0, baseSequence: 0 })
    const whole = await zeros(4, [1])
    const checks = [
      { hasNullKey: true, minTimestamp: 7, maxTimestamp: 10 },
      { hasNullKey: true, minTimestamp: 1, maxTimestamp: 1 },
    ]
    const batches = concatenate([cut, whole])
    await appendTrimmed(batches, checks, overlapsFirst(sent), async () => 1e6)
    const left = { hasNullKey: false, minTimestamp: 7, maxTimestamp: 7 }
    expect(sent.map((one) => one.checks)).toEqual([checks, [left, checks[1]]])
  })

  test('names rejected records by their index in the request, also after trimming', async () => {
    const key = new TextEncoder().encode('k')
    const compacted = new FakeLog(resolveTopicConfig({ 'cleanup.policy': 'compact' }))
    const batchOf = (from: number, keys: ReadonlyArray<Uint8Array | null>) => {
      const producer = { producerId: 0n, producerEpoch: 0, baseSequence: from }
      const records = keys.map((one, index) => ({ at: from + index, key: one }))
      return encodeBatch(
        records.map(({ at, key }) => {
          const value = new TextEncoder().encode(`0/${at}`)
          return { timestamp: timeOf(`0/${at}`), key, value, headers: [] }
        }),
        producer,
      )
    }
    const appendKeys = async (batches: readonly Uint8Array[]) => {
      const bytes = concatenate(batches)
      const checks = await checkBatches(bytes)
      const append: Append = (rest, checksOfRest) => compacted.append(rest, checksOfRest)
      return await appendTrimmed(bytes, checks, append, async () => 1e6)
    }
    const first = batchOf(0, [key, key, key])
    await expect(appendKeys([first, batchOf(3, [key, null])])).rejects.toMatchObject({
      code: 'invalid_record',
      details: { recordErrors: [{ index: 4 }], recordErrorsCount: 1 },
    })
    await appendKeys([first])
    const longer = batchOf(0, [key, key, key, key, null, null])
    await expect(appendKeys([longer])).rejects.toMatchObject({
      code: 'invalid_record',
      details: { recordErrors: [{ index: 4 }, { index: 5 }], recordErrorsCount: 2 },
    })
    const parts = [longer, batchOf(6, [key])]
    await expect(appendKeys(parts)).rejects.toMatchObject({
      details: { recordErrors: [{ index: 4 }, { index: 5 }] },
    })
    expect(compacted.count(0)).toBe(3)
  })

  test('compares If-Match with the end of the log at the time of the second call', async () => {
    const log = new FakeLog()
    await append(log, 0, 3)
    const other = await encode(1, 0, 2, false)
    const conditional = async (expectedOffset: number) => {
      let calls = 0
      return await appendChecked(
        await encode(0, 0, 5, false),
        async (batches, checks) => {
          const resultOf = await log.append(batches, checks, expectedOffset)
          if (calls++ === 0) await log.append(other, checksOf(other))
          return resultOf
        },
        async () => 1e6,
      )
    }
    // The log ends at 4 at the first call, and at 6 at the second.
    await expect(conditional(4)).rejects.toMatchObject({ code: 'expected_offset_mismatch' })
    expect(log.count(0)).toBe(3)
    expect(await conditional(6)).toMatchObject({ nextOffset: 8 })
  })
})
