/** Keeps the status: from the database, from whoever leads, and from the browser. */
import { STATUS_INTERVAL_MS, STORAGE_CHECK_MS } from './limits.ts'
import type { OutboxQueue } from './outbox/outbox.ts'
import type { Session } from './session/session.ts'
import { type ClientStatus, type StorageStatus, storageStatus } from './session/status.ts'
import type { SyncStatus } from './sync/sync.ts'

interface StatusSources {
  /** As far as it is known in this tab. */
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
  #told = ''
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

  /** Something changed: looks again soon, and tells if it is so. */
  touch(): void {
    if (this.#isPlanned || this.#isClosed) return
    this.#isPlanned = true
    this.#session.connection.clock.setTimeout(() => void this.#look(), STATUS_INTERVAL_MS)
  }

  close(): void {
    this.#isClosed = true
  }

  /** @throws {EdgelogError} of the database. */
  async look(): Promise<void> {
    await this.#outbox.look()
    this.#lagRecords = await this.#sources.lagRecords()
    const nowMs = this.#session.now()
    if (nowMs - this.#storageAtMs < STORAGE_CHECK_MS) return
    this.#storageAtMs = nowMs
    this.#storage = await storageStatus()
  }

  async #look(): Promise<void> {
    this.#isPlanned = false
    try {
      await this.look()
    } catch {
      // The database says so where it matters: to who sends and to who reads.
    }
    if (this.#isClosed) return
    const { status } = this
    // The age grows by itself.
    const text = JSON.stringify({ ...status, oldestPendingMs: status.oldestPendingMs === null })
    if (text === this.#told) return
    this.#told = text
    this.#session.emitter.emit('status', status)
  }
}
