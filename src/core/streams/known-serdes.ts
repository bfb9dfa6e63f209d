/** Serdes by their names, for doors that have the key of a store as text. */
import { EdgelogError } from '../errors.ts'
import { bytes, float64, int32, int64, json, type Serde, text } from './serde.ts'

const KNOWN = new Map<string, Serde<never>>(
  [text, bytes, int32, int64, float64, json()].map((serde) => [serde.name, serde as Serde<never>]),
)

/**
 * Returns the bytes of a key that is given as text.
 *
 * @param serde Name of the store's serde of keys.
 * @throws {EdgelogError} `invalid_request` with the field, if the text is no such key.
 */
export function keyBytesOf(serde: string, given: string, field: string): Uint8Array {
  const known = KNOWN.get(serde)
  if (known === undefined || serde === 'bytes') {
    throw new EdgelogError('invalid_request', `${field}: a key of ${serde} is given as base64`)
  }
  try {
    const value = serde === 'text' ? given : serde === 'json' ? JSON.parse(given) : Number(given)
    return known.serialize(value as never)
  } catch {
    throw new EdgelogError('invalid_request', `${field}: not a key of the format ${serde}`)
  }
}
