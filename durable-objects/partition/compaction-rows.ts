/** The rows of a log as its compaction sees them. All calls are synchronous. */
import { readBatchHeaders } from '../../src/core/batch/record-batch.ts'
import { concatenate } from '../../src/core/bytes/concatenate.ts'
import { CHUNK_BYTES_MAX, SEAL_CHUNKS_MAX } from '../../src/core/limits.ts'
import { type ChunkSpan, latestTimestamp, maxTimestampIn } from '../../src/core/log/chunk.ts'
import { AbortedBatches } from '../../src/core/log/compaction/aborted-batches.ts'
import type { FilteredChunk } from '../../src/core/log/compaction/filter-chunk.ts'
import type { LogExtent } from '../../src/core/log/compaction/pace.ts'
import {
  type CompactionDecision,
  type CompactionState,
  decideCompaction,
  firstDirtyOffset,
  NOT_COMPACTED,
  settle,
} from '../../src/core/log/compaction/schedule.ts'
import type { TopicConfig } from '../../src/core/topic/topic-config.ts'
import type { LogWriter } from './log-writer.ts'
import type { TableIndex } from './table-index.ts'
import { take } from './take.ts'

/** Neighbouring chunks that are read, filtered and replaced together. */
export interface ChunkGroup {
  readonly spans: readonly ChunkSpan[]
  readonly baseOffset: number
  readonly endOffset: number
  readonly bytes: Uint8Array
  readonly aborted: AbortedBatches
}

interface ConfiguredLog {
  readonly config: TopicConfig
  readonly table: Pick<TableIndex, 'isEnabled' | 'offset'>
}

export class CompactionRows {
  readonly #rows: LogWriter
  readonly #log: ConfiguredLog

  constructor(rows: LogWriter, log: ConfiguredLog) {
    this.#rows = rows
    this.#log = log
  }

  get config(): TopicConfig {
    return this.#log.config
  }

  get isEnabled(): boolean {
    return this.config.cleanupPolicy.includes('compact')
  }

  get logStartOffset(): number {
    return this.#rows.checkpoint.logStartOffset
  }

  get extent(): LogExtent {
    return { endOffset: this.#rows.ends.highWatermark, sizeBytes: this.#rows.sizeBytes }
  }

  get state(): CompactionState {
    return this.#rows.checkpoint.compaction ?? NOT_COMPACTED
  }

  /** Lets records settle, and decides if a pass begins. */
  look(nowMs: number): CompactionDecision {
    if (!this.isEnabled) return { kind: 'wait', untilMs: Number.POSITIVE_INFINITY }
    const { config } = this
    const { table } = this.#log
    const { ends, sizeBytes, chunks } = this.#rows
    const state = settle(this.state, ends.highWatermark, config, nowMs)
    if (state !== this.state) this.#rows.amendCheckpoint({ compaction: state })
    const from = firstDirtyOffset(state, ends)
    const dirtySpans = chunks.spansFrom(from)
    const firstDirtyTimestamp = this.#firstDirtyTimestamp(from)
    // The table must see each tombstone before it may go.
    const endOffset = table.isEnabled ? table.offset : ends.lastStableOffset
    const log = { ends, sizeBytes, state, dirtySpans, firstDirtyTimestamp, endOffset }
    return decideCompaction(log, config, nowMs)
  }

  /** Reads a chunk only for topics that bound the age of dirty records. */
  #firstDirtyTimestamp(from: number): number | undefined {
    if (this.config.maxCompactionLagMs === Number.MAX_SAFE_INTEGER) return undefined
    const { chunks } = this.#rows
    for (const span of take(chunks.spansFrom(from), 2)) {
      const [chunk] = chunks.between(span.baseOffset, span.baseOffset)
      const header = readBatchHeaders(chunk?.bytes ?? new Uint8Array(0)).find(
        ({ baseOffset, lastOffsetDelta }) => baseOffset + lastOffsetDelta >= from,
      )
      if (header === undefined) continue
      const timestamp = header.hasDeleteHorizon ? header.maxTimestamp : header.baseTimestamp
      return timestamp < 0 ? undefined : timestamp
    }
    return undefined
  }

