import { evictDurableObject, reset, runInDurableObject } from 'cloudflare:test'
import { afterEach, describe, expect, test, vi } from 'vitest'
import { PartitionLog } from '../../../durable-objects/partition/partition-log.ts'
import { ProducerTable } from '../../../durable-objects/partition/producer-table.ts'
import {
  CACHED_PRODUCERS_MAX,
  CHECKPOINT_BYTES,
  CHECKPOINT_CHUNKS,
  PRODUCER_EXPIRATION_MS,
  SEQUENCE_GAP_WAIT_MS,
} from '../../../src/core/limits.ts'
import {
  alarmTime,
  append,
  appendRequest,
  appendTogether,
  type BatchFields,
  batch,
  checkAge,
  codeOf,
  configure,
  countRows,
  largeBatch,
  maintain,
  newPartition,
  partition,
  range,
  readAll,
  sameBytes,
  tryAppend,
  valuesOf,
} from './partition-for-test.ts'

afterEach(async () => {
  vi.restoreAllMocks()
  await reset()
})

/** Makes the batch with the one record that has this sequence. */
function one(baseSequence: number, fields: BatchFields = {}) {
  return batch([`s${baseSequence}`], { producerId: 7n, baseSequence, ...fields })
}

describe('an idempotent producer', () => {
  test('gets the first result for a retry, and the log holds one copy', async () => {
    const name = await newPartition()
    const first = await append(name, one(0))
    await append(name, one(1))
    expect(await append(name, one(0))).toEqual(first)
    expect(await valuesOf(await readAll(name))).toEqual(['s0', 's1'])
  })

  test('gets one result for a request and its retry in the same commit', async () => {
    const name = await newPartition()
    const requests = [{ batches: one(0) }, { batches: one(0) }, { batches: one(0) }]
    const results = await appendTogether(name, requests)
    expect(results.map((result) => 'ok' in result && result.ok.baseOffsets)).toEqual([
      [0],
      [0],
      [0],
    ])
    expect(await valuesOf(await readAll(name))).toEqual(['s0'])
  })

  test('gets the same log append time again', async () => {
    const name = await newPartition({ 'message.timestamp.type': 'LogAppendTime' })
    const first = await append(name, one(0))
    await scheduler.wait(5)
    expect(await append(name, one(0))).toEqual(first)
    await evictDurableObject(partition(name))
    expect(await append(name, one(0))).toEqual(first)
  })

  test('is rejected after a gap, and permanently fenced by a higher epoch', async () => {
    const name = await newPartition()
    await append(name, one(0))
    expect(codeOf(await tryAppend(name, one(2)))).toBe('out_of_order_sequence_number')
    await append(name, one(0, { producerEpoch: 1 }))
    expect(codeOf(await tryAppend(name, one(1)))).toBe('invalid_producer_epoch')
    await evictDurableObject(partition(name))
    expect(codeOf(await tryAppend(name, one(1)))).toBe('invalid_producer_epoch')
    expect(codeOf(await tryAppend(name, one(1, { producerEpoch: 1 })))).toBe('ok')
  })

  test("begins with any sequence by Kafka's rules, and with 0 by the others", async () => {
    const name = await newPartition()
    expect(codeOf(await tryAppend(name, one(3)))).toBe('unknown_producer_id')
    expect(codeOf(await tryAppend(name, one(3), { producerRules: 'kafka' }))).toBe('ok')
  })

  test('wraps from the highest sequence to 0', async () => {
    const name = await newPartition()
    const last = 2 ** 31 - 1
    await append(name, one(last), { producerRules: 'kafka' })
    await evictDurableObject(partition(name))
    expect((await append(name, one(0))).baseOffsets).toEqual([1])
    expect((await append(name, one(last))).baseOffsets).toEqual([0])
  })
})

