/** The interface between sync and its sink. */
import type { EdgelogError, ErrorCode } from '../../../src/core/errors.ts'
import type { TailFrame } from '../../../src/core/log/tail-protocol.ts'
import type { TailPosition } from '../../consumer/tail-messages.ts'
import type { State } from './sync-state.ts'
import type { Subscription, TransportName } from './transport.ts'

/** A partition to follow, and its start. */
export type Followed = Omit<Subscription, 'id'>

export interface LastError {
  readonly code: ErrorCode
  readonly message: string
  readonly atMs: number
}

export interface SyncStatus {
  readonly link: State
  /** Null: no connection. */
  readonly transport: TransportName | null
  readonly lastError: LastError | null
}

/** Stores the frames that arrive, and supplies the subscriptions. The last call is `changed` with the link `closed`. */
export interface SyncSink {
  /**
   * Returns the subscriptions. Called at every connection, after `changed`, and after the pause of a subscription
   * that was dropped or ended; all earlier frames are stored by then. Retried later if it rejects.
   */
  subscriptions(): Promise<readonly Followed[]>
  subscribed(subscription: Subscription, position: TailPosition): void
  /**
   * Stores a frame. Called for one frame of a subscription at a time; frames that arrive meanwhile are joined
   * into one. `taken`: all of it is stored now, or was before; `resubscribe`: nothing of it was stored, and
   * `subscriptions` returns where to continue.
   */
  frame(subscription: Subscription, frame: TailFrame): Promise<'taken' | 'resubscribe'>
  /** The server ended a subscription. If `subscriptions` still contains it, it is followed again after a pause. */
  closed(subscription: Subscription, error: EdgelogError): Promise<void>
  changed(status: SyncStatus): void
}
