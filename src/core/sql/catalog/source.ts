/** Streams and tables of the catalog, as data. */
import type { ChosenFormat } from '../formats/formats.ts'
import type { SqlType } from '../types/sql-type.ts'

/** The part of a record that a column has. `{ header }` is the last value of one header. */
export type ColumnPart = 'key' | 'value' | 'headers' | { readonly header: string }

export interface SourceColumn {
  readonly name: string
  readonly type: SqlType
  readonly part: ColumnPart
}

/** The window of the keys of a source. `sizeMs` is unknown for sessions. */
export interface SourceWindow {
  readonly kind: 'TUMBLING' | 'HOPPING' | 'SESSION'
  readonly sizeMs?: number
}

export interface Source {
  readonly name: string
  readonly kind: 'STREAM' | 'TABLE'
  /** Keys first. */
  readonly columns: readonly SourceColumn[]
  readonly topic: string
  readonly keyFormat: ChosenFormat
  readonly valueFormat: ChosenFormat
  readonly window?: SourceWindow
  /** The column that has the time of a record, and its pattern if it is a text. */
  readonly timestamp?: { readonly column: string; readonly pattern?: string }
  /** CREATE SOURCE: cannot be written to. */
  readonly isReadOnly?: boolean
  /** The query that writes it, if it was made by CREATE ... AS SELECT. */
  readonly queryId?: string
  /** The statement that made it. */
  readonly statement: string
}

export function columnsOf(source: Source, part: 'key' | 'value'): SourceColumn[] {
  return source.columns.filter((column) => column.part === part)
}
