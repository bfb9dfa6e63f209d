/**
 * Writes the batches of followed topics to the database. Each method is one transaction, which
 * any tab may run at any time. A tab's earlier reads may be stale, so each transaction reads
 * the state again: two tabs that write the same partition cause neither a hole nor a duplicate.
 *
 * A row begins where the previous one ends; offsets without a record belong to one of
 * the two. Arrivals are merged with the last rows while those span no more offsets
 * than the arrival, so each byte is rewritten once per doubling, and rows stay few.
 */
import { type BatchHeader, batchBytes } from '../../../src/core/batch/record-batch.ts'
import { EdgelogError } from '../../../src/core/errors.ts'
import { endOffsetOf } from '../../consumer/log-chunk.ts'
import { CACHE_ROW_BYTES } from '../limits.ts'
import type { Database, Store, Transaction } from '../store/database.ts'
import type { BatchRow, CacheLimits, CursorRow } from '../store/schema.ts'
import type { TopicResetReason } from '../tabs/channel.ts'
import { type Arrival, cutRows, isOver, planArrival, type ResetReason } from './cache-plan.ts'
import { drop, dropRow, evictRows, firstRow, isNewest, rangeOf } from './cache-rows.ts'

/** `unfollowed`: no longer cached; `gap`: continue at the cursor's end. */
export type Stored = 'stored' | 'gap' | 'unfollowed' | ResetReason

const STORES: Store[] = ['topics', 'follows', 'cursors', 'batches']

export class CacheWriter {
  readonly #database: Database
  readonly #now: () => number

  constructor(database: Database, now: () => number) {
    this.#database = database
    this.#now = now
  }

  /**
   * Stores arrivals, in order, and keeps each topic within its limits.
   * If storage is full, evicts the oldest half of the whole cache, once.
   *
   * @throws {EdgelogError} `storage_full`, `storage_failed`: nothing is stored then
   */
  async append(arrivals: readonly Arrival[]): Promise<Stored[]> {
    const work = async (tx: Transaction) => {
      const stored = new Map<Arrival, Stored>()
      const nowMs = this.#now()
      for (const [topic, own] of Map.groupBy(arrivals, ({ topic }) => topic)) {
        await appendTopic(tx, topic, own, stored, nowMs)
      }
      return arrivals.map((arrival) => stored.get(arrival) ?? 'gap')
    }
    try {
      return await this.#database.write(STORES, work)
    } catch (error) {
      if (!(error instanceof EdgelogError && error.code === 'storage_full')) throw error
      await this.#halve()
      return await this.#database.write(STORES, work)
    }
  }

  /**
   * Drops the cached partitions for which `reasonOf` returns a reason.
   *
   * @returns the first of the reasons
   */
  async reset(
    topic: string,
    reasonOf: (cursor: CursorRow) => TopicResetReason | undefined,
  ): Promise<TopicResetReason | undefined> {
    return await this.#database.write(STORES, async (tx) => {
      let first: TopicResetReason | undefined
      for (const cursor of await tx.objectStore('cursors').getAll(rangeOf(topic))) {
        const reason = reasonOf(cursor)
        if (reason === undefined) continue
        await drop(tx, rangeOf(topic, cursor.partition))
        first ??= reason
      }
      return first
    })
  }

  /** Evicts rows that are older than the topic's limit, and rows that the log itself has deleted. */
  async evict(): Promise<void> {
    const nowMs = this.#now()
    for (const { topic, limits } of await this.#database.read(['follows'], (tx) =>
      tx.objectStore('follows').getAll(),
    )) {
      await evictRows(this.#database, rangeOf(topic), ({ logStartOffset }) => (row, isNewest) => {
        const isOld = row.maxTimestamp < nowMs - limits.ageMsMax
        return (isOld && !isNewest) || row.endOffset <= logStartOffset
      })
    }
  }

  /** Evicts the oldest half of the cache; resolves to whether there was anything to evict. */
  async makeRoom(): Promise<boolean> {
    const count = await this.#database.read(['batches'], (tx) => tx.objectStore('batches').count())
    if (count > 0) await this.#halve()
    return count > 0
  }

  /**
   * Makes room: evicts the oldest half of each partition, at least one row. If the browser
   * has no space even to write the new cursors, clears the cache, which needs no writes.
   */
  async #halve(): Promise<void> {
    try {
      await this.#evictHalf()
    } catch (error) {
      if (!(error instanceof EdgelogError && error.code === 'storage_full')) throw error
      await this.#database.write(['cursors', 'batches'], async (tx) => {
        await tx.objectStore('cursors').clear()
        await tx.objectStore('batches').clear()
      })
    }
  }

  async #evictHalf(): Promise<void> {
    await evictRows(this.#database, undefined, ({ sizeBytes }) => {
      let droppedBytes = 0
      return ({ bytes }) => {
        const isEvictable = droppedBytes * 2 < sizeBytes
        droppedBytes += bytes.length
        return isEvictable
      }
    })
  }
}

