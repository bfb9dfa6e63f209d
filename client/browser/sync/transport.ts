/** What the three ways to follow the log have in common: WebSocket, event stream, long poll. */
import type { EdgelogError } from '../../../src/core/errors.ts'
import type { TailMessageListener } from '../../consumer/tail-messages.ts'

export type { TailPosition } from '../../consumer/tail-messages.ts'

export type TransportName = 'websocket' | 'sse' | 'long-poll'

export interface Subscription {
  /** Chosen by who subscribes, never used twice. */
  readonly id: number
  readonly topic: string
  readonly partition: number
  readonly offset: number | 'earliest' | 'latest'
  /** Another topic of the same name is not followed: `closed` with `unknown_topic_id`. */
  readonly topicId?: string
}

/** Nothing is said before the transport is made, nor after `ended`; after `close` it does not count. */
export interface TransportListener extends TailMessageListener {
  /** Once; undefined: in order, e.g. a long poll that is over. */
  ended(error: EdgelogError | undefined): void
}

/** One connection. It is opened by being made, and never opened again. */
export interface Transport {
  /** What is followed cannot change once it was sent: a change takes another connection. */
  readonly isFixed: boolean
  subscribe(subscription: Subscription, creditBytes: number): void
  unsubscribe(id: number): void
  /** Lets the log send so many bytes more. */
  grant(id: number, bytes: number): void
  close(): void
}

export type OpenTransport = (
  name: TransportName,
  listener: TransportListener,
  /** How long a long poll waits for something new. */
  waitMs: number,
) => Transport
