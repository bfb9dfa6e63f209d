/** The cached batches of followed topics, as every tab reads them; `cache-writer.ts` writes them. */
import { parseTopicName } from '../../../src/core/topic/topic-name.ts'
import type { Database, Store } from '../store/database.ts'
import type { BatchRow, CacheLimits, CursorRow, FollowRow } from '../store/schema.ts'
import { cacheLimits } from './cache-limits.ts'
import { drop, evictRows, rangeOf } from './cache-rows.ts'

/** One row, and the cursor that was read with it. */
export interface CacheRead {
  /** Id of the topic that has this name now, as far as this browser has stored it. */
  readonly topicId: string | undefined
  /** Undefined: nothing of that topic is cached. */
  readonly cursor: CursorRow | undefined
  readonly row: BatchRow | undefined
}

const STORES: Store[] = ['topics', 'follows', 'cursors', 'batches']

export class BatchCache {
  readonly #database: Database
  /** Limits of topics that are followed without their own. */
  readonly #limits: Partial<CacheLimits>

  /** @throws {EdgelogError} `invalid_config`. */
  constructor(database: Database, limits: Partial<CacheLimits> = {}) {
    this.#database = database
    this.#limits = cacheLimits(limits)
  }

  /** Reads the row that contains `offset`; behind the cursor's end, the last row. */
  async read(topic: string, partition: number, offset: number): Promise<CacheRead> {
    return await this.#database.read(STORES, async (tx) => {
      const known = await tx.objectStore('topics').get(topic)
      const kept = await tx.objectStore('cursors').get([topic, partition])
      const topicId = known?.id ?? kept?.topicId
      const cursor = kept?.topicId === topicId ? kept : undefined
      const upTo = IDBKeyRange.bound([topic, partition], [topic, partition, offset])
      const last = await tx.objectStore('batches').openCursor(upTo, 'prev')
      return { topicId, cursor, row: last?.value }
    })
  }

  /** Returns the first row with a record at or after `timestamp`. */
  async rowAtTime(
    topic: string,
    partition: number,
    timestamp: number,
  ): Promise<BatchRow | undefined> {
    return await this.#database.read(['batches'], async (tx) => {
      let at = await tx.objectStore('batches').openCursor(rangeOf(topic, partition))
      while (at !== null && at.value.maxTimestamp < timestamp) at = await at.continue()
      return at?.value
    })
  }

  /**
   * Returns the number of offsets that the log has beyond the cache,
   * as of the last message of the server; null if there was none.
   */
  async lagRecords(): Promise<number | null> {
    const cursors = await this.cursors()
    if (cursors.length === 0) return null
    return cursors.reduce((sum, { highWatermark, endOffset }) => sum + highWatermark - endOffset, 0)
  }

  async cursors(): Promise<CursorRow[]> {
    return await this.#database.read(['cursors'], (tx) => tx.objectStore('cursors').getAll())
  }

  async follows(): Promise<FollowRow[]> {
    return await this.#database.read(['follows'], (tx) => tx.objectStore('follows').getAll())
  }

  /**
   * Caches a topic until `unfollow`. Without `limits` it keeps its previous ones.
   *
   * @returns whether it was not followed before, or its limits have changed
   * @throws {EdgelogError} `invalid_topic`, `invalid_config`; `storage_failed`, `storage_full`
   */
  async follow(topic: string, limits?: Partial<CacheLimits>): Promise<boolean> {
    const given = limits === undefined ? undefined : cacheLimits(this.#limits, limits)
    return await this.#follow(topic, given, null)
  }

  /**
   * Caches a topic because it is being read, until it is unused for `CACHE_UNUSED_MS`; each call restarts that time.
   */
  async use(topic: string, nowMs: number): Promise<boolean> {
    return await this.#follow(topic, undefined, nowMs)
  }

  async #follow(
    topic: string,
    limits: CacheLimits | undefined,
    usedAtMs: number | null,
  ): Promise<boolean> {
    parseTopicName(topic, 'topic')
    return await this.#database.write(['follows'], async (tx) => {
      const follows = tx.objectStore('follows')
      const known = await follows.get(topic)
      // Reading does not revoke an explicit `follow`.
      if (known?.usedAtMs === null && limits === undefined) return false
      const kept = limits ?? known?.limits ?? cacheLimits(this.#limits)
      await follows.put({ topic, limits: kept, usedAtMs })
      return known === undefined || limits !== undefined
    })
  }

  /** Stops caching a topic, and deletes its rows. */
  async unfollow(topic: string): Promise<void> {
    await this.#database.write(STORES, async (tx) => {
      await tx.objectStore('follows').delete(topic)
      await drop(tx, rangeOf(topic))
    })
  }

  /** Drops the row that begins at `baseOffset`, and all rows before it, so the rest has no hole. */
  async dropThrough(topic: string, partition: number, baseOffset: number): Promise<void> {
    await evictRows(
      this.#database,
      rangeOf(topic, partition),
      () => (row) => row.baseOffset <= baseOffset,
    )
  }
}
