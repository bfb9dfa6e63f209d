/** Standard base64 with padding, in its canonical form only, with the runtime's own functions if it has them. */
import { DecodeError } from './decode-error.ts'

/** Available in browsers of 2025 and later, and in workerd; Node 20 has neither. */
const native = Uint8Array as unknown as {
  fromBase64?: (text: string) => Uint8Array
  prototype: { toBase64?: (this: Uint8Array) => string }
}

/** Number of arguments that one call of `String.fromCharCode` accepts in every runtime. */
const CHARS_PER_CALL = 8_192

const FOREIGN_CHARACTER = /[^A-Za-z0-9+/]/
/** The last four characters: with padding, the unused bits must be zero. */
const LAST_GROUP = /^[A-Za-z0-9+/]([AQgw]==|[A-Za-z0-9+/]([A-Za-z0-9+/]{2}|[AEIMQUYcgkosw048]=))$/

export function encodeBase64(bytes: Uint8Array): string {
  if (native.prototype.toBase64 !== undefined) return native.prototype.toBase64.call(bytes)
  let binary = ''
  for (let from = 0; from < bytes.length; from += CHARS_PER_CALL) {
    binary += String.fromCharCode(...bytes.subarray(from, from + CHARS_PER_CALL))
  }
  return btoa(binary)
}

/**
 * @throws {DecodeError} for any text that `encodeBase64` does not write: other
 * alphabets, white space, missing padding.
 */
export function decodeBase64(text: string): Uint8Array {
  if (text.length === 0) return new Uint8Array()
  if (text.length % 4 !== 0) {
    throw new DecodeError(text.length, 'the length of base64 is a multiple of 4')
  }
  const foreign = text.slice(0, -4).search(FOREIGN_CHARACTER)
  if (foreign !== -1) throw new DecodeError(foreign, 'not a character of base64')
  if (!LAST_GROUP.test(text.slice(-4))) {
    throw new DecodeError(text.length - 4, 'not the end of base64')
  }
  if (native.fromBase64 !== undefined) return native.fromBase64(text)
  const binary = atob(text)
  const bytes = new Uint8Array(binary.length)
  for (let index = 0; index < binary.length; index++) bytes[index] = binary.charCodeAt(index)
  return bytes
}
