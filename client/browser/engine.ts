/**
 * The lazily loaded half of the client: sending and reading.
 * Queueing does not need it, so a page can write immediately.
 */
import type { OutboxQueue } from './outbox/outbox.ts'
import { OutboxDrain } from './outbox/outbox-drain.ts'
import { otherPrincipals } from './outbox/principals.ts'
import {
  type BrowserTransactionWork,
  type QueuedTransaction,
  queueTransaction,
} from './outbox/queue-transaction.ts'
import { Sending } from './outbox/sending.ts'
import { TopicDirectory } from './outbox/topic-directory.ts'
import { Reading } from './reading/reading.ts'
import type { Session } from './session/session.ts'
import { TokenRenewal } from './session/token-renewal.ts'
import { isAnotherDatabase } from './store/identity-mark.ts'
import type { SyncStatus } from './sync/sync.ts'
import { Tables } from './table/tables.ts'

export class Engine {
  readonly sending: Sending
  readonly reading: Reading
  readonly tables: Tables
  readonly #tokens: TokenRenewal
  readonly #session: Session
  readonly #outbox: OutboxQueue
  #isLeading = false

  constructor(session: Session, outbox: OutboxQueue) {
    this.#session = session
    this.#outbox = outbox
    const { connection, channel } = session
    const { store, waiters } = outbox
    const drain = new OutboxDrain(session)
    const found = (topic: string) => this.reading.found(topic)
    const topics = new TopicDirectory(connection, drain, channel, found)
    this.#tokens = new TokenRenewal(session)
    this.sending = new Sending(session, { store, waiters, drain, topics, tokens: this.#tokens })
    this.reading = new Reading(session, topics, this.#tokens)
    this.tables = new Tables(session, topics, this.#tokens, this.reading.authRetry)
    channel.listen('token', () => {
      this.#tokens.given()
      this.reading.tokenChanged()
      this.tables.tokenChanged()
      this.sending.tokenChanged()
    })
  }

  /** Implements `BrowserClient.transaction`. */
  transaction(work: BrowserTransactionWork): Promise<QueuedTransaction> {
    return queueTransaction(this.#outbox, work)
  }

  /** Implements `BrowserClient.unfollow`. */
  async unfollow(topic: string): Promise<void> {
    await this.reading.unfollow(topic)
    await this.tables.drop(topic)
  }

  /** @param leader status of the leading tab, if it is another one */
  status(leader?: SyncStatus): SyncStatus {
    const { refusal } = this.reading
    const status = leader ?? this.#ownStatus()
    return refusal === undefined ? status : { ...status, link: 'authNeeded', lastError: refusal }
  }

  /** Combines both directions; if no topic is followed, the state of the outbox is the status. */
  #ownStatus(): SyncStatus {
    const { link, transport, lastError } = this.#syncStatus()
    const { state } = this.sending
    const isOffline = !this.#session.page.isOnline && link !== 'authNeeded'
    const isReadingIdle = link === 'idle' || link === 'closed' || state === 'authNeeded'
    const own = this.#session.lastError
    const isNewest = (lastError?.atMs ?? 0) > (own?.atMs ?? 0)
    return {
      link: isOffline ? 'offline' : isReadingIdle ? state : link,
      transport,
      lastError: isNewest ? lastError : own,
    }
  }

  /** Returns the state of the link for readers; without them, that of the one for tables. */
  #syncStatus(): SyncStatus {
    const { syncStatus } = this.reading
    return syncStatus.link === 'idle' ? this.tables.status : syncStatus
  }

  /** Starts the communication with the server, for all tabs. */
  lead(): void {
    // Not awaited: requests without a token wait for one.
    if (this.#session.connection.token === undefined) void this.#tokens.renew()
    if (this.#isLeading || this.#session.closed.aborted) return
    this.#isLeading = true
    this.sending.start()
    this.reading.start()
    this.tables.start()
  }

  rest(): void {
    this.#isLeading = false
    this.sending.stop()
    this.reading.stop()
    this.tables.stop()
  }

  async close(): Promise<void> {
    this.rest()
    await this.reading.close()
  }

  /** Emits events about a lost database, and about records of other principals. */
  async detectLeftovers(): Promise<void> {
    const { prefix, database, connection, emitter } = this.#session
    try {
      if (await isAnotherDatabase(database)) emitter.emit('storageLost', { pendingRecords: null })
      for (const other of await otherPrincipals(prefix, database.name, connection.clock)) {
        emitter.emit('otherPrincipal', other)
      }
    } catch (error) {
      this.#session.failed(error)
    }
  }
}
