/** The log as the body of one answer, which is read as it comes. */
import { DecodeError } from '../../../src/core/bytes/decode-error.ts'
import { type Connection, request } from '../../http/connection.ts'
import { unavailable } from '../../http/refusal.ts'
import { TIMER_MS_MAX } from '../../limits.ts'
import type { Transport, TransportListener } from './transport.ts'

/** Takes the next bytes of the body, and resolves when it is ready for more. */
export type BodyReader = (bytes: Uint8Array) => Promise<void>

interface FetchTransportOptions {
  readonly accept: string
  /** The bound of each subscription; left out: none. */
  readonly creditBytesMax?: number
  /** Of a long poll. */
  readonly waitMs?: number
  /** @throws {DecodeError} from the reader, for what is not the log's. */
  readonly newReader: (listener: TransportListener) => BodyReader
}

/** Follows what is subscribed to in the turn in which it is opened; that cannot change. */
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
      // The page of a captive portal comes with status 200.
      if (!headers.get('content-type')?.startsWith(accept)) throw new DecodeError(0, 'not the log')
      const take = newReader(listener)
      for (;;) {
        const { value } = (await reader?.read()) ?? {}
        if (value === undefined || signal.aborted) return
        await take(value)
        // A part of a frame is a sign of life, too: on a bad line the rest takes its time.
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
