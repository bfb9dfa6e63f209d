/** Delivers the records that a partition has read ahead, a bounded number of bytes at a time. */

import { decodeBatch } from '../../src/core/batch/decode-records.ts'
import type { LogRecord } from '../../src/core/batch/record.ts'
import type { Decompressors } from '../../src/core/compression/codec.ts'
import { DELIVERY_BYTES } from '../limits.ts'
import { type ConsumerBatch, ConsumerRecord } from './consumer-record.ts'
import { endOffsetOf } from './log-chunk.ts'
import type { PartitionReader } from './partition-reader.ts'

/**
 * Decodes the next records of a reader and moves its position behind
 * them. Skips control records and records below the start offset.
 *
 * @returns undefined if there were none, or the application has moved the position meanwhile
 * @throws {EdgelogError} for a batch that cannot be decoded, after all batches before it were delivered
 */
export async function takeBatch(
  reader: PartitionReader,
  codecs: Decompressors,
): Promise<ConsumerBatch | undefined> {
  const { session, head, topic, partition } = reader
  if (head === undefined) return undefined
  const { chunk, offset, highWatermark, readableEnd } = head
  const records: ConsumerRecord[] = []
  const firstIndex = head.nextIndex
  let nextOffset = offset
  let decodedBytes = 0
  while (head.nextIndex < chunk.headers.length && decodedBytes < DELIVERY_BYTES) {
    const header = chunk.headers[head.nextIndex]
    if (header === undefined) break
    if (!header.isControl) {
      let decoded: LogRecord[]
      try {
        decoded = await decodeBatch(chunk.bytes, header, codecs)
      } catch (error) {
        if (head.nextIndex === firstIndex) throw error
        break
      }
      for (const record of decoded) {
        if (record.offset < offset) continue
        records.push(new ConsumerRecord(topic, partition, record))
        decodedBytes += (record.key?.length ?? 0) + (record.value?.length ?? 0)
      }
    }
    if (reader.session !== session) return undefined
    nextOffset = endOffsetOf(header)
    head.nextIndex += 1
  }
  if (head.nextIndex >= chunk.headers.length) {
    nextOffset = Math.max(nextOffset, chunk.nextOffset)
    reader.shift()
  }
  reader.position = nextOffset
  if (records.length === 0) return undefined
  const lag = Math.max(0, readableEnd - nextOffset)
  return { topic, partition, records, nextOffset, highWatermark, lag }
}
