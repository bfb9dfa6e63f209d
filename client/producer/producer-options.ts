import type { CompressionName } from '../../src/core/compression/codec.ts'
import { EdgelogError } from '../../src/core/errors.ts'
import {
  BATCH_BYTES_MAX,
  TRANSACTION_TIMEOUT_MS_DEFAULT,
  TRANSACTION_TIMEOUT_MS_MAX,
  TRANSACTIONAL_ID_LENGTH_MAX,
} from '../../src/core/limits.ts'
import { checkRange } from '../check-range.ts'
import {
  BATCH_BYTES,
  BUFFER_BYTES,
  DELIVERY_SILENCE_MS,
  IN_FLIGHT_MAX,
  LINGER_MS,
  REQUEST_TIMEOUT_MS,
  RETRY_BACKOFF_MS,
  RETRY_BACKOFF_MS_MAX,
} from '../limits.ts'

export interface ProducerOptions {
  /** Time a batch waits for more records; 5. */
  readonly lingerMs?: number
  /** Largest batch before compression; 512 KiB, and at most what the topic accepts. */
  readonly batchBytesMax?: number
  /** Bytes buffered until they are acknowledged; 32 MiB. Beyond it `send` waits. */
  readonly bufferBytesMax?: number
  /** In-flight batches per partition, 1 to 5; 5. */
  readonly inFlightMax?: number
  /**
   * True to let the log deduplicate retried batches; the default. Without it a batch whose
   * response is lost may be stored twice, and each partition has one batch in flight at a time.
   */
  readonly isIdempotent?: boolean
  readonly compression?: CompressionName
  /**
   * Time from `send` to an acknowledgement or an error, as Kafka's `delivery.timeout.ms`.
   * By default silence is limited instead: records fail if no record of the client was
   * acknowledged for 120 s, or, in a partition whose requests fail, no record of this
   * partition. Records that wait behind others on a slow line do not count as late then.
   */
  readonly deliveryTimeoutMs?: number
  /** Silence after which a request fails; 30 s. A request too large for a slow line gets more time. */
  readonly requestTimeoutMs?: number
  readonly retryBackoffMs?: number
  readonly retryBackoffMsMax?: number
  /**
   * Makes each `transaction` one of several requests, of any size, and one at a time. A later producer with the same id
   * fences this one: its transactions fail then. Visible ASCII characters. The log keeps at most 10,000 ids, each for
   * 7 days after its last use. `send` of the producer itself is not part of a transaction.
   */
  readonly transactionalId?: string
  /** Time after which the log aborts an open transaction of the `transactionalId`, up to 15 min; 60 s. */
  readonly transactionTimeoutMs?: number
}

export interface ProducerSettings
  extends Required<Omit<ProducerOptions, 'deliveryTimeoutMs' | 'transactionalId'>> {
  /** Undefined: the limit is `DELIVERY_SILENCE_MS` of silence. */
  readonly deliveryTimeoutMs: number | undefined
  /** Undefined: each transaction is one request. */
  readonly transactionalId: string | undefined
}

/** @throws {EdgelogError} `invalid_config`. */
export function producerSettings(options: ProducerOptions): ProducerSettings {
  const settings: ProducerSettings = {
    lingerMs: LINGER_MS,
    batchBytesMax: BATCH_BYTES,
    bufferBytesMax: BUFFER_BYTES,
    inFlightMax: IN_FLIGHT_MAX,
    isIdempotent: true,
    compression: 'none',
    deliveryTimeoutMs: undefined,
    requestTimeoutMs: REQUEST_TIMEOUT_MS,
    retryBackoffMs: RETRY_BACKOFF_MS,
    retryBackoffMsMax: RETRY_BACKOFF_MS_MAX,
    transactionalId: undefined,
    transactionTimeoutMs: TRANSACTION_TIMEOUT_MS_DEFAULT,
    ...options,
  }
  checkRange('lingerMs', settings.lingerMs, 0, deliveryLimitMs(settings))
  checkRange('batchBytesMax', settings.batchBytesMax, 1, BATCH_BYTES_MAX)
  checkRange('bufferBytesMax', settings.bufferBytesMax, 1, Number.MAX_SAFE_INTEGER)
  checkRange('inFlightMax', settings.inFlightMax, 1, IN_FLIGHT_MAX)
  checkRange('transactionTimeoutMs', settings.transactionTimeoutMs, 1, TRANSACTION_TIMEOUT_MS_MAX)
  if (settings.transactionalId !== undefined) checkTransactionalId(settings.transactionalId)
  return settings
}

/** Returns the shortest time after which records fail. */
export function deliveryLimitMs({ deliveryTimeoutMs }: ProducerSettings): number {
  return deliveryTimeoutMs ?? DELIVERY_SILENCE_MS
}

/** It is sent in a header and in a path, where `.` and `..` would mean another one. */
function checkTransactionalId(id: string): void {
  const isAllowed = /^[!-~]+$/.test(id) && !/^\.\.?$/.test(id)
  if (isAllowed && id.length <= TRANSACTIONAL_ID_LENGTH_MAX) return
  throw new EdgelogError(
    'invalid_config',
    `transactionalId: 1 to ${TRANSACTIONAL_ID_LENGTH_MAX} visible ASCII characters are allowed, but not . or ..`,
  )
}
