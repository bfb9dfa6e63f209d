/** Reads request bodies, up to a size limit, and as text in the declared encoding. */

import { concatenate } from '../core/bytes/concatenate.ts'
import { EdgelogError } from '../core/errors.ts'
import { parseExactJson } from '../core/json/exact-json.ts'
import { REQUEST_DISCARDED_BYTES_MAX } from '../core/limits.ts'
import type { AppContext } from './env.ts'
import { JSON_MEDIA_TYPE } from './schemas.ts'

/** Returns the media type of a request without its parameters, in lower case. */
export function mediaTypeOf(c: AppContext): string {
  const given = c.req.header('content-type') ?? ''
  return given === JSON_MEDIA_TYPE ? given : (given.split(';', 1)[0]?.trim().toLowerCase() ?? '')
}

export function unsupportedMediaType(c: AppContext, allowed: readonly string[]): EdgelogError {
  const given = mediaTypeOf(c)
  return new EdgelogError(
    'unsupported_media_type',
    `Content-Type: ${allowed.join(' or ')} is needed, got ${given === '' ? 'none' : given.slice(0, 100)}`,
  )
}

/**
 * Returns the whole body. Without a Content-Length the bytes are counted while they stream.
 *
 * @throws {EdgelogError} `unsupported_media_type` if the body is encoded;
 * `request_too_large`; `invalid_request` if the sender stopped before the end.
 */
export async function readBody(c: AppContext, maxBytes: number): Promise<Uint8Array> {
  refuseContentEncoding(c)
  const contentLength = Number(c.req.header('content-length') ?? Number.NaN)
  if (contentLength <= maxBytes) {
    // The runtime limits a body to its Content-Length, so this fast path is safe.
    try {
      return new Uint8Array(await c.req.raw.arrayBuffer())
    } catch (cause) {
      endedEarly(cause)
    }
  }
  const parts: Uint8Array[] = []
  let sizeBytes = 0
  // A response before the end of the body breaks the connection for most clients, which then never receive it. So a
  // body that is too long is read a little further, and discarded.
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

/** Rejects encoded bodies. `details` becomes the header that RFC 9110 requires. */
function refuseContentEncoding(c: AppContext): void {
  const given = c.req.header('content-encoding')
  if (given === undefined || /^\s*(identity)?\s*$/i.test(given)) return
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
 * Returns the whole body as text.
 *
 * @throws {EdgelogError} like `readBody`; also `unsupported_media_type` for another
 * charset, and `invalid_request` if the bytes are not UTF-8.
 */
export async function readText(c: AppContext, maxBytes: number): Promise<string> {
  refuseCharset(c)
  const text = decodeText(await readBody(c, maxBytes))
  if (!text.startsWith(BYTE_ORDER_MARK)) return text
  throw new EdgelogError('invalid_request', 'body: begins with a byte order mark; none is allowed')
}

/** Rejects other charsets: bytes that happen to be valid UTF-8 would be stored as a different text. */
function refuseCharset(c: AppContext): void {
  const contentType = c.req.header('content-type') ?? ''
  if (!contentType.includes(';')) return
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

/**
 * Returns the body as JSON.
 *
 * @throws {EdgelogError} `unsupported_media_type`, `request_too_large`, `invalid_request`.
 */
export async function readJson(c: AppContext, maxBytes: number): Promise<unknown> {
  if (mediaTypeOf(c) !== JSON_MEDIA_TYPE) throw unsupportedMediaType(c, [JSON_MEDIA_TYPE])
  return parseExactJson(await readText(c, maxBytes))
}
