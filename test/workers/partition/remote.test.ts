/** A tiered partition: what is copied to R2, what leaves the partition, and what is deleted. */
import { evictDurableObject, reset, runInDurableObject } from 'cloudflare:test'
import { env } from 'cloudflare:workers'
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest'
import { unwrap } from '../../../src/core/errors.ts'
import { REMOTE_RETRY_MS_MAX } from '../../../src/core/limits.ts'
import type { EndTransactionRequest } from '../../../src/core/transaction/participant-api.ts'
import { logEvent, setEventSink } from '../../../src/events/report.ts'
import { logErrorsOnly } from '../quiet-events.ts'
import { FaultyBucket, objectKeys, remoteRows, useBucket } from './faulty-bucket.ts'
import {
  append,
  batch,
  checkAge,
  chunkRows,
  codeOf,
  configure,
  headersOf,
  largeBatch,
  maintain,
  newPartition,
  partition,
  range,
  read,
  sameBytes,
  tryAppend,
  tryRead,
} from './partition-for-test.ts'
import {
  CHUNK_BYTES,
  describeOf,
  fill,
  localBytes,
  readAnywhere,
  readWhole,
  TIERED,
} from './remote-for-test.ts'

const EVICTING = { ...TIERED, 'local.retention.bytes': '1' }

beforeEach(logErrorsOnly)

afterEach(async () => {
  vi.useRealTimers()
  setEventSink(logEvent)
  await reset()
})

/** Returns a partition of 40 chunks of which 30 are in R2 only, and its bytes. */
async function tieredPartition(overrides: Record<string, string> = {}) {
  const name = await newPartition({ ...EVICTING, ...overrides })
  await fill(name, 40)
  const bytes = await readWhole(name)
  await maintain(name)
  return { name, bytes }
}

