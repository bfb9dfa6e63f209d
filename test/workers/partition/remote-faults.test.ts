/** A tiered partition while R2 fails, loses responses, lies or hangs, and while the log changes under a call of R2. */
import { evictDurableObject, reset } from 'cloudflare:test'
import { env } from 'cloudflare:workers'
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest'
import { unwrap } from '../../../src/core/errors.ts'
import { REMOTE_IN_DOUBT_MS } from '../../../src/core/limits.ts'
import type { ReportedEvent } from '../../../src/events/event.ts'
import { logEvent, setEventSink } from '../../../src/events/report.ts'
import {
  type BucketFault,
  FaultyBucket,
  objectKeys,
  remoteRows,
  useBucket,
} from './faulty-bucket.ts'
import {
  append,
  batch,
  chunkRows,
  configure,
  maintain,
  newPartition,
  partition,
  range,
  sameBytes,
} from './partition-for-test.ts'
import { describeOf, fill, readWhole, TIERED } from './remote-for-test.ts'

const EVICTING = { ...TIERED, 'local.retention.bytes': '1' }

const events: ReportedEvent[] = []

beforeEach(() => setEventSink((event) => events.push(event)))

afterEach(async () => {
  vi.useRealTimers()
  setEventSink(logEvent)
  events.length = 0
  await reset()
})

/** Runs alarms of an object that was asleep until then, until all work is done, at a later time. */
async function settle(name: string): Promise<void> {
  vi.useFakeTimers({ toFake: ['Date'], now: Date.now() + REMOTE_IN_DOUBT_MS + 1 })
  await evictDurableObject(partition(name))
  for (const _ of range(3)) await maintain(name)
}

/** Checks that each object has its row and each row its object. */
async function expectNoOrphans(name: string): Promise<void> {
  const { live, changing } = await remoteRows(name)
  expect(changing).toEqual([])
  expect(await objectKeys()).toEqual(live)
}

async function filled(): Promise<{ name: string; bytes: Uint8Array; bucket: FaultyBucket }> {
  const name = await newPartition(EVICTING)
  await fill(name, 24)
  const bucket = new FaultyBucket()
  await useBucket(name, bucket)
  return { name, bytes: await readWhole(name), bucket }
}

describe.each<BucketFault>(['fail', 'lost', 'lie'])('R2 that answers a put by: %s', (fault) => {
  test('loses no record and leaves no object behind', async () => {
    const { name, bytes, bucket } = await filled()
    bucket.faultOf = ({ operation }) => (operation === 'put' ? fault : undefined)
    await maintain(name)
    expect(await chunkRows(name), 'nothing leaves the partition').toHaveLength(24)
    expect(sameBytes(await readWhole(name), bytes)).toBe(true)
    expect((await describeOf(name)).sizeBytes, 'a failed copy has no size (KAFKA-17062)').toBe(
      bytes.length,
    )
    await settle(name)
    expect((await describeOf(name)).remote?.localStartOffset).toBe(20)
    expect(sameBytes(await readWhole(name), bytes)).toBe(true)
    await expectNoOrphans(name)
    const types = events.map(({ type }) => type)
    expect(types).toContain(fault === 'lie' ? 'remote_object_damaged' : 'remote_storage_failed')
  })
})

test('uses the object of a put whose response was lost, and writes no second one', async () => {
  const { name, bucket } = await filled()
  bucket.faultOf = ({ operation }) => (operation === 'put' ? 'lost' : undefined)
  await maintain(name)
  const [key] = await objectKeys()
  await settle(name)
  expect((await remoteRows(name)).live[0]).toBe(key)
})

describe('an object that is damaged before its records leave the partition', () => {
  test.each([
    ['missing', (key: string) => env.REMOTE_LOG.delete(key)],
    ['cut', (key: string) => env.REMOTE_LOG.put(key, new Uint8Array(10))],
    ['another', (key: string) => env.REMOTE_LOG.put(key, new Uint8Array(2_000_000))],
  ])('is copied again: %s', async (_, damage) => {
    const name = await newPartition(TIERED)
    await fill(name, 24)
    const bytes = await readWhole(name)
    await maintain(name)
    const [key = ''] = await objectKeys()
    await damage(key)
    await configure(name, EVICTING, 2)
    await maintain(name)
    expect(await chunkRows(name), 'nothing left the partition').toHaveLength(24)
    await settle(name)
    expect((await describeOf(name)).remote?.localStartOffset).toBe(20)
    expect(sameBytes(await readWhole(name), bytes)).toBe(true)
    await expectNoOrphans(name)
    expect(await objectKeys()).not.toContain(key)
    expect(events).toContainEqual(expect.objectContaining({ type: 'remote_object_damaged', key }))
  })
})

describe('a log that changes during a put', () => {
  test.each<[string, (name: string) => Promise<unknown>, Partial<Record<string, number>>]>([
    ['records are deleted', (name) => partition(name).deleteRecords(24), { logStartOffset: 24 }],
    ['some records are deleted', (name) => partition(name).deleteRecords(5), { logStartOffset: 5 }],
    ['records are appended', (name) => append(name, batch(['x'])), { highWatermark: 25 }],
    [
      'remote storage is disabled',
      (name) => configure(name, { 'retention.ms': '-1' }, 2),
      { logStartOffset: 0, highWatermark: 24 },
    ],
  ])('leaves no object behind: %s', async (_, change, expected) => {
    const { name, bucket } = await filled()
    let isChanged = false
    bucket.onCall = async ({ operation }) => {
      if (operation !== 'put' || isChanged) return
      isChanged = true
      await change(name)
    }
    await maintain(name)
    expect(isChanged).toBe(true)
    await settle(name)
    expect(await describeOf(name)).toMatchObject(expected)
    await expectNoOrphans(name)
    const { logStartOffset, highWatermark } = await describeOf(name)
    if (logStartOffset < highWatermark) expect((await readWhole(name)).length).toBeGreaterThan(0)
  })
})

describe('a log that changes between the look at an object and the eviction', () => {
  test('keeps the records of a segment that was dropped meanwhile', async () => {
    const { name, bucket } = await filled()
    let isChanged = false
    bucket.onCall = async ({ operation }) => {
      if (operation !== 'head' || isChanged) return
      isChanged = true
      await configure(name, { 'retention.ms': '-1' }, 2)
    }
    await maintain(name)
    expect(isChanged).toBe(true)
    expect(await describeOf(name)).toMatchObject({ logStartOffset: 0, highWatermark: 24 })
    expect(await chunkRows(name)).toHaveLength(24)
    await settle(name)
    await expectNoOrphans(name)
  })
})

describe('R2 that fails to delete', () => {
  test.each<BucketFault>(['fail', 'lost'])('is asked again: %s', async (fault) => {
    const { name } = await filled()
    await maintain(name)
    const bucket = new FaultyBucket()
    bucket.faultOf = ({ operation }) => (operation === 'delete' ? fault : undefined)
    await useBucket(name, bucket)
    unwrap(await partition(name).deleteRecords(24))
    await maintain(name)
    expect((await describeOf(name)).logStartOffset).toBe(24)
    expect((await remoteRows(name)).changing.length, 'the row outlives the object').toBe(2)
    await settle(name)
    expect(await objectKeys()).toEqual([])
    await expectNoOrphans(name)
  })
})

test('works without the binding until it has to use it', async () => {
  const name = await newPartition(EVICTING)
  await useBucket(name, undefined)
  await fill(name, 24)
  await maintain(name)
  expect(await chunkRows(name)).toHaveLength(24)
  expect(events.map(({ type }) => type)).toContain('remote_storage_failed')
})
