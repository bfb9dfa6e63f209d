/** The log as the body of one response, which is read as it arrives. */
import { DecodeError } from '../../../src/core/bytes/decode-error.ts'
import { type Connection, request } from '../../http/connection.ts'
import { unavailable } from '../../http/request-error.ts'
import { TIMER_MS_MAX } from '../../limits.ts'
import type { Transport, TransportListener } from './transport.ts'

/** Receives the next bytes of the body, and resolves when it is ready for more. */
export type BodyReader = (bytes: Uint8Array) => Promise<void>

interface FetchTransportOptions {
  readonly accept: string
  /** Largest credit of each subscription; no limit by default. */
  readonly creditBytesMax?: number
  /** Server-side wait of a long poll. */
  readonly waitMs?: number
  /** @throws {DecodeError} from the reader, for bytes that are not the log's */
  readonly newReader: (listener: TransportListener) => BodyReader
}

/** Opens a transport with the subscriptions made in the same turn; they cannot change later. */
export function openFetch(
  connection: Connection,
  listener: TransportListener,
  { accept, creditBytesMax = Number.POSITIVE_INFINITY, waitMs, newReader }: FetchTransportOptions,
): Transport {
  const subscriptions: object[] = []
  const abort = new AbortController()
  const { signal } = abort
  const read = async ({ headers, body }: Response) => {
    const reader = body?.getReader()
    try {
      // A captive portal sends its page with status 200.
      if (!headers.get('content-type')?.startsWith(accept)) throw new DecodeError(0, 'not the log')
      const take = newReader(listener)
      for (;;) {
        const { value } = (await reader?.read()) ?? {}
        if (value === undefined || signal.aborted) return
        await take(value)
        // Part of a frame counts as a keep-alive: on a bad line the rest takes its time.
        if (!signal.aborted) listener.notice({ op: 'ping' })
      }
    } finally {
      reader?.cancel().catch(() => undefined)
    }
  }
  const run = () =>
    request(
      connection,
      '/v1/tail',
      {
        method: 'POST',
        body: JSON.stringify({ subscriptions, waitMs }),
        contentType: 'application/json',
        accept,
        timeoutMs: TIMER_MS_MAX,
        signal,
      },
      read,
    )
  const end = (error?: unknown) => {
    if (!signal.aborted) listener.ended(error === undefined ? undefined : unavailable(error))
  }
  return {
    isFixed: true,
    subscribe: (subscription, creditBytes) => {
      const boundedBytes = Math.min(creditBytes, creditBytesMax)
      const isFirst = subscriptions.push({ ...subscription, creditBytes: boundedBytes }) === 1
      if (isFirst) queueMicrotask(() => run().then(() => end(), end))
    },
    unsubscribe: () => undefined,
    grant: () => undefined,
    close: () => abort.abort(),
  }
}