describe('copying', () => {
  test('moves sealed chunks to R2, and the log stays as it is', async () => {
    const { name, bytes } = await tieredPartition()
    expect(await objectKeys()).toEqual((await remoteRows(name)).live)
    expect(await objectKeys()).toHaveLength(3)
    expect(await describeOf(name)).toMatchObject({
      logStartOffset: 0,
      highWatermark: 40,
      sizeBytes: bytes.length,
      remote: { localStartOffset: 30, copiedOffset: 30, localBytes: await localBytes(name) },
    })
    expect((await chunkRows(name))[0]).toMatchObject({ baseOffset: 30 })
    expect(sameBytes(await readWhole(name), bytes)).toBe(true)
    expect(sameBytes(await readWhole(name, 1), bytes)).toBe(true)
    await evictDurableObject(partition(name))
    expect(sameBytes(await readWhole(name), bytes)).toBe(true)
  })

  test('keeps what is copied in the partition too, unless local retention says otherwise', async () => {
    const name = await newPartition(TIERED)
    await fill(name, 40)
    await maintain(name)
    expect((await remoteRows(name)).live).toHaveLength(3)
    expect(await chunkRows(name)).toHaveLength(40)
    expect(await describeOf(name)).toMatchObject({
      remote: { localStartOffset: 0, copiedOffset: 30, remoteBytes: expect.any(Number) },
    })
    await configure(name, { ...TIERED, 'local.retention.ms': '1' }, 2)
    vi.useFakeTimers({ toFake: ['Date'], now: Date.now() + 1_000 })
    await maintain(name)
    expect(await chunkRows(name)).toEqual([])
    expect(
      (await remoteRows(name)).live,
      'what is too old for the partition is copied',
    ).toHaveLength(4)
    expect(await describeOf(name)).toMatchObject({
      highWatermark: 40,
      remote: { localStartOffset: 40, localBytes: 0 },
    })
    expect((await append(name, batch(['next']))).baseOffsets).toEqual([40])
  })

  test('writes the bytes of the chunks, and names the partition and offset in the key', async () => {
    const { name, bytes } = await tieredPartition()
    const [key = ''] = await objectKeys()
    expect(key).toMatch(new RegExp(`^log/${name}/0000000000000000-[0-9a-f]{16}$`))
    const object = await env.REMOTE_LOG.get(key)
    const stored = new Uint8Array((await object?.arrayBuffer()) ?? new ArrayBuffer(0))
    expect(
      sameBytes(stored.subarray(0, 10 * CHUNK_BYTES), bytes.subarray(0, 10 * CHUNK_BYTES)),
    ).toBe(true)
  })

  test('takes nothing at or above the last stable offset', async () => {
    const name = await newPartition(EVICTING)
    await fill(name, 15)
    const transaction = {
      coordinator: 'id/t',
      transactionalId: 't',
      number: 1,
      version: 1,
    } as const
    const fields = { producerId: 7n, isTransactional: true }
    unwrap(await tryAppend(name, batch(['a'], fields), { producerRules: 'kafka', transaction }))
    await fill(name, 25)
    await maintain(name)
    expect(await describeOf(name)).toMatchObject({ remote: { copiedOffset: 10 } })
    const end: EndTransactionRequest = {
      producerId: 7n,
      producerEpoch: 0,
      number: 1,
      version: 1,
      outcome: 'abort',
    }
    unwrap(await partition(name).endTransaction(end))
    await fill(name, 15)
    await maintain(name)
    expect((await describeOf(name)).remote?.localStartOffset).toBeGreaterThan(16)
    // The aborted transaction is in the footer: its reader does not see it.
    const seen = await readAnywhere(name, { offset: 15, content: 'stored' })
    expect(seen.abortedTransactions).toMatchObject([{ producerId: 7n, firstOffset: 15 }])
    const visible = await readAnywhere(name, { offset: 15 })
    expect(headersOf(visible.batches)[0]?.baseOffset).toBe(16)
    const all = await readAnywhere(name, { offset: 15, isolation: 'uncommitted' })
    expect(headersOf(all.batches)[0]?.baseOffset).toBe(15)
  })

  test('does nothing without remote.storage.enable, or with remote.log.copy.disable', async () => {
    for (const overrides of [{}, { ...TIERED, 'remote.log.copy.disable': 'true' }]) {
      const name = await newPartition(overrides)
      await fill(name, 40)
      await maintain(name)
      expect(await objectKeys()).toEqual([])
    }
  })

  test('makes no call of R2 for a partition without remote storage', async () => {
    const name = await newPartition()
    const bucket = new FaultyBucket()
    await useBucket(name, bucket)
    await fill(name, 15)
    await maintain(name)
    await partition(name).destroy()
    expect(bucket.calls).toEqual([])
  })
})

describe('reading below the local start', () => {
  test('returns segments in place of batches, without waiting', async () => {
    const { name } = await tieredPartition()
    const { live } = await remoteRows(name)
    const result = await read(name, { offset: 12, maxWaitMs: 30_000, minBytes: 1_000_000 })
    expect(result).toMatchObject({ from: 12, to: 12, highWatermark: 40 })
    expect(result.batches).toHaveLength(0)
    expect(result.remote?.segments.map(({ key }) => key)).toEqual(live.slice(1))
    expect((await read(name, { offset: 'earliest' })).remote?.segments).toHaveLength(3)
    expect((await read(name, { offset: 30 })).remote).toBeUndefined()
  })

  test('ends a tail whose records have left the partition, so that its reader resumes', async () => {
    const name = await newPartition(EVICTING)
    await fill(name, 40)
    const url = 'https://partition/tail?offset=0&creditBytes=1&isolation=committed'
    const { webSocket } = await partition(name).fetch(url, { headers: { Upgrade: 'websocket' } })
    const closed = new Promise<CloseEvent>((resolve) => {
      webSocket?.addEventListener('close', resolve)
    })
    webSocket?.accept()
    await maintain(name)
    webSocket?.send('1000000')
    expect((await closed).code).toBe(4500)
  })
})