describe('a resend in different batches', () => {
  /** Makes the batch with the records of these sequences. */
  const some = (from: number, to: number) =>
    batch(
      range(to - from).map((index) => `s${from + index}`),
      { producerId: 7n, baseSequence: from },
    )

  test("is rejected by Kafka's rules", async () => {
    const name = await newPartition()
    const rules = { producerRules: 'kafka' } as const
    await append(name, some(0, 5))
    expect(codeOf(await tryAppend(name, some(0, 8), rules))).toBe('out_of_order_sequence_number')
    expect(codeOf(await tryAppend(name, some(1, 3), rules))).toBe('out_of_order_sequence_number')
  })

  test('returns its overlaps, and appends nothing', async () => {
    const name = await newPartition()
    await append(name, batch(['other']))
    await append(name, some(0, 5))
    for (const _ of range(2)) {
      const before = await readAll(name)
      expect(await append(name, some(2, 8))).toEqual({
        overlaps: [{ index: 0, pieces: [{ recordsCount: 3, baseOffset: 3 }] }],
        topicVersion: 1,
      })
      expect(sameBytes(await readAll(name), before)).toBe(true)
      await evictDurableObject(partition(name))
    }
  })

  test('succeeds if it has nothing new, also after an eviction', async () => {
    const name = await newPartition()
    await append(name, some(0, 5))
    await append(name, batch(['other']))
    await append(name, some(5, 8))
    for (const _ of range(2)) {
      expect(await append(name, some(3, 7))).toMatchObject({
        baseOffsets: [3],
        pieces: [
          [
            { recordsCount: 2, baseOffset: 3 },
            { recordsCount: 2, baseOffset: 6 },
          ],
        ],
        nextOffset: 8,
      })
      // In the original batch: the first result, without pieces.
      expect(await append(name, some(5, 8))).not.toHaveProperty('pieces')
      await evictDurableObject(partition(name))
    }
    expect((await valuesOf(await readAll(name))).length).toBe(9)
  })

  test('returns the log append time of its last record', async () => {
    const name = await newPartition({ 'message.timestamp.type': 'LogAppendTime' })
    await append(name, some(0, 5))
    await scheduler.wait(5)
    const { logAppendTime } = await append(name, some(5, 8))
    expect((await append(name, some(1, 7))).logAppendTime).toBe(logAppendTime)
  })

  test('returns no offset for records that the log no longer remembers', async () => {
    const name = await newPartition()
    for (const sequence of range(7)) await append(name, one(sequence))
    expect(await append(name, some(0, 2))).toMatchObject({
      baseOffsets: [-1],
      pieces: [[{ recordsCount: 2, baseOffset: -1 }]],
      nextOffset: -1,
      logAppendTime: null,
    })
  })

  test('waits for the preceding batch, and then returns its overlaps', async () => {
    const name = await newPartition()
    await append(name, some(0, 1))
    const early = tryAppend(name, some(3, 9))
    await scheduler.wait(20)
    // Two of its records arrive in the batch that it waits for.
    await append(name, some(1, 5))
    expect(await early).toMatchObject({
      ok: { overlaps: [{ index: 0, pieces: [{ recordsCount: 2, baseOffset: 3 }] }] },
    })
    expect((await valuesOf(await readAll(name))).length).toBe(5)
  })

  test('waits for the preceding batch, and succeeds if by then nothing of it is new', async () => {
    const name = await newPartition()
    const calls = [some(0, 3), some(8, 9)]
    const early = tryAppend(name, calls)
    await scheduler.wait(20)
    await append(name, some(0, 2))
    await append(name, some(2, 8))
    expect(await early).toMatchObject({ ok: { baseOffsets: [0, 8] } })
  })

  test('is deduplicated within one commit', async () => {
    const name = await newPartition()
    const results = await appendTogether(
      name,
      [some(0, 5), some(0, 8), some(5, 8), some(0, 8)].map((batches) => ({ batches })),
    )
    expect(results).toMatchObject([
      { ok: { baseOffsets: [0] } },
      { ok: { overlaps: [{ index: 0, pieces: [{ recordsCount: 5, baseOffset: 0 }] }] } },
      { ok: { baseOffsets: [5] } },
      { ok: { baseOffsets: [0], pieces: [[{ recordsCount: 5 }, { recordsCount: 3 }]] } },
    ])
    expect((await valuesOf(await readAll(name))).length).toBe(8)
  })
})

