import type { Codecs } from '../../../src/core/compression/codec.ts'
import type { Clock } from '../../clock.ts'
import type { WebSocketConstructor } from '../../consumer/tail-client.ts'
import type { Fetch } from '../../http/connection.ts'
import type { CacheLimits } from '../store/schema.ts'
import type { TransportName } from '../sync/transport.ts'

export interface BrowserClientOptions {
  /**
   * Of the server, e.g. `https://log.example.com`; the page's own origin if it is left out. Another
   * origin than the page's needs `EDGELOG_ORIGINS` on the server.
   */
  readonly url?: string
  /**
   * The server's `EDGELOG_TOKEN`; kept in memory only. A function is asked by the tab that leads, when
   * it begins to and whenever a token is refused, at most once in 5 s.
   */
  readonly token?: string | (() => string | Promise<string>)
  /**
   * Whose records these are: each has a database of its own, whose name holds this text as it is;
   * 'anonymous'.
   */
  readonly principal?: string
  /**
   * How much of each followed topic is kept, where `follow` does not say: up to 64 MiB, 1,000,000
   * records and 365 days.
   */
  readonly cache?: Partial<CacheLimits>
  /** Ways to follow the log, the best first; 'websocket', 'sse', 'long-poll'. */
  readonly transports?: readonly TransportName[]
  /** Whether the browser is asked to keep the database, after the first record is queued; true. */
  readonly persist?: boolean
  /** Whether the page's service worker is asked to send what is queued (`flushOnSync`); false. */
  readonly backgroundSync?: boolean
  /** In the place of the global `fetch`. */
  readonly fetch?: Fetch
  /** In the place of the global `WebSocket`; `null` never uses one. */
  readonly WebSocket?: WebSocketConstructor | null
  /** Compressions in the place of the client's own. */
  readonly codecs?: Partial<Codecs>
  /** For tests. */
  readonly clock?: Clock
  /** For tests: from 0 up to, not including, 1. */
  readonly random?: () => number
  /** For tests: a producer id of 63 random bits. */
  readonly newProducerId?: () => bigint
}
