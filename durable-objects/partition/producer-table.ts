/**
 * The producers of a partition. Changed ones stay in memory until the next checkpoint writes them, recently used ones
 * in a small cache; all others are read from their row. So neither memory nor the start-up time grows with the number
 * of producers that a partition has ever seen.
 */
import {
  CACHED_PRODUCERS_MAX,
  MAINTENANCE_ROWS_MAX,
  PRODUCER_EXPIRATION_MS,
} from '../../src/core/limits.ts'
import type { ProducerState } from '../../src/core/log/producer-state.ts'
import { StoredForm } from '../../src/core/stored-form.ts'

const PRODUCER = new StoredForm<ProducerState>('producer')

interface ChangedProducer {
  readonly state: ProducerState
  readonly lastAppendMs: number
}

export interface DescribedProducer extends ChangedProducer {
  readonly producerId: bigint
}

export class ProducerTable {
  readonly #sql: SqlStorage
  readonly #changed = new Map<bigint, ChangedProducer>()
  readonly #cache = new Map<bigint, ProducerState | undefined>()
  /** No row expires earlier, so no scan is needed; 0 after a start, Infinity if there is no row. */
  #expiresAtMs = 0

  constructor(sql: SqlStorage) {
    this.#sql = sql
  }

  get(producerId: bigint): ProducerState | undefined {
    const changed = this.#changed.get(producerId)
    if (changed !== undefined) return changed.state
    if (this.#cache.has(producerId)) return this.#cache.get(producerId)
    const [row] = this.#sql
      .exec<{ state: string }>(
        'SELECT state FROM producer WHERE producer_id = ?',
        producerId.toString(),
      )
      .toArray()
    const state = row === undefined ? undefined : PRODUCER.decode(row.state)
    this.#remember(producerId, state)
    return state
  }

  set(producerId: bigint, state: ProducerState, nowMs: number): void {
    this.#changed.set(producerId, { state, lastAppendMs: nowMs })
  }

  /** Returns up to `limit` producers: those changed since the last checkpoint, and then others. */
  list(limit: number): DescribedProducer[] {
    const changed = [...this.#changed].map(([producerId, producer]) => ({
      producerId,
      ...producer,
    }))
    const listed = changed.slice(0, limit)
    const rows = this.#sql.exec<{ producer_id: string; last_append_ms: number; state: string }>(
      'SELECT producer_id, last_append_ms, state FROM producer',
    )
    for (const row of rows) {
      if (listed.length >= limit) break
      const producerId = BigInt(row.producer_id)
      if (this.#changed.has(producerId)) continue
      const state = PRODUCER.decode(row.state)
      listed.push({ producerId, state, lastAppendMs: row.last_append_ms })
    }
    return listed
  }

  /** Writes the changes since the last checkpoint to rows. Part of a checkpoint. */
  writeChanged(): void {
    for (const [producerId, { state, lastAppendMs }] of this.#changed) {
      this.#remember(producerId, state)
      // A late append of such a producer is aborted by the question to its coordinator.
      if (state.isTransient) continue
      this.#sql.exec(
        `INSERT INTO producer (producer_id, last_append_ms, state) VALUES (?, ?, ?)
         ON CONFLICT (producer_id)
         DO UPDATE SET last_append_ms = excluded.last_append_ms, state = excluded.state`,
        producerId.toString(),
        lastAppendMs,
        PRODUCER.encode(state),
      )
      this.#expiresAtMs = Math.min(this.#expiresAtMs, lastAppendMs + PRODUCER_EXPIRATION_MS)
    }
    this.#changed.clear()
  }

  /**
   * Deletes a bounded number of producers that were idle for `PRODUCER_EXPIRATION_MS`. Scans the whole table, so it
   * runs only when one may have expired.
   *
   * @returns whether there are more of them.
   */
  expire(nowMs: number): boolean {
    if (nowMs >= this.#expiresAtMs) this.#deleteExpired(nowMs)
    return nowMs >= this.#expiresAtMs
  }

  /** Lower bound of the next expiry; undefined if no producer has a row. */
  get expireAtMs(): number | undefined {
    return this.#expiresAtMs === Number.POSITIVE_INFINITY ? undefined : this.#expiresAtMs
  }

  #deleteExpired(nowMs: number): void {
    this.#sql.exec(
      `DELETE FROM producer WHERE producer_id IN
         (SELECT producer_id FROM producer WHERE last_append_ms <= ? LIMIT ?)`,
      nowMs - PRODUCER_EXPIRATION_MS,
      MAINTENANCE_ROWS_MAX,
    )
    this.#cache.clear()
    const { oldest } = this.#sql
      .exec<{ oldest: number | null }>('SELECT min(last_append_ms) AS oldest FROM producer')
      .one()
    this.#expiresAtMs = oldest === null ? Number.POSITIVE_INFINITY : oldest + PRODUCER_EXPIRATION_MS
  }

  #remember(producerId: bigint, state: ProducerState | undefined): void {
    this.#cache.delete(producerId)
    if (this.#cache.size >= CACHED_PRODUCERS_MAX) {
      const [oldest] = this.#cache.keys()
      if (oldest !== undefined) this.#cache.delete(oldest)
    }
    this.#cache.set(producerId, state)
  }
}
