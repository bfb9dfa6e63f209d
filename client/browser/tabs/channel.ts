/**
 * What the tabs of one database tell each other. A message only says that something is to be looked
 * at: all that counts is in IndexedDB, so that a message that is lost costs time and nothing else.
 */
import type { ErrorBody } from '../../../src/core/errors.ts'
import type { Ack, Move } from '../store/schema.ts'
import type { SyncStatus } from '../sync/sync.ts'

/** Why what was kept of a topic is void. */
export type TopicResetReason = 'recreated' | 'truncated' | 'logStartMoved' | 'deleted'

export type ChannelMessage =
  /** Each 2 s from the leader, for the status of the others. */
  | { readonly kind: 'beat'; readonly epoch: number; readonly status: SyncStatus }
  /** Records were queued: the tab that sends should look into the outbox. */
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
      /** The one record that was refused; without it all that the topic had waiting. */
      readonly place?: { readonly partition: number; readonly position: number }
      readonly error: ErrorBody
    }
  | { readonly kind: 'moved'; readonly topic: string; readonly moves: readonly Move[] }
  /** Batches were stored: the cached end of the partition, and the log's. */
  | {
      readonly kind: 'news'
      readonly topic: string
      readonly partition: number
      readonly endOffset: number
      readonly highWatermark: number
    }
  /** The outbox, or what is parked, changed in another way. */
  | { readonly kind: 'outbox' }
  /** The server takes another token now. */
  | { readonly kind: 'token'; readonly token: string }
  /** Which topics are followed changed. */
  | { readonly kind: 'follows' }
  | {
      readonly kind: 'topicReset'
      readonly topic: string
      readonly reason: TopicResetReason
    }

type MessageKind = ChannelMessage['kind']
export type MessageOf<Kind extends MessageKind> = Extract<ChannelMessage, { kind: Kind }>

export type OutboxNews = MessageOf<'wake' | 'acked' | 'parked' | 'moved' | 'outbox'>

/** What is needed of a channel by a part that only sends. */
export interface Publisher {
  publish(message: ChannelMessage): void
}

/** What is needed of a BroadcastChannel. */
export interface BroadcastPort {
  onmessage: ((event: { data: unknown }) => void) | null
  postMessage(message: unknown): void
  close(): void
}

export type BroadcastChannelConstructor = new (name: string) => BroadcastPort

/**
 * Of the messages, part of the channel's name: tabs that speak otherwise do not hear each other. To be
 * raised when a message changes its shape.
 */
const VERSION = 1

type Listener = (message: never) => void

export class Channel {
  #port: BroadcastPort | undefined
  readonly #listeners = new Map<unknown, Set<Listener>>()

  /**
   * Without a constructor there is no news of other tabs, and all else works.
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

  /** Messages of other tabs can arrive. */
  get isOpen(): boolean {
    return this.#port !== undefined
  }

  /** To all other tabs, not to this one. */
  post(message: ChannelMessage): void {
    this.#port?.postMessage(message)
  }

  /** Posts to all other tabs and delivers to the listeners of this one. */
  publish(message: ChannelMessage): void {
    this.post(message)
    this.#deliver(message)
  }

  /** Returns what ends it. */
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
    // A copy: a listener that is added meanwhile gets the next message.
    for (const listener of [...(this.#listeners.get(message?.kind) ?? [])]) {
      listener(message as never)
    }
  }
}
