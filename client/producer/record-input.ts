/** Records as applications write them, turned into the bytes that are stored. */
import type { NewRecord, RecordHeader } from '../../src/core/batch/record.ts'
import { EdgelogError } from '../../src/core/errors.ts'

/** Text is stored as UTF-8; `null` as a value is a tombstone. */
export type Payload = string | Uint8Array | null

/** Names may repeat in a list of pairs. */
export type HeadersInput =
  | Readonly<Record<string, Payload>>
  | ReadonlyArray<readonly [name: string, value: Payload]>

export interface ProducerRecord {
  readonly key?: Payload | undefined
  readonly value: Payload
  readonly headers?: HeadersInput | undefined
  /** Milliseconds since 1970; now if it is left out. */
  readonly timestamp?: number | undefined
  /** Chosen by the key if it is left out. */
  readonly partition?: number | undefined
}

const encoder = new TextEncoder()

/**
 * Encodes a record of an application.
 *
 * @throws {EdgelogError} `invalid_record` for what is neither bytes nor text that UTF-8 can hold.
 */
export function encodeRecordInput(input: ProducerRecord, nowMs: number): NewRecord {
  return {
    timestamp: input.timestamp ?? nowMs,
    key: encodePayload(input.key, 'key'),
    value: encodePayload(input.value, 'value'),
    headers: encodeHeaders(input.headers ?? []),
  }
}

/** The same, with bytes of its own, for a record that has to wait. */
export function copyRecord(record: NewRecord): NewRecord {
  return {
    timestamp: record.timestamp,
    key: record.key?.slice() ?? null,
    value: record.value?.slice() ?? null,
    headers: record.headers.map(({ key, value }) => ({ key, value: value?.slice() ?? null })),
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

/** TextEncoder would replace a lone surrogate, so that another text is stored. */
function checkText(text: string, field: string, others = ''): string {
  if (typeof text === 'string' && text.isWellFormed()) return text
  throw new EdgelogError('invalid_record', `${field}: valid Unicode text${others} is allowed`)
}
