/** The calls of a session: requests of the HTTP API, which the app's own routes serve. */
import { z } from '@hono/zod-openapi'
import { parseWith } from '../../app/route.ts'
import { concatenate } from '../../core/bytes/concatenate.ts'
import { EdgelogError } from '../../core/errors.ts'
import { parseExactJson } from '../../core/json/exact-json.ts'
import {
  BATCH_BYTES_MAX,
  FETCH_BYTES_DEFAULT,
  FETCH_BYTES_MAX,
  SESSION_CALLS_MAX,
  SESSION_FETCH_BYTES_MAX,
  SESSION_HEAD_LENGTH_MAX,
} from '../../core/limits.ts'
import { decodeHeadAndBody, encodeHeadAndBody } from '../../core/log/session-protocol.ts'
import { MEDIA_TYPES } from '../schemas.ts'
import type { SessionMemory } from './session-memory.ts'
import type { SessionOutput } from './session-output.ts'

/** Paths that stay open, for which a session has messages of its own. */
const STREAM_PATHS = new Set(['/v1/tail', '/v1/session'])
const FETCH_PATH = /^\/v1\/topics\/[^/]+\/partitions\/[^/]+\/records$/

/** Headers of the upgrade by which the app finds out who calls. */
const CALLER_HEADERS = ['authorization', 'sec-websocket-protocol']

const HeaderValue = z
  .string()
  .regex(/^[\x20-\x7e]*$/, 'visible ASCII is allowed')
  .optional()

const Head = z.strictObject({
  method: z.enum(['GET', 'HEAD', 'POST', 'PATCH', 'DELETE']),
  path: z.string().startsWith('/v1/', 'a path that begins with /v1/ is needed'),
  headers: z
    .strictObject({
      accept: HeaderValue,
      'content-type': HeaderValue,
      'if-match': HeaderValue,
    })
    .default({}),
})

/** Serves a request as the app does for the caller of the session. */
export type CallApp = (request: Request) => Promise<Response>

export class SessionCalls {
  readonly #output: SessionOutput
  readonly #memory: SessionMemory
  readonly #baseUrl: string
  readonly #callerHeaders: Array<[string, string]> = []
  readonly #callApp: CallApp
  readonly #calls = new Turns(SESSION_CALLS_MAX)
  /** Fetches have turns of their own: they may wait long, and their responses may be large. */
  readonly #fetches = new Turns(SESSION_FETCH_BYTES_MAX)

  /** @param upgrade the request that opened the session: its calls have its caller. */
  constructor(upgrade: Request, output: SessionOutput, memory: SessionMemory, callApp: CallApp) {
    this.#baseUrl = upgrade.url
    for (const name of CALLER_HEADERS) {
      const value = upgrade.headers.get(name)
      if (value !== null) this.#callerHeaders.push([name, value])
    }
    this.#output = output
    this.#memory = memory
    this.#callApp = callApp
  }

  /**
   * Serves a call, and sends its response.
   *
   * @throws {EdgelogError} `invalid_request`, `not_found`: there is no response then.
   * @throws {DecodeError} for content that is no call.
   */
  async serve(id: number, content: Uint8Array): Promise<void> {
    const request = this.#requestOf(content)
    const { turns, weight } = this.#turnOf(request)
    await turns.begin(weight)
    try {
      if (this.#output.isOpen) await this.#respond(id, await this.#callApp(request))
    } finally {
      turns.end(weight)
    }
  }

  async #respond(id: number, response: Response): Promise<void> {
    if (response.headers.get('content-type') === MEDIA_TYPES.sse) {
      await response.body?.cancel()
      throw noStream()
    }
    const head = { status: response.status, headers: Object.fromEntries(response.headers) }
    const body = new Uint8Array(await response.arrayBuffer())
    const bytes = concatenate(encodeHeadAndBody(head, body))
    this.#memory.hold(bytes.length)
    await this.#output.sendParts(id, bytes)
    this.#memory.hold(-bytes.length)
  }

  #requestOf(content: Uint8Array): Request {
    const { head, body } = decodeHeadAndBody(content)
    if (head.length > SESSION_HEAD_LENGTH_MAX) {
      throw new EdgelogError(
        'invalid_request',
        `head: at most ${SESSION_HEAD_LENGTH_MAX} characters are allowed`,
      )
    }
    const { method, path, headers } = parseWith(Head, parseExactJson(head, 'head'), '', 'head')
    const url = new URL(path, this.#baseUrl)
    // The app decodes the path before it looks for the route.
    const pathname = decodedPath(url)
    if (!pathname.startsWith('/v1/') || STREAM_PATHS.has(pathname)) throw noStream()
    const hasBody = method !== 'GET' && method !== 'HEAD'
    const request = new Request(url, { method, headers, ...(hasBody && { body }) } as RequestInit)
    for (const [name, value] of this.#callerHeaders) request.headers.set(name, value)
    return request
  }

  /** Returns how much of which turns a request takes. */
  #turnOf({ method, url }: Request): { readonly turns: Turns; readonly weight: number } {
    const { pathname, searchParams } = new URL(url)
    if (method !== 'GET' || !FETCH_PATH.test(pathname)) return { turns: this.#calls, weight: 1 }
    const maxBytes = Number(searchParams.get('maxBytes') ?? FETCH_BYTES_DEFAULT)
    // A first batch that is larger is returned anyway.
    const weight = Math.min(FETCH_BYTES_MAX, Math.max(BATCH_BYTES_MAX, maxBytes || 0))
    return { turns: this.#fetches, weight }
  }
}

function decodedPath({ pathname }: URL): string {
  try {
    return decodeURI(pathname)
  } catch {
    return pathname
  }
}

function noStream(): EdgelogError {
  return new EdgelogError(
    'not_found',
    'path: /v1/ paths other than streams are allowed in a session',
  )
}

/** Lets work begin in its order while the weights of what is under way fit. */
class Turns {
  #freeWeight: number
  readonly #waiting: Array<{ readonly weight: number; readonly begin: () => void }> = []

  constructor(weightMax: number) {
    this.#freeWeight = weightMax
  }

  async begin(weight: number): Promise<void> {
    if (this.#waiting.length > 0 || weight > this.#freeWeight) {
      await new Promise<void>((begin) => this.#waiting.push({ weight, begin }))
    } else this.#freeWeight -= weight
  }

  end(weight: number): void {
    this.#freeWeight += weight
    for (;;) {
      const [next] = this.#waiting
      if (next === undefined || next.weight > this.#freeWeight) return
      this.#waiting.shift()
      this.#freeWeight -= next.weight
      next.begin()
    }
  }
}
