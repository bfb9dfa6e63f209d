/** The interface of compiled codecs and of their input. */
import type { ByteReader } from '../bytes/byte-reader.ts'
import type { ByteWriter } from '../bytes/byte-writer.ts'
import { KAFKA_ARRAY_ELEMENTS_MAX } from '../limits.ts'

/** A frame in the process of being read. */
export interface Source {
  readonly reader: ByteReader
  /** The number of elements that further arrays may have. */
  elementsLeft: number
}

export function sourceOf(reader: ByteReader): Source {
  return { reader, elementsLeft: KAFKA_ARRAY_ELEMENTS_MAX }
}

export interface Codec {
  /** The smallest size of a value; it limits the elements of an array. */
  readonly minBytes: number
  read(source: Source): unknown
  /** @throws {Error} for a value that cannot be encoded in this version, which is a defect of the caller. */
  write(writer: ByteWriter, value: unknown): void
}
