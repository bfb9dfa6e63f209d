/** Rows that arrive as JSON objects: each becomes a record. */
import { EvaluationError, SqlError } from '../errors.ts'
import { isJsonObject, type JsonValue, jsonReader, parseJson } from '../formats/json-reader.ts'
import { castOf } from '../types/cast.ts'
import { BIGINT, quoteName, type SqlType, STRING } from '../types/sql-type.ts'
import type { Value } from '../types/value.ts'
import { type InsertedRecord, recordOf, writableColumn } from './insert-values.ts'
import type { Source } from './source.ts'

/**
 * Returns the record of a row.
 *
 * @param text A JSON object. Its names are those of columns, in any case; names in backticks keep theirs.
 * @throws {SqlError} for a row that is not such an object, or does not fit the columns.
 */
export function recordOfJson(text: string, source: Source, nowMs: number): InsertedRecord {
  const json = parsed(text)
  if (!isJsonObject(json)) throw new SqlError('row: a JSON object is needed')
  const row = new Map<string, Value>()
  let timestamp = nowMs
  for (const [given, value] of Object.entries(json)) {
    const name = columnName(given)
    if (row.has(name)) throw new SqlError(`${quoteName(name)}: is there twice`)
    if (name === 'ROWTIME') {
      timestamp = Number(read(name, BIGINT, value) ?? nowMs)
    } else row.set(name, read(name, writableColumn(source, name).type, value))
  }
  return recordOf(source, row, timestamp, false)
}

function parsed(text: string): JsonValue {
  try {
    return parseJson(text)
  } catch {
    throw new SqlError('row: is not JSON')
  }
}

function columnName(given: string): string {
  const [, quoted] = /^`(.*)`$/s.exec(given) ?? []
  return quoted ?? given.toUpperCase()
}

function read(name: string, type: SqlType, value: JsonValue): Value {
  try {
    // As in INSERT VALUES, a time may be a text.
    const isTime = type.kind === 'TIME' || type.kind === 'DATE' || type.kind === 'TIMESTAMP'
    if (isTime && typeof value === 'string') return castOf(STRING, type)(value as never)
    return jsonReader(type)(value)
  } catch (error) {
    if (error instanceof EvaluationError) throw new SqlError(`${quoteName(name)}: ${error.message}`)
    throw error
  }
}
