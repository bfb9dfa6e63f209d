/** Reads a partition once, in the binary format. */

import type { IsolationLevel } from '../../src/core/log/log-ends.ts'
import { BATCH_MEDIA_TYPE, type Connection, readBody, request } from '../http/connection.ts'
import { recordsPath } from '../http/paths.ts'
import { RequestError } from '../http/request-error.ts'
import { REQUEST_TIMEOUT_MS } from '../limits.ts'
import type { StartPosition } from './consumer-options.ts'

/** All records of the log from offset `from` up to, but not including, `to`. */
export interface FetchedBatches {
  /** The requested offset, resolved. */
  readonly from: number
  /** Start of the next read. An offset below it that is in no batch has no record. */
  readonly to: number
  /** Whole batches; the first may begin before `from`. */
  readonly batches: Uint8Array
  /** End of the readable records: undecided transactions lie behind it. */
  readonly lastStableOffset: number
  readonly highWatermark: number
  /** Path of the sealed chunk that holds `from`, if there is one. */
  readonly sealed?: string | undefined
  readonly logStartOffset?: number | undefined
  /** Compaction has removed tombstones below this offset; undefined: none. */
  readonly tombstonesGoneBelow?: number | undefined
}

export interface FetchBatchesOptions {
  readonly from: StartPosition
  readonly maxBytes: number
  readonly waitMs: number
  /** 'committed' by default. */
  readonly isolation?: IsolationLevel
  /** Longest silence beyond `waitMs`; 30 s. */
  readonly silenceMs?: number
  readonly signal: AbortSignal
}

/** @throws {RequestError} `offset_out_of_range`, `unknown_topic_or_partition`, `unavailable`, ... */
export async function fetchBatches(
  connection: Connection,
  topic: string,
  partition: number,
  options: FetchBatchesOptions,
): Promise<FetchedBatches> {
  const { from, maxBytes, waitMs, isolation, silenceMs = REQUEST_TIMEOUT_MS, signal } = options
  const start = typeof from === 'object' ? `timestamp=${from.timestamp}` : `offset=${from}`
  const only = isolation === undefined ? '' : `&isolation=${isolation}`
  const limits = `maxBytes=${maxBytes}&waitMs=${waitMs}${only}`
  const path = `${recordsPath(topic, partition)}?${start}&${limits}`
  const call = { accept: BATCH_MEDIA_TYPE, timeoutMs: waitMs + silenceMs, signal }
  return await request(connection, path, call, async (response, keepAlive) => ({
    from: readOffset(response, 'edgelog-offset'),
    to: readOffset(response, 'edgelog-next-offset'),
    lastStableOffset: readOffset(response, 'edgelog-last-stable-offset'),
    highWatermark: readOffset(response, 'edgelog-high-watermark'),
    sealed: readSealedPath(response),
    logStartOffset: findOffset(response, 'edgelog-log-start-offset'),
    tombstonesGoneBelow: findOffset(response, 'edgelog-tombstones-gone-below'),
    batches: await readBody(response, keepAlive),
  }))
}

const SEALED_PATH = /^\/v1\/topics\/[\w-]+\/partitions\/\d+\/sealed\/\d+$/

function readSealedPath({ headers }: Response): string | undefined {
  const path = headers.get('edgelog-sealed')
  return path !== null && SEALED_PATH.test(path) ? path : undefined
}

interface FetchSealedOptions {
  /** The offset that the path names. */
  readonly offset: number
  readonly silenceMs?: number | undefined
  readonly signal: AbortSignal
}

/**
 * Reads the sealed chunk at a path. A browser asks whether its copy is still valid: the records may have been deleted.
 *
 * @throws {RequestError} `not_sealed`, `offset_out_of_range`, `unknown_topic_id`, `unavailable`, ...
 */
export async function fetchSealed(
  connection: Connection,
  path: string,
  { offset, silenceMs: timeoutMs = REQUEST_TIMEOUT_MS, signal }: FetchSealedOptions,
): Promise<Pick<FetchedBatches, 'to' | 'batches'>> {
  const call = { accept: BATCH_MEDIA_TYPE, timeoutMs, signal, isChecked: true }
  return await request(connection, path, call, async (response, keepAlive) => {
    const from = readOffset(response, 'edgelog-offset')
    const to = readOffset(response, 'edgelog-next-offset')
    if (from > offset || to <= offset) {
      const why = `the sealed chunk of ${offset} covers ${from} to ${to}`
      throw new RequestError('unavailable', why, { status: 0 })
    }
    return { to, batches: await readBody(response, keepAlive) }
  })
}

/** Reads a header that is missing if a proxy responded or removed it. */
function readOffset(response: Response, name: string): number {
  const offset = findOffset(response, name)
  if (offset !== undefined) return offset
  throw new RequestError('unavailable', `the response has no header ${name}`, { status: 0 })
}

function findOffset({ headers }: Response, name: string): number | undefined {
  const value = headers.get(name)
  return value !== null && /^\d{1,16}$/.test(value) ? Number(value) : undefined
}