describe('retention of a tiered log', () => {
  test('counts each offset once, wherever it lies (KAFKA-15479)', async () => {
    const name = await newPartition(TIERED)
    await fill(name, 40)
    const { sizeBytes } = await describeOf(name)
    for (const overrides of [TIERED, EVICTING]) {
      await configure(name, overrides, overrides === TIERED ? 2 : 3)
      await maintain(name)
      expect((await describeOf(name)).sizeBytes).toBe(sizeBytes)
      await evictDurableObject(partition(name))
      expect((await describeOf(name)).sizeBytes).toBe(sizeBytes)
    }
    await configure(name, { ...EVICTING, 'retention.bytes': String(sizeBytes) }, 4)
    await checkAge(name)
    expect((await describeOf(name)).logStartOffset).toBe(0)
  })

  test('deletes whole segments by size, the object and then its row', async () => {
    const { name, bytes } = await tieredPartition()
    const [first = ''] = await objectKeys()
    const bucket = new FaultyBucket()
    await configure(name, { ...EVICTING, 'retention.bytes': String(bytes.length * 0.7) }, 2)
    bucket.onCall = async ({ operation, keys }) => {
      if (operation !== 'delete') return
      expect(keys).toEqual([first])
      expect((await describeOf(name)).logStartOffset, 'the log start moves first').toBe(10)
      const { live, changing } = await remoteRows(name)
      expect(live).not.toContain(first)
      expect(changing, 'the row is kept until the object is gone').toEqual([
        { key: first, state: 'deleting' },
      ])
    }
    await useBucket(name, bucket)
    await maintain(name)
    expect(await objectKeys()).not.toContain(first)
    expect(await remoteRows(name)).toMatchObject({ live: await objectKeys(), changing: [] })
    expect(codeOf(await tryRead(name, { offset: 9 }))).toBe('offset_out_of_range')
  })

  test('deletes by age, first what is in R2 and then in the partition', async () => {
    const name = await newPartition(EVICTING)
    await fill(name, 20, Date.now() - 100_000)
    await fill(name, 20)
    await maintain(name)
    await configure(name, { ...EVICTING, 'retention.ms': '50000' }, 2)
    await checkAge(name)
    expect(await describeOf(name)).toMatchObject({ logStartOffset: 20 })
    await maintain(name)
    expect(await objectKeys()).toHaveLength(1)
    vi.useFakeTimers({ toFake: ['Date'], now: Date.now() + 100_000 })
    await checkAge(name)
    await maintain(name)
    expect(await describeOf(name)).toMatchObject({ logStartOffset: 40, sizeBytes: 0 })
    expect(await objectKeys()).toEqual([])
  })

  test('deletes no record within retention after the partition woke up (KAFKA-20732)', async () => {
    const name = await newPartition({ ...TIERED, 'retention.bytes': String(41 * 1_100_000) })
    await fill(name, 40)
    for (const _ of range(3)) {
      await maintain(name)
      await checkAge(name)
      expect((await describeOf(name)).logStartOffset).toBe(0)
      expect(await chunkRows(name)).toHaveLength(40)
    }
  })

  test('deletes records before an offset, also within a segment', async () => {
    const { name } = await tieredPartition()
    unwrap(await partition(name).deleteRecords(14))
    await maintain(name)
    expect(await describeOf(name)).toMatchObject({ logStartOffset: 14 })
    expect((await remoteRows(name)).live).toHaveLength(2)
    expect(headersOf((await readAnywhere(name, { offset: 14 })).batches)[0]?.baseOffset).toBe(14)
    expect(codeOf(await tryRead(name, { offset: 13 }))).toBe('offset_out_of_range')
    unwrap(await partition(name).deleteRecords(35))
    await maintain(name)
    expect(await objectKeys()).toEqual([])
    expect(await describeOf(name)).toMatchObject({ logStartOffset: 35, highWatermark: 40 })
  })

  test('copies and keeps no segment twice after records were deleted (KAFKA-16511)', async () => {
    const { name } = await tieredPartition()
    unwrap(await partition(name).deleteRecords(34))
    await fill(name, 30)
    await maintain(name)
    const { live, changing } = await remoteRows(name)
    expect(changing).toEqual([])
    expect(live).toEqual(await objectKeys())
    const { remote } = await read(name, { offset: 'earliest' })
    const ends = (remote?.segments ?? []).map(({ baseOffset, endOffset }) => [
      baseOffset,
      endOffset,
    ])
    expect(ends.slice(1).every(([base], index) => base === ends[index]?.[1])).toBe(true)
    await configure(name, { ...EVICTING, 'retention.bytes': '0' }, 2)
    await maintain(name)
    await maintain(name)
    expect((await objectKeys()).length).toBe(0)
  })

  test('deletes all objects when remote storage is disabled: the log begins in the partition', async () => {
    const { name } = await tieredPartition()
    const overrides = { 'retention.ms': '-1', 'remote.log.delete.on.disable': 'true' }
    await configure(name, overrides, 2)
    expect(await describeOf(name)).toMatchObject({ logStartOffset: 30, highWatermark: 40 })
    await maintain(name)
    expect(await objectKeys()).toEqual([])
    expect(await describeOf(name)).not.toHaveProperty('remote')
    await configure(name, EVICTING, 3)
    await fill(name, 15)
    await maintain(name)
    expect((await describeOf(name)).remote?.copiedOffset).toBeGreaterThanOrEqual(40)
    expect(await objectKeys()).toEqual((await remoteRows(name)).live)
  })

  test('keeps what is in R2 with remote.log.copy.disable, and copies nothing more', async () => {
    const { name, bytes } = await tieredPartition()
    await configure(name, { ...TIERED, 'remote.log.copy.disable': 'true' }, 2)
    await fill(name, 30)
    await maintain(name)
    expect(await objectKeys()).toHaveLength(3)
    const whole = await readWhole(name)
    expect(sameBytes(whole.subarray(0, bytes.length), bytes)).toBe(true)
  })
})

