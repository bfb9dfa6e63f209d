/** A log in memory, and a cache of it. */
import 'fake-indexeddb/auto'
import { expect } from 'vitest'
import { BatchCache } from '../../../client/browser/cache/batch-cache.ts'
import type { Arrival } from '../../../client/browser/cache/cache-plan.ts'
import { CacheWriter } from '../../../client/browser/cache/cache-writer.ts'
import { NO_OP_EVENTS } from '../../../client/browser/outbox/principals.ts'
import { Database } from '../../../client/browser/store/database.ts'
import type { BatchRow, CursorRow } from '../../../client/browser/store/schema.ts'
import { systemClock } from '../../../client/clock.ts'
import { endOffsetOf, type LogRange, parseChunk } from '../../../client/consumer/log-chunk.ts'
import { encodeBatch } from '../../../src/core/batch/batch-builder.ts'
import { assignOffset, readBatchHeaders } from '../../../src/core/batch/record-batch.ts'

export const TOPIC = 't'

export interface LogBatch {
  readonly baseOffset: number
  readonly endOffset: number
  readonly bytes: Uint8Array
}

let logs = 0

/** One partition's log: whole batches, possibly with missing offsets between them. */
export class TestLog {
  readonly #mark = ++logs
  id = `id-${this.#mark}`
  batches: LogBatch[] = []
  /** All batches, including those deleted by retention. */
  history: LogBatch[] = []
  startOffset = 0
  endOffset = 0

  /** Appends a batch; `skip` offsets before it are missing, as after compaction. */
  append(recordsCount: number, valueBytes = 10, skip = 0, timestamp?: number): void {
    const baseOffset = this.endOffset + skip
    const records = Array.from({ length: recordsCount }, (_, index) => ({
      timestamp: timestamp ?? 1_000 + baseOffset + index,
      key: null,
      value: new TextEncoder().encode(
        `${this.#mark}/${baseOffset + index}`.padEnd(valueBytes, ' '),
      ),
      headers: [],
    }))
    const bytes = encodeBatch(records)
    assignOffset(bytes, 0, baseOffset, 0)
    this.endOffset = baseOffset + recordsCount
    const batch = { baseOffset, endOffset: this.endOffset, bytes }
    this.batches.push(batch)
    this.history.push(batch)
  }

  /** Deletes whole batches, as retention does. */
  deleteTo(offset: number): void {
    this.startOffset = Math.max(this.startOffset, Math.min(offset, this.endOffset))
    this.batches = this.batches.filter(({ endOffset }) => endOffset > this.startOffset)
  }

  /** Removes the newest batches, which no real log does. */
  truncateTo(offset: number): void {
    this.batches = this.batches.filter(({ endOffset }) => endOffset <= offset)
    this.history = this.history.filter(({ endOffset }) => endOffset <= offset)
    this.endOffset = Math.max(this.startOffset, this.batches.at(-1)?.endOffset ?? 0)
  }

  /** Returns whole batches from the one that contains `from`, at most `count`. */
  slice(from: number, count = Number.POSITIVE_INFINITY): Uint8Array {
    const wanted = this.batches.filter(({ endOffset }) => endOffset > from)
    return join(wanted.slice(0, count).map(({ bytes }) => bytes))
  }

  /** Returns a range. Offsets missing behind its last batch belong to the next range. */
  range(from: number, count?: number): LogRange {
    const batches = this.slice(from, count)
    const last = batches.length === 0 ? undefined : readBatchHeaders(batches).at(-1)
    return { from, to: last === undefined ? from : endOffsetOf(last), batches }
  }

  arrival(from: number, count?: number, partition = 0): Arrival {
    const range = this.range(from, count)
    const { bytes, headers, nextOffset } = parseChunk(range)
    return {
      topic: TOPIC,
      partition,
      topicId: this.id,
      from,
      endOffset: nextOffset,
      bytes,
      headers,
      logStartOffset: this.startOffset,
      highWatermark: this.endOffset,
    }
  }
}

export function join(parts: readonly Uint8Array[]): Uint8Array<ArrayBuffer> {
  const whole = new Uint8Array(parts.reduce((sum, { length }) => sum + length, 0))
  let position = 0
  for (const part of parts) {
    whole.set(part, position)
    position += part.length
  }
  return whole
}

let names = 0

export function newName(): string {
  return `cache-test-${++names}`
}

/** Opens one tab's handles of the database. */
export function openCache(name = newName(), now = () => 1_000_000) {
  const database = new Database(name, systemClock, NO_OP_EVENTS)
  return { name, database, cache: new BatchCache(database), writer: new CacheWriter(database, now) }
}

export type TestCache = ReturnType<typeof openCache>

export async function rowsOf({ database }: TestCache): Promise<BatchRow[]> {
  return await database.read(['batches'], (tx) => tx.objectStore('batches').getAll())
}

/** Asserts that the cached part of a partition is a range of its log without a hole, with correct counters. */
export async function expectDense(tab: TestCache, log: TestLog, partition = 0): Promise<void> {
  const cursor = (await tab.cache.cursors()).find((known) => known.partition === partition)
  const rows = (await rowsOf(tab)).filter((row) => row.partition === partition)
  if (cursor === undefined) {
    expect(rows).toEqual([])
    return
  }
  expectTiles(cursor, rows)
  const kept = log.history.filter(
    ({ baseOffset, endOffset }) =>
      baseOffset >= cursor.startOffset && endOffset <= cursor.endOffset,
  )
  const expected = join(kept.map(({ bytes }) => bytes))
  // Compared as digests, because a difference would print megabytes.
  expect(digest(join(rows.map(({ bytes }) => bytes)))).toBe(digest(expected))
  expect(cursor.sizeBytes).toBe(expected.length)
}

function expectTiles(cursor: CursorRow, rows: readonly BatchRow[]): void {
  let end = cursor.startOffset
  for (const row of rows) {
    expect(row.baseOffset).toBe(end)
    expect(row.endOffset).toBeGreaterThan(row.baseOffset)
    end = row.endOffset
  }
  expect(cursor.endOffset).toBe(end)
  expect(cursor.recordsCount).toBe(rows.reduce((sum, row) => sum + row.recordsCount, 0))
}

function digest(bytes: Uint8Array): string {
  const bases = bytes.length === 0 ? [] : readBatchHeaders(bytes).map((h) => h.baseOffset)
  let hash = 0
  for (const byte of bytes) hash = (Math.imul(hash, 31) + byte) | 0
  return `${bytes.length} ${hash} ${bases.join()}`
}

/** Makes the database fail to store batches `times` times. */
export function refuseToStore(times: number): { readonly left: () => number; end(): void } {
  const { put } = IDBObjectStore.prototype
  let left = times
  IDBObjectStore.prototype.put = function (this: IDBObjectStore, ...given: [unknown]) {
    if (this.name === 'batches' && left > 0) {
      left -= 1
      throw new DOMException('full', 'QuotaExceededError')
    }
    return put.apply(this, given)
  } as typeof put
  return {
    left: () => left,
    end: () => {
      IDBObjectStore.prototype.put = put
    },
  }
}
