/**
 * The table of a compacted topic: follows the committed records of the log, and serves the latest record of each key.
 *
 * Rows are written when the table is read, and by alarm: a key that changes often costs a row each time the table
 * follows, and not with each record.
 */
import { concatenate } from '../../src/core/bytes/concatenate.ts'
import { CODECS } from '../../src/core/compression/codecs.ts'
import {
  CHUNK_BYTES_MAX,
  MAINTENANCE_ROWS_MAX,
  TABLE_ENTRY_BYTES_MAX,
  TABLE_LAG_BYTES_MAX,
  TABLE_ROWS_PER_TURN,
  TABLE_SCAN_BYTES_MAX,
} from '../../src/core/limits.ts'
import { Pace } from '../../src/core/log/compaction/pace.ts'
import { latestEntries } from '../../src/core/log/latest-entries.ts'
import type { LogEnds } from '../../src/core/log/log-ends.ts'
import type { TableEntry, TableScanRequest } from '../../src/core/log/table-api.ts'
import type { TopicConfig } from '../../src/core/topic/topic-config.ts'
import { nextTurn } from '../next-turn.ts'
import type { LogSlice, SliceRequest } from './read-slice.ts'
import type { SettingTable, TableProgress } from './setting-table.ts'
import { TableRows } from './table-rows.ts'

/** The log that the table follows. */
interface FollowedLog {
  readonly ends: LogEnds
  readonly sizeBytes: number
  readonly config: TopicConfig
  read(request: SliceRequest): LogSlice
}

export class TableIndex {
  readonly #log: FollowedLog
  readonly #settings: SettingTable
  readonly #rows: TableRows
  /** The part that is followed now, for all callers that wait for it. */
  #step: Promise<void> | undefined
  #isClosed = false
  /** As it is stored; undefined if the topic has had no table, or it is cleared. */
  #progress: TableProgress | undefined
  /** Size of the log when the table had caught up with it last. */
  #followedBytes: number

  constructor(log: FollowedLog, settings: SettingTable, sql: SqlStorage) {
    this.#log = log
    this.#settings = settings
    this.#rows = new TableRows(sql)
    this.#followedBytes = log.sizeBytes
    this.#progress = settings.read('table')
  }

  get isEnabled(): boolean {
    // State of earlier releases has no such key.
    return this.#log.config.tableEnable ?? false
  }

  /** All committed records below it are in the table. */
  get offset(): number {
    return this.#isClearing ? 0 : (this.#progress?.indexedOffset ?? 0)
  }

  /** True if so much was appended that the table should follow before it is read. */
  get isFarBehind(): boolean {
    return this.isEnabled && this.#log.sizeBytes - this.#followedBytes > TABLE_LAG_BYTES_MAX
  }

  /** Ends the work under way: the rows are about to be deleted. */
  close(): void {
    this.#isClosed = true
  }

  /**
   * Follows the log up to its last stable offset.
   *
   * @returns whether it got there before `deadlineMs`
   */
  async catchUp(deadlineMs: number): Promise<boolean> {
    while (this.isEnabled && !this.#isClosed) {
      if (this.offset >= this.#log.ends.lastStableOffset && !this.#isClearing) {
        this.#followedBytes = this.#log.sizeBytes
        return true
      }
      if (Date.now() > deadlineMs) return false
      this.#step ??= this.#follow().finally(() => {
        this.#step = undefined
      })
      await this.#step
    }
    return false
  }

  get #isClearing(): boolean {
    return this.#progress?.isClearing ?? false
  }

  /** Follows the next part of the log. */
  async #follow(): Promise<void> {
    if (this.#isClearing) {
      if (!this.#clearSome()) this.#write({ indexedOffset: 0 })
      return await nextTurn()
    }
    if (this.#progress === undefined) this.#write({ indexedOffset: 0 })
    const progress = this.#progress
    // The table may be disabled, cleared and enabled again between two turns.
    const isCurrent = () => this.#progress === progress && this.isEnabled && !this.#isClosed
    const offset = Math.max(this.offset, this.#log.ends.logStartOffset)
    const request = { offset, maxBytes: CHUNK_BYTES_MAX, mayLeaveFirst: false } as const
    const { batches, to } = this.#log.read({ ...request, isolation: 'committed' })
    const latest = await latestEntries(concatenate(batches), CODECS, new Pace(nextTurn))
    let count = 0
    for (const { key, entry } of latest.values()) {
      if (count > 0 && count % TABLE_ROWS_PER_TURN === 0) await nextTurn()
      if (!isCurrent()) return
      if (entry === undefined) this.#rows.delete(key)
      else this.#rows.put(entry)
      count += 1
    }
    if (isCurrent()) this.#write({ indexedOffset: to })
  }

  // -- the end of a table ------------------------------------------------------------------------

  /** True if the topic had a table whose rows are not deleted yet. */
  get isLeftOver(): boolean {
    return !this.isEnabled && this.#progress !== undefined
  }

  /** Deletes some rows of a table that is no longer enabled. Returns whether there may be more. */
  clear(): boolean {
    if (!this.isLeftOver) return false
    if (!this.#isClearing) this.#write({ indexedOffset: 0, isClearing: true })
    if (this.#clearSome()) return true
    this.#settings.delete('table')
    this.#progress = undefined
    return false
  }

  #write(progress: TableProgress): void {
    this.#settings.write('table', progress)
    this.#progress = progress
  }

  #clearSome(): boolean {
    return this.#rows.clear(MAINTENANCE_ROWS_MAX)
  }

  // -- reading -----------------------------------------------------------------------------------

  /** Returns the latest record of a key; undefined if it has none. */
  get(key: Uint8Array): TableEntry | undefined {
    const entry = this.#rows.get(key)
    return entry !== undefined && this.#isInLog(entry) ? entry : undefined
  }

  scan({ prefix, after, limit }: TableScanRequest): { entries: TableEntry[]; hasMore: boolean } {
    const entries: TableEntry[] = []
    let sizeBytes = 0
    for (const entry of this.#rows.scan({ prefix, after })) {
      if (!this.#isInLog(entry)) continue
      const isFull = entries.length === limit || sizeBytes > TABLE_SCAN_BYTES_MAX
      if (isFull) return { entries, hasMore: true }
      entries.push(entry)
      sizeBytes += entry.key.length + (entry.rest?.length ?? TABLE_ENTRY_BYTES_MAX)
    }
    return { entries, hasMore: false }
  }

  /** Retention of `compact,delete` removes records that the table has. */
  #isInLog({ offset }: TableEntry): boolean {
    return offset >= this.#log.ends.logStartOffset
  }
}
