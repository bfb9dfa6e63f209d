/**
 * Authenticates callers: by the bearer token or, if none is configured, by a request from the same machine. Also checks
 * the origin of web pages, because a browser sends requests on behalf of any page.
 */
import type { MiddlewareHandler } from 'hono'
import { cors } from 'hono/cors'
import { ANONYMOUS, type Principal, TOKEN_HOLDER } from '../core/access/principal.ts'
import { decodeBase64 } from '../core/bytes/base64.ts'
import { EdgelogError } from '../core/errors.ts'
import type { EdgelogEnv } from './bindings.ts'
import type { AppContext, AppEnv } from './env.ts'

/** A browser cannot set headers on a WebSocket, so the token travels as a subprotocol, in base64url. */
const BEARER_SUBPROTOCOL = 'edgelog.bearer.'

/**
 * Authenticates the caller of a request, and checks its origin.
 *
 * @param isOpen returns whether the door itself rejects callers without the token on this path.
 * @throws {EdgelogError} `unauthorized`, `forbidden`.
 */
export function admit(
  c: AppContext,
  origin: string | undefined,
  isOpen: (path: string) => boolean,
): void {
  const { path, method } = c.req
  if (path === '/healthz' || method === 'OPTIONS') return
  const caller = callerOf(c)
  c.set('caller', caller)
  if (caller instanceof EdgelogError && !isOpen(path)) throw caller
  if (origin === undefined || isAllowedOrigin(origin, c)) return
  throw new EdgelogError(
    'forbidden',
    `Origin: ${origin.slice(0, 200)} is not among the allowed ones (EDGELOG_ORIGINS)`,
  )
}

/** Returns the authenticated caller, or the error: `unauthorized`, `forbidden`. A long request may call it again. */
export function callerOf(c: AppContext): Principal | EdgelogError {
  return authenticate(
    c.env,
    () => bearerToken(c),
    () => isLoopbackUrl(c.req.url),
  )
}

/**
 * Authenticates a caller by its token or, if the Worker has none, by the address that it called.
 *
 * @param tokenOf returns the token of the caller; undefined if it sent none.
 * @param isLocal returns whether the called address is one of this machine alone.
 * @returns the principal, or the error: `unauthorized`, `forbidden`.
 */
export function authenticate(
  { EDGELOG_TOKEN: token = '' }: EdgelogEnv,
  tokenOf: () => string | undefined,
  isLocal: () => boolean,
): Principal | EdgelogError {
  if (token !== '') {
    const given = tokenOf()
    if (given !== undefined && equalInConstantTime(given, token)) return TOKEN_HOLDER
    return new EdgelogError(
      'unauthorized',
      given === undefined
        ? 'Authorization: a bearer token is needed'
        : 'Authorization: the bearer token is wrong',
    )
  }
  if (isLocal()) return ANONYMOUS
  return new EdgelogError(
    'forbidden',
    'EDGELOG_TOKEN: not set; without this secret the server responds on localhost only',
  )
}

function bearerToken(c: AppContext): string | undefined {
  const header = c.req.header('authorization')
  if (header !== undefined) return /^Bearer +(\S+) *$/i.exec(header)?.[1]
  const protocols = c.req.header('sec-websocket-protocol')?.split(',') ?? []
  const encoded = protocols
    .map((protocol) => protocol.trim())
    .find((protocol) => protocol.startsWith(BEARER_SUBPROTOCOL))
    ?.slice(BEARER_SUBPROTOCOL.length)
  if (encoded === undefined) return undefined
  try {
    const base64 = encoded.replaceAll('-', '+').replaceAll('_', '/')
    const padded = base64.padEnd(Math.ceil(base64.length / 4) * 4, '=')
    return new TextDecoder().decode(decodeBase64(padded))
  } catch {
    // Not base64, so not the token.
    return undefined
  }
}

/** Takes the same time for all texts, so that a token cannot be guessed piece by piece. */
function equalInConstantTime(given: string, wanted: string): boolean {
  const encoder = new TextEncoder()
  const a = encoder.encode(given)
  const b = encoder.encode(wanted)
  let difference = a.length ^ b.length
  for (let i = 0; i < b.length; i++) difference |= (a[i % a.length] ?? 0) ^ (b[i] ?? 0)
  return difference === 0
}

function isAllowedOrigin(origin: string, c: AppContext): boolean {
  const server = new URL(c.req.url)
  if (origin === server.origin) return true
  const allowed = c.env.EDGELOG_ORIGINS?.split(',').map((entry) => entry.trim()) ?? []
  if (allowed.includes(origin)) return true
  return isLoopback(server.hostname) && URL.canParse(origin) && isLoopback(new URL(origin).hostname)
}

/** The usual forms of this machine's address, which need no parser. */
const LOOPBACK_URL = /^https?:\/\/(?:localhost|127\.0\.0\.1|\[::1\])(?::\d+)?(?:\/|$)/

function isLoopbackUrl(url: string): boolean {
  return LOOPBACK_URL.test(url) || isLoopback(new URL(url).hostname)
}

/** @param hostname of a URL: an IPv6 address is in brackets. */
export function isLoopback(hostname: string): boolean {
  return (
    hostname === 'localhost' ||
    hostname.endsWith('.localhost') ||
    hostname === '[::1]' ||
    /^127\.\d+\.\d+\.\d+$/.test(hostname)
  )
}

/** Response headers that pages may read. */
export const EXPOSED_HEADERS = [
  'edgelog-offset',
  'edgelog-next-offset',
  'edgelog-last-stable-offset',
  'edgelog-high-watermark',
  'edgelog-log-start-offset',
  'edgelog-tombstones-gone-below',
  'edgelog-sealed',
  'cache-status',
  'etag',
  'location',
  'retry-after',
  'x-request-id',
]

/** CORS middleware. No cookies are used, so it never allows credentials and never sends `*`. */
export const crossOrigin: MiddlewareHandler<AppEnv> = cors({
  origin: (origin, c) => (isAllowedOrigin(origin, c) ? origin : null),
  allowMethods: ['GET', 'HEAD', 'POST', 'PATCH', 'PUT', 'DELETE'],
  allowHeaders: [
    'authorization',
    'content-type',
    'edgelog-transaction',
    'if-match',
    'if-none-match',
    'last-event-id',
  ],
  exposeHeaders: EXPOSED_HEADERS,
  maxAge: 600,
})