describe('batches out of order', () => {
  test('wait for the preceding one', async () => {
    const name = await newPartition()
    const order = [3, 1, 4, 2, 0]
    const results = await Promise.all(order.map((n) => append(name, one(n))))
    expect(results.map(({ baseOffsets }) => baseOffsets[0])).toEqual(order)
    expect(await valuesOf(await readAll(name))).toEqual(['s0', 's1', 's2', 's3', 's4'])
  })

  test('wait for it also across commits, and so do their retries', async () => {
    const name = await newPartition()
    const early = [2, 1, 2].map((n) => append(name, one(n)))
    await scheduler.wait(20)
    await append(name, one(0))
    const results = await Promise.all(early)
    expect(results.map(({ baseOffsets }) => baseOffsets[0])).toEqual([2, 1, 2])
    expect(await valuesOf(await readAll(name))).toEqual(['s0', 's1', 's2'])
  })

  test('cost no more to decide than others, even if a thousand arrive in reverse', async () => {
    const name = await newPartition()
    const decide = vi.spyOn(PartitionLog.prototype, 'append')
    const order = range(1_000).reverse()
    const results = await appendTogether(
      name,
      order.map((n) => ({ batches: one(n) })),
    )
    expect(results.map((result) => 'ok' in result && result.ok.baseOffsets[0])).toEqual(order)
    expect(decide.mock.calls.length).toBeLessThanOrEqual(3 * order.length)
  })

  test('are rejected if it does not arrive in time', async () => {
    const name = await newPartition()
    await append(name, one(0))
    const before = Date.now()
    const result = await tryAppend(name, one(2))
    expect(result).toMatchObject({
      error: { code: 'out_of_order_sequence_number', details: { expectedSequence: 1 } },
    })
    expect(Date.now() - before).toBeGreaterThanOrEqual(SEQUENCE_GAP_WAIT_MS - 5)
  })

  test('are rejected with the sequence that is missing now, not the one that was missing on arrival', async () => {
    const name = await newPartition()
    const early = tryAppend(name, one(2))
    await scheduler.wait(10)
    await append(name, one(0))
    expect(await early).toMatchObject({
      error: { code: 'out_of_order_sequence_number', details: { expectedSequence: 1 } },
    })
  })

  test('are fenced while they wait', async () => {
    const name = await newPartition()
    await append(name, one(0))
    const early = tryAppend(name, one(2))
    await scheduler.wait(10)
    await append(name, one(0, { producerEpoch: 1 }))
    expect(codeOf(await early)).toBe('invalid_producer_epoch')
  })

  test('are rejected when the partition is deleted', async () => {
    const name = await newPartition()
    const early = tryAppend(name, one(2))
    await scheduler.wait(10)
    await partition(name).destroy()
    expect(codeOf(await early)).toBe('unknown_topic_or_partition')
  })
})

