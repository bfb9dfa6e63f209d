/** Walks over the records of a decompressed batch without decoding more than compaction needs. */

import { readNullableLength, readRecordEnd } from '../../batch/record.ts'
import type { BatchHeader } from '../../batch/record-batch.ts'
import { ByteReader } from '../../bytes/byte-reader.ts'

export class RecordCursor {
  readonly records: Uint8Array
  readonly #reader: ByteReader
  #left: number
  /** The current record: its bytes, deltas and key. */
  start = 0
  end = 0
  offsetDelta = 0
  timestampDelta = 0
  /** Position behind `timestampDelta`. */
  restStart = 0
  keyStart = 0
  /** -1: the key is null. */
  keyLength = -1
  isTombstone = false

  constructor(records: Uint8Array, header: Pick<BatchHeader, 'recordsCount'>) {
    this.records = records
    this.#reader = new ByteReader(records)
    this.#left = header.recordsCount
  }

  /**
   * Reads the next record.
   *
   * @returns false behind the last one.
   * @throws {DecodeError} if the records are damaged.
   */
  next(): boolean {
    if (this.#left === 0) return false
    this.#left -= 1
    const reader = this.#reader
    this.start = reader.position
    this.end = readRecordEnd(reader)
    reader.skip(1)
    this.timestampDelta = reader.varlong()
    this.restStart = reader.position
    this.offsetDelta = reader.varint()
    this.keyLength = readNullableLength(reader)
    this.keyStart = reader.position
    if (this.keyLength > 0) reader.skip(this.keyLength)
    this.isTombstone = readNullableLength(reader) === -1
    reader.skip(this.end - reader.position)
    return true
  }
}