/** One batch, or a row that is written again. */
type Piece = Pick<BatchRow, 'endOffset' | 'recordsCount' | 'maxTimestamp'> & {
  readonly bytes: Uint8Array
}

async function appendTopic(
  tx: Transaction,
  topic: string,
  arrivals: readonly Arrival[],
  stored: Map<Arrival, Stored>,
  nowMs: number,
): Promise<void> {
  const follow = await tx.objectStore('follows').get(topic)
  if (follow === undefined) {
    for (const arrival of arrivals) stored.set(arrival, 'unfollowed')
    return
  }
  const known = await tx.objectStore('topics').get(topic)
  const before = await tx.objectStore('cursors').getAll(rangeOf(topic))
  const cursors = new Map(before.map((cursor) => [cursor.partition, cursor]))
  for (const [partition, own] of Map.groupBy(arrivals, (arrival) => arrival.partition)) {
    const cursor = await appendPartition(tx, cursors.get(partition), own, stored, known?.id, nowMs)
    if (cursor === undefined) cursors.delete(partition)
    else cursors.set(partition, cursor)
  }
  await evictTopic(tx, cursors, follow.limits)
  for (const cursor of cursors.values()) {
    if (!before.includes(cursor)) await tx.objectStore('cursors').put(cursor)
  }
}

/** @returns the new cursor; undefined if nothing is cached */
async function appendPartition(
  tx: Transaction,
  before: CursorRow | undefined,
  arrivals: readonly Arrival[],
  stored: Map<Arrival, Stored>,
  topicId: string | undefined,
  nowMs: number,
): Promise<CursorRow | undefined> {
  const pieces: Piece[] = []
  let cursor = before
  for (const arrival of arrivals) {
    const isOther = topicId !== undefined && arrival.topicId !== topicId
    const plan = planArrival(cursor, arrival)
    // Only the server can decide which of the two is the current topic.
    if (isOther || (plan.kind === 'reset' && plan.reason === 'recreated')) {
      stored.set(arrival, 'recreated')
      break
    }
    if (plan.kind === 'reset') {
      stored.set(arrival, plan.reason)
      await drop(tx, rangeOf(arrival.topic, arrival.partition))
      return undefined
    }
    if (plan.kind === 'gap') break
    cursor = cursorAfter(cursor, arrival, plan.headers)
    for (const header of plan.headers) {
      const bytes = batchBytes(arrival.bytes, header)
      pieces.push({ ...header, bytes, endOffset: endOffsetOf(header) })
    }
    stored.set(arrival, 'stored')
  }
  if (cursor === undefined) return undefined
  const isBegun = before !== undefined && before.sizeBytes > 0
  if (pieces.length > 0) {
    await writeRows(tx, cursor, isBegun ? before.endOffset : cursor.startOffset, pieces, nowMs)
  } else if (isBegun && cursor.endOffset > before.endOffset) await extendLastRow(tx, cursor)
  return cursor
}