test('moves a log with offsets without a record, which was compacted once', async () => {
  const name = await newPartition(EVICTING)
  await fill(name, 40)
  // Within a segment, and between two.
  const holes = [4, 5, 9, 10, 11, 15, 16]
  await runInDurableObject(partition(name), (_, { storage }) => {
    storage.sql.exec(`DELETE FROM chunk WHERE base_offset IN (${holes.join()})`)
  })
  await maintain(name)
  expect((await describeOf(name)).remote?.localStartOffset).toBeGreaterThan(20)
  const kept = range(40).filter((offset) => !holes.includes(offset))
  for (const maxBytes of [1, 10_000_000]) {
    const offsets = headersOf(await readWhole(name, maxBytes)).map((one) => one.baseOffset)
    expect(offsets).toEqual(kept)
  }
  for (const offset of range(20)) {
    const { from, batches } = await readAnywhere(name, { offset })
    expect(from).toBe(offset)
    expect(headersOf(batches)[0]?.baseOffset).toBe(kept.find((one) => one >= offset))
  }
})

describe('finding a time', () => {
  test('returns the segments that may have it, before the batches of the partition', async () => {
    const name = await newPartition(EVICTING)
    const firstTime = Date.now() - 1_000
    for (const index of range(40)) {
      await append(name, largeBatch(CHUNK_BYTES, { timestamp: firstTime + index }))
    }
    await maintain(name)
    const { live } = await remoteRows(name)
    const keysAt = async (timestamp: number | 'max') =>
      unwrap(await partition(name).findTimestamp(timestamp)).remote?.segments.map(({ key }) => key)
    expect(await keysAt(0)).toEqual([live[0]])
    expect(await keysAt(firstTime + 10)).toEqual([live[1]])
    expect(await keysAt(firstTime + 35)).toBeUndefined()
    expect(await keysAt('max')).toEqual([live[2]])
    unwrap(await partition(name).deleteRecords(5))
    expect(await keysAt(0)).toEqual([live[0], live[1]])
  })
})

