/** Reads request bodies, never more of them than allowed, and as the text they claim to be. */

import { concatenate } from '../core/bytes/concatenate.ts'
import { EdgelogError } from '../core/errors.ts'
import { parseExactJson } from '../core/json/exact-json.ts'
import { REQUEST_DISCARDED_BYTES_MAX } from '../core/limits.ts'
import type { AppContext } from './env.ts'

/** The media type of a request without its parameters, in lower case. */
export function mediaTypeOf(c: AppContext): string {
  return (c.req.header('content-type') ?? '').split(';', 1)[0]?.trim().toLowerCase() ?? ''
}

export function unsupportedMediaType(c: AppContext, allowed: readonly string[]): EdgelogError {
  const given = mediaTypeOf(c)
  return new EdgelogError(
    'unsupported_media_type',
    `Content-Type: ${allowed.join(' or ')} is needed, got ${given === '' ? 'none' : given.slice(0, 100)}`,
  )
}

/**
 * The whole body, counted while it streams where its length was not announced.
 *
 * @throws {EdgelogError} `unsupported_media_type` if it is encoded; `request_too_large`;
 * `invalid_request` if the sender gave up half way.
 */
export async function readBody(c: AppContext, maxBytes: number): Promise<Uint8Array> {
  refuseContentEncoding(c)
  const contentLength = Number(c.req.header('content-length') ?? Number.NaN)
  if (contentLength <= maxBytes) {
    // The runtime holds a body to the length it announced, and this is the fast way to all of it.
    return new Uint8Array(await c.req.raw.arrayBuffer().catch(endedEarly))
  }
  const parts: Uint8Array[] = []
  let sizeBytes = 0
  // An answer before the end of the body breaks the connection for most senders, who then never see
  // it. So what is too long is read on for a while, and thrown away.
  try {
    for await (const part of c.req.raw.body ?? []) {
      sizeBytes += part.length
      if (sizeBytes <= maxBytes) parts.push(part)
      else parts.length = 0
      if (sizeBytes > maxBytes + REQUEST_DISCARDED_BYTES_MAX) break
    }
  } catch (cause) {
    endedEarly(cause)
  }
  if (sizeBytes > maxBytes) {
    throw new EdgelogError('request_too_large', `body: at most ${maxBytes} bytes are allowed`)
  }
  return concatenate(parts)
}

/** The message names the cause, and `details` becomes the header that RFC 9110 asks for. */
function refuseContentEncoding(c: AppContext): void {
  const given = c.req.header('content-encoding') ?? ''
  if (/^\s*(identity)?\s*$/i.test(given)) return
  throw new EdgelogError(
    'unsupported_media_type',
    `Content-Encoding: identity, or none, is allowed; got ${given.slice(0, 100)}`,
    { details: { acceptEncoding: 'identity' } },
  )
}

function endedEarly(cause: unknown): never {
  throw new EdgelogError('invalid_request', 'body: the request ended early', { cause })
}

const UTF8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true })
const BYTE_ORDER_MARK = '\ufeff'

/**
 * The whole body as text.
 *
 * @throws {EdgelogError} as `readBody`; also `unsupported_media_type` for another charset, and
 * `invalid_request` if the bytes are not UTF-8.
 */
export async function readText(c: AppContext, maxBytes: number): Promise<string> {
  refuseCharset(c)
  const text = decodeText(await readBody(c, maxBytes))
  if (!text.startsWith(BYTE_ORDER_MARK)) return text
  throw new EdgelogError('invalid_request', 'body: begins with a byte order mark; none is allowed')
}

/** Bytes of another charset that happen to be UTF-8 would be stored as another text. */
function refuseCharset(c: AppContext): void {
  const contentType = c.req.header('content-type') ?? ''
  const charset = /;\s*charset\s*=\s*"?([^\s";]*)/i.exec(contentType)?.[1]
  if (charset === undefined || /^utf-?8$/i.test(charset)) return
  throw new EdgelogError(
    'unsupported_media_type',
    `Content-Type: charset utf-8, or none, is allowed; got ${charset.slice(0, 100)}`,
  )
}

function decodeText(bytes: Uint8Array): string {
  try {
    return UTF8.decode(bytes)
  } catch (cause) {
    throw new EdgelogError('invalid_request', 'body: not valid UTF-8 text', { cause })
  }
}

/** @throws {EdgelogError} `unsupported_media_type`, `request_too_large`, `invalid_request`. */
export async function readJson(c: AppContext, maxBytes: number): Promise<unknown> {
  if (mediaTypeOf(c) !== 'application/json') throw unsupportedMediaType(c, ['application/json'])
  return parseExactJson(await readText(c, maxBytes))
}
