/** The format JSON: an object with a field for each column, or a lone column as it is. */
import { decodeText, encodeText } from '../../bytes/short-text.ts'
import { EvaluationError, SqlError } from '../errors.ts'
import { type SqlType, showType } from '../types/sql-type.ts'
import type { CodecFactory, Column, RowCodec } from './format.ts'
import { jsonReader, parseJson, rowReader } from './json-reader.ts'
import { jsonWriter, rowWriter } from './json-writer.ts'

function parse(bytes: Uint8Array) {
  try {
    return parseJson(decodeText(bytes))
  } catch (error) {
    throw new EvaluationError(`not a JSON document: ${(error as Error).message}`)
  }
}

export const jsonFormat: CodecFactory = (columns, { isUnwrapped = false }) => {
  for (const { name, type } of columns) checkMaps(name, type)
  const [first] = columns
  if (isUnwrapped && columns.length === 1 && first !== undefined) {
    const write = jsonWriter(first.type)
    const read = jsonReader(first.type)
    return {
      serialize: ([value = null]) => (value === null ? null : encodeText(write(value))),
      deserialize: (bytes) => [read(parse(bytes))],
    }
  }
  const write = rowWriter(columns, 'record')
  const read = rowReader(columns, false)
  return {
    serialize: (row) => encodeText(write(row)),
    deserialize: (bytes) => {
      const json = parse(bytes)
      return json === null ? columns.map(() => null) : read(json)
    },
  }
}

function checkMaps(name: string, type: SqlType): void {
  if (type.kind === 'ARRAY') checkMaps(name, type.element)
  if (type.kind === 'STRUCT') for (const field of type.fields) checkMaps(name, field.type)
  if (type.kind !== 'MAP') return
  if (type.key.kind !== 'STRING') {
    throw new SqlError(
      `column ${name}: JSON only supports MAP types with STRING keys, got ${showType(type)}`,
    )
  }
  checkMaps(name, type.value)
}

/** Returns the codec of rows in state and internal topics: a JSON array without names, with all digits. */
export function plainCodec(columns: readonly Column[]): RowCodec {
  const write = rowWriter(columns, 'state')
  const read = rowReader(columns, true)
  return {
    serialize: (row) => encodeText(write(row)),
    deserialize: (bytes) => read(parse(bytes)),
  }
}
