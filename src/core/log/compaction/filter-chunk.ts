/**
 * The second pass of a compaction: removes from a chunk what no reader needs any more. Offsets and order stay.
 *
 *     record               goes if
 *     superseded           the map has a later offset of its key
 *     without a key        always: it was appended under another policy
 *     tombstone            the delete horizon of its batch is over
 *     of an aborted batch  always
 *     marker               no record of its transaction is left, and its own delete horizon is over
 *
 * The first pass that keeps a tombstone gives its batch a delete horizon (KIP-534): its baseTimestamp, with a bit in
 * the attributes. So a reader that reads from the start within `delete.retention.ms` gets each tombstone. A marker gets
 * one with the pass that finds its transaction empty.
 *
 * Source: Kafka's LogCleaner and MemoryRecords.filterTo.
 */
import { decompressedRecords } from '../../batch/decode-records.ts'
import { BATCH_HEADER_BYTES } from '../../batch/header-layout.ts'
import {
  type BatchHeader,
  batchBytes,
  readBatchHeaders,
  verifyCrc,
} from '../../batch/record-batch.ts'
import { concatenate } from '../../bytes/concatenate.ts'
import type { Codecs } from '../../compression/codec.ts'
import { BATCH_BYTES_MAX } from '../../limits.ts'
import type { AbortedBatches } from './aborted-batches.ts'
import type { KeyMap } from './key-map.ts'
import type { Pace } from './pace.ts'
import { RecordCursor } from './record-cursor.ts'
import { emptyBatch, rewriteBatch } from './rewrite-batch.ts'
import { TransactionTrace } from './transaction-trace.ts'

/** Findings of a pass before it filters. */
export interface FilterRules {
  readonly keys: KeyMap
  /** Batches that begin here or above are not part of the pass. */
  readonly endOffset: number
  readonly nowMs: number
  readonly deleteRetentionMs: number
}

export interface FilteredChunk {
  /** The chunk after the pass, maybe empty; undefined if it stays as it is. */
  readonly bytes: Uint8Array | undefined
  /** The offset behind the last tombstone that was removed; 0: none was. */
  readonly tombstonesGoneBelow: number
  /** The earliest delete horizon in the chunk; Infinity: none. */
  readonly horizonMs: number
}

interface FilteredBatch {
  /** Undefined: the batch stays as it is. */
  readonly batch?: Uint8Array
  readonly goneBelow?: number
  /** Undefined: nothing in the batch waits for its horizon. */
  readonly horizonMs?: number
}

const UNCHANGED: FilteredBatch = {}
const NOTHING = new Uint8Array(0)

/** Filters the chunks of a log, from the first to the last one of the part that a pass compacts. */
export class ChunkFilter {
  readonly #rules: FilterRules
  readonly #codecs: Codecs
  readonly #pace: Pace
  readonly #trace = new TransactionTrace()

  constructor(rules: FilterRules, codecs: Codecs, pace: Pace) {
    this.#rules = rules
    this.#codecs = codecs
    this.#pace = pace
  }

