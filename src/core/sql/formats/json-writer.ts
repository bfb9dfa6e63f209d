/** Writes values as JSON text, with all digits of numbers. */
import { encodeBase64 } from '../../bytes/base64.ts'
import type { Decimal } from '../types/decimal.ts'
import { doubleText } from '../types/double-text.ts'
import type { SqlType } from '../types/sql-type.ts'
import { dateText, timestampText, timeText } from '../types/time-text.ts'
import type { Value } from '../types/value.ts'

/** Writes a value that is not null. */
type Writer = (value: never) => string

export type NullableWriter = (value: Value) => string

/**
 * - `record`: the format JSON. TIMESTAMP, DATE and TIME are numbers.
 * - `state`: as a record, but structs and maps are arrays, which need no names and allow keys of any type.
 * - `result`: a row of a query, as ksqlDB's API has it. TIMESTAMP, DATE and TIME are texts.
 */
export type JsonForm = 'record' | 'state' | 'result'

/** Returns the function that writes values of a type. */
export function jsonWriter(type: SqlType, form: JsonForm = 'record'): NullableWriter {
  const write = writerOf(type, form)
  return (value) => (value === null ? 'null' : write(value as never))
}

function writerOf(type: SqlType, form: JsonForm): Writer {
  switch (type.kind) {
    case 'STRING':
      return JSON.stringify as Writer
    case 'DOUBLE':
      return writeDouble
    case 'BYTES':
      return (bytes: Uint8Array) => `"${encodeBase64(bytes)}"`
    case 'ARRAY': {
      const write = jsonWriter(type.element, form)
      return (values: readonly Value[]) => `[${values.map(write).join(',')}]`
    }
    case 'MAP': {
      const value = jsonWriter(type.value, form)
      if (form === 'state') {
        const key = jsonWriter(type.key, form)
        return (map: ReadonlyMap<Value, Value>) =>
          `[${Array.from(map, ([one, other]) => `${key(one)},${value(other)}`).join(',')}]`
      }
      return (map: ReadonlyMap<Value, Value>) =>
        `{${Array.from(map, ([one, other]) => `${JSON.stringify(String(one))}:${value(other)}`).join(',')}}`
    }
    case 'STRUCT':
      return rowWriter(type.fields, form)
    case 'TIMESTAMP':
      return form === 'result' ? textWriter(timestampText) : writeNumber
    case 'DATE':
      return form === 'result' ? textWriter(dateText) : writeNumber
    case 'TIME':
      return form === 'result' ? textWriter(timeText) : writeNumber
    default:
      return (value: boolean | number | bigint | Decimal) => String(value)
  }
}

function writeNumber(value: number): string {
  return String(value)
}

/** @param show Returns a text without characters that JSON escapes. */
function textWriter(show: (value: number) => string): (value: number) => string {
  return (value) => `"${show(value)}"`
}

function writeDouble(value: number): string {
  // Most doubles have a fraction and no exponent: their text is the same everywhere.
  const size = Math.abs(value)
  if (size >= 1e-3 && size < 1e7 && !Number.isInteger(value)) return String(value)
  return Number.isFinite(value) ? doubleText(value) : `"${value}"`
}

/** Returns the function that writes the fields of a struct, or the columns of a row. */
export function rowWriter(
  fields: readonly { readonly name: string; readonly type: SqlType }[],
  form: JsonForm,
): (values: readonly Value[]) => string {
  const writers = fields.map(({ type }) => jsonWriter(type, form))
  if (form === 'state') {
    return (values) => `[${writers.map((write, index) => write(values[index] ?? null)).join(',')}]`
  }
  const names = fields.map(({ name }) => `${JSON.stringify(name)}:`)
  return (values) => {
    let text = '{'
    for (let index = 0; index < writers.length; index++) {
      if (index > 0) text += ','
      text += names[index]
      text += writers[index]?.(values[index] ?? null)
    }
    return `${text}}`
  }
}
