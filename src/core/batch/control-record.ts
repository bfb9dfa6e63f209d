/**
 * The markers that end a transaction: a batch of one control record that only the log writes.
 *
 *   key    version int16 0, type int16 (0 abort, 1 commit)
 *   value  version int16 0, coordinatorEpoch int32
 */
import { ByteReader } from '../bytes/byte-reader.ts'
import { ByteWriter } from '../bytes/byte-writer.ts'
import { DecodeError } from '../bytes/decode-error.ts'
import { EdgelogError } from '../errors.ts'
import { encodeBatch } from './batch-builder.ts'
import { ATTRIBUTE_CONTROL, ATTRIBUTE_TRANSACTIONAL, ATTRIBUTES_POSITION } from './header-layout.ts'
import { decodeRecord } from './record.ts'
import { type BatchHeader, recordsBytes } from './record-batch.ts'
import { writeCrc } from './write-crc.ts'

const TYPE_ABORT = 0
const TYPE_COMMIT = 1

interface TransactionMarker {
  readonly type: 'commit' | 'abort'
  readonly coordinatorEpoch: number
}

/** Encodes the batch that ends a producer's transaction, with baseOffset 0. */
export function encodeTransactionMarker(
  marker: TransactionMarker,
  producer: { readonly producerId: bigint; readonly producerEpoch: number },
  timestamp: number,
): Uint8Array<ArrayBuffer> {
  const key = new ByteWriter(4)
  key.int16(0)
  key.int16(marker.type === 'commit' ? TYPE_COMMIT : TYPE_ABORT)
  const value = new ByteWriter(6)
  value.int16(0)
  value.int32(marker.coordinatorEpoch)
  const record = { timestamp, key: key.toBytes(), value: value.toBytes(), headers: [] }
  const batch = encodeBatch([record], { ...producer, isTransactional: true })
  new DataView(batch.buffer).setInt16(
    ATTRIBUTES_POSITION,
    ATTRIBUTE_TRANSACTIONAL | ATTRIBUTE_CONTROL,
  )
  writeCrc(batch)
  return batch
}

/**
 * Reads the marker of a control batch; `null` if it is of a type other than a transaction marker.
 *
 * @throws {EdgelogError} `corrupt_message`
 */
export function decodeTransactionMarker(
  bytes: Uint8Array,
  header: BatchHeader,
): TransactionMarker | null {
  const at = `control batch at byte ${header.position}`
  if (!header.isControl || header.recordsCount !== 1 || header.compression !== 'none') {
    throw new EdgelogError('corrupt_message', `${at}: not one uncompressed control record`)
  }
  try {
    const { baseOffset, baseTimestamp } = header
    const reader = new ByteReader(recordsBytes(bytes, header))
    const record = decodeRecord(reader, { baseOffset, baseTimestamp, logAppendTime: null })
    if (reader.remaining > 0) throw new DecodeError(reader.position, 'more than one record')
    return decodeMarker(record.key, record.value)
  } catch (cause) {
    if (!(cause instanceof DecodeError)) throw cause
    throw new EdgelogError('corrupt_message', `${at}: ${cause.message}`, { cause })
  }
}

function decodeMarker(key: Uint8Array | null, value: Uint8Array | null): TransactionMarker | null {
  const keyReader = new ByteReader(key ?? new Uint8Array())
  // Later versions may add fields at the end, so the remaining bytes are ignored.
  keyReader.int16()
  const type = keyReader.int16()
  if (type !== TYPE_ABORT && type !== TYPE_COMMIT) return null
  const valueReader = new ByteReader(value ?? new Uint8Array())
  valueReader.int16()
  const coordinatorEpoch = valueReader.int32()
  return { type: type === TYPE_COMMIT ? 'commit' : 'abort', coordinatorEpoch }
}
