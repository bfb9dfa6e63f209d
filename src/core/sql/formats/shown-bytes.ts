/** Shows the bytes of records of which no format is known, as PRINT does. */

const decoder = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true })
// biome-ignore lint/suspicious/noControlCharactersInRegex: texts with control characters are shown as bytes
const CONTROL = /[\0-\x08\x0e-\x1f\x7f]/

export interface ShownBytes {
  /** The format that the bytes seem to have. */
  readonly format:
    | 'JSON'
    | 'KAFKA_STRING'
    | 'KAFKA_INT'
    | 'KAFKA_BIGINT or KAFKA_DOUBLE'
    | 'BYTES'
    | 'NULL'
  readonly text: string
}

export function showBytes(bytes: Uint8Array | null): ShownBytes {
  if (bytes === null) return { format: 'NULL', text: '<null>' }
  const text = textOf(bytes)
  if (text !== undefined && isJson(text)) return { format: 'JSON', text }
  if (text !== undefined && !CONTROL.test(text)) return { format: 'KAFKA_STRING', text }
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length)
  if (bytes.length === 4) return { format: 'KAFKA_INT', text: String(view.getInt32(0)) }
  if (bytes.length === 8) {
    return { format: 'KAFKA_BIGINT or KAFKA_DOUBLE', text: String(view.getBigInt64(0)) }
  }
  const hex = Array.from(bytes, (byte) => byte.toString(16).padStart(2, '0')).join(' ')
  return { format: 'BYTES', text: `[${hex}]` }
}

function textOf(bytes: Uint8Array): string | undefined {
  try {
    return decoder.decode(bytes)
  } catch {
    return undefined
  }
}

/** Objects and arrays are JSON; a lone number or word is rather a text. */
function isJson(text: string): boolean {
  if (!/^\s*[[{]/.test(text)) return false
  try {
    JSON.parse(text)
    return true
  } catch {
    return false
  }
}
