/**
 * Question: how many rows does a record cost, and how many over its whole life?
 * Contract: docs, "What fast means here": at most 11 rows written for 1,000 records in batches of 100, and at most 25
 * until the records are sealed, expired and deleted.
 * Measured: the sum of `rowsWritten` over every statement of the partition (as it is billed), and one row for each
 * `setAlarm`. Each batch is a commit of its own, the most expensive case: together they cost less.
 */
import { reset } from 'cloudflare:test'
import { afterEach, expect, test, vi } from 'vitest'
import { RETENTION_CHECK_INTERVAL_MS_DEFAULT } from '../../../src/core/limits.ts'
import { countRowsWritten } from '../count-rows.ts'
import {
  append,
  batch,
  countRows,
  maintain,
  newPartition,
  partition,
} from './partition-for-test.ts'

const RECORDS = 20_000
const BATCH_RECORDS = 100

afterEach(async () => {
  vi.restoreAllMocks()
  vi.useRealTimers()
  await reset()
})

test.each([
  ['plain', undefined, 100, 11],
  ['idempotent', 7n, 100, 11],
  // A checkpoint every ten batches: its row, and that of its producer.
  ['idempotent, 1 KiB per record', 7n, 1_024, 13],
])(
  'writes few rows for %s, in batches of 100 records',
  async (kind, producerId, valueBytes, max) => {
    const name = await newPartition({ 'retention.ms': '60000' })
    const rowsWritten = await countRowsWritten(partition(name))
    const value = 'x'.repeat(valueBytes)
    for (let baseSequence = 0; baseSequence < RECORDS; baseSequence += BATCH_RECORDS) {
      const values = new Array<string>(BATCH_RECORDS).fill(value)
      const producer = producerId === undefined ? {} : { producerId, baseSequence }
      await append(name, batch(values, producer))
    }
    const thousands = RECORDS / 1_000
    const appended = rowsWritten() / thousands
    await maintain(name)
    const sealed = rowsWritten() / thousands
    vi.useFakeTimers({ toFake: ['Date'], now: Date.now() + RETENTION_CHECK_INTERVAL_MS_DEFAULT })
    await maintain(name)
    const whole = rowsWritten() / thousands
    console.log(`${kind}: ${appended} rows per 1,000 records, sealed ${sealed}, deleted ${whole}`)
    expect(await countRows(name, 'chunk')).toBe(0)
    expect(appended).toBeGreaterThanOrEqual(10)
    expect(appended).toBeLessThanOrEqual(max)
    expect(whole).toBeLessThanOrEqual(25)
  },
)
