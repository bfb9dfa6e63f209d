/** Encodes the records of an application into stored bytes. */
import type { NewRecord, RecordHeader } from '../../src/core/batch/record.ts'
import { EdgelogError } from '../../src/core/errors.ts'

/** Text is stored as UTF-8; `null` as a value is a tombstone. */
export type Payload = string | Uint8Array | null

/** A value is also stored as JSON text, as over HTTP: an object, a list, a number or a boolean. */
export type RecordValue = Payload | object | number | boolean

/** A list of pairs may repeat a name. */
export type HeadersInput =
  | Readonly<Record<string, Payload>>
  | ReadonlyArray<readonly [name: string, value: Payload]>

export interface ProducerRecord {
  readonly key?: Payload | undefined
  readonly value: RecordValue
  readonly headers?: HeadersInput | undefined
  /** Milliseconds since 1970; the current time by default. */
  readonly timestamp?: number | undefined
  /** Chosen by the key by default. */
  readonly partition?: number | undefined
}

const encoder = new TextEncoder()

/**
 * Encodes a record of an application.
 *
 * @throws {EdgelogError} `invalid_record` for a value that is neither bytes, well-formed Unicode text nor JSON.
 */
export function encodeRecordInput(input: ProducerRecord, nowMs: number): NewRecord {
  return {
    timestamp: input.timestamp ?? nowMs,
    key: encodePayload(input.key, 'key'),
    value: encodeValue(input.value),
    headers: encodeHeaders(input.headers ?? []),
  }
}

/** Returns a copy with its own bytes, for a record that has to wait. */
export function copyRecord(record: NewRecord): NewRecord {
  return {
    timestamp: record.timestamp,
    key: record.key?.slice() ?? null,
    value: record.value?.slice() ?? null,
    headers: record.headers.map(({ key, value }) => ({ key, value: value?.slice() ?? null })),
  }
}

function encodeValue(value: RecordValue | undefined): Uint8Array | null {
  const isPayload = typeof value === 'string' || value instanceof Uint8Array
  if (isPayload || value === null || value === undefined) return encodePayload(value, 'value')
  const text = jsonOf(value)
  if (text !== undefined) return encoder.encode(text)
  throw new EdgelogError('invalid_record', 'value: text, a Uint8Array, null or JSON is allowed')
}

/** Returns undefined for a value that JSON cannot hold, or of which it would drop the content, e.g. a Map. */
function jsonOf(value: object | number | boolean): string | undefined {
  if (typeof value === 'number' && !Number.isFinite(value)) return undefined
  if (ArrayBuffer.isView(value)) return undefined
  try {
    const text = JSON.stringify(value)
    return text === '{}' && Object.getPrototypeOf(value) !== Object.prototype ? undefined : text
  } catch {
    return undefined
  }
}

function encodePayload(payload: Payload | undefined, field: string): Uint8Array | null {
  if (payload === null || payload === undefined) return null
  if (payload instanceof Uint8Array) return payload
  return encoder.encode(checkText(payload, field, ', a Uint8Array or null'))
}

function encodeHeaders(headers: HeadersInput): RecordHeader[] {
  const pairs: ReadonlyArray<readonly [string, Payload]> = Array.isArray(headers)
    ? headers
    : Object.entries(headers)
  return pairs.map(([key, value]) => ({
    key: checkText(key, 'headers'),
    value: encodePayload(value, `headers.${key}`),
  }))
}

/** Rejects lone surrogates, which TextEncoder would silently replace. */
function checkText(text: string, field: string, others = ''): string {
  if (typeof text === 'string' && text.isWellFormed()) return text
  throw new EdgelogError('invalid_record', `${field}: valid Unicode text${others} is allowed`)
}
