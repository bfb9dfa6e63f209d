/** A partition of keys and values, its clock, and its compaction. */
import { reset, runDurableObjectAlarm } from 'cloudflare:test'
import { afterEach, beforeEach, vi } from 'vitest'
import { encodeBatch } from '../../../src/core/batch/batch-builder.ts'
import { decodeBatch } from '../../../src/core/batch/decode-records.ts'
import { CODECS } from '../../../src/core/compression/codecs.ts'
import { ACTIVE_MS_MAX } from '../../../src/core/log/compaction/limits.ts'
import { type BatchFields, headersOf, partition, readAll } from './partition-for-test.ts'

export const COMPACT = { 'cleanup.policy': 'compact', 'min.cleanable.dirty.ratio': '0' }
export const DAY_MS = 86_400_000

export const text = { encode: new TextEncoder(), decode: new TextDecoder() }

/** A clock that only the test moves. */
export const clock = {
  nowMs: 0,
  pass(ms: number): void {
    clock.nowMs += ms
    vi.setSystemTime(clock.nowMs)
  },
}

/** Call it in a file: sets the clock before each of its tests, and deletes all objects after it. */
export function useClock(): void {
  beforeEach(() => {
    clock.nowMs = Date.now()
    vi.useFakeTimers({ toFake: ['Date'], now: clock.nowMs })
  })
  afterEach(async () => {
    vi.useRealTimers()
    await reset()
  })
}

export type Pair = readonly [key: string, value: string | null]

export function pairs(list: readonly Pair[], fields: BatchFields = {}): Uint8Array {
  const { producerId, producerEpoch = 0, baseSequence = 0, isTransactional = false } = fields
  return encodeBatch(
    list.map(([key, value]) => ({
      timestamp: clock.nowMs,
      key: text.encode.encode(key),
      value: value === null ? null : text.encode.encode(value),
      headers: [],
    })),
    producerId === undefined ? {} : { producerId, producerEpoch, baseSequence, isTransactional },
  )
}

/** Lets all records settle, and runs the alarms that are due. */
export async function compact(name: string): Promise<void> {
  await runDurableObjectAlarm(partition(name))
  clock.pass(ACTIVE_MS_MAX)
  await runDurableObjectAlarm(partition(name))
}

/** Returns the records of a log: `<offset> <key>=<value>`. */
export async function pairsOf(name: string): Promise<string[]> {
  const bytes = await readAll(name)
  const list: string[] = []
  for (const header of headersOf(bytes)) {
    for (const { offset, key, value } of await decodeBatch(bytes, header, CODECS)) {
      const shown = value === null ? 'null' : text.decode.decode(value)
      list.push(`${offset} ${text.decode.decode(key ?? undefined)}=${shown}`)
    }
  }
  return list
}
