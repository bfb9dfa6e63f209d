/** Keeps what is followed in sync with the log: runs the machine of sync-state.ts against the world. */
import type { EdgelogError, ErrorCode } from '../../../src/core/errors.ts'
import type { TailFrame } from '../../../src/core/log/tail-protocol.ts'
import type { WebSocketConstructor } from '../../consumer/tail-client.ts'
import type { Connection } from '../../http/connection.ts'
import type { PageEvents } from './page-events.ts'
import type { State } from './sync-state.ts'
import type { OpenTransport, Subscription, TailPosition, TransportName } from './transport.ts'

/** What is to be followed, and from where. */
export type Followed = Omit<Subscription, 'id'>

export interface LastError {
  readonly code: ErrorCode
  readonly message: string
  readonly atMs: number
}

export interface SyncStatus {
  readonly link: State
  /** The one in use, or to be tried next. */
  readonly transport: TransportName | null
  readonly lastError: LastError | null
}

/** Who stores what arrives, and knows where to go on. Its methods are not called after `stop`. */
export interface SyncSink {
  /** Asked at every connection, and after `changed`. What it rejects with is tried again later. */
  subscriptions(): Promise<readonly Followed[]>
  subscribed(subscription: Subscription, position: TailPosition): void
  /**
   * Called for one frame at a time. `taken`: all in it is stored, or was there; `resubscribe`: it
   * leaves something out, and nothing of it was taken.
   */
  frame(subscription: Subscription, frame: TailFrame): Promise<'taken' | 'resubscribe'>
  /**
   * The log ended it. Afterwards `subscriptions` is asked again, and what it still names is followed
   * again after a pause.
   */
  closed(subscription: Subscription, error: EdgelogError): Promise<void>
  changed(status: SyncStatus): void
}

export interface SyncContext {
  readonly connection: Connection
  readonly page: PageEvents
  /** Undefined: there is none. */
  readonly WebSocket: WebSocketConstructor | undefined
}

export interface SyncOptions {
  /** Best first; all of them by default. */
  readonly transports?: readonly TransportName[]
  /** For tests. */
  readonly open?: OpenTransport
}

export class Sync {
  constructor(context: SyncContext, sink: SyncSink, options: SyncOptions = {}) {
    void [context, sink, options]
  }

  get status(): SyncStatus {
    return { link: 'idle', transport: null, lastError: null }
  }

  /** Also after `stop`. */
  start(): void {}

  stop(): void {}

  /** The subscriptions of the sink are other ones now. */
  changed(): void {}

  /** The connection's token is another one now. */
  setToken(): void {}

  /** A reason to believe that trying now is worth it: shortens a wait, looks after the connection. */
  wake(): void {}
}