describe('the state of producers', () => {
  /** Checks the partition against every result it returned: the last five are remembered, the next one fits. */
  async function expectRemembered(name: string, offsets: readonly number[]): Promise<void> {
    const count = offsets.length
    for (const sequence of range(count).slice(-5)) {
      expect((await append(name, one(sequence))).baseOffsets).toEqual([offsets[sequence]])
    }
    expect(codeOf(await tryAppend(name, one(count + 1)))).toBe('out_of_order_sequence_number')
  }

  test('survives an eviction after each append', async () => {
    const name = await newPartition()
    const offsets: number[] = []
    for (const sequence of range(8)) {
      await append(name, batch(['other']))
      offsets.push(...(await append(name, one(sequence))).baseOffsets)
      await evictDurableObject(partition(name))
      await expectRemembered(name, offsets)
    }
  })

  test('survives evictions around a checkpoint by bytes, and around sealing', async () => {
    const name = await newPartition()
    const offsets: number[] = []
    const sizeBytes = Math.floor(CHECKPOINT_BYTES / 3)
    for (const sequence of range(8)) {
      await append(name, largeBatch(sizeBytes))
      offsets.push(...(await append(name, one(sequence))).baseOffsets)
      await evictDurableObject(partition(name))
      await expectRemembered(name, offsets)
      if (sequence % 3 === 2) await maintain(name)
      await expectRemembered(name, offsets)
    }
    expect(await countRows(name, 'producer')).toBe(1)
  })

  test('survives retention of all its batches', async () => {
    const name = await newPartition()
    await append(name, one(0, { timestamp: 5 }))
    await checkAge(name)
    expect(await countRows(name, 'chunk')).toBe(0)
    await evictDurableObject(partition(name))
    expect((await append(name, one(0))).baseOffsets).toEqual([0])
    expect((await append(name, one(1))).baseOffsets).toEqual([1])
  })

  test('survives with more producers than the cache holds', async () => {
    const name = await newPartition()
    const count = CACHED_PRODUCERS_MAX + 500
    const first = (n: number) => batch(['a'], { producerId: BigInt(n) })
    const second = (n: number) => batch(['b'], { producerId: BigInt(n), baseSequence: 1 })
    const results = await appendTogether(
      name,
      range(count).map((n) => ({ batches: first(n) })),
    )
    await append(name, largeBatch(CHECKPOINT_BYTES - 10_000))
    expect(await countRows(name, 'producer')).toBe(count)
    expect(
      await appendTogether(
        name,
        range(count).map((n) => ({ batches: first(n) })),
      ),
    ).toEqual(results)
    await evictDurableObject(partition(name))
    const next = await appendTogether(
      name,
      range(count).map((n) => ({ batches: second(n) })),
    )
    expect(new Set(next.map(codeOf))).toEqual(new Set(['ok']))
    expect(
      await appendTogether(
        name,
        range(count).map((n) => ({ batches: second(n) })),
      ),
    ).toEqual(next)
  })

  test('expires after PRODUCER_EXPIRATION_MS without an append, by alarm', async () => {
    const name = await newPartition({ 'retention.ms': '-1' })
    await append(name, [one(0), largeBatch(CHECKPOINT_BYTES - 100)])
    expect(await countRows(name, 'producer')).toBe(1)
    await runInDurableObject(partition(name), (_, { storage }) => {
      storage.sql.exec(
        'UPDATE producer SET last_append_ms = ?',
        Date.now() - PRODUCER_EXPIRATION_MS,
      )
    })
    await maintain(name)
    expect(await countRows(name, 'producer')).toBe(0)
    expect(codeOf(await tryAppend(name, one(1)))).toBe('unknown_producer_id')
  })

  test('outlives all of its batches for as long as PRODUCER_EXPIRATION_MS', async () => {
    const name = await newPartition()
    const fields = { timestamp: 5, producerId: 7n, baseSequence: 0 }
    await append(name, batch(['s0', 's1'], fields))
    await checkAge(name)
    expect(await countRows(name, 'chunk')).toBe(0)
    const silentFor = async (silenceMs: number) => {
      await runInDurableObject(partition(name), (_, { storage }) => {
        storage.sql.exec('UPDATE producer SET last_append_ms = ?', Date.now() - silenceMs)
      })
      await evictDurableObject(partition(name))
      await maintain(name)
    }
    await silentFor(PRODUCER_EXPIRATION_MS - 60_000)
    expect(await append(name, one(1))).toMatchObject({
      pieces: [[{ recordsCount: 1, baseOffset: 1 }]],
    })
    const ahead = batch(['s2'], { producerId: 7n, baseSequence: 2 })
    expect(codeOf(await tryAppend(name, one(3)))).toBe('out_of_order_sequence_number')
    await silentFor(PRODUCER_EXPIRATION_MS)
    expect(codeOf(await tryAppend(name, ahead))).toBe('unknown_producer_id')
  })

  test('sets an alarm for its expiry', async () => {
    const name = await newPartition({ 'retention.ms': '-1' })
    await append(name, [one(0), largeBatch(CHECKPOINT_BYTES - 100)])
    expect(await countRows(name, 'producer')).toBe(1)
    await maintain(name)
    const dueInMs = ((await alarmTime(name)) ?? 0) - Date.now()
    expect(dueInMs).toBeGreaterThan(PRODUCER_EXPIRATION_MS - 60_000)
    expect(dueInMs).toBeLessThanOrEqual(PRODUCER_EXPIRATION_MS)
  })

  test('is scanned only when a producer can have expired', async () => {
    const name = await newPartition()
    await runInDurableObject(partition(name), (_, { storage }) => {
      const exec = vi.fn(storage.sql.exec.bind(storage.sql))
      const producers = new ProducerTable({ exec } as unknown as SqlStorage)
      const expire = (nowMs: number) => {
        exec.mockClear()
        producers.expire(nowMs)
        return { atMs: producers.expireAtMs, hasLooked: exec.mock.calls.length > 0 }
      }
      const append = (producerId: bigint, nowMs: number) => {
        producers.set(producerId, { epoch: 0, batches: [] }, nowMs)
        producers.writeChanged()
      }
      // After a start nothing is known; from then on, that there is no row.
      expect(expire(1)).toEqual({ atMs: undefined, hasLooked: true })
      expect(expire(2)).toEqual({ atMs: undefined, hasLooked: false })
      append(1n, 10)
      append(2n, 20)
      const first = 10 + PRODUCER_EXPIRATION_MS
      expect(expire(30)).toEqual({ atMs: first, hasLooked: false })
      // The first producer appended again: at its old deadline there is nothing to delete, and the second is next.
      append(1n, 30)
      expect(expire(first)).toEqual({ atMs: first + 10, hasLooked: true })
      expect(expire(first + 9)).toEqual({ atMs: first + 10, hasLooked: false })
      expect(expire(first + 10)).toEqual({ atMs: first + 20, hasLooked: true })
      expect(producers.get(2n)).toBeUndefined()
      expect(expire(first + 20)).toEqual({ atMs: undefined, hasLooked: true })
    })
  })
})