describe('destroy()', () => {
  test('deletes the objects and then the rows', async () => {
    const { name } = await tieredPartition()
    await partition(name).destroy()
    expect(await objectKeys()).toEqual([])
    expect(codeOf(await tryRead(name))).toBe('unknown_topic_or_partition')
  })

  test('stays destroyed while R2 fails, also after a restart, and goes on when it is called again', async () => {
    const { name } = await tieredPartition()
    const bucket = new FaultyBucket()
    bucket.faultOf = () => 'fail'
    await useBucket(name, bucket)
    const failure = await partition(name)
      .destroy()
      .then(
        () => undefined,
        (error: Error) => error.message,
      )
    expect(failure).toContain('injected')
    expect(codeOf(await tryRead(name))).toBe('unknown_topic_or_partition')
    await evictDurableObject(partition(name))
    expect(codeOf(await tryRead(name))).toBe('unknown_topic_or_partition')
    await maintain(name)
    expect(await objectKeys()).toHaveLength(3)
    await partition(name).destroy()
    expect(await objectKeys()).toEqual([])
    await partition(name).destroy()
  })

  test('leaves no object of a copy that is under way', async () => {
    const name = await newPartition(EVICTING)
    await fill(name, 15)
    const bucket = new FaultyBucket()
    let destroyed: Promise<void> | undefined
    bucket.onCall = ({ operation }) => {
      if (operation === 'put') destroyed = partition(name).destroy()
    }
    await useBucket(name, bucket)
    await maintain(name)
    await destroyed
    expect(await objectKeys()).toEqual([])
  })
})

describe('adoptRemote()', () => {
  test('makes the log of a partition again that has lost everything', async () => {
    const { name, bytes } = await tieredPartition()
    const { segments } = unwrap(await partition(name).listRemote(0, 100))
    const lost = name.replace('topic-', 'lost-')
    await configure(lost, EVICTING)
    const found = segments.map((segment) => ({ ...segment, sha256: '' }))
    const { adopted, highWatermark } = unwrap(await partition(lost).adoptRemote(found))
    expect(adopted).toHaveLength(3)
    expect(highWatermark).toBe(30)
    await evictDurableObject(partition(lost))
    expect(await describeOf(lost)).toMatchObject({ logStartOffset: 0, highWatermark: 30 })
    expect((await append(lost, batch(['new']))).baseOffsets).toEqual([30])
    const { remote } = await read(lost, { offset: 'earliest' })
    expect(remote?.segments.map(({ key }) => key)).toEqual(segments.map(({ key }) => key))
    expect(unwrap(await partition(lost).adoptRemote(found)).adopted).toEqual([])
    expect(bytes.length).toBeGreaterThan(0)
  })
})

describe('alarms', () => {
  test('end the work by themselves, and then are set for later or not at all', async () => {
    const name = await newPartition(EVICTING)
    await fill(name, 40)
    await vi.waitUntil(async () => (await objectKeys()).length === 3, {
      timeout: 60_000,
      interval: 50,
    })
    await vi.waitUntil(async () => (await chunkRows(name))[0]?.baseOffset === 30, {
      timeout: 60_000,
      interval: 50,
    })
  })

  test('come later and later while R2 fails', async () => {
    const name = await newPartition(EVICTING)
    const bucket = new FaultyBucket()
    bucket.faultOf = () => 'fail'
    await useBucket(name, bucket)
    await fill(name, 15)
    await maintain(name)
    await maintain(name)
    expect(bucket.calls, 'the second alarm comes too early').toHaveLength(1)
    let nowMs = Date.now()
    for (const _ of range(20)) {
      nowMs += REMOTE_RETRY_MS_MAX
      vi.useFakeTimers({ toFake: ['Date'], now: nowMs })
      await maintain(name)
    }
    expect(bucket.calls).toHaveLength(21)
    bucket.faultOf = () => undefined
    vi.useFakeTimers({ toFake: ['Date'], now: nowMs + REMOTE_RETRY_MS_MAX })
    await maintain(name)
    expect(await objectKeys()).toHaveLength(1)
  })
})
