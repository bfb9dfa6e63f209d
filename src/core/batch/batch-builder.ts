/** Encodes records into a batch one after the other, directly into the bytes to send. */
import { ByteWriter } from '../bytes/byte-writer.ts'
import { EdgelogError } from '../errors.ts'
import { BATCH_BYTES_MAX, BATCH_RECORDS_MAX, RECORD_HEADERS_MAX } from '../limits.ts'
import {
  ATTRIBUTE_TRANSACTIONAL,
  ATTRIBUTES_POSITION,
  BASE_SEQUENCE_POSITION,
  BASE_TIMESTAMP_POSITION,
  BATCH_HEADER_BYTES,
  BATCH_LENGTH_END,
  BATCH_LENGTH_POSITION,
  LAST_OFFSET_DELTA_POSITION,
  LEADER_EPOCH_POSITION,
  MAGIC,
  MAGIC_POSITION,
  MAX_TIMESTAMP_POSITION,
  PRODUCER_EPOCH_POSITION,
  PRODUCER_ID_POSITION,
  RECORDS_COUNT_POSITION,
} from './header-layout.ts'
import { encodeRecord, type NewRecord, recordSizeBytesMax } from './record.ts'
import { writeCrc } from './write-crc.ts'

const HEADER_SPACE = new Uint8Array(BATCH_HEADER_BYTES)

/** The producer of a batch. Without a producer id, retries cannot be distinguished from new records. */
export interface BatchProducer {
  readonly producerId: bigint
  readonly producerEpoch: number
  readonly baseSequence: number
}

interface BatchOptions extends Partial<BatchProducer> {
  readonly isTransactional?: boolean
}

/**
 * Builds batches one after the other, reusing one buffer and storing no records.
 *
 * @example
 * const builder = new BatchBuilder()
 * builder.append({ timestamp: now, key: null, value, headers: [] })
 * const batch = builder.finish()
 */
export class BatchBuilder {
  readonly #writer: ByteWriter
  #recordsCount = 0
  #baseTimestamp = 0
  #maxTimestamp = 0

  constructor(initialBytes = 16 * 1024) {
    this.#writer = new ByteWriter(initialBytes)
    this.#writer.bytes(HEADER_SPACE)
  }

  get recordsCount(): number {
    return this.#recordsCount
  }

  /** Size of the uncompressed batch so far, header included. */
  get sizeBytes(): number {
    return this.#writer.position
  }

  /** Size of the buffer, which grows with the batches and is kept. */
  get bufferBytes(): number {
    return this.#writer.bufferBytes
  }

  /** Returns an upper bound of the bytes that `append` adds, to decide whether the record still fits. */
  static recordSizeBytesMax(record: Omit<NewRecord, 'timestamp'>): number {
    return recordSizeBytesMax(record)
  }

