/** One read of a partition, in the binary form. */

import { BATCH_MEDIA_TYPE, type Connection, readBody, request } from '../http/connection.ts'
import { recordsPath } from '../http/paths.ts'
import { Refusal } from '../http/refusal.ts'
import { REQUEST_TIMEOUT_MS } from '../limits.ts'
import type { StartPosition } from './consumer-options.ts'

export interface FetchedBatches {
  readonly batches: Uint8Array
  /** The offset asked for, resolved. */
  readonly offset: number
  readonly nextOffset: number
  readonly highWatermark: number
}

export interface FetchBatchesOptions {
  readonly from: StartPosition
  readonly maxBytes: number
  readonly waitMs: number
  /** Longest silence besides `waitMs`; 30 s. */
  readonly silenceMs?: number
  readonly signal: AbortSignal
}

/** @throws {Refusal} `offset_out_of_range`, `unknown_topic_or_partition`, `unavailable`, ... */
export async function fetchBatches(
  connection: Connection,
  topic: string,
  partition: number,
  { from, maxBytes, waitMs, silenceMs = REQUEST_TIMEOUT_MS, signal }: FetchBatchesOptions,
): Promise<FetchedBatches> {
  const start = typeof from === 'object' ? `timestamp=${from.timestamp}` : `offset=${from}`
  const path = `${recordsPath(topic, partition)}?${start}&maxBytes=${maxBytes}&waitMs=${waitMs}`
  const call = { accept: BATCH_MEDIA_TYPE, timeoutMs: waitMs + silenceMs, signal }
  return await request(connection, path, call, async (response, keepAlive) => ({
    offset: readOffset(response, 'edgelog-offset'),
    nextOffset: readOffset(response, 'edgelog-next-offset'),
    highWatermark: readOffset(response, 'edgelog-high-watermark'),
    batches: await readBody(response, keepAlive),
  }))
}

/** Missing where a proxy answered, or hid the headers. */
function readOffset({ headers }: Response, name: string): number {
  const value = headers.get(name)
  if (value !== null && /^\d{1,16}$/.test(value)) return Number(value)
  throw new Refusal('unavailable', `the answer has no header ${name}`, { status: 0 })
}