  /** @throws {EdgelogError} `corrupt_message` if the chunk is damaged. */
  async filter(chunk: Uint8Array, aborted: AbortedBatches): Promise<FilteredChunk> {
    const parts: Uint8Array[] = []
    let isChanged = false
    let tombstonesGoneBelow = 0
    let horizonMs = Number.POSITIVE_INFINITY
    for (const header of readBatchHeaders(chunk)) {
      if (this.#pace.isOver) await this.#pace.rest()
      const stored = batchBytes(chunk, header)
      const filtered = await this.#filterBatch(stored, header, aborted)
      horizonMs = Math.min(horizonMs, filtered.horizonMs ?? horizonMs)
      parts.push(filtered.batch ?? stored)
      if (filtered.batch === undefined) continue
      // A new CRC must not hide that the batch was damaged. A checksum of a large batch is a turn of its own.
      if (this.#pace.isOverAfterBytes(stored.length)) await this.#pace.rest()
      verifyCrc(chunk, header)
      isChanged = true
      tombstonesGoneBelow = Math.max(tombstonesGoneBelow, filtered.goneBelow ?? 0)
    }
    // The caller writes the chunk in the next turn.
    if (isChanged) await this.#pace.rest()
    const bytes = isChanged ? concatenate(parts) : undefined
    return { bytes, tombstonesGoneBelow, horizonMs }
  }

  async #filterBatch(
    batch: Uint8Array,
    header: BatchHeader,
    aborted: AbortedBatches,
  ): Promise<FilteredBatch> {
    if (header.baseOffset >= this.#rules.endOffset) return UNCHANGED
    if (header.isControl) return await this.#filterMarker(batch, header)
    if (header.recordsCount === 0 || aborted.has(header)) return this.#remove(batch, header)
    return await this.#filterRecords(batch, header)
  }

  /** Readers at the end of the part need a batch to go on: it has the offset to continue from. */
  #isLast({ baseOffset, lastOffsetDelta }: BatchHeader): boolean {
    return baseOffset + lastOffsetDelta + 1 >= this.#rules.endOffset
  }

  #remove(batch: Uint8Array, header: BatchHeader): FilteredBatch {
    if (!this.#isLast(header)) return { batch: NOTHING }
    return header.recordsCount === 0 ? UNCHANGED : { batch: emptyBatch(batch) }
  }

  async #filterMarker(batch: Uint8Array, header: BatchHeader): Promise<FilteredBatch> {
    const { nowMs, deleteRetentionMs } = this.#rules
    const isNeeded = this.#trace.end(header.producerId)
    if (isNeeded || this.#isLast(header)) return UNCHANGED
    if (header.hasDeleteHorizon) {
      const horizonMs = header.baseTimestamp
      return horizonMs > nowMs ? { horizonMs } : { batch: NOTHING }
    }
    const horizonMs = nowMs + deleteRetentionMs
    const records = batch.subarray(BATCH_HEADER_BYTES)
    const all = { records, kept: new Uint8Array([1]), keptCount: 1, horizonMs }
    const waiting = await rewriteBatch(batch, header, all, this.#codecs, this.#pace)
    return { batch: waiting, horizonMs }
  }

  async #filterRecords(batch: Uint8Array, header: BatchHeader): Promise<FilteredBatch> {
    const { nowMs, deleteRetentionMs } = this.#rules
    const whole = { ...header, position: 0 }
    const records = await decompressedRecords(batch, whole, this.#codecs)
    const { hasDeleteHorizon, baseTimestamp } = header
    const isHorizonOver = hasDeleteHorizon && baseTimestamp <= nowMs
    const choice = await this.#choose(records, header, isHorizonOver)
    const { kept, keptCount, goneBelow, keepsTombstones } = choice
    if (keptCount === 0) return { ...this.#remove(batch, header), goneBelow }
    if (header.isTransactional) this.#trace.keep(header.producerId)
    const isNewHorizon = keepsTombstones && !hasDeleteHorizon
    const newHorizonMs = isNewHorizon ? nowMs + deleteRetentionMs : undefined
    const horizonMs = keepsTombstones ? (newHorizonMs ?? baseTimestamp) : undefined
    const waiting = horizonMs === undefined ? UNCHANGED : { horizonMs }
    if (keptCount === header.recordsCount && !isNewHorizon) return waiting
    const rest = { records, kept, keptCount, horizonMs: newHorizonMs }
    const written = await rewriteBatch(batch, header, rest, this.#codecs, this.#pace)
    // Compressed by another encoder, or with a horizon, a batch may need more bytes than a row holds.
    return written.length > BATCH_BYTES_MAX ? UNCHANGED : { ...waiting, batch: written, goneBelow }
  }

  /** Decides for each record if it stays. */
  async #choose(records: Uint8Array, header: BatchHeader, isHorizonOver: boolean) {
    const { keys } = this.#rules
    const cursor = new RecordCursor(records, header)
    const kept = new Uint8Array(header.recordsCount)
    let keptCount = 0
    let keepsTombstones = false
    let goneBelow = 0
    for (let index = 0; cursor.next(); index++) {
      if (this.#pace.isOver) await this.#pace.rest()
      const { keyStart, keyLength, isTombstone } = cursor
      const offset = header.baseOffset + cursor.offsetDelta
      if (keyLength < 0 || offset < keys.get(records, keyStart, keyStart + keyLength)) continue
      if (isTombstone && isHorizonOver) {
        goneBelow = offset + 1
        continue
      }
      keepsTombstones ||= isTombstone
      kept[index] = 1
      keptCount += 1
    }
    return { kept, keptCount, goneBelow, keepsTombstones }
  }
}
