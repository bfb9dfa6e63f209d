/** Record batches in the form of the outbox: without a producer stamp, uncompressed. */
import {
  BatchBuilder,
  type BatchProducer,
  stampProducer,
} from '../../../src/core/batch/batch-builder.ts'
import { decodeBatch } from '../../../src/core/batch/decode-records.ts'
import type { LogRecord, NewRecord } from '../../../src/core/batch/record.ts'
import { readBatchHeader } from '../../../src/core/batch/record-batch.ts'
import type { Decompressors } from '../../../src/core/compression/codec.ts'
import type { OutboxRow } from '../store/schema.ts'

/** The outbox is never compressed. */
const NO_CODECS = {} as Decompressors

/** Decodes a batch. Awaits no other work, so it may be called within a transaction. */
export async function recordsOf(batch: Uint8Array): Promise<LogRecord[]> {
  return await decodeBatch(batch, readBatchHeader(batch), NO_CODECS)
}

export function batchOf(records: Iterable<NewRecord>): Uint8Array<ArrayBuffer> {
  const builder = new BatchBuilder(1024)
  for (const record of records) builder.append(record)
  return builder.finish()
}

interface BatchLimits {
  readonly recordsMax: number
  /** A single record may be larger. */
  readonly sizeBytesMax: number
}

export interface JoinedBatch {
  readonly batch: Uint8Array<ArrayBuffer>
  readonly recordsCount: number
}

/** Returns the first records of adjacent rows as one batch, stamped. */
export async function joinRows(
  rows: readonly OutboxRow[],
  limits: BatchLimits,
  producer: BatchProducer,
): Promise<JoinedBatch> {
  const { recordsMax, sizeBytesMax } = limits
  const [first] = rows
  if (rows.length === 1 && first !== undefined) {
    const { batch, recordsCount } = first
    if (recordsCount <= recordsMax && (batch.length <= sizeBytesMax || recordsCount === 1)) {
      const whole = batch.slice()
      stampProducer(whole, producer)
      return { batch: whole, recordsCount }
    }
  }
  const builder = new BatchBuilder(1024)
  for (const row of rows) if (!appendRecords(builder, await recordsOf(row.batch), limits)) break
  const { recordsCount } = builder
  return { batch: builder.finish(producer), recordsCount }
}

/** Returns whether there is room for more records. */
function appendRecords(
  builder: BatchBuilder,
  records: readonly NewRecord[],
  { recordsMax, sizeBytesMax }: BatchLimits,
): boolean {
  for (const record of records) {
    const { recordsCount } = builder
    const sizeBytes = builder.sizeBytes + BatchBuilder.recordSizeBytesMax(record)
    if (recordsCount === recordsMax) return false
    if (recordsCount > 0 && sizeBytes > sizeBytesMax) return false
    builder.append(record)
  }
  return builder.recordsCount < recordsMax
}

/** Returns the rest of a row behind its first `count` records. */
export async function rowAfter(row: OutboxRow, count: number): Promise<OutboxRow | undefined> {
  if (count >= row.recordsCount) return undefined
  return {
    ...row,
    position: row.position + count,
    recordsCount: row.recordsCount - count,
    batch: batchOf((await recordsOf(row.batch)).slice(count)),
  }
}
