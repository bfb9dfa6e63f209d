import type { Codecs } from '../../src/core/batch/compression/codec.ts'
import type { Clock } from '../clock.ts'
import type { WebSocketConstructor } from '../consumer/tail-client.ts'
import type { Fetch } from '../http/connection.ts'
import type { CacheLimits } from './store/schema.ts'
import type { TransportName } from './sync/transport.ts'

export interface BrowserClientOptions {
  /** Of the server, e.g. `https://log.example.com`; the page's own origin if it is left out. */
  readonly url?: string
  /** The server's `EDGELOG_TOKEN`; a function is asked at the start and whenever a token is refused. */
  readonly token?: string | (() => string | Promise<string>)
  /** Whose records these are: each has a database of its own; 'anonymous'. */
  readonly principal?: string
  /** How much of each followed topic is kept, where `follow` does not say. */
  readonly cache?: Partial<CacheLimits>
  /** Ways to follow the log, the best first; all of them. */
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
