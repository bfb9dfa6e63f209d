/** The interface of formats: how the columns of a key, or of a value, become bytes. */
import type { SqlType } from '../types/sql-type.ts'
import type { Value } from '../types/value.ts'

export interface Column {
  readonly name: string
  readonly type: SqlType
}

/**
 * Converts the columns of a key or a value. A result of null is a record without a key, or a tombstone.
 *
 * Both methods throw for what the format does not have.
 */
export interface RowCodec {
  serialize(row: readonly Value[]): Uint8Array | null
  deserialize(bytes: Uint8Array): readonly Value[]
}

export interface FormatOptions {
  /** The character between the columns of DELIMITED. */
  readonly delimiter?: string
  /** True if a lone column is written as it is, and not as an object with one field. */
  readonly isUnwrapped?: boolean
}

/** @throws {SqlError} for columns that the format does not have. */
export type CodecFactory = (columns: readonly Column[], options: FormatOptions) => RowCodec