describe('a start', () => {
  /** Counts the batches of idempotent producers that a start replays. */
  async function replayed(name: string): Promise<number> {
    await evictDurableObject(partition(name))
    const set = vi.spyOn(ProducerTable.prototype, 'set')
    await partition(name).describe()
    const { length } = set.mock.calls
    set.mockRestore()
    return length
  }

  test('replays no more chunks than lie between two checkpoints', async () => {
    const name = await newPartition()
    // One chunk per append, as from producers that send one at a time.
    await runInDurableObject(partition(name), async (instance) => {
      for (const sequence of range(CHECKPOINT_CHUNKS - 1)) {
        await instance.append(appendRequest(one(sequence)))
      }
    })
    expect(await countRows(name, 'chunk')).toBe(CHECKPOINT_CHUNKS - 1)
    expect(await replayed(name)).toBe(CHECKPOINT_CHUNKS - 1)
    await append(name, one(CHECKPOINT_CHUNKS - 1))
    expect(await replayed(name)).toBe(0)
    await append(name, one(CHECKPOINT_CHUNKS))
    expect(await replayed(name)).toBe(1)
  })

  test('replays less than CHECKPOINT_BYTES', async () => {
    const name = await newPartition()
    const sizeBytes = Math.floor(CHECKPOINT_BYTES / 10)
    const counts: number[] = []
    for (const sequence of range(25)) {
      await append(name, largeBatch(sizeBytes, { producerId: 7n, baseSequence: sequence }))
      counts.push(await replayed(name))
    }
    expect(Math.max(...counts)).toBe(9)
  })

  test('keeps its config', async () => {
    const name = await newPartition({ 'max.message.bytes': '200' })
    await configure(name, { 'max.message.bytes': '300' }, 2)
    await evictDurableObject(partition(name))
    expect(codeOf(await tryAppend(name, largeBatch(200)))).toBe('ok')
    expect(codeOf(await tryAppend(name, largeBatch(300)))).toBe('message_too_large')
  })
})
