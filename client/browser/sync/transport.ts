/** The common interface of the three transports: WebSocket, event stream, long poll. */
import type { EdgelogError } from '../../../src/core/errors.ts'
import type { TailMessageListener } from '../../consumer/tail-messages.ts'

export type { TailPosition } from '../../consumer/tail-messages.ts'

export type TransportName = 'websocket' | 'sse' | 'long-poll'

export interface Subscription {
  /** Chosen by the subscriber, never reused. */
  readonly id: number
  readonly topic: string
  readonly partition: number
  readonly offset: number | 'earliest' | 'latest'
  /** A recreated topic is not followed: `closed` with `unknown_topic_id`. */
  readonly topicId?: string
}

/** Receives messages between the creation of the transport and `ended`; after `close` they are ignored. */
export interface TransportListener extends TailMessageListener {
  /** Called once; undefined: ended normally, such as a finished long poll. */
  ended(error: EdgelogError | undefined): void
}

/** One connection. Creating it opens it; it is never reopened. */
export interface Transport {
  /** True if subscriptions cannot change once they were sent: a change needs another connection. */
  readonly isFixed: boolean
  subscribe(subscription: Subscription, creditBytes: number): void
  unsubscribe(id: number): void
  /** Allows the server to send more bytes. */
  grant(id: number, bytes: number): void
  close(): void
}

export type OpenTransport = (
  name: TransportName,
  listener: TransportListener,
  /** Server-side wait of a long poll. */
  waitMs: number,
) => Transport
