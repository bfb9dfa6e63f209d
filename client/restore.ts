/** Reads record batches as they are stored, and restores them in another log, over the HTTP API. */
import { EdgelogError } from '../src/core/errors.ts'
import type { CallOptions } from './call-options.ts'
import { fetchBatches } from './consumer/fetch-batches.ts'
import { BATCH_MEDIA_TYPE, type Connection, requestJson } from './http/connection.ts'
import { partitionPath } from './http/paths.ts'
import { retryTransient } from './http/retry.ts'
import { RESTORE_RETRY_MS } from './limits.ts'

/** The record batches of a partition at the offsets from `from` up to, not including, `to`. */
export interface BatchRange {
  readonly from: number
  /** Start of the next range. An offset below it that is in no batch has no record. */
  readonly to: number
  /** Kafka's record batches; the first may begin before `from`. */
  readonly batches: Uint8Array
}

export interface RestoreRange extends BatchRange {
  /** The id of the topic that the batches come from. */
  readonly sourceId: string
}

/** Reads the committed batches from an offset on, and repeats a call that fails for a while. */
export async function readBatches(
  connection: Connection,
  topic: string,
  partition: number,
  offset: number,
  maxBytes: number,
  { signal = new AbortController().signal }: CallOptions,
): Promise<BatchRange> {
  return await retryTransient(connection, { timeoutMs: RESTORE_RETRY_MS, signal }, async () => {
    const options = { from: offset, maxBytes, waitMs: 0, signal }
    const { from, to, batches } = await fetchBatches(connection, topic, partition, options)
    return { from, to, batches }
  })
}

/** Restores a range, and repeats a call that fails for a while: the log accepts each range once. */
export async function restoreBatches(
  connection: Connection,
  topic: string,
  partition: number,
  { sourceId, from, to, batches }: RestoreRange,
  { signal }: CallOptions,
): Promise<void> {
  const path = `${partitionPath(topic, partition)}/restore`
  const headers = {
    'edgelog-source': sourceId,
    'edgelog-offset': String(from),
    'edgelog-next-offset': String(to),
  }
  const call = { method: 'POST', contentType: BATCH_MEDIA_TYPE, headers, signal } as const
  let attempts = 0
  await retryTransient(connection, { timeoutMs: RESTORE_RETRY_MS, signal }, async () => {
    attempts += 1
    try {
      await requestJson(connection, path, { ...call, body: batches })
    } catch (error) {
      // The response of an earlier attempt was lost.
      if (attempts === 1 || nextOffsetOf(error) !== to) throw error
    }
  })
}

function nextOffsetOf(error: unknown): unknown {
  const isMismatch = error instanceof EdgelogError && error.code === 'expected_offset_mismatch'
  return isMismatch ? error.details?.nextOffset : undefined
}
