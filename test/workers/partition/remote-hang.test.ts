/** A tiered partition while R2 does not respond. The time limit is short here. */
import { evictDurableObject, reset } from 'cloudflare:test'
import { afterEach, beforeEach, expect, test, vi } from 'vitest'
import { REMOTE_CALL_MS_MAX, REMOTE_IN_DOUBT_MS } from '../../../src/core/limits.ts'
import type { ReportedEvent } from '../../../src/events/event.ts'
import { logEvent, setEventSink } from '../../../src/events/report.ts'
import { FaultyBucket, objectKeys, remoteRows, useBucket } from './faulty-bucket.ts'
import {
  append,
  batch,
  maintain,
  newPartition,
  partition,
  sameBytes,
} from './partition-for-test.ts'
import { describeOf, fill, readWhole, TIERED } from './remote-for-test.ts'

beforeEach(() => {
  const { setTimeout } = globalThis
  vi.spyOn(globalThis, 'setTimeout').mockImplementation(((work: () => void, ms?: number) =>
    setTimeout(work, ms === REMOTE_CALL_MS_MAX ? 300 : ms)) as typeof setTimeout)
})

afterEach(async () => {
  vi.restoreAllMocks()
  vi.useRealTimers()
  setEventSink(logEvent)
  await reset()
})

test.each(['put', 'head', 'delete'] as const)(
  'goes on within a time limit: %s',
  async (hanging) => {
    const events: ReportedEvent[] = []
    setEventSink((event) => events.push(event))
    const name = await newPartition({ ...TIERED, 'local.retention.bytes': '1' })
    await fill(name, 24)
    const bytes = await readWhole(name)
    const bucket = new FaultyBucket()
    let appended = 0
    bucket.onCall = async ({ operation }) => {
      if (operation !== hanging) return
      await append(name, batch(['while R2 hangs']))
      appended += 1
    }
    bucket.faultOf = ({ operation }) => (operation === hanging ? 'hang' : undefined)
    await useBucket(name, bucket)
    await maintain(name)
    if (hanging === 'delete') {
      await partition(name).deleteRecords(10)
      await maintain(name)
    }
    expect(appended, 'an append does not wait for R2').toBeGreaterThan(0)
    expect(events).toContainEqual(expect.objectContaining({ type: 'remote_storage_failed' }))
    vi.useFakeTimers({ toFake: ['Date'], now: Date.now() + REMOTE_IN_DOUBT_MS + 1 })
    await evictDurableObject(partition(name))
    await maintain(name)
    await maintain(name)
    const { live, changing } = await remoteRows(name)
    expect(changing).toEqual([])
    expect(await objectKeys()).toEqual(live)
    const { logStartOffset } = await describeOf(name)
    const kept = bytes.subarray(logStartOffset * (bytes.length / 24))
    expect(sameBytes((await readWhole(name)).subarray(0, kept.length), kept)).toBe(true)
  },
)
