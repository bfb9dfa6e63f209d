/** Keeps the status: from the database, from whoever leads, and from the browser. */
import type { Clock } from '../clock.ts'
import { STATUS_INTERVAL_MS, STORAGE_CHECK_MS } from './limits.ts'
import { type OutboxStore, pendingOf } from './outbox/outbox-store.ts'
import { type ClientStatus, type StorageStatus, storageStatus } from './status.ts'
import type { ProducerRow } from './store/schema.ts'
import type { SyncStatus } from './sync/sync.ts'

export interface StatusContext {
  readonly clock: Clock
  readonly store: OutboxStore
  /** Of the tab that leads, as far as it was heard of. */
  readonly sync: () => SyncStatus
  readonly isLeader: () => boolean
  readonly lagRecords: () => Promise<number | null>
  readonly changed: (status: ClientStatus) => void
  /** Where the waiters stand that a look will know of. */
  readonly mark: () => number
  /** The producers, each time they are looked at. */
  readonly seen: (producers: readonly ProducerRow[], mark: number) => Promise<void>
}

export class StatusBoard {
  readonly #context: StatusContext
  #pending = 0
  #parked = 0
  #oldestQueuedAtMs: number | undefined
  #lagRecords: number | null = null
  #storage: StorageStatus | null = null
  #storageAtMs = Number.NEGATIVE_INFINITY
  #pendingBytes = 0
  #isPlanned = false
  #told = ''
  #isClosed = false

  constructor(context: StatusContext) {
    this.#context = context
  }

  get status(): ClientStatus {
    const { clock, sync, isLeader } = this.#context
    const queuedAtMs = this.#oldestQueuedAtMs
    return {
      ...sync(),
      isLeader: isLeader(),
      pending: this.#pending,
      parked: this.#parked,
      oldestPendingMs: queuedAtMs === undefined ? null : Math.max(0, clock.now() - queuedAtMs),
      lagRecords: this.#lagRecords,
      storage: this.#storage,
    }
  }

  /** What waits, about. */
  get pendingBytes(): number {
    return this.#pendingBytes
  }

  /** Something changed: looks again soon, and tells if it is so. */
  touch(): void {
    if (this.#isPlanned || this.#isClosed) return
    this.#isPlanned = true
    this.#context.clock.setTimeout(() => void this.#look(), STATUS_INTERVAL_MS)
  }

  /** Something was queued that no look has counted yet. */
  queued(sizeBytes: number): void {
    this.#pendingBytes += sizeBytes
  }

  close(): void {
    this.#isClosed = true
  }

  /** @throws {EdgelogError} of the database. */
  async look(): Promise<void> {
    const { clock, store, seen, mark, lagRecords } = this.#context
    const marked = mark()
    const producers = await store.producers()
    const waiting = producers.filter((row) => pendingOf(row) > 0)
    const oldestQueuedAtMs = await store.oldestQueuedAtMs(waiting)
    const parked = await store.countParked()
    this.#lagRecords = await lagRecords()
    this.#pending = waiting.reduce((sum, row) => sum + pendingOf(row), 0)
    this.#pendingBytes = waiting.reduce((sum, row) => sum + row.pendingBytes, 0)
    this.#oldestQueuedAtMs = oldestQueuedAtMs
    this.#parked = parked
    await seen(producers, marked)
    if (clock.now() - this.#storageAtMs < STORAGE_CHECK_MS) return
    this.#storageAtMs = clock.now()
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
    this.#context.changed(status)
  }
}
