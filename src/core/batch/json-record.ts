/**
 * Converts records to JSON and back: bytes that are UTF-8 become text, others base64.
 *
 *   {offset, timestamp, key: text | null, value: text | null, headers: {name: text | null}}
 *
 * `keyBase64` and `valueBase64` replace `key` and `value`. Headers are a list of pairs instead of an object if an
 * object would lose a header or their order. If one value is not UTF-8 they are `headersBase64`, always a list of
 * pairs.
 */
import { decodeBase64, encodeBase64 } from '../bytes/base64.ts'
import { DecodeError } from '../bytes/decode-error.ts'
import { TextPool } from '../bytes/text-pool.ts'
import { EdgelogError } from '../errors.ts'
import { type JsonForm, JsonText } from '../json/exact-json.ts'
import type { LogRecord, NewRecord, RecordHeader } from './record.ts'

type JsonHeaderPair = readonly [name: string, value: string | null]
type JsonHeaders = Readonly<Record<string, string | null>> | readonly JsonHeaderPair[]

/** A record in a response. */
export interface JsonRecord {
  readonly offset: number
  readonly timestamp: number
  readonly key?: string | null
  readonly keyBase64?: string
  readonly value?: string | null
  readonly valueBase64?: string
  readonly headers?: JsonHeaders
  readonly headersBase64?: readonly JsonHeaderPair[]
}

/** A record in a produce request, with its shape already validated. */
export interface JsonRecordInput {
  readonly key?: string | null | undefined
  readonly keyBase64?: string | undefined
  /** Text, null for a tombstone, or `JsonText`, whose text is stored. */
  readonly value?: unknown
  readonly valueBase64?: string | undefined
  readonly headers?: JsonHeaders | undefined
  readonly headersBase64?: readonly JsonHeaderPair[] | undefined
  readonly timestamp?: number | undefined
  /** Chosen partition; not part of the record. */
  readonly partition?: number | undefined
}

/** The parse form of a record: values that are stored as text must keep their original text. */
export const JSON_RECORD_FORM: JsonForm = {
  fields: new Map<string, JsonForm>([
    ['value', 'text'],
    ['headers', 'ordered'],
  ]),
}

/** Shared by all apps of an isolate. Its bytes are written once, so no caller sees another one change them. */
const pool = new TextPool()
const strictDecoder = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true })
const NO_HEADERS: JsonHeaders = Object.freeze({})

/**
 * Returns the JSON of a stored record.
 *
 * @example
 * const body = JSON.stringify({ records: records.map(recordToJson) })
 */
export function recordToJson(record: LogRecord): JsonRecord {
  const { offset, timestamp, key, value, headers } = record
  const keyText = decodeText(key)
  const valueText = decodeText(value)
  return {
    offset,
    timestamp,
    ...(keyText === undefined ? { keyBase64: encodeBytes(key) } : { key: keyText }),
    ...(valueText === undefined ? { valueBase64: encodeBytes(value) } : { value: valueText }),
    ...headersToJson(headers),
  }
}

/**
 * Returns the record described by a JSON record.
 *
 * @param path Location of the input for error messages: `records[3]`.
 * @throws {EdgelogError} `invalid_record`, `invalid_timestamp`.
 */
export function recordFromJson(
  input: JsonRecordInput,
  defaultTimestamp: number,
  path = 'record',
): NewRecord {
  const timestamp = input.timestamp ?? defaultTimestamp
  if (!Number.isSafeInteger(timestamp) || timestamp < 0) {
    throw new EdgelogError(
      'invalid_timestamp',
      `${path}.timestamp: milliseconds from 0 to 2^53 - 1 are allowed, got ${timestamp}`,
    )
  }
  return {
    timestamp,
    key: keyFromJson(input, path),
    value: valueFromJson(input, path),
    headers: headersFromJson(input, path),
  }
}

function keyFromJson({ key, keyBase64 }: JsonRecordInput, path: string): Uint8Array | null {
  if (keyBase64 !== undefined) {
    if (key !== undefined) throw both(path, 'key', 'keyBase64')
    return decodeBytes(keyBase64, `${path}.keyBase64`)
  }
  return key === undefined || key === null ? null : encodeText(key, `${path}.key`)
}

