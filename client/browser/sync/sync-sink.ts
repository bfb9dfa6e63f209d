/** What the sync is asked for, and what it tells. */
import type { EdgelogError, ErrorCode } from '../../../src/core/errors.ts'
import type { TailFrame } from '../../../src/core/log/tail-protocol.ts'
import type { TailPosition } from '../../consumer/tail-messages.ts'
import type { State } from './sync-state.ts'
import type { Subscription, TransportName } from './transport.ts'

/** What is to be followed, and from where. */
export type Followed = Omit<Subscription, 'id'>

export interface LastError {
  readonly code: ErrorCode
  readonly message: string
  readonly atMs: number
}

export interface SyncStatus {
  readonly link: State
  /** Null: there is no connection. */
  readonly transport: TransportName | null
  readonly lastError: LastError | null
}

/** Who stores what arrives, and knows where to go on. The last that it hears is the link `closed`. */
export interface SyncSink {
  /**
   * Asked at every connection, after `changed`, and after a pause when something was not taken or was
   * ended; all frames that had arrived are stored by then. What it rejects with is tried again later.
   */
  subscriptions(): Promise<readonly Followed[]>
  subscribed(subscription: Subscription, position: TailPosition): void
  /**
   * Called for one frame of a subscription at a time; those that arrive meanwhile come as one. `taken`: all in it is stored, or was there;
   * `resubscribe`: nothing of it was taken, `subscriptions` says where to go on.
   */
  frame(subscription: Subscription, frame: TailFrame): Promise<'taken' | 'resubscribe'>
  /** The log ended it. What `subscriptions` still names is followed again after a pause. */
  closed(subscription: Subscription, error: EdgelogError): Promise<void>
  changed(status: SyncStatus): void
}
