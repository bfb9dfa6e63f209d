/** Reads and writes the rows of the log. */

import { concatenate } from '../../src/core/bytes/concatenate.ts'
import { type ChunkSpan, latestTimestamp } from '../../src/core/log/chunk.ts'

export interface Chunk extends Omit<ChunkSpan, 'sizeBytes'>, ReplayedChunk {}

export interface ReplayedChunk {
  readonly bytes: Uint8Array
  /** The transactions that begin in the chunk, encoded; null if none does. */
  readonly opened: string | null
}

export type ReadChunk = Pick<Chunk, 'endOffset' | 'bytes'>

type SpanRow = {
  base_offset: number
  end_offset: number
  max_timestamp: number
  size_bytes: number
}

const SPAN_COLUMNS = 'base_offset, end_offset, max_timestamp, length(bytes) AS size_bytes'

/** A fetch of 1 MiB needs two spans of sealed chunks. */
const SPANS_FIRST = 4
const SPANS_NEXT = 64

function spanOf(row: SpanRow): ChunkSpan {
  return {
    baseOffset: row.base_offset,
    endOffset: row.end_offset,
    maxTimestamp: row.max_timestamp,
    sizeBytes: row.size_bytes,
  }
}

export class ChunkTable {
  readonly #sql: SqlStorage

  constructor(sql: SqlStorage) {
    this.#sql = sql
  }

  insert(chunk: Chunk): void {
    this.#sql.exec(
      `INSERT INTO chunk (base_offset, end_offset, max_timestamp, bytes, opened)
       VALUES (?, ?, ?, ?, ?)`,
      chunk.baseOffset,
      chunk.endOffset,
      chunk.maxTimestamp,
      chunk.bytes,
      chunk.opened,
    )
  }

  /**
   * Yields the spans from the last chunk that begins at or below `offset` on, in order; rows are read as they are
   * needed. The first one may end below `offset`, which is in a hole then.
   */
  *spansFrom(offset: number): Generator<ChunkSpan> {
    let count = SPANS_FIRST
    let spans = this.#spans(
      'base_offset >= coalesce((SELECT max(base_offset) FROM chunk WHERE base_offset <= ?1), ?1)',
      offset,
      count,
    )
    for (;;) {
      yield* spans
      const last = spans.at(-1)
      if (last === undefined || spans.length < count) return
      count = SPANS_NEXT
      spans = this.#spans('base_offset > ?1', last.baseOffset, count)
    }
  }

  /**
   * Reads a statement to its end: while its cursor is open, the runtime compiles the same statement again. The limit is
   * part of the text, because SQLite compiles a statement again when a bound limit is set.
   */
  #spans(condition: string, offset: number, count: number): ChunkSpan[] {
    return this.#sql
      .exec<SpanRow>(
        `SELECT ${SPAN_COLUMNS} FROM chunk WHERE ${condition} ORDER BY base_offset LIMIT ${count}`,
        offset,
      )
      .toArray()
      .map(spanOf)
  }

  oldest(): ChunkSpan | undefined {
    const [row] = this.#sql
      .exec<SpanRow>(`SELECT ${SPAN_COLUMNS} FROM chunk ORDER BY base_offset LIMIT 1`)
      .toArray()
    return row === undefined ? undefined : spanOf(row)
  }

  /** Returns the latest time in chunks that begin at `baseOffset` or later; -1 if none has a time. */
  latestTimestamp(baseOffset: number): number {
    const { latest } = this.#sql
      .exec<{ latest: number | null }>(
        'SELECT max(max_timestamp) AS latest FROM chunk WHERE base_offset >= ?',
        baseOffset,
      )
      .one()
    return Math.max(latest ?? -1, -1)
  }

  /** Returns the first chunk at or after `baseOffset` that has a record at or after `timestamp`. */
  firstReaching(timestamp: number, baseOffset: number): Uint8Array | undefined {
    const [row] = this.#sql
      .exec<{ bytes: ArrayBuffer }>(
        `SELECT bytes FROM chunk WHERE max_timestamp >= ? AND base_offset >= ?
         ORDER BY base_offset LIMIT 1`,
        timestamp,
        baseOffset,
      )
      .toArray()
    return row === undefined ? undefined : new Uint8Array(row.bytes)
  }

  /** Returns the chunks from one base offset to another, both included. */
  between(firstBaseOffset: number, lastBaseOffset: number): ReadChunk[] {
    return this.#sql
      .exec<{ end_offset: number; bytes: ArrayBuffer }>(
        'SELECT end_offset, bytes FROM chunk WHERE base_offset BETWEEN ? AND ? ORDER BY base_offset',
        firstBaseOffset,
        lastBaseOffset,
      )
      .toArray()
      .map((row) => ({ endOffset: row.end_offset, bytes: new Uint8Array(row.bytes) }))
  }

  /** Returns the chunks that begin at `baseOffset` or later. */
  since(baseOffset: number): ReplayedChunk[] {
    return this.#sql
      .exec<{ bytes: ArrayBuffer; opened: string | null }>(
        'SELECT bytes, opened FROM chunk WHERE base_offset >= ? ORDER BY base_offset',
        baseOffset,
      )
      .toArray()
      .map(({ bytes, opened }) => ({ bytes: new Uint8Array(bytes), opened }))
  }

  /** Merges neighbouring chunks into one row. The caller's turn makes it atomic. */
  merge(group: readonly ChunkSpan[]): void {
    const [first] = group
    const last = group.at(-1)
    if (first === undefined || last === undefined) return
    const chunks = this.between(first.baseOffset, last.baseOffset)
    const maxTimestamp = latestTimestamp(group.map((chunk) => chunk.maxTimestamp))
    this.replace(group, concatenate(chunks.map((chunk) => chunk.bytes)), maxTimestamp)
  }

  /** Replaces neighbouring chunks by one row with other bytes, or by none if there are none. */
  replace(group: readonly ChunkSpan[], bytes: Uint8Array, maxTimestamp: number): void {
    const [first] = group
    const last = group.at(-1)
    if (first === undefined || last === undefined) return
    const isEmpty = bytes.length === 0
    if (isEmpty || first !== last) {
      this.#sql.exec(
        'DELETE FROM chunk WHERE base_offset BETWEEN ? AND ?',
        first.baseOffset + (isEmpty ? 0 : 1),
        last.baseOffset,
      )
    }
    if (isEmpty) return
    this.#sql.exec(
      `UPDATE chunk SET end_offset = ?, max_timestamp = ?, bytes = ?, opened = NULL
       WHERE base_offset = ?`,
      last.endOffset,
      maxTimestamp,
      bytes,
      first.baseOffset,
    )
  }

  deleteBelow(offset: number): void {
    this.#sql.exec('DELETE FROM chunk WHERE base_offset < ?', offset)
  }
}
