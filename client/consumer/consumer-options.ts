import { EdgelogError, type ErrorCode } from '../../src/core/errors.ts'
import { FETCH_BYTES_MAX } from '../../src/core/limits.ts'
import { ISOLATION_LEVELS, type IsolationLevel } from '../../src/core/log/log-ends.ts'
import { checkRange } from '../check-range.ts'
import { CONSUMER_BUFFER_BYTES, FETCH_BYTES } from '../limits.ts'

/** An offset, an end of the log, or the first record at or after a time (ms since 1970). */
export type StartPosition = number | 'earliest' | 'latest' | { readonly timestamp: number }

export interface Assignment {
  readonly topic: string
  readonly partition: number
  /** 'latest' by default. */
  readonly offset?: StartPosition
}

export interface ConsumerOptions {
  /** Partitions to read. */
  readonly assignments?: readonly Assignment[]
  /** Topics to read: all their partitions, including later ones, which start at 'earliest'. */
  readonly topics?: readonly string[]
  /** Start of the partitions of `topics`; 'latest'. */
  readonly from?: Exclude<StartPosition, number>
  /** 'auto' uses a WebSocket if one works, otherwise the long poll; 'auto'. */
  readonly transport?: 'auto' | 'websocket' | 'long-poll'
  /** Bytes of one read, up to 16 MiB; 1 MiB. */
  readonly fetchBytesMax?: number
  /** Bytes read ahead of the application, over all partitions; 32 MiB. */
  readonly bufferBytesMax?: number
  /**
   * 'uncommitted' also reads the records of open and aborted transactions, as soon as they are stored; 'committed' by
   * default. The records of an open transaction hold back a committed reader of their partition.
   */
  readonly isolation?: IsolationLevel
  /** Where to continue if the log no longer, or not yet, has the position; 'earliest'. */
  readonly autoOffsetReset?: 'earliest' | 'latest' | 'error'
  /** Aborting it calls `close()`. */
  readonly signal?: AbortSignal
}

export interface ConsumerSettings {
  readonly transport: 'auto' | 'websocket' | 'long-poll'
  readonly fetchBytesMax: number
  readonly bufferBytesMax: number
  readonly isolation: IsolationLevel
  readonly autoOffsetReset: 'earliest' | 'latest' | 'error'
}

/** @throws {EdgelogError} `invalid_config`. */
export function consumerSettings(options: ConsumerOptions): ConsumerSettings {
  if ((options.assignments === undefined) === (options.topics === undefined)) {
    throw new EdgelogError('invalid_config', 'assignments, topics: exactly one of them is required')
  }
  checkStart('from', options.from ?? 'latest', 'invalid_config')
  for (const { offset = 'latest' } of options.assignments ?? []) {
    checkStart('offset', offset, 'invalid_config')
  }
  return readSettings(options)
}

/** @throws {EdgelogError} `code` for an invalid position. */
export function checkStart(
  name: string,
  start: StartPosition,
  code: ErrorCode = 'invalid_request',
): void {
  if (start === 'earliest' || start === 'latest') return
  const value: unknown = typeof start === 'object' ? start?.timestamp : start
  if (Number.isSafeInteger(value) && Number(value) >= 0) return
  throw new EdgelogError(
    code,
    `${name}: not a log position: ${String(value)}; allowed: an offset, 'earliest', 'latest', { timestamp }`,
  )
}

/** @throws {EdgelogError} `invalid_config`. */
export function readSettings(options: Partial<ConsumerSettings>): ConsumerSettings {
  const {
    transport = 'auto',
    fetchBytesMax = FETCH_BYTES,
    bufferBytesMax = CONSUMER_BUFFER_BYTES,
    autoOffsetReset = 'earliest',
    isolation = 'committed',
  } = options
  checkRange('fetchBytesMax', fetchBytesMax, 1, FETCH_BYTES_MAX)
  checkRange('bufferBytesMax', bufferBytesMax, 1, Number.MAX_SAFE_INTEGER)
  if (!ISOLATION_LEVELS.includes(isolation)) {
    throw new EdgelogError('invalid_config', `isolation: ${ISOLATION_LEVELS.join(', ')} is allowed`)
  }
  return { transport, fetchBytesMax, bufferBytesMax, isolation, autoOffsetReset }
}