function cursorAfter(
  cursor: CursorRow | undefined,
  arrival: Arrival,
  headers: readonly BatchHeader[],
): CursorRow {
  const { topic, partition, topicId, from, endOffset, logStartOffset, highWatermark } = arrival
  const known = cursor ?? {
    ...{ startOffset: from, endOffset: from, sizeBytes: 0, recordsCount: 0 },
    ...{ logStartOffset, highWatermark },
  }
  const end = Math.max(known.endOffset, endOffset)
  const [first] = headers
  // A cache without rows is empty, whatever its end.
  const firstOffset = first === undefined ? end : Math.min(known.startOffset, first.baseOffset)
  const sum = (of: 'sizeBytes' | 'recordsCount') =>
    headers.reduce((total, header) => total + header[of], known[of])
  return {
    topic,
    partition,
    topicId,
    startOffset: known.sizeBytes > 0 ? known.startOffset : firstOffset,
    endOffset: end,
    sizeBytes: sum('sizeBytes'),
    recordsCount: sum('recordsCount'),
    logStartOffset: Math.max(known.logStartOffset, logStartOffset),
    highWatermark: Math.max(known.highWatermark, highWatermark, endOffset),
  }
}

/**
 * Writes the pieces behind the last row, merged with earlier rows that are no
 * longer than they are. The last row that is written ends where the cache ends.
 */
async function writeRows(
  tx: Transaction,
  { topic, partition, endOffset }: CursorRow,
  from: number,
  pieces: Piece[],
  nowMs: number,
): Promise<void> {
  const batches = tx.objectStore('batches')
  let baseOffset = from
  let last = await batches.openKeyCursor(rangeOf(topic, partition), 'prev')
  while (last !== null && baseOffset - last.primaryKey[2] <= endOffset - baseOffset) {
    const row = await batches.get(last.primaryKey)
    if (row === undefined || row.bytes.length >= CACHE_ROW_BYTES) break
    pieces.unshift(row)
    baseOffset = row.baseOffset
    await batches.delete(last.primaryKey)
    last = await last.continue()
  }
  const rows = cutRows(pieces)
  for (const row of rows) {
    const newest = Math.max(...row.map(({ maxTimestamp }) => maxTimestamp))
    const end = row === rows.at(-1) ? endOffset : (row.at(-1)?.endOffset ?? baseOffset)
    await batches.put({
      topic,
      partition,
      baseOffset,
      endOffset: end,
      recordsCount: row.reduce((total, { recordsCount }) => total + recordsCount, 0),
      maxTimestamp: newest < 0 ? nowMs : newest,
      bytes: concat(row.map(({ bytes }) => bytes)),
    })
    baseOffset = end
  }
}

/** Extends the last row to the cache's end, because the log has no record between them. */
async function extendLastRow(
  tx: Transaction,
  { topic, partition, endOffset }: CursorRow,
): Promise<void> {
  const last = await tx.objectStore('batches').openCursor(rangeOf(topic, partition), 'prev')
  await last?.update({ ...last.value, endOffset })
}

/** Evicts the oldest rows of the largest partition, until the topic is within its limits. */
async function evictTopic(
  tx: Transaction,
  cursors: Map<number, CursorRow>,
  limits: CacheLimits,
): Promise<void> {
  for (;;) {
    const all = [...cursors.values()]
    if (!isOver(all, limits, false)) return
    const most = all.reduce((one, other) => (other.sizeBytes > one.sizeBytes ? other : one))
    const row = await firstRow(tx, most)
    if (row === undefined || !isOver(all, limits, isNewest(most, row))) return
    cursors.set(most.partition, await dropRow(tx, most, row))
  }
}

function concat(parts: readonly Uint8Array[]): Uint8Array<ArrayBuffer> {
  const whole = new Uint8Array(parts.reduce((total, { length }) => total + length, 0))
  let position = 0
  for (const part of parts) {
    whole.set(part, position)
    position += part.length
  }
  return whole
}
