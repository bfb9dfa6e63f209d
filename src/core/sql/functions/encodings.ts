/** Texts that stand for bytes: hex, utf8, ascii and base64. */
import { decodeBase64, encodeBase64 } from '../../bytes/base64.ts'
import { EvaluationError } from '../errors.ts'

interface Encoding {
  readonly toBytes: (text: string) => Uint8Array
  readonly toText: (bytes: Uint8Array) => string
}

const REPLACEMENT = '\ufffd'
const utf8Encoder = new TextEncoder()
const utf8Decoder = new TextDecoder('utf-8', { fatal: false, ignoreBOM: true })

const ENCODINGS: ReadonlyMap<string, Encoding> = new Map([
  ['hex', { toBytes: parseHex, toText: showHex }],
  [
    'utf8',
    { toBytes: (text) => utf8Encoder.encode(text), toText: (bytes) => utf8Decoder.decode(bytes) },
  ],
  [
    'ascii',
    {
      toBytes: (text) =>
        Uint8Array.from([...text], (character) => {
          const code = character.charCodeAt(0)
          return code < 128 ? code : 0x3f
        }),
      toText: (bytes) =>
        Array.from(bytes, (byte) => (byte < 128 ? String.fromCharCode(byte) : REPLACEMENT)).join(
          '',
        ),
    },
  ],
  ['base64', { toBytes: parseBase64, toText: encodeBase64 }],
])

/** @throws {EvaluationError} for a name that is no encoding. */
export function encodingOf(name: string): Encoding {
  const encoding = ENCODINGS.get(name.toLowerCase())
  if (encoding === undefined) {
    throw new EvaluationError(
      `Unknown encoding type '${name}'. Supported formats are 'hex', 'utf8', 'ascii', and 'base64'.`,
    )
  }
  return encoding
}

/** Returns the two capital digits of each byte. */
export function showHex(bytes: Uint8Array): string {
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, '0'))
    .join('')
    .toUpperCase()
}

/** Returns the bytes of digits such as `4B`, `0x4B` or `x'4B'`. */
function parseHex(text: string): Uint8Array {
  const quoted = /^x'(.*)'$/is.exec(text)?.[1]
  const bare = quoted ?? text.replace(/^0x/i, '')
  const digits = text !== bare && quoted === undefined && bare.length % 2 === 1 ? `0${bare}` : bare
  if (digits.length % 2 === 1 || /[^\da-f]/i.test(digits)) {
    throw new EvaluationError('hex: the text has an odd number of digits or other characters')
  }
  return Uint8Array.from({ length: digits.length / 2 }, (_, index) =>
    Number.parseInt(digits.slice(index * 2, index * 2 + 2), 16),
  )
}

/** Returns the bytes of base64; other characters, such as line breaks, are skipped, and padding may be missing. */
function parseBase64(text: string): Uint8Array {
  const digits = text
    .replaceAll('-', '+')
    .replaceAll('_', '/')
    .replace(/[^A-Za-z\d+/]/g, '')
  const whole = digits.length % 4 === 1 ? digits.slice(0, -1) : digits
  // The last digit may have bits that are not used: they are set to 0.
  const unused = { 2: 0x30, 3: 0x3c }[whole.length % 4]
  if (unused === undefined) return decodeBase64(whole)
  const alphabet = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/'
  const last = alphabet.charAt(alphabet.indexOf(whole.slice(-1)) & unused)
  const padded = `${whole.slice(0, -1)}${last}`
  return decodeBase64(padded.padEnd(Math.ceil(padded.length / 4) * 4, '='))
}
