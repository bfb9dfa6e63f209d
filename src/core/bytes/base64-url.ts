/** Base64 with the alphabet for URLs and without padding. */
import { EdgelogError } from '../errors.ts'
import { decodeBase64, encodeBase64 } from './base64.ts'
import { DecodeError } from './decode-error.ts'

export function encodeBase64Url(bytes: Uint8Array): string {
  return encodeBase64(bytes).replaceAll('+', '-').replaceAll('/', '_').replaceAll('=', '')
}

/** @throws {EdgelogError} `invalid_request` with the field. */
export function decodeBase64Url(text: string, field: string): Uint8Array {
  const standard = text.replaceAll('-', '+').replaceAll('_', '/').replaceAll('=', '')
  try {
    return decodeBase64(standard.padEnd(Math.ceil(standard.length / 4) * 4, '='))
  } catch (error) {
    if (!(error instanceof DecodeError)) throw error
    throw new EdgelogError('invalid_request', `${field}: not valid base64, ${error.message}`)
  }
}
