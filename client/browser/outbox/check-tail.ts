/**
 * Finds the waiting records that are already in the log. Used when the log has lost the
 * producer's state, because the response to the last request may have been lost before.
 *
 * Without an acknowledged record this reads the whole partition. A search by time would
 * skip most of it, but could miss records: with LogAppendTime the log's clock counts,
 * and the browser's clock may be wrong. So everything is read once, in bounded steps.
 */
import { readBatchHeaders } from '../../../src/core/batch/record-batch.ts'
import { EdgelogError } from '../../../src/core/errors.ts'
import { fetchBatches } from '../../consumer/fetch-batches.ts'
import type { Connection } from '../../http/connection.ts'
import { FETCH_BYTES } from '../../limits.ts'
import { CHECK_FETCHES_MAX } from '../limits.ts'
import type { Ack, ProducerRow } from '../store/schema.ts'
import { sequenceAt } from './outbox-drain.ts'
import { pendingOf } from './outbox-store.ts'

/** Progress and results of earlier attempts that failed. */
interface Progress {
  readonly producerId: bigint
  readonly epoch: number
  from: number | 'earliest'
  readonly acks: Ack[]
}

/** Progress of each client, by partition; deleted at the end of the search, and with the page. */
const PROGRESS = new WeakMap<Connection, Map<string, Progress>>()

/**
 * Reads from the last acknowledged record to the current end
 * of the log. After a failure the next call continues there.
 *
 * @throws {EdgelogError} `unavailable`, also if there is more to read than one attempt allows; ...
 */
export async function checkTail(
  connection: Connection,
  producer: ProducerRow,
  signal: AbortSignal,
): Promise<Ack[]> {
  const { topic, partition } = producer
  const ofClient = PROGRESS.get(connection) ?? new Map<string, Progress>()
  PROGRESS.set(connection, ofClient)
  const key = `${partition}/${topic}`
  const progress = continueFrom(producer, ofClient.get(key))
  ofClient.set(key, progress)
  let end: number | undefined
  for (let fetches = 0; end === undefined || (progress.from as number) < end; fetches++) {
    if (fetches === CHECK_FETCHES_MAX) {
      throw new EdgelogError('unavailable', `${key} is read up to ${progress.from}`)
    }
    const { from } = progress
    const options = { from, maxBytes: FETCH_BYTES, waitMs: 0, signal }
    try {
      const fetched = await fetchBatches(connection, topic, partition, options)
      end ??= fetched.highWatermark
      progress.acks.push(...found(producer, fetched.batches))
      if (fetched.to === from) break
      progress.from = fetched.to
    } catch (error) {
      const isElsewhere = error instanceof EdgelogError && error.code === 'offset_out_of_range'
      if (!isElsewhere || from === 'earliest') throw error
      progress.from = 'earliest'
    }
  }
  ofClient.delete(key)
  return progress.acks
}

function continueFrom(
  { producerId, epoch, ackedEndOffset }: ProducerRow,
  last?: Progress,
): Progress {
  const isSame = last?.producerId === producerId && last.epoch === epoch
  if (isSame && (last.from === 'earliest' || last.from >= ackedEndOffset)) return last
  return { producerId, epoch, from: ackedEndOffset, acks: [] }
}

function found(producer: ProducerRow, batches: Uint8Array): Ack[] {
  if (batches.length === 0) return []
  const acks: Ack[] = []
  const first = sequenceAt(producer, producer.firstPosition)
  for (const header of readBatchHeaders(batches)) {
    const { producerId, producerEpoch, baseSequence, baseOffset, lastOffsetDelta } = header
    if (producerId !== producer.producerId || producerEpoch !== producer.epoch) continue
    // Sequences have 31 bits and wrap, so their distance counts.
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
