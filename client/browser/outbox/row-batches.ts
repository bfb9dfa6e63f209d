/** Record batches as the outbox keeps them: without a stamp, never compressed. */
import {
  BatchBuilder,
  type BatchProducer,
  stampProducer,
} from '../../../src/core/batch/batch-builder.ts'
import type { Codecs } from '../../../src/core/batch/compression/codec.ts'
import { decodeBatch } from '../../../src/core/batch/decode-records.ts'
import type { LogRecord, NewRecord } from '../../../src/core/batch/record.ts'
import { readBatchHeader } from '../../../src/core/batch/record-batch.ts'
import type { OutboxRow } from '../store/schema.ts'

/** Nothing in the outbox is compressed. */
const NO_CODECS = {} as Codecs

/** Waits for nothing but itself, so that it may be called within a transaction. */
export async function recordsOf(batch: Uint8Array): Promise<LogRecord[]> {
  return await decodeBatch(batch, readBatchHeader(batch), NO_CODECS)
}

export function batchOf(records: Iterable<NewRecord>): Uint8Array<ArrayBuffer> {
  const builder = new BatchBuilder(1024)
  for (const record of records) builder.append(record)
  return builder.finish()
}

/** The first records of neighbouring rows as one batch, stamped. */
export async function joinRows(
  rows: readonly OutboxRow[],
  recordsMax: number,
  producer: BatchProducer,
): Promise<Uint8Array<ArrayBuffer>> {
  const [first] = rows
  let joined: Uint8Array<ArrayBuffer>
  if (rows.length === 1 && first !== undefined && first.recordsCount <= recordsMax) {
    joined = first.batch.slice()
  } else {
    const builder = new BatchBuilder(1024)
    for (const row of rows) {
      if (builder.recordsCount >= recordsMax) break
      for (const record of await recordsOf(row.batch)) {
        if (builder.recordsCount < recordsMax) builder.append(record)
      }
    }
    joined = builder.finish()
  }
  stampProducer(joined, producer)
  return joined
}

/** What is left of a row behind its first `count` records. */
export async function rowAfter(row: OutboxRow, count: number): Promise<OutboxRow | undefined> {
  if (count >= row.recordsCount) return undefined
  return {
    ...row,
    position: row.position + count,
    recordsCount: row.recordsCount - count,
    batch: batchOf((await recordsOf(row.batch)).slice(count)),
  }
}
