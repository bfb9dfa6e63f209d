import { reset, runInDurableObject } from 'cloudflare:test'
import { afterEach, describe, expect, test, vi } from 'vitest'
import { ChunkTable } from '../../../durable-objects/partition/chunk-table.ts'
import { PartitionLog } from '../../../durable-objects/partition/partition-log.ts'
import { type Result, unwrap } from '../../../src/core/errors.ts'
import {
  CHUNK_BYTES_MAX,
  COMMIT_DELAY_CALLS,
  COMMIT_DELAY_MS_MAX,
  PENDING_BYTES_MAX,
  THROTTLE_MS,
} from '../../../src/core/limits.ts'
import type { AppendResults } from '../../../src/core/log/partition-api.ts'
import {
  append,
  appendRequest,
  appendTogether,
  batch,
  chunkRows,
  codeOf,
  headersOf,
  largeBatch,
  newPartition,
  partition,
  range,
  read,
  readAll,
  recordsOf,
  tryAppend,
  valuesOf,
} from './partition-for-test.ts'

afterEach(async () => {
  vi.restoreAllMocks()
  await reset()
})

describe('append()', () => {
  test('returns the offsets that it assigned', async () => {
    const name = await newPartition()
    expect(await append(name, [batch(['a', 'b']), batch(['c'])])).toEqual({
      baseOffsets: [0, 2],
      nextOffset: 3,
      logAppendTime: null,
      logStartOffset: 0,
      topicVersion: 1,
    })
    expect((await append(name, batch(['d']))).baseOffsets).toEqual([3])
    expect(await valuesOf(await readAll(name))).toEqual(['a', 'b', 'c', 'd'])
  })

  test('stores the bytes unchanged, except for offset and leader epoch', async () => {
    const name = await newPartition()
    await append(name, batch(['before']))
    const sent = batch(['a', 'b'])
    await append(name, sent)
    const { batches } = await read(name, { offset: 1 })
    expect(batches.subarray(16)).toEqual(sent.subarray(16))
    expect(headersOf(batches)).toMatchObject([{ baseOffset: 1, partitionLeaderEpoch: 0 }])
  })

  test('collects the appends that arrive shortly after a commit of several', async () => {
    const name = await newPartition()
    let endWait: (() => void) | undefined
    const setTimer = globalThis.setTimeout
    vi.spyOn(globalThis, 'setTimeout').mockImplementation(((run: () => void, delayMs = 0) => {
      if (delayMs !== COMMIT_DELAY_MS_MAX) return setTimer(run, delayMs)
      endWait = run
      return undefined
    }) as typeof setTimeout)
    const results = await runInDurableObject(partition(name), async (instance) => {
      const one = () => instance.append(appendRequest(batch(['x'])))
      await Promise.all(range(1 + 2 * COMMIT_DELAY_CALLS).map(one))
      await vi.waitFor(() => expect(endWait).toBeDefined())
      const first = one()
      await new Promise((resolve) => setTimer(resolve, 1))
      const second = one()
      endWait?.()
      return await Promise.all([first, second])
    })
    expect(results.map(codeOf)).toEqual(['ok', 'ok'])
    const counts = (await chunkRows(name)).map(
      ({ baseOffset, endOffset }) => endOffset - baseOffset,
    )
    expect(counts).toEqual([1 + 2 * COMMIT_DELAY_CALLS, 2])
  })

  test('makes several appends of one call in their order, each with its own result', async () => {
    const name = await newPartition()
    const bad = new Uint8Array(0)
    const each = [batch(['a']), bad, batch(['b', 'c'])].map((batches) => appendRequest(batches))
    const { results, topicVersion } = unwrap(
      await partition(name).appendEach(each),
    ) as AppendResults
    expect(results.map((result) => ('ok' in result ? result.ok : result.error.code))).toEqual([
      expect.objectContaining({ baseOffsets: [0], nextOffset: 1 }),
      'invalid_record',
      expect.objectContaining({ baseOffsets: [1], nextOffset: 3 }),
    ])
    expect(topicVersion).toBe(1)
    expect(await valuesOf(await readAll(name))).toEqual(['a', 'b', 'c'])
    expect(codeOf((await partition('none').appendEach(each)) as Result<unknown>)).toBe(
      'unknown_topic_or_partition',
    )
  })

  test('rejects bytes that are not a batch', async () => {
    const name = await newPartition()
    expect(codeOf(await tryAppend(name, new Uint8Array(0)))).toBe('invalid_record')
    expect(codeOf(await tryAppend(name, batch(['a']).subarray(0, 60)))).toBe('corrupt_message')
    expect(unwrap(await partition(name).describe())).toMatchObject({ highWatermark: 0 })
  })

  test('accepts a batch of max.message.bytes and rejects one byte more', async () => {
    const most = batch(['12345678901'])
    const name = await newPartition({ 'max.message.bytes': String(most.length) })
    expect(codeOf(await tryAppend(name, most))).toBe('ok')
    expect(codeOf(await tryAppend(name, batch(['123456789012'])))).toBe('message_too_large')
  })

  test('stores a batch larger than a chunk in a row of its own', async () => {
    const name = await newPartition({ 'max.message.bytes': String(2 * CHUNK_BYTES_MAX) })
    await append(name, [batch(['a']), largeBatch(1_900_000), batch(['b'])])
    expect((await chunkRows(name)).map(({ baseOffset }) => baseOffset)).toEqual([0, 1, 2])
    expect(headersOf(await readAll(name)).map(({ baseOffset }) => baseOffset)).toEqual([0, 1, 2])
  })

  test('sets the log append time with LogAppendTime, and a valid CRC', async () => {
    const name = await newPartition({ 'message.timestamp.type': 'LogAppendTime' })
    const before = Date.now()
    const { logAppendTime } = await append(name, batch(['a', 'b'], { timestamp: 5 }))
    expect(logAppendTime).toBeGreaterThanOrEqual(before)
    expect(logAppendTime).toBeLessThanOrEqual(Date.now())
    const { batches } = await read(name)
    expect(headersOf(batches)).toMatchObject([
      { timestampType: 'LogAppendTime', maxTimestamp: logAppendTime },
    ])
    expect(await recordsOf(batches)).toMatchObject([
      { offset: 0, timestamp: logAppendTime },
      { offset: 1, timestamp: logAppendTime },
    ])
  })
})

