/**
 * What a page can wait for, in one piece that is loaded on demand: sending and reading. Queueing does
 * not need it, so that a page can write as soon as it is there.
 */
import type { OutboxQueue } from './outbox/outbox.ts'
import { OutboxDrain } from './outbox/outbox-drain.ts'
import { otherPrincipals } from './outbox/principals.ts'
import { Sending } from './outbox/sending.ts'
import { TopicDirectory } from './outbox/topic-directory.ts'
import { Reading } from './reading/reading.ts'
import type { Session } from './session/session.ts'
import { TokenRenewal } from './session/token-renewal.ts'
import { isAnotherDatabase } from './store/identity-mark.ts'
import type { SyncStatus } from './sync/sync.ts'

export class Engine {
  readonly sending: Sending
  readonly reading: Reading
  readonly #tokens: TokenRenewal
  readonly #session: Session
  #isLeading = false

  constructor(session: Session, outbox: OutboxQueue) {
    this.#session = session
    const { connection, channel } = session
    const { store, waiters } = outbox
    const drain = new OutboxDrain(session)
    const found = (topic: string) => this.reading.found(topic)
    const topics = new TopicDirectory(connection, drain, channel, found)
    this.#tokens = new TokenRenewal(session)
    this.sending = new Sending(session, { store, waiters, drain, topics, tokens: this.#tokens })
    this.reading = new Reading(session, topics, this.#tokens)
    channel.listen('token', () => {
      this.#tokens.given()
      this.reading.tokenChanged()
      this.sending.tokenChanged()
    })
  }

  /** @param leader How the tab that leads stands, where it is another one. */
  status(leader?: SyncStatus): SyncStatus {
    const { refusal } = this.reading
    const status = leader ?? this.#ownStatus()
    return refusal === undefined ? status : { ...status, link: 'authNeeded', lastError: refusal }
  }

  /** Joins both directions; where nothing is followed, the state of the outbox is the status. */
  #ownStatus(): SyncStatus {
    const { link, transport, lastError } = this.reading.syncStatus
    const { state } = this.sending
    const isOffline = !this.#session.page.isOnline && link !== 'authNeeded'
    const isMute = link === 'idle' || link === 'closed' || state === 'authNeeded'
    const own = this.#session.lastError
    const isNewest = (lastError?.atMs ?? 0) > (own?.atMs ?? 0)
    return {
      link: isOffline ? 'offline' : isMute ? state : link,
      transport,
      lastError: isNewest ? lastError : own,
    }
  }

  /** Talks to the server for all tabs from now on. */
  lead(): void {
    // Not waited for: a call without a token waits for one.
    if (this.#session.connection.token === undefined) void this.#tokens.renew()
    if (this.#isLeading || this.#session.closed.aborted) return
    this.#isLeading = true
    this.sending.start()
    this.reading.start()
  }

  rest(): void {
    this.#isLeading = false
    this.sending.stop()
    this.reading.stop()
  }

  async close(): Promise<void> {
    this.rest()
    await this.reading.close()
  }

  /** Reports what the page was left with, and by whom. */
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
