/** The JSON text of the rows of a result, with all digits of numbers, and times as text. */
import type { Row } from '../expressions/typed.ts'
import { jsonWriter } from '../formats/json-writer.ts'
import { showType } from '../types/sql-type.ts'
import type { ResultColumn } from './select-plan.ts'

/** Returns the function that writes a row as a JSON array. */
export function rowTexts(columns: readonly ResultColumn[]): (row: Row) => string {
  const writers = columns.map(({ type }) => jsonWriter(type, 'result'))
  return (row) => `[${writers.map((write, index) => write(row[index] ?? null)).join(',')}]`
}

/** A column as responses describe it. */
export function columnJson({ name, type, isKey }: ResultColumn) {
  return { name, type: showType(type), isKey }
}
