/** Text as UTF-8 and back. Short texts of ASCII, as most keys are, take no call of the platform. */

const encoder = new TextEncoder()
const decoder = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true })

/** Up to this length a loop is faster than a call of the platform's encoder or decoder. */
const SHORT_LENGTH = 32

/** Returns text as UTF-8. */
export function encodeText(value: string): Uint8Array {
  const { length } = value
  if (length > SHORT_LENGTH) return encoder.encode(value)
  const target = new Uint8Array(length)
  for (let index = 0; index < length; index++) {
    const code = value.charCodeAt(index)
    if (code > 0x7f) return encoder.encode(value)
    target[index] = code
  }
  return target
}

/** @throws {TypeError} for bytes that are not UTF-8. */
export function decodeText(value: Uint8Array): string {
  return decodeShort(value) ?? decoder.decode(value)
}

/** Returns the text of a few bytes of ASCII; undefined for others. */
export function decodeShort(value: Uint8Array): string | undefined {
  if (value.length > SHORT_LENGTH) return undefined
  for (const byte of value) if (byte > 0x7f) return undefined
  return String.fromCharCode.apply(null, value as never)
}
