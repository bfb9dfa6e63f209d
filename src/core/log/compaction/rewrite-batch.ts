/**
 * Writes a batch again with some of its records. Base offset, last delta, producer, sequence and codec stay; records
 * keep their offset deltas.
 */
import {
  ATTRIBUTE_COMPRESSION_MASK,
  ATTRIBUTE_DELETE_HORIZON,
  ATTRIBUTES_POSITION,
  BASE_TIMESTAMP_POSITION,
  BATCH_HEADER_BYTES,
  BATCH_LENGTH_END,
  BATCH_LENGTH_POSITION,
  MAX_TIMESTAMP_POSITION,
  RECORDS_COUNT_POSITION,
} from '../../batch/header-layout.ts'
import type { BatchHeader } from '../../batch/record-batch.ts'
import { writeCrc } from '../../batch/write-crc.ts'
import { ByteWriter } from '../../bytes/byte-writer.ts'
import { concatenate } from '../../bytes/concatenate.ts'
import { varlongSizeBytes } from '../../bytes/varint-size.ts'
import type { Codecs } from '../../compression/codec.ts'
import type { Pace } from './pace.ts'
import { RecordCursor } from './record-cursor.ts'

export interface KeptRecords {
  /** All records of the batch, decompressed. */
  readonly records: Uint8Array
  /** For each record 1 if it stays, else 0. */
  readonly kept: Uint8Array
  readonly keptCount: number
  /** A delete horizon for the batch; undefined: it has one already, or needs none. */
  readonly horizonMs: number | undefined
}

export async function rewriteBatch(
  batch: Uint8Array,
  header: BatchHeader,
  { records, kept, keptCount, horizonMs }: KeptRecords,
  codecs: Codecs,
  pace: Pace,
): Promise<Uint8Array> {
  // With another base timestamp each record gets another delta.
  const shiftMs = horizonMs === undefined ? 0 : header.baseTimestamp - horizonMs
  const writer = new ByteWriter(records.length)
  const cursor = new RecordCursor(records, header)
  let latest = Number.NEGATIVE_INFINITY
  for (let index = 0; cursor.next(); index++) {
    if (pace.isOver) await pace.rest()
    if (kept[index] === 0) continue
    const { start, end, restStart, timestampDelta } = cursor
    latest = Math.max(latest, timestampDelta)
    if (shiftMs === 0) {
      writer.bytes(records.subarray(start, end))
      continue
    }
    const delta = timestampDelta + shiftMs
    writer.varint(1 + varlongSizeBytes(delta) + end - restStart)
    writer.int8(0)
    writer.varlong(delta)
    writer.bytes(records.subarray(restStart, end))
  }
  const { compression, timestampType, baseTimestamp } = header
  const section = writer.toView()
  return assemble(
    batch,
    compression === 'none' ? section : await codecs[compression].compress(section),
    {
      recordsCount: keptCount,
      horizonMs,
      maxTimestamp:
        timestampType === 'LogAppendTime' ? header.maxTimestamp : baseTimestamp + latest,
    },
  )
}

/** Returns a batch without records, which covers the same offsets. No search by time finds it. */
export function emptyBatch(batch: Uint8Array): Uint8Array {
  return assemble(batch, new Uint8Array(0), {
    recordsCount: 0,
    horizonMs: undefined,
    maxTimestamp: -1,
    attributesToClear: ATTRIBUTE_COMPRESSION_MASK | ATTRIBUTE_DELETE_HORIZON,
  })
}

interface NewFields {
  readonly recordsCount: number
  readonly horizonMs: number | undefined
  readonly maxTimestamp: number
  readonly attributesToClear?: number
}

function assemble(
  batch: Uint8Array,
  section: Uint8Array,
  { recordsCount, horizonMs, maxTimestamp, attributesToClear = 0 }: NewFields,
): Uint8Array {
  const written = concatenate([batch.subarray(0, BATCH_HEADER_BYTES), section])
  const view = new DataView(written.buffer, written.byteOffset, written.byteLength)
  view.setInt32(BATCH_LENGTH_POSITION, written.length - BATCH_LENGTH_END)
  const attributes = view.getInt16(ATTRIBUTES_POSITION) & ~attributesToClear
  view.setInt16(ATTRIBUTES_POSITION, attributes)
  if (horizonMs !== undefined) {
    view.setInt16(ATTRIBUTES_POSITION, attributes | ATTRIBUTE_DELETE_HORIZON)
    view.setBigInt64(BASE_TIMESTAMP_POSITION, BigInt(horizonMs))
  }
  view.setBigInt64(MAX_TIMESTAMP_POSITION, BigInt(maxTimestamp))
  view.setInt32(RECORDS_COUNT_POSITION, recordsCount)
  writeCrc(written)
  return written
}
