/** The half of the outbox that is loaded on demand: sends, shows records, and frees space. */
import type { ConsumerRecord } from '../../consumer/consumer-record.ts'
import { CacheWriter } from '../cache/cache-writer.ts'
import { SYNC_TAG } from '../limits.ts'
import type { Session } from '../session/session.ts'
import type { TokenRenewal } from '../session/token-renewal.ts'
import type { ProducerRow } from '../store/schema.ts'
import { isHint } from '../sync/page-events.ts'
import type { AckWaiters } from './ack-waiters.ts'
import { checkWaiters } from './check-waiters.ts'
import { untilFlushed } from './flush.ts'
import {
  type ParkedRecord,
  parkedRecords,
  pendingRecords,
  type RetryOptions,
  unpark,
} from './outbox-contents.ts'
import type { OutboxDrain } from './outbox-drain.ts'
import type { OutboxSender } from './outbox-sender.ts'
import type { OutboxStore } from './outbox-store.ts'
import { adopt, outboxSender } from './principals.ts'
import type { SenderState } from './send-health.ts'
import type { TopicDirectory } from './topic-directory.ts'

interface SendingContext {
  readonly store: OutboxStore
  /** Waiters of this tab's records. */
  readonly waiters: AckWaiters
  readonly drain: OutboxDrain
  readonly topics: TopicDirectory
  readonly tokens: TokenRenewal
}

export class Sending {
  readonly #session: Session
  readonly #context: SendingContext
  readonly #sender: OutboxSender
  #state: SenderState = 'idle'

  constructor(session: Session, context: SendingContext) {
    this.#session = session
    this.#context = context
    const { connection, channel, page } = session
    const { store, drain, topics, tokens } = context
    const sending = { connection, channel, page, store, tokens }
    this.#sender = outboxSender(sending, drain, topics, (state, error) => {
      this.#state = state
      if (error !== undefined) {
        const { code, message } = error
        session.lastError = { code, message, atMs: session.now() }
      }
      session.changed()
    })
    channel.listen('wake', () => this.#sender.queued())
    const unlisten = page.listen((event) => {
      if (isHint(event)) this.#sender.hint()
      if (event === 'offline') this.#sender.wake()
    })
    session.closed.addEventListener('abort', unlisten)
  }

  get state(): SenderState {
    return this.#state
  }

  start(): void {
    this.#sender.start()
  }

  stop(): void {
    this.#sender.stop()
  }

  /** Retries at once with the new token. */
  tokenChanged(): void {
    this.#sender.hint(true)
  }

  flush(signal: AbortSignal): Promise<void> {
    const { connection, channel } = this.#session
    return untilFlushed({ store: this.#context.store, clock: connection.clock, channel }, signal)
  }

  checkWaiters(producers: readonly ProducerRow[], serial: number): Promise<void> {
    const { waiters, store } = this.#context
    return checkWaiters(waiters, producers, serial, store)
  }

  pending(topic: string | undefined): Promise<ConsumerRecord[]> {
    return pendingRecords(this.#session, topic)
  }

  parked(): Promise<ParkedRecord[]> {
    return parkedRecords(this.#session)
  }

  unpark(id: number | undefined, retry: RetryOptions | undefined): Promise<number> {
    return unpark(this.#session, id, retry)
  }

  /** Evicts cached batches; resolves to whether there were any. */
  makeRoom(): Promise<boolean> {
    const { database, now } = this.#session
    return new CacheWriter(database, now).makeRoom()
  }

  /** Asks the browser to wake the service worker when there is a network, possibly at once. */
  async registerSync(): Promise<void> {
    const worker = (await globalThis.navigator?.serviceWorker?.ready) as
      | { readonly sync?: { register(tag: string): Promise<void> } }
      | undefined
    await worker?.sync?.register(SYNC_TAG).catch(() => undefined)
  }

  /** Sends the records that another principal left; resolves to their number. */
  adopt(principal: string, signal: AbortSignal | undefined): Promise<number> {
    const { prefix, closed } = this.#session
    const end = AbortSignal.any([signal ?? closed, closed])
    return adopt(this.#session, this.#context.tokens, prefix + principal, end)
  }
}
