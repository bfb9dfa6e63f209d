/** Records of cases as bytes, and the comparison of written records with expected ones. */
import { ByteReader } from '../../src/core/bytes/byte-reader.ts'
import { ByteWriter } from '../../src/core/bytes/byte-writer.ts'
import type { Source } from '../../src/core/sql/catalog/source.ts'
import { columnsOf } from '../../src/core/sql/catalog/source.ts'
import { type ChosenFormat, codecOf } from '../../src/core/sql/formats/formats.ts'
import { type JsonValue, parseJson } from '../../src/core/sql/formats/json-reader.ts'
import { jsonWriter } from '../../src/core/sql/formats/json-writer.ts'
import { castOf } from '../../src/core/sql/types/cast.ts'
import { Decimal } from '../../src/core/sql/types/decimal.ts'
import type { SqlType } from '../../src/core/sql/types/sql-type.ts'
import type { CaseRecord } from './sql-case.ts'

export interface BytesRecord {
  readonly key: Uint8Array | null
  readonly value: Uint8Array | null
  readonly timestamp: number
  readonly headers?: ReadonlyArray<{ readonly key: string; readonly value: Uint8Array | null }>
}

/** Returns JSON text with the digits of numbers as they were read. */
export function textOfJson(json: JsonValue | undefined): string {
  if (json === null || typeof json !== 'object') return JSON.stringify(json ?? null)
  if ('text' in json && !Array.isArray(json) && json.constructor !== Object) return String(json)
  if (Array.isArray(json)) return `[${json.map(textOfJson).join(',')}]`
  return `{${Object.entries(json)
    .map(([name, one]) => `${JSON.stringify(name)}:${textOfJson(one)}`)
    .join(',')}}`
}

const encoder = new TextEncoder()

type Columns = ReadonlyArray<{ readonly name: string; readonly type: SqlType }>

function encode(
  json: JsonValue | undefined,
  format: ChosenFormat,
  columns: Columns,
): Uint8Array | null {
  if (json === null || json === undefined) return null
  if (format.name === 'JSON') return encoder.encode(textOfJson(json))
  if (format.name === 'DELIMITED')
    return encoder.encode(typeof json === 'string' ? json : textOfJson(json))
  const [column] = columns
  if (format.name === 'NONE' || column === undefined) return null
  const { type } = column
  if (type.kind === 'STRING')
    return encoder.encode(typeof json === 'string' ? json : textOfJson(json))
  const text = typeof json === 'string' ? json : textOfJson(json)
  return codecOf(format, columns).serialize([
    type.kind === 'BYTES'
      ? Buffer.from(text, 'base64')
      : castOf({ kind: 'STRING' }, type)(text as never),
  ])
}

export function inputBytes(record: CaseRecord, source: Source): BytesRecord {
  const { keyFormat, valueFormat } = source
  const key = encode(record.key, keyFormat, columnsOf(source, 'key'))
  const value = encode(record.value, valueFormat, columnsOf(source, 'value'))
  const headers = (record.headers ?? []).map(({ KEY, VALUE }) => ({
    key: KEY,
    value: VALUE === null ? null : new Uint8Array(Buffer.from(VALUE, 'base64')),
  }))
  const { window, timestamp = 0 } = record
  return { key: key !== null && window ? windowedKey(key, window) : key, value, timestamp, headers }
}

function windowedKey(
  key: Uint8Array,
  { start, end, type }: NonNullable<CaseRecord['window']>,
): Uint8Array {
  const writer = new ByteWriter(key.length + 16)
  writer.bytes(key)
  if (type.toLowerCase() === 'session') writer.int64AsNumber(end)
  writer.int64AsNumber(start)
  return writer.toBytes()
}

function decode(bytes: Uint8Array | null, format: ChosenFormat, columns: Columns): JsonValue {
  if (bytes === null) return null
  if (format.name === 'JSON') return parseJson(new TextDecoder().decode(bytes))
  if (format.name === 'DELIMITED') return new TextDecoder().decode(bytes)
  const [column] = columns
  if (column === undefined) return new TextDecoder().decode(bytes)
  const [value = null] = codecOf(format, columns).deserialize(bytes)
  return parseJson(jsonWriter(column.type)(value))
}

/** Returns what is wrong with a record; undefined if it is as expected. */
export function difference(
  expected: CaseRecord,
  actual: BytesRecord,
  source: Source,
): string | undefined {
  let { key } = actual
  const { window } = expected
  if (source.window !== undefined && key !== null) {
    const count = source.window.kind === 'SESSION' ? 2 : 1
    const times = new ByteReader(key.slice(key.length - 8 * count))
    const end = count === 2 ? times.int64AsNumber() : undefined
    const start = times.int64AsNumber()
    key = key.slice(0, key.length - 8 * count)
    if (window && window.start !== start) return `window starts at ${start}`
    if (window && end !== undefined && window.end !== end) return `window ends at ${end}`
  }
  const keyJson = decode(key, source.keyFormat, columnsOf(source, 'key'))
  if (!isSame(expected.key ?? null, keyJson)) {
    return `key ${textOfJson(keyJson)}, expected ${textOfJson(expected.key)}`
  }
  const value = decode(actual.value, source.valueFormat, columnsOf(source, 'value'))
  if (!isSame(expected.value ?? null, value)) {
    return `value ${textOfJson(value)}, expected ${textOfJson(expected.value)}`
  }
  if (
    expected.timestamp !== undefined &&
    expected.timestamp !== null &&
    expected.timestamp !== actual.timestamp
  ) {
    return `timestamp ${actual.timestamp}, expected ${expected.timestamp}`
  }
  return undefined
}

const NEAR = 1e-6

export function isSame(expected: JsonValue, actual: JsonValue): boolean {
  if (expected === actual) return true
  if (expected === null || actual === null) return false
  if (isPlain(expected) && isPlain(actual)) return isSamePlain(expected, actual)
  if (Array.isArray(expected) || Array.isArray(actual)) {
    return (
      Array.isArray(expected) &&
      Array.isArray(actual) &&
      expected.length === actual.length &&
      expected.every((one, index) => isSame(one, actual[index]))
    )
  }
  if (isPlain(expected) || isPlain(actual)) return false
  const names = Object.keys(expected)
  const fields = actual as { readonly [name: string]: JsonValue }
  if (names.length !== Object.keys(fields).length) return false
  return names.every((name) => {
    const found = Object.hasOwn(fields, name) ? name : name.toUpperCase()
    return (
      Object.hasOwn(fields, found) &&
      isSame((expected as typeof fields)[name] as JsonValue, fields[found] as JsonValue)
    )
  })
}

function isPlain(json: JsonValue): boolean {
  return (
    typeof json !== 'object' ||
    (!Array.isArray(json) && json !== null && json.constructor !== Object)
  )
}

function isSamePlain(expected: JsonValue, actual: JsonValue): boolean {
  if (typeof expected === 'boolean' || typeof actual === 'boolean')
    return String(expected) === String(actual)
  const [one, other] = [String(expected), String(actual)]
  if (one === other) return true
  const [a, b] = [Decimal.parse(one), Decimal.parse(other)]
  if (a === undefined || b === undefined)
    return Number(one) === Number(other) && one !== '' && other !== ''
  if (a.compare(b) === 0) return true
  const isWhole = !/[.eE]/.test(one) && !/[.eE]/.test(other)
  const [x, y] = [Number(one), Number(other)]
  // Some digits of large numbers are lost in the files.
  if (isWhole) return Math.abs(x) > Number.MAX_SAFE_INTEGER && x === y
  return Math.abs(x - y) <= NEAR * Math.max(1, Math.abs(x))
}
