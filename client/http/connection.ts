/** Sends one request to the server: address, token, time limit; turns error responses into errors. */

import { concatenate } from '../../src/core/bytes/concatenate.ts'
import { EdgelogError } from '../../src/core/errors.ts'
import type { Clock, Timer } from '../clock.ts'
import { REQUEST_TIMEOUT_MS } from '../limits.ts'
import { refusalOf, unavailable } from './request-error.ts'

export type Fetch = (input: string, init?: RequestInit) => Promise<Response>

/** True in browsers. Other platforms have no cache behind `fetch`, and some refuse the option. */
const HAS_HTTP_CACHE = 'onLine' in (Reflect.get(globalThis, 'navigator') ?? {})

export const BATCH_MEDIA_TYPE = 'application/vnd.edgelog.batch'

/** State that all parts of the client share. */
export interface Connection {
  /** Without a trailing slash. */
  readonly url: string
  /** Read for each request, so it can be replaced at any time. */
  token: string | undefined
  readonly fetch: Fetch
  readonly clock: Clock
  /** Returns a number from 0 up to, but not including, 1. */
  readonly random: () => number
}

export interface Call {
  readonly method?: 'GET' | 'HEAD' | 'POST' | 'PUT' | 'PATCH' | 'DELETE'
  readonly body?: string | Uint8Array
  readonly contentType?: string
  readonly accept?: string
  /** Further headers. */
  readonly headers?: Readonly<Record<string, string>>
  /** Id of the transaction that the records belong to. */
  readonly transactionalId?: string | undefined
  /** True to have a copy in the cache of a browser checked before it is used. */
  readonly isChecked?: boolean
  /** Longest silence: before the response begins, and between two parts of it. */
  readonly timeoutMs?: number
  readonly signal?: AbortSignal | undefined
}

/**
 * Sends one request and reads its response with `read`, which calls `keepAlive` for each part that arrives.
 *
 * @throws {RequestError} the error of the server or the network; the reason of `signal` if it was aborted.
 */
export async function request<T>(
  connection: Connection,
  path: string,
  call: Call,
  read: (response: Response, keepAlive: () => void) => Promise<T>,
): Promise<T> {
  const { clock } = connection
  const { signal, timeoutMs = REQUEST_TIMEOUT_MS } = call
  signal?.throwIfAborted()
  const abort = new AbortController()
  const passOn = () => abort.abort(signal?.reason)
  signal?.addEventListener('abort', passOn)
  let timer: Timer
  const keepAlive = () => {
    clock.clearTimeout(timer)
    timer = clock.setTimeout(
      () => abort.abort(new EdgelogError('unavailable', `no response within ${timeoutMs} ms`)),
      timeoutMs,
    )
  }
  keepAlive()
  try {
    const response = await connection.fetch(connection.url + path, {
      method: call.method ?? 'GET',
      headers: headersOf(connection, call),
      signal: abort.signal,
      ...(call.isChecked && HAS_HTTP_CACHE && { cache: 'no-cache' }),
      ...(call.body !== undefined && { body: call.body as BodyInit }),
    })
    keepAlive()
    if (!response.ok) throw await refusalOf(response, clock.now())
    return await read(response, keepAlive)
  } catch (error) {
    signal?.throwIfAborted()
    throw unavailable(error)
  } finally {
    clock.clearTimeout(timer)
    signal?.removeEventListener('abort', passOn)
  }
}

/** Sends a request whose response is JSON. */
export async function requestJson<T>(
  connection: Connection,
  path: string,
  call: Call = {},
): Promise<T> {
  return await request(
    connection,
    path,
    call,
    async (response, keepAlive) =>
      JSON.parse(new TextDecoder().decode(await readBody(response, keepAlive))) as T,
  )
}

/** Reads the whole body; each part that arrives restarts the silence time-out. */
export async function readBody({ body }: Response, keepAlive: () => void): Promise<Uint8Array> {
  const reader = body?.getReader()
  const parts: Uint8Array[] = []
  for (;;) {
    const { value } = (await reader?.read()) ?? {}
    if (value === undefined) return concatenate(parts)
    keepAlive()
    parts.push(value)
  }
}

function headersOf({ token }: Connection, call: Call): Record<string, string> {
  const headers: Record<string, string> = { ...call.headers }
  if (token !== undefined) headers.authorization = `Bearer ${token}`
  if (call.contentType !== undefined) headers['content-type'] = call.contentType
  if (call.accept !== undefined) headers.accept = call.accept
  if (call.transactionalId !== undefined) headers['edgelog-transaction'] = call.transactionalId
  return headers
}
