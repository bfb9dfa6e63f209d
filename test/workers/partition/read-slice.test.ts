import { expect, test } from 'vitest'
import type { ChunkTable } from '../../../durable-objects/partition/chunk-table.ts'
import { readSlice } from '../../../durable-objects/partition/read-slice.ts'
import type { TransactionTable } from '../../../durable-objects/partition/transaction-table.ts'
import { assignOffset } from '../../../src/core/batch/record-batch.ts'
import { concatenate } from '../../../src/core/bytes/concatenate.ts'
import { ABORTED_TRANSACTIONS_MAX, FETCH_BYTES_MAX } from '../../../src/core/limits.ts'
import type { AbortedTransaction } from '../../../src/core/log/transactions.ts'
import { batch, range } from './partition-for-test.ts'

/** Makes a log whose batches are one record each, of transactions that were aborted one after the other. */
function abortedLog(count: number) {
  const batches = range(count).map((offset) => {
    const fields = { producerId: BigInt(offset), baseSequence: 0, isTransactional: true }
    const bytes = batch(['x'], fields)
    assignOffset(bytes, 0, offset, 0)
    return bytes
  })
  const bytes = concatenate(batches)
  const span = { baseOffset: 0, endOffset: count, maxTimestamp: 0, sizeBytes: bytes.length }
  const chunks = { spansFrom: () => [span], between: () => [{ endOffset: count, bytes }] }
  const aborted: AbortedTransaction[] = range(count).map((offset) => ({
    ...{ producerId: BigInt(offset), firstOffset: offset, lastOffset: offset + 1 },
  }))
  const transactions = {
    // As the table: no more than one above the limit.
    abortedBetween: (from: number, to: number) =>
      aborted.slice(from, Math.min(to, from + ABORTED_TRANSACTIONS_MAX + 1)),
  }
  return { chunks, transactions } as unknown as {
    chunks: ChunkTable
    transactions: TransactionTable
  }
}

test('hides the records of more aborted transactions than one list has', () => {
  const count = ABORTED_TRANSACTIONS_MAX + 500
  const tables = abortedLog(count)
  const ends = { logStartOffset: 0, lastStableOffset: count, highWatermark: count }
  const request = {
    maxBytes: FETCH_BYTES_MAX,
    isolation: 'committed',
    mayLeaveFirst: false,
  } as const
  for (let offset = 0; offset < count; ) {
    const { batches, to } = readSlice(tables, ends, { ...request, offset })
    expect(batches.length).toBe(0)
    expect(to).toBeGreaterThan(offset)
    offset = to
  }
}, 120_000)