function valueFromJson({ value, valueBase64 }: JsonRecordInput, path: string): Uint8Array | null {
  if (valueBase64 !== undefined) {
    if (value !== undefined) throw both(path, 'value', 'valueBase64')
    return decodeBytes(valueBase64, `${path}.valueBase64`)
  }
  if (value === undefined) {
    throw invalid(
      `${path}.value`,
      'value or valueBase64 is needed; null is allowed, for a tombstone',
    )
  }
  if (value === null) return null
  const text = value instanceof JsonText ? value.text : value
  if (typeof text === 'string') return encodeText(text, `${path}.value`)
  throw invalid(`${path}.value`, 'text, null or JsonText is allowed')
}

function headersFromJson(input: JsonRecordInput, path: string): RecordHeader[] {
  const { headers, headersBase64 } = input
  if (headersBase64 !== undefined) {
    if (headers !== undefined) throw both(path, 'headers', 'headersBase64')
    return pairsToHeaders(headersBase64, `${path}.headersBase64`, decodeBytes)
  }
  if (headers === undefined) return []
  const pairs: readonly JsonHeaderPair[] = isPairs(headers) ? headers : Object.entries(headers)
  return pairsToHeaders(pairs, `${path}.headers`, encodeText)
}

function pairsToHeaders(
  pairs: readonly JsonHeaderPair[],
  path: string,
  toBytes: (text: string, path: string) => Uint8Array,
): RecordHeader[] {
  return pairs.map(([key, value], index) => {
    if (!key.isWellFormed()) throw notUnicode(`${path}[${index}]`)
    return { key, value: value === null ? null : toBytes(value, `${path}.${key}`) }
  })
}

function headersToJson(
  headers: readonly RecordHeader[],
): Pick<JsonRecord, 'headers' | 'headersBase64'> {
  if (headers.length === 0) return { headers: NO_HEADERS }
  const pairs: JsonHeaderPair[] = []
  for (const { key, value } of headers) {
    const text = decodeText(value)
    if (text === undefined) return { headersBase64: headersToBase64(headers) }
    pairs.push([key, text])
  }
  // An object merges repeated names and moves those that look like array indexes to the front.
  const object = Object.fromEntries(pairs)
  const names = Object.keys(object)
  const isFaithful =
    names.length === pairs.length && names.every((name, index) => name === pairs[index]?.[0])
  return { headers: isFaithful ? object : pairs }
}

function headersToBase64(headers: readonly RecordHeader[]): JsonHeaderPair[] {
  return headers.map(({ key, value }) => [key, value === null ? null : encodeBase64(value)])
}

/** Returns the text of UTF-8 bytes, or `undefined` if they are not UTF-8. */
function decodeText(bytes: Uint8Array | null): string | null | undefined {
  if (bytes === null) return null
  try {
    return strictDecoder.decode(bytes)
  } catch {
    return undefined
  }
}

function encodeText(text: string, path: string): Uint8Array {
  if (!text.isWellFormed()) throw notUnicode(path)
  return pool.encode(text)
}

function encodeBytes(bytes: Uint8Array | null): string {
  return bytes === null ? '' : encodeBase64(bytes)
}

function decodeBytes(text: string, path: string): Uint8Array {
  try {
    return decodeBase64(text)
  } catch (error) {
    if (!(error instanceof DecodeError)) throw error
    throw invalid(path, `not valid base64, ${error.message}`)
  }
}

function isPairs(headers: JsonHeaders): headers is readonly JsonHeaderPair[] {
  return Array.isArray(headers)
}

function both(path: string, text: string, base64: string): EdgelogError {
  return invalid(path, `${text} and ${base64} cannot be combined`)
}

function notUnicode(path: string): EdgelogError {
  return invalid(path, 'not valid Unicode, it has a lone surrogate')
}

function invalid(path: string, why: string): EdgelogError {
  return new EdgelogError('invalid_record', `${path}: ${why}`)
}
