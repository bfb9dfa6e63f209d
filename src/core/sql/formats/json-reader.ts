/** Reads values from JSON text, with all digits of numbers. */
import { decodeBase64 } from '../../bytes/base64.ts'
import { EvaluationError } from '../errors.ts'
import { rounded } from '../types/cast.ts'
import { Decimal } from '../types/decimal.ts'
import { type SqlType, showType } from '../types/sql-type.ts'
import { longOf, type Value } from '../types/value.ts'

/** A number with more digits than a double has, as it was written. */
class LongNumber {
  readonly text: string

  constructor(text: string) {
    this.text = text
  }

  toString(): string {
    return this.text
  }
}

export type JsonValue =
  | null
  | boolean
  | number
  | string
  | LongNumber
  | readonly JsonValue[]
  | { readonly [name: string]: JsonValue }

const LONG = /\d[\d.]{15}/

/** Parses JSON. Numbers with many digits keep their text. */
export function parseJson(text: string): JsonValue {
  if (!LONG.test(text)) return JSON.parse(text)
  const keep = (_name: string, value: unknown, context?: { readonly source?: string }) => {
    const source = context?.source
    const isLong = typeof value === 'number' && source !== undefined && source.length > 15
    return isLong ? new LongNumber(source) : value
  }
  return JSON.parse(text, keep as never)
}

/** Reads a value that is not null. */
type Reader = (json: Exclude<JsonValue, null>) => Value

export type NullableReader = (json: JsonValue) => Value

/**
 * Returns the function that reads values of a type, as ksqlDB does: a text may be a number, and anything a text.
 *
 * @param isPlain True for the form of state, see `JsonForm`.
 */
export function jsonReader(type: SqlType, isPlain = false): NullableReader {
  const read = readerOf(type, isPlain)
  return (json) => (json === null || json === undefined ? null : read(json))
}

function readerOf(type: SqlType, isPlain: boolean): Reader {
  switch (type.kind) {
    case 'BOOLEAN':
      return (json) => (typeof json === 'boolean' ? json : fail(json, type))
    case 'INTEGER':
      return (json) => Number(wholeOf(json, type, 32))
    case 'BIGINT':
      return (json) =>
        typeof json === 'number' && Number.isSafeInteger(json)
          ? json
          : longOf(wholeOf(json, type, 64))
    case 'DOUBLE':
      return (json) => (typeof json === 'number' ? json : doubleOf(json, type))
    case 'DECIMAL':
      return (json) => {
        const value = isNumberOrText(json) ? Decimal.parse(String(json)) : undefined
        return value === undefined ? fail(json, type) : rounded(value, type)
      }
    case 'STRING':
      return (json) => (typeof json === 'object' ? textOfObject(json) : String(json))
    case 'BYTES':
      return (json) => bytesOf(json, type)
    case 'TIME':
    case 'DATE':
    case 'TIMESTAMP':
      return (json) => Number(wholeOf(json, type, 64))
    case 'ARRAY': {
      const read = jsonReader(type.element, isPlain)
      return (json) => (Array.isArray(json) ? json.map(read) : fail(json, type))
    }
    case 'MAP':
      return mapReader(type, isPlain)
    case 'STRUCT':
      return rowReader(type.fields, isPlain, type)
  }
}

function bytesOf(json: Exclude<JsonValue, null>, type: SqlType): Uint8Array {
  if (typeof json !== 'string') return fail(json, type)
  try {
    return decodeBase64(json)
  } catch {
    return fail(json, type)
  }
}

function mapReader(type: Extract<SqlType, { kind: 'MAP' }>, isPlain: boolean): Reader {
  const value = jsonReader(type.value, isPlain)
  if (isPlain) {
    const key = jsonReader(type.key, true)
    return (json) => {
      const flat = json as readonly JsonValue[]
      const map = new Map<Value, Value>()
      for (let index = 0; index < flat.length; index += 2) {
        map.set(key(flat[index] as JsonValue), value(flat[index + 1] as JsonValue))
      }
      return map
    }
  }
  return (json) =>
    isJsonObject(json)
      ? new Map(Object.entries(json).map(([name, one]) => [name, value(one)]))
      : fail(json, type)
}

/**
 * Returns the function that reads the fields of a struct, or the columns of a row. A field is found by its name, and
 * else by its name in upper case.
 */
export function rowReader(
  fields: readonly { readonly name: string; readonly type: SqlType }[],
  isPlain: boolean,
  type?: SqlType,
): (json: JsonValue) => readonly Value[] {
  const readers = fields.map((field) => jsonReader(field.type, isPlain))
  if (isPlain) {
    return (json) =>
      readers.map((read, index) => read((json as readonly JsonValue[])[index] ?? null))
  }
  const names = fields.map(({ name }) => name)
  return (json) => {
    if (!isJsonObject(json)) return fail(json, type)
    let upper: Map<string, JsonValue> | undefined
    return readers.map((read, index) => {
      const name = names[index] as string
      if (Object.hasOwn(json, name)) return read(json[name] as JsonValue)
      upper ??= new Map(Object.entries(json).map(([one, value]) => [one.toUpperCase(), value]))
      return read(upper.get(name) ?? null)
    })
  }
}

export function isJsonObject(json: JsonValue): json is { readonly [name: string]: JsonValue } {
  return (
    typeof json === 'object' &&
    json !== null &&
    !Array.isArray(json) &&
    !(json instanceof LongNumber)
  )
}

function isNumberOrText(json: JsonValue): json is number | string | LongNumber {
  return typeof json === 'number' || typeof json === 'string' || json instanceof LongNumber
}

function wholeOf(json: JsonValue, type: SqlType, bits: number): bigint {
  if (typeof json === 'number') return bounded(BigInt(Math.trunc(json)), bits, json, type)
  const text = isNumberOrText(json) ? String(json).trim() : ''
  const isWhole = /^[+-]?\d{1,40}$/.test(text)
  if (isWhole) return bounded(BigInt(text.replace('+', '')), bits, json, type)
  if (json instanceof LongNumber) return BigInt(Math.trunc(Number(text)))
  return fail(json, type)
}

function bounded(value: bigint, bits: number, json: JsonValue, type: SqlType): bigint {
  const wrapped = BigInt.asIntN(bits, value)
  // A number that is too large wraps around, as in Java; a text is refused.
  if (wrapped !== value && typeof json === 'string') return fail(json, type)
  return wrapped
}

function doubleOf(json: JsonValue, type: SqlType): number {
  if (!isNumberOrText(json)) return fail(json, type)
  const text = String(json).trim()
  const value = Number(text)
  return text === '' || (Number.isNaN(value) && text !== 'NaN') ? fail(json, type) : value
}

function textOfObject(json: JsonValue): string {
  if (json instanceof LongNumber) return json.text
  if (Array.isArray(json)) return `[${json.map(textOfAny).join(',')}]`
  const parts = Object.entries(json as { readonly [name: string]: JsonValue })
  return `{${parts.map(([name, value]) => `${JSON.stringify(name)}:${textOfAny(value)}`).join(',')}}`
}

function textOfAny(json: JsonValue): string {
  return typeof json === 'object' && json !== null ? textOfObject(json) : JSON.stringify(json)
}

function fail(json: JsonValue, type: SqlType | undefined): never {
  const found = JSON.stringify(json)?.slice(0, 60)
  const wanted = type === undefined ? 'an object' : showType(type)
  throw new EvaluationError(`Can't convert type. found: ${found}, required: ${wanted}`)
}