describe('group commit', () => {
  test('turns concurrent appends into few rows with dense offsets', async () => {
    const name = await newPartition()
    const results = await Promise.all(range(200).map((n) => append(name, batch([`v${n}`]))))
    const offsets = results.map(({ baseOffsets }) => baseOffsets[0] ?? -1)
    expect([...offsets].sort((a, b) => a - b)).toEqual(range(200))
    const values = await valuesOf(await readAll(name))
    expect(offsets.map((offset) => values[offset])).toEqual(range(200).map((n) => `v${n}`))
    expect((await chunkRows(name)).length).toBeLessThan(100)
  })

  test('writes one row for a lone append and one for all that arrive during its commit', async () => {
    const name = await newPartition()
    await runInDurableObject(partition(name), async (instance) => {
      const one = (n: number) => instance.append(appendRequest(batch([`v${n}`])))
      const first = one(0)
      // Its commit begins in this turn, and is durable in a later one.
      await Promise.resolve()
      await Promise.all([first, ...range(49).map((n) => one(n + 1))])
    })
    expect(await chunkRows(name)).toMatchObject([
      { baseOffset: 0, endOffset: 1 },
      { baseOffset: 1, endOffset: 50 },
    ])
  })

  test('splits a commit into rows of at most a chunk', async () => {
    const name = await newPartition()
    await appendTogether(
      name,
      range(10).map(() => ({ batches: largeBatch(300_000) })),
    )
    const rows = await chunkRows(name)
    expect(rows.map(({ endOffset, baseOffset }) => endOffset - baseOffset)).toEqual([3, 3, 3, 1])
    expect(rows.every(({ sizeBytes }) => sizeBytes <= CHUNK_BYTES_MAX)).toBe(true)
  })

  test('rejects one append of a commit without affecting the others', async () => {
    const name = await newPartition({ 'max.message.bytes': '1000' })
    const results = await appendTogether(name, [
      { batches: batch(['a']) },
      { batches: largeBatch(2_000) },
      { batches: batch(['b']) },
    ])
    expect(results.map(codeOf)).toEqual(['ok', 'message_too_large', 'ok'])
    expect(await valuesOf(await readAll(name))).toEqual(['a', 'b'])
  })

  test('drops a commit that cannot be written, and continues after it', async () => {
    const name = await newPartition()
    await append(name, batch(['before'], { producerId: 1n }))
    vi.spyOn(ChunkTable.prototype, 'insert').mockImplementationOnce(() => {
      throw new Error('injected: disk full')
    })
    const lost = batch(['lost'], { producerId: 1n, baseSequence: 1 })
    await expect((async () => await append(name, lost))()).rejects.toThrow('commit failed')
    expect(await valuesOf(await readAll(name))).toEqual(['before'])
    expect((await append(name, lost)).baseOffsets).toEqual([1])
    expect(await valuesOf(await readAll(name))).toEqual(['before', 'lost'])
  })

  test('fails only the calls of a commit that throws an unexpected error', async () => {
    const name = await newPartition()
    vi.spyOn(PartitionLog.prototype, 'append').mockImplementationOnce(() => {
      throw new Error('injected: defect')
    })
    const results = appendTogether(name, [{ batches: batch(['a']) }, { batches: batch(['b']) }])
    await expect((async () => await results)()).rejects.toThrow('defect')
    expect((await append(name, batch(['after']))).baseOffsets).toEqual([0])
  })

  test('leaves nothing of a commit that is aborted in its turn', async () => {
    const name = await newPartition()
    await append(name, batch(['before']))
    await expect(
      (async () =>
        await runInDurableObject(partition(name), (instance, state) => {
          void instance.append(appendRequest(batch(['lost'])))
          state.abort()
        }))(),
    ).rejects.toThrow()
    expect(await valuesOf(await readAll(name))).toEqual(['before'])
  })
})