  /** Writes a checkpoint if the part that a pass compacts reaches beyond it: what is replayed must not change. */
  prepare(to: number): void {
    if (to > this.#rows.checkpoint.offset) this.#rows.writeCheckpoint({})
  }

  /**
   * Returns the first chunks below the checkpoint that end above `offset`: one, or several small ones, which become one
   * row if they change.
   */
  groupFrom(offset: number): ChunkGroup | undefined {
    const { chunks, transactions } = this.#rows
    const spans = this.#groupedSpans(offset)
    const [first] = spans
    const last = spans.at(-1)
    if (first === undefined || last === undefined) return undefined
    const { baseOffset } = first
    const { endOffset } = last
    const read = chunks.between(baseOffset, last.baseOffset)
    const aborted = transactions.abortedBetween(baseOffset, endOffset, Number.POSITIVE_INFINITY)
    return {
      spans,
      baseOffset,
      endOffset,
      bytes: concatenate(read.map(({ bytes }) => bytes)),
      aborted: new AbortedBatches(aborted),
    }
  }

  #groupedSpans(offset: number): ChunkSpan[] {
    const spans: ChunkSpan[] = []
    let sizeBytes = 0
    for (const span of this.#rows.chunks.spansFrom(offset)) {
      if (span.endOffset <= offset) continue
      if (span.endOffset > this.#rows.checkpoint.offset) break
      const isFull =
        sizeBytes + span.sizeBytes > CHUNK_BYTES_MAX || spans.length === SEAL_CHUNKS_MAX
      if (spans.length > 0 && isFull) break
      spans.push(span)
      sizeBytes += span.sizeBytes
    }
    return spans
  }

  /**
   * Replaces chunks by what a pass left of them.
   *
   * @param endOffset the end of the part that the pass compacts; all chunks before these were replaced
   * @returns false if the chunks were changed since they were read, and so are not replaced
   */
  replace(group: ChunkGroup, filtered: FilteredChunk, endOffset: number): boolean {
    const { spans } = group
    const { bytes, tombstonesGoneBelow } = filtered
    const current = take(this.#rows.chunks.spansFrom(group.baseOffset), spans.length)
    if (!isSame(spans, [...current])) return false
    if (bytes === undefined) return true
    const { state } = this
    const goneBelow = Math.max(state.tombstonesGoneBelow, tombstonesGoneBelow)
    const latest = maxTimestampIn(bytes)
    const formerLatest = latestTimestamp(spans.map(({ maxTimestamp }) => maxTimestamp))
    // The records of these transactions are gone, and a reader must not wait for a marker that is gone as well.
    this.#rows.transactions.forgetAbortedBelow(Math.min(group.endOffset, endOffset))
    this.#rows.replaceChunks(spans, bytes, latest < 0 ? formerLatest : latest, {
      compaction: { ...state, tombstonesGoneBelow: goneBelow },
    })
    return true
  }

  /**
   * Notes that a pass compacted the log below `endOffset`.
   *
   * @param hasSmallChunks lets the next sealing merge chunks of the whole log
   */
  finish(endOffset: number, horizonMs: number, hasSmallChunks: boolean): void {
    const { horizonMs: _, ...rest } = this.state
    const compaction = {
      ...rest,
      cleanOffset: endOffset,
      ...(horizonMs !== Number.POSITIVE_INFINITY && { horizonMs }),
    }
    this.#rows.transactions.forgetAbortedBelow(endOffset)
    const { logStartOffset } = this
    const change = hasSmallChunks ? { sealedOffset: logStartOffset } : {}
    this.#rows.amendCheckpoint({ compaction, ...change })
  }
}

function isSame(spans: readonly ChunkSpan[], others: readonly ChunkSpan[]): boolean {
  return (
    spans.length === others.length &&
    spans.every(({ baseOffset, endOffset, sizeBytes }, index) => {
      const other = others[index]
      return (
        other?.baseOffset === baseOffset &&
        other.endOffset === endOffset &&
        other.sizeBytes === sizeBytes
      )
    })
  )
}
