/**
 * What only the tab that leads does: it speaks with the server, for all tabs. Loaded on demand, so
 * that a page is there before it.
 */
import type { EdgelogError } from '../../src/core/errors.ts'
import type { Connection } from '../http/connection.ts'
import { OutboxDrain } from './outbox/outbox-drain.ts'
import type { OutboxNews } from './outbox/outbox-news.ts'
import { OutboxSender, type SenderState } from './outbox/outbox-sender.ts'
import type { OutboxStore } from './outbox/outbox-store.ts'
import type { Database } from './store/database.ts'
import type { PageEvents } from './sync/page-events.ts'
import type { LastError, SyncStatus } from './sync/sync.ts'
import { TopicDirectory } from './topic-directory.ts'

export interface EngineContext {
  readonly connection: Connection
  readonly database: Database
  readonly store: OutboxStore
  readonly page: PageEvents
  readonly newProducerId: () => bigint
  readonly tell: (news: OutboxNews) => void
  /** The server refuses the token; resolves to whether there is another one now. */
  readonly renewToken: () => Promise<boolean>
  readonly changed: () => void
}

export class Engine {
  readonly #context: EngineContext
  readonly #sender: OutboxSender
  #senderState: SenderState = 'idle'
  #lastError: LastError | null = null

  constructor(context: EngineContext) {
    this.#context = context
    const { connection, database, store, page, newProducerId, tell, renewToken } = context
    const directory = new TopicDirectory(connection, store, tell)
    this.#sender = new OutboxSender({
      connection,
      store,
      drain: new OutboxDrain({ database, newProducerId, now: () => connection.clock.now() }),
      refresh: (topic) => directory.refresh(topic),
      loadTopic: (topic) => directory.ask(topic),
      isOnline: () => page.isOnline,
      tell,
      renewToken,
      stateChanged: (state, error) => this.#senderChanged(state, error),
    })
  }

  get status(): SyncStatus {
    return { link: this.#senderState, transport: null, lastError: this.#lastError }
  }

  start(): void {
    this.#sender.start()
  }

  stop(): void {
    this.#sender.stop()
  }

  /** Something was queued. */
  wake(): void {
    this.#sender.wake()
  }

  /** The network, the page or the token changed: what waits may be worth trying. */
  hint(isToken = false): void {
    this.#sender.hint(isToken)
  }

  #senderChanged(state: SenderState, error: EdgelogError | undefined): void {
    this.#senderState = state
    if (error !== undefined) {
      const { code, message } = error
      this.#lastError = { code, message, atMs: this.#context.connection.clock.now() }
    }
    this.#context.changed()
  }
}
