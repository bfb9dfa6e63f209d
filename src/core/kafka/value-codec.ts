/** What compiled codecs share: how a value of one type is read and written, and what it is read from. */
import type { ByteReader } from '../bytes/byte-reader.ts'
import type { ByteWriter } from '../bytes/byte-writer.ts'
import { KAFKA_ARRAY_ELEMENTS_MAX } from '../limits.ts'

/** A frame that is being read. */
export interface Source {
  readonly reader: ByteReader
  /** Elements that arrays may still have. */
  elementsLeft: number
}

export function sourceOf(reader: ByteReader): Source {
  return { reader, elementsLeft: KAFKA_ARRAY_ELEMENTS_MAX }
}

export interface Codec {
  /** The fewest bytes a value takes: no array can have more elements than fit. */
  readonly minBytes: number
  read(source: Source): unknown
  /** @throws {Error} for a value that the version has no form for: a defect of the caller. */
  write(writer: ByteWriter, value: unknown): void
}
