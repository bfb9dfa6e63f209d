/** The rows of stores as JSON has them: they cross calls of objects, and leave by doors. */
import { encodeBase64 } from '../bytes/base64.ts'
import type { StoreRow } from './task-api.ts'

export function shownRow({ key, value, ...rest }: StoreRow): StoreRow {
  return { ...rest, key: shown(key), value: shown(value) }
}

/** Bytes become base64; a bigint, and a value of a class such as Decimal, its text. */
function shown(value: unknown): unknown {
  if (typeof value === 'bigint') return String(value)
  if (typeof value !== 'object' || value === null) return value
  if (Array.isArray(value)) return value.map(shown)
  if (value instanceof Uint8Array) return encodeBase64(value)
  const isMap = value instanceof Map
  if (!isMap && Object.getPrototypeOf(value) !== Object.prototype) return String(value)
  const entries = isMap ? [...value] : Object.entries(value)
  return Object.fromEntries(entries.map(([name, one]) => [String(name), shown(one)]))
}
