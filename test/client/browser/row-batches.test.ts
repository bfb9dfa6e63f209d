import { expect, test } from 'vitest'
import { batchOf, joinRows, recordsOf } from '../../../client/browser/outbox/row-batches.ts'

const STAMP = { producerId: 1n, producerEpoch: 0, baseSequence: 5 }

function row(position: number, recordsCount: number, valueBytes = 100) {
  const value = new Uint8Array(valueBytes)
  const record = { timestamp: 1, key: null, value, headers: [] }
  const batch = batchOf(Array.from({ length: recordsCount }, () => record))
  return { topic: 't', partition: 0, position, recordsCount, batch, queuedAtMs: 0 }
}

test.each([
  ['all rows if they fit', [row(0, 3), row(3, 4)], 10, 10_000, 7],
  ['a part of a row because of recordsMax', [row(0, 3), row(3, 4)], 5, 10_000, 5],
  ['a part of a row behind sizeBytesMax', [row(0, 100)], 1_000, 1_200, 10],
  ['one record that is larger', [row(0, 2, 5_000)], 10, 1_000, 1],
  ['one row as it is', [row(0, 3)], 3, 10_000, 3],
])('joins %s', async (_, rows, recordsMax, sizeBytesMax, recordsCount) => {
  const joined = await joinRows(rows, { recordsMax, sizeBytesMax }, STAMP)
  expect(joined.recordsCount).toBe(recordsCount)
  expect(await recordsOf(joined.batch)).toHaveLength(recordsCount)
  if (recordsCount > 1) expect(joined.batch.length).toBeLessThanOrEqual(sizeBytesMax)
})

test('joining rows does not read a row behind recordsMax', async () => {
  const damaged = { ...row(3, 4), batch: new Uint8Array(100) }
  const joined = await joinRows([row(0, 3), damaged], { recordsMax: 3, sizeBytesMax: 9_999 }, STAMP)
  expect(joined.recordsCount).toBe(3)
})
