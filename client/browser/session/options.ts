import type { Decompressors } from '../../../src/core/compression/codec.ts'
import type { Clock } from '../../clock.ts'
import type { Fetch } from '../../http/connection.ts'
import type { WebSocketConstructor } from '../../http/web-socket.ts'
import type { CacheLimits } from '../store/schema.ts'
import type { TransportName } from '../sync/transport.ts'

export interface BrowserClientOptions {
  /**
   * Address of the server, e.g. `https://log.example.com`; the page's own origin by
   * default. An origin other than the page's needs `EDGELOG_ORIGINS` on the server.
   */
  readonly url?: string
  /**
   * The server's `EDGELOG_TOKEN`; kept in memory only. A function is called by the leading
   * tab, when it becomes the leader and whenever a token is rejected, at most once in 5 s.
   */
  readonly token?: string | (() => string | Promise<string>)
  /**
   * Owner of the records: each principal has its own database, whose name contains this text unchanged; 'anonymous'.
   */
  readonly principal?: string
  /**
   * Default limits of the cache of each followed topic: up to 64 MiB, 1,000,000 records and 365 days.
   */
  readonly cache?: Partial<CacheLimits>
  /** Transports for following the log, best first; 'websocket', 'sse', 'long-poll'. */
  readonly transports?: readonly TransportName[]
  /** True to ask the browser to persist the database, after the first record is queued; true. */
  readonly persist?: boolean
  /** True to ask the page's service worker to send queued records (`flushOnSync`); false. */
  readonly backgroundSync?: boolean
  /** Used instead of the global `fetch`. */
  readonly fetch?: Fetch
  /** Used instead of the global `WebSocket`; `null` disables WebSockets. */
  readonly WebSocket?: WebSocketConstructor | null
  /** Decompressors that replace the client's own. */
  readonly codecs?: Partial<Decompressors>
  /** For tests: replaces the system clock. @internal */
  readonly clock?: Clock
  /** For tests: returns a number from 0 up to, but not including, 1. @internal */
  readonly random?: () => number
  /** For tests: returns a producer id of 63 random bits. @internal */
  readonly newProducerId?: () => bigint
}
