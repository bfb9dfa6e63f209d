/**
 * Messages between the tabs of one database. A message only names what to read
 * again: all state is in IndexedDB, so a lost message costs time, but no data.
 */
import type { ErrorBody } from '../../../src/core/errors.ts'
import type { Ack, Move } from '../store/schema.ts'
import type { SyncStatus } from '../sync/sync.ts'

/** Reason why the cached part of a topic is invalid. */
export type TopicResetReason = 'recreated' | 'truncated' | 'logStartMoved' | 'deleted'

export type ChannelMessage =
  /** Sent by the leader every 2 s; carries its status for the other tabs. */
  | { readonly kind: 'beat'; readonly epoch: number; readonly status: SyncStatus }
  /** Records were queued: the sending tab should check the outbox. */
  | { readonly kind: 'wake' }
  | {
      readonly kind: 'acked'
      readonly topic: string
      readonly partition: number
      readonly acks: readonly Ack[]
    }
  | {
      readonly kind: 'parked'
      readonly topic: string
      /** The rejected record; undefined: all waiting records of the topic. */
      readonly place?: { readonly partition: number; readonly position: number }
      readonly error: ErrorBody
    }
  | { readonly kind: 'moved'; readonly topic: string; readonly moves: readonly Move[] }
  /** Batches were stored: the new end of the cached partition, and of the log. */
  | {
      readonly kind: 'news'
      readonly topic: string
      readonly partition: number
      readonly endOffset: number
      readonly highWatermark: number
    }
  /** The outbox, or the parked records, changed in another way. */
  | { readonly kind: 'outbox' }
  /** The server accepts another token now. */
  | { readonly kind: 'token'; readonly token: string }
  /** The rows of a table, or its state, changed. */
  | { readonly kind: 'table'; readonly topic: string }
  /** Tasks of a topology have stored turns. */
  | { readonly kind: 'turn' }
  /** The set of followed topics, or of tables, changed. */
  | { readonly kind: 'follows' }
  | {
      readonly kind: 'topicReset'
      readonly topic: string
      readonly reason: TopicResetReason
    }

type MessageKind = ChannelMessage['kind']
export type MessageOf<Kind extends MessageKind> = Extract<ChannelMessage, { kind: Kind }>

export type OutboxMessage = MessageOf<'wake' | 'acked' | 'parked' | 'moved' | 'outbox'>

/** The sending half of a channel. */
export interface Publisher {
  publish(message: ChannelMessage): void
}

/** The used part of a BroadcastChannel. */
export interface BroadcastPort {
  onmessage: ((event: { data: unknown }) => void) | null
  postMessage(message: unknown): void
  close(): void
}

export type BroadcastChannelConstructor = new (name: string) => BroadcastPort

/**
 * Version of the messages, part of the channel's name: tabs with another
 * version do not receive them. Raise it when the shape of a message changes.
 */
const VERSION = 1

type Listener = (message: never) => void

export class Channel {
  #port: BroadcastPort | undefined
  readonly #listeners = new Map<unknown, Set<Listener>>()

  /**
   * Without a constructor no messages of other tabs arrive; all else works.
   *
   * @param name null: messages stay in this tab.
   */
  constructor(
    name: string | null,
    Constructor = (globalThis as { BroadcastChannel?: BroadcastChannelConstructor })
      .BroadcastChannel,
  ) {
    if (name === null || Constructor === undefined) return
    this.#port = new Constructor(`${name} ${VERSION}`)
    this.#port.onmessage = ({ data }) => this.#deliver(data as { kind?: unknown } | null)
  }

  /** True if messages of other tabs can arrive. */
  get isOpen(): boolean {
    return this.#port !== undefined
  }

  /** Sends to all other tabs, not to this one. */
  post(message: ChannelMessage): void {
    this.#port?.postMessage(message)
  }

  /** Sends to all other tabs, and to the listeners of this one. */
  publish(message: ChannelMessage): void {
    this.post(message)
    this.#deliver(message)
  }

  /** Adds a listener. Returns the function that removes it. */
  listen<Kind extends MessageKind>(
    kind: Kind,
    listener: (message: MessageOf<Kind>) => void,
  ): () => void {
    const listeners = this.#listeners.get(kind) ?? new Set()
    this.#listeners.set(kind, listeners.add(listener))
    return () => listeners.delete(listener)
  }

  close(): void {
    this.#port?.close()
    this.#port = undefined
  }

  #deliver(message: { kind?: unknown } | null): void {
    // A copy: a listener added during the loop gets the next message.
    for (const listener of [...(this.#listeners.get(message?.kind) ?? [])]) {
      listener(message as never)
    }
  }
}
