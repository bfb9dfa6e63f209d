/** Keeps the status: from the database, from the leading tab, and from the browser. */
import { STATUS_INTERVAL_MS, STORAGE_CHECK_MS } from './limits.ts'
import type { OutboxQueue } from './outbox/outbox.ts'
import type { Session } from './session/session.ts'
import { type ClientStatus, type StorageStatus, storageStatus } from './session/status.ts'
import type { SyncStatus } from './sync/sync.ts'

interface StatusSources {
  /** The sync status, as this tab has it. */
  sync(): SyncStatus
  isLeader(): boolean
  lagRecords(): Promise<number | null>
}

export class StatusBoard {
  readonly #session: Session
  readonly #outbox: OutboxQueue
  readonly #sources: StatusSources
  #lagRecords: number | null = null
  #storage: StorageStatus | null = null
  #storageAtMs = Number.NEGATIVE_INFINITY
  #isPlanned = false
  #emitted = ''
  #isClosed = false

  constructor(session: Session, outbox: OutboxQueue, sources: StatusSources) {
    this.#session = session
    this.#outbox = outbox
    this.#sources = sources
  }

  get status(): ClientStatus {
    const { pending, parked, oldestQueuedAtMs: queuedAtMs } = this.#outbox.counts
    const nowMs = this.#session.now()
    return {
      ...this.#sources.sync(),
      isLeader: this.#sources.isLeader(),
      pending,
      parked,
      oldestPendingMs: queuedAtMs === undefined ? null : Math.max(0, nowMs - queuedAtMs),
      lagRecords: this.#lagRecords,
      storage: this.#storage,
    }
  }

  /** Plans a new refresh, because something changed; emits the status if it differs. */
  touch(): void {
    if (this.#isPlanned || this.#isClosed) return
    this.#isPlanned = true
    this.#session.connection.clock.setTimeout(() => void this.#refresh(), STATUS_INTERVAL_MS)
  }

  close(): void {
    this.#isClosed = true
  }

  /** @throws {EdgelogError} the error of the database */
  async refresh(): Promise<void> {
    await this.#outbox.refresh()
    this.#lagRecords = await this.#sources.lagRecords()
    const nowMs = this.#session.now()
    if (nowMs - this.#storageAtMs < STORAGE_CHECK_MS) return
    this.#storageAtMs = nowMs
    this.#storage = await storageStatus()
  }

  async #refresh(): Promise<void> {
    this.#isPlanned = false
    try {
      await this.refresh()
    } catch {
      // Senders and readers report the database's error themselves.
    }
    if (this.#isClosed) return
    const { status } = this
    // The age grows continuously, which is no change.
    const text = JSON.stringify({ ...status, oldestPendingMs: status.oldestPendingMs === null })
    if (text === this.#emitted) return
    this.#emitted = text
    this.#session.emitter.emit('status', status)
  }
}