describe('backpressure', () => {
  test('throttles beyond PENDING_BYTES_MAX, and accepts more once there is room', async () => {
    const name = await newPartition({ 'max.message.bytes': '1990000' })
    const sizeBytes = 1_900_000
    const fitting = Math.floor(PENDING_BYTES_MAX / (sizeBytes + 100))
    // Batches ahead of their sequence wait, and waiting bytes count.
    const requests = range(fitting + 1).map((n) => ({
      batches: largeBatch(sizeBytes, { producerId: 1n, baseSequence: n + 1 }),
    }))
    const results = await appendTogether(name, requests)
    const codes = results.map(codeOf)
    expect(codes.filter((code) => code === 'unknown_producer_id').length).toBe(fitting)
    expect(results.at(-1)).toMatchObject({
      error: { code: 'throttled', retryable: true, details: { retryAfterMs: THROTTLE_MS } },
    })
    expect(codeOf(await tryAppend(name, largeBatch(sizeBytes)))).toBe('ok')
  })
})

describe('conditional append', () => {
  test('appends at the expected offset and at no other', async () => {
    const name = await newPartition()
    await append(name, batch(['a']))
    const late = await tryAppend(name, batch(['b']), { expectedOffset: 0 })
    expect(late).toMatchObject({
      error: { code: 'expected_offset_mismatch', details: { nextOffset: 1 } },
    })
    expect((await append(name, batch(['c']), { expectedOffset: 1 })).baseOffsets).toEqual([1])
    expect(await valuesOf(await readAll(name))).toEqual(['a', 'c'])
  })

  test('lets exactly one of twenty win, concurrent or not', async () => {
    const name = await newPartition()
    const racers = range(20).map((n) => ({ batches: batch([`v${n}`]), expectedOffset: 0 }))
    const apart = await Promise.all(
      racers.map(({ batches, expectedOffset }) => tryAppend(name, batches, { expectedOffset })),
    )
    expect(apart.map(codeOf).filter((code) => code === 'ok').length).toBe(1)
    const meeting = await appendTogether(
      name,
      racers.map((racer) => ({ ...racer, expectedOffset: 1 })),
    )
    expect(meeting.map(codeOf).filter((code) => code === 'ok').length).toBe(1)
    expect((await valuesOf(await readAll(name))).length).toBe(2)
  })
})