  /**
   * Adds one record. If the record is refused, the batch is unchanged.
   *
   * @throws {EdgelogError} `message_too_large`, `invalid_record`, `invalid_timestamp`.
   */
  append(record: NewRecord): void {
    const writer = this.#writer
    const { timestamp } = record
    const offsetDelta = this.#recordsCount
    const timestampDelta = offsetDelta === 0 ? 0 : timestamp - this.#baseTimestamp
    checkRecord(record, timestampDelta, offsetDelta)
    const before = writer.position
    const room = BATCH_BYTES_MAX - before
    // Only key and value can be large enough to matter before anything is written.
    const payloadBytes = (record.key?.length ?? 0) + (record.value?.length ?? 0)
    if (payloadBytes > room) throw tooLarge(before + payloadBytes)
    encodeRecord(writer, record, timestampDelta, offsetDelta)
    if (writer.position > BATCH_BYTES_MAX) {
      const sizeBytes = writer.position
      writer.truncate(before)
      throw tooLarge(sizeBytes)
    }
    if (offsetDelta === 0) this.#baseTimestamp = this.#maxTimestamp = timestamp
    else if (timestamp > this.#maxTimestamp) this.#maxTimestamp = timestamp
    this.#recordsCount = offsetDelta + 1
  }

  /**
   * Returns the batch, uncompressed, with baseOffset 0 and leader epoch -1, and starts the next one.
   *
   * @throws {EdgelogError} `invalid_record` if no record was appended.
   */
  finish(options: BatchOptions = {}): Uint8Array<ArrayBuffer> {
    if (this.#recordsCount === 0) {
      throw new EdgelogError('invalid_record', 'a batch must contain at least one record')
    }
    const batch = this.#writer.toBytes()
    const view = new DataView(batch.buffer)
    view.setInt32(BATCH_LENGTH_POSITION, batch.length - BATCH_LENGTH_END)
    view.setInt32(LEADER_EPOCH_POSITION, -1)
    view.setInt8(MAGIC_POSITION, MAGIC)
    view.setInt16(ATTRIBUTES_POSITION, options.isTransactional ? ATTRIBUTE_TRANSACTIONAL : 0)
    view.setInt32(LAST_OFFSET_DELTA_POSITION, this.#recordsCount - 1)
    view.setBigInt64(BASE_TIMESTAMP_POSITION, BigInt(this.#baseTimestamp))
    view.setBigInt64(MAX_TIMESTAMP_POSITION, BigInt(this.#maxTimestamp))
    view.setInt32(RECORDS_COUNT_POSITION, this.#recordsCount)
    const { producerId = -1n, producerEpoch = -1, baseSequence = -1 } = options
    stampProducer(batch, { producerId, producerEpoch, baseSequence })
    this.#recordsCount = 0
    this.#writer.truncate(BATCH_HEADER_BYTES)
    return batch
  }
}

/**
 * Writes another producer id, epoch and sequence, and a new CRC, into a batch in place. A producer does this to
 * the batches it still holds when it continues under a new epoch.
 */
export function stampProducer(batch: Uint8Array, producer: BatchProducer): void {
  const view = new DataView(batch.buffer, batch.byteOffset, batch.byteLength)
  view.setBigInt64(PRODUCER_ID_POSITION, producer.producerId)
  view.setInt16(PRODUCER_EPOCH_POSITION, producer.producerEpoch)
  view.setInt32(BASE_SEQUENCE_POSITION, producer.baseSequence)
  writeCrc(batch)
}

/**
 * Encodes records into one batch, uncompressed, with baseOffset 0.
 *
 * @throws {EdgelogError} like `BatchBuilder.append`; `invalid_record` if there are no records.
 */
export function encodeBatch(
  records: Iterable<NewRecord>,
  options: BatchOptions = {},
): Uint8Array<ArrayBuffer> {
  const builder = new BatchBuilder(1024)
  for (const record of records) builder.append(record)
  return builder.finish(options)
}

function checkRecord(record: NewRecord, timestampDelta: number, offsetDelta: number): void {
  if (!Number.isSafeInteger(record.timestamp) || !Number.isSafeInteger(timestampDelta)) {
    throw new EdgelogError(
      'invalid_timestamp',
      `timestamp: whole milliseconds below 2^53 are allowed, got ${record.timestamp}`,
    )
  }
  if (record.headers.length > RECORD_HEADERS_MAX) {
    throw new EdgelogError(
      'invalid_record',
      `headers: at most ${RECORD_HEADERS_MAX} are allowed, got ${record.headers.length}`,
    )
  }
  if (offsetDelta >= BATCH_RECORDS_MAX) {
    throw new EdgelogError(
      'message_too_large',
      `a batch may contain at most ${BATCH_RECORDS_MAX} records`,
    )
  }
}

function tooLarge(sizeBytes: number): EdgelogError {
  return new EdgelogError(
    'message_too_large',
    `a batch may have at most ${BATCH_BYTES_MAX} bytes, got ${sizeBytes}`,
  )
}
