/** One call to the server: its address, its token, its time limit, and its refusals as errors. */
import { EdgelogError } from '../../src/core/errors.ts'
import type { Clock } from '../clock.ts'
import { REQUEST_TIMEOUT_MS } from '../limits.ts'
import { refusalOf, unavailable } from './refusal.ts'

export type Fetch = (input: string, init?: RequestInit) => Promise<Response>

export const BATCH_MEDIA_TYPE = 'application/vnd.edgelog.batch'

/** What every part of the client shares. */
export interface Connection {
  /** Without a slash at its end. */
  readonly url: string
  /** Read at each call: who shares the connection may replace it. */
  token: string | undefined
  readonly fetch: Fetch
  readonly clock: Clock
  /** From 0 up to, not including, 1. */
  readonly random: () => number
}

export interface Call {
  readonly method?: 'GET' | 'POST' | 'PATCH' | 'DELETE'
  readonly body?: string | Uint8Array
  readonly contentType?: string
  readonly accept?: string
  readonly timeoutMs?: number
  readonly signal?: AbortSignal | undefined
}

/**
 * Makes one call and reads its answer with `read`, both within the time limit.
 *
 * @throws {Refusal} whatever the server or the network refused; the reason of `signal` if it was
 * aborted.
 */
export async function request<T>(
  connection: Connection,
  path: string,
  call: Call,
  read: (response: Response) => Promise<T>,
): Promise<T> {
  const { clock } = connection
  const { signal, timeoutMs = REQUEST_TIMEOUT_MS } = call
  signal?.throwIfAborted()
  const abort = new AbortController()
  const passOn = () => abort.abort(signal?.reason)
  signal?.addEventListener('abort', passOn)
  const timer = clock.setTimeout(
    () => abort.abort(new EdgelogError('unavailable', `no answer within ${timeoutMs} ms`)),
    timeoutMs,
  )
  try {
    const response = await connection.fetch(connection.url + path, {
      method: call.method ?? 'GET',
      headers: headersOf(connection, call),
      signal: abort.signal,
      ...(call.body !== undefined && { body: call.body as BodyInit }),
    })
    if (!response.ok) throw await refusalOf(response, clock.now())
    return await read(response)
  } catch (error) {
    signal?.throwIfAborted()
    throw unavailable(error)
  } finally {
    clock.clearTimeout(timer)
    signal?.removeEventListener('abort', passOn)
  }
}

/** A call whose answer is JSON. */
export async function requestJson<T>(
  connection: Connection,
  path: string,
  call: Call = {},
): Promise<T> {
  return await request(connection, path, call, async (response) => (await response.json()) as T)
}

function headersOf({ token }: Connection, call: Call): Record<string, string> {
  const headers: Record<string, string> = {}
  if (token !== undefined) headers.authorization = `Bearer ${token}`
  if (call.contentType !== undefined) headers['content-type'] = call.contentType
  if (call.accept !== undefined) headers.accept = call.accept
  return headers
}
