/**
 * Which of the records that wait are in the log all the same. Asked when the log has forgotten their
 * producer: the answer to the last request may have been lost before that.
 */
import { readBatchHeaders } from '../../../src/core/batch/record-batch.ts'
import { EdgelogError } from '../../../src/core/errors.ts'
import { fetchBatches } from '../../consumer/fetch-batches.ts'
import type { Connection } from '../../http/connection.ts'
import { FETCH_BYTES } from '../../limits.ts'
import type { Ack, ProducerRow } from '../store/schema.ts'
import { sequenceAt } from './outbox-drain.ts'
import { pendingOf } from './outbox-store.ts'

/**
 * Reads what followed the last acknowledged record, once, up to the end that the log has now.
 *
 * @throws {Refusal} `unavailable`, ...
 */
export async function checkTail(
  connection: Connection,
  producer: ProducerRow,
  signal: AbortSignal,
): Promise<Ack[]> {
  const { topic, partition, ackedEndOffset } = producer
  const acks: Ack[] = []
  let from: number | 'earliest' = ackedEndOffset
  let end: number | undefined
  while (end === undefined || (from as number) < end) {
    const options = { from, maxBytes: FETCH_BYTES, waitMs: 0, signal }
    try {
      const fetched = await fetchBatches(connection, topic, partition, options)
      end ??= fetched.highWatermark
      acks.push(...found(producer, fetched.batches))
      if (fetched.nextOffset === from) break
      from = fetched.nextOffset
    } catch (error) {
      const isElsewhere = error instanceof EdgelogError && error.code === 'offset_out_of_range'
      if (!isElsewhere || from === 'earliest') throw error
      from = 'earliest'
    }
  }
  return acks
}

function found(producer: ProducerRow, batches: Uint8Array): Ack[] {
  if (batches.length === 0) return []
  const acks: Ack[] = []
  const first = sequenceAt(producer, producer.firstPosition)
  for (const header of readBatchHeaders(batches)) {
    const { producerId, producerEpoch, baseSequence, baseOffset, lastOffsetDelta } = header
    if (producerId !== producer.producerId || producerEpoch !== producer.epoch) continue
    // Sequences have 31 bits and wrap, so it is their distance that counts.
    const ahead = ((baseSequence - first) << 1) >> 1
    const end = Math.min(ahead + lastOffsetDelta + 1, pendingOf(producer))
    const start = Math.max(0, ahead)
    if (start >= end) continue
    acks.push({
      position: producer.firstPosition + start,
      recordsCount: end - start,
      baseOffset: baseOffset + start - ahead,
      logAppendTime: null,
    })
  }
  return acks
}
