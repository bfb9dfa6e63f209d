/**
 * A log in memory that is compacted by the real rules, and the model that it is compared with: all records that were
 * appended, and how their transactions ended.
 */
import { encodeBatch } from '../../../../src/core/batch/batch-builder.ts'
import { compressBatch } from '../../../../src/core/batch/compress-batch.ts'
import { encodeTransactionMarker } from '../../../../src/core/batch/control-record.ts'
import { decodeBatch } from '../../../../src/core/batch/decode-records.ts'
import {
  assignOffset,
  batchBytes,
  readBatchHeader,
  readBatchHeaders,
  verifyCrc,
} from '../../../../src/core/batch/record-batch.ts'
import { concatenate } from '../../../../src/core/bytes/concatenate.ts'
import type { CompressionName } from '../../../../src/core/compression/codec.ts'
import { CODECS } from '../../../../src/core/compression/codecs.ts'
import { AbortedBatches } from '../../../../src/core/log/compaction/aborted-batches.ts'
import { ChunkFilter } from '../../../../src/core/log/compaction/filter-chunk.ts'
import { HASH_WORDS, KeyHash } from '../../../../src/core/log/compaction/key-hash.ts'
import { KeyMap } from '../../../../src/core/log/compaction/key-map.ts'
import { Pace } from '../../../../src/core/log/compaction/pace.ts'
import { scanChunk } from '../../../../src/core/log/compaction/scan-chunk.ts'
import type { AbortedTransaction } from '../../../../src/core/log/transactions.ts'

export const DELETE_RETENTION_MS = 1_000

export interface ModelRecord {
  readonly offset: number
  readonly timestamp: number
  readonly key: string
  readonly value: string | null
}

interface AppendedRecord extends ModelRecord {
  readonly transaction: ModelTransaction | undefined
}

interface ModelTransaction {
  readonly producerId: bigint
  readonly firstOffset: number
  outcome: 'open' | 'commit' | 'abort'
  markerOffset: number
}

interface Chunk {
  readonly baseOffset: number
  readonly endOffset: number
  bytes: Uint8Array
}

const text = { encode: new TextEncoder(), decode: new TextDecoder() }
const pace = () => new Pace(() => Promise.resolve())

export class CompactedLog {
  nowMs = 1_000_000
  endOffset = 0
  cleanOffset = 0
  tombstonesGoneBelow = 0
  chunks: Chunk[] = []
  aborted: AbortedTransaction[] = []
  readonly appended: AppendedRecord[] = []
  readonly transactions: ModelTransaction[] = []
  readonly #open = new Map<bigint, ModelTransaction>()
  /** When a pass first kept the tombstone at an offset. */
  readonly #tombstonesKeptAtMs = new Map<number, number>()

  get lastStableOffset(): number {
    return Math.min(this.endOffset, ...[...this.#open.values()].map((one) => one.firstOffset))
  }

  // -- appends -----------------------------------------------------------------------------------

  async append(
    records: ReadonlyArray<readonly [key: string, value: string | null]>,
    { codec = 'none', producerId }: { codec?: CompressionName; producerId?: bigint } = {},
  ): Promise<void> {
    const isTransactional = producerId !== undefined
    const transaction = isTransactional ? this.#transactionOf(producerId) : undefined
    const baseOffset = this.endOffset
    const timestamps = records.map((_, index) => this.nowMs + ((index * 7) % 5))
    const batch = encodeBatch(
      records.map(([key, value], index) => ({
        timestamp: timestamps[index] as number,
        key: text.encode.encode(key),
        value: value === null ? null : text.encode.encode(value),
        headers: [{ key: 'h', value: null }],
      })),
      isTransactional ? { producerId, producerEpoch: 0, baseSequence: 0, isTransactional } : {},
    )
    this.#place(await compressBatch(batch, codec, CODECS), records.length)
    records.forEach(([key, value], index) => {
      const timestamp = timestamps[index] as number
      this.appended.push({ offset: baseOffset + index, timestamp, key, value, transaction })
    })
  }

  #transactionOf(producerId: bigint): ModelTransaction {
    const open = this.#open.get(producerId)
    if (open !== undefined) return open
    const begun = {
      producerId,
      firstOffset: this.endOffset,
      outcome: 'open',
      markerOffset: -1,
    } as const
    const transaction: ModelTransaction = { ...begun }
    this.#open.set(producerId, transaction)
    this.transactions.push(transaction)
    return transaction
  }

  end(producerId: bigint, outcome: 'commit' | 'abort'): void {
    const transaction = this.#open.get(producerId)
    if (transaction === undefined) return
    this.#open.delete(producerId)
    transaction.outcome = outcome
    transaction.markerOffset = this.endOffset
    if (outcome === 'abort') {
      this.aborted.push({ ...transaction, lastOffset: this.endOffset })
    }
    const marker = { type: outcome, coordinatorEpoch: 1 }
    this.#place(encodeTransactionMarker(marker, { producerId, producerEpoch: 0 }, this.nowMs), 1)
  }

  #place(batch: Uint8Array, count: number): void {
    assignOffset(batch, 0, this.endOffset, 0)
    const baseOffset = this.endOffset
    this.endOffset += count
    this.chunks.push({ baseOffset, endOffset: this.endOffset, bytes: batch })
  }

  /** Merges neighbouring chunks, as sealing does. */
  seal(count: number): void {
    const merged: Chunk[] = []
    for (let index = 0; index < this.chunks.length; index += count) {
      const group = this.chunks.slice(index, index + count)
      const [first] = group
      const last = group.at(-1)
      if (first === undefined || last === undefined) continue
      const bytes = concatenate(group.map((chunk) => chunk.bytes))
      merged.push({ baseOffset: first.baseOffset, endOffset: last.endOffset, bytes })
    }
    this.chunks = merged
  }

  // -- compaction --------------------------------------------------------------------------------

  /**
   * Runs a pass.
   *
   * @param keysMax size of the map
   * @param chunksMax the pass is lost after it has filtered so many chunks
   * @returns whether it changed anything
   */
  async compact(keysMax: number, chunksMax = Number.POSITIVE_INFINITY): Promise<boolean> {
    const keys = new KeyMap(new KeyHash(new Int32Array(HASH_WORDS).fill(7)), keysMax)
    const range = { from: this.cleanOffset, to: this.lastStableOffset }
    let endOffset = range.from
    for (const chunk of this.chunks) {
      if (chunk.endOffset <= range.from || chunk.baseOffset >= range.to) continue
      const tools = { keys, codecs: CODECS, pace: pace() }
      const scanned = await scanChunk(chunk.bytes, range, this.#abortedIn(chunk), tools)
      endOffset = scanned.endOffset ?? endOffset
      if (scanned.isFull) break
    }
    const rules = { keys, endOffset, nowMs: this.nowMs, deleteRetentionMs: DELETE_RETENTION_MS }
    const filter = new ChunkFilter(rules, CODECS, pace())
    let isChanged = false
    let filteredCount = 0
    for (const chunk of this.chunks) {
      if (chunk.baseOffset >= endOffset) break
      if (filteredCount === chunksMax) {
        this.#dropEmpty()
        return isChanged
      }
      filteredCount += 1
      const { bytes, tombstonesGoneBelow } = await filter.filter(
        chunk.bytes,
        this.#abortedIn(chunk),
      )
      this.tombstonesGoneBelow = Math.max(this.tombstonesGoneBelow, tombstonesGoneBelow)
      this.#forgetAbortedBelow(Math.min(chunk.endOffset, endOffset))
      if (bytes === undefined) continue
      chunk.bytes = bytes
      isChanged = true
    }
    this.#forgetAbortedBelow(endOffset)
    this.#dropEmpty()
    this.cleanOffset = endOffset
    return isChanged
  }

  #dropEmpty(): void {
    this.chunks = this.chunks.filter((chunk) => chunk.bytes.length > 0)
  }

  #abortedIn({ baseOffset, endOffset }: Chunk): AbortedBatches {
    return new AbortedBatches(
      this.aborted.filter((one) => one.firstOffset < endOffset && one.lastOffset >= baseOffset),
    )
  }

  #forgetAbortedBelow(offset: number): void {
    this.aborted = this.aborted.filter((one) => one.lastOffset >= offset)
  }

  // -- reading -----------------------------------------------------------------------------------

  /** Returns the batches and markers that are in the log. */
  async read() {
    const records: ModelRecord[] = []
    const markers: number[] = []
    /** Offsets of records in batches with a delete horizon. */
    const waiting = new Set<number>()
    let endOffset = 0
    for (const { bytes } of this.chunks) {
      for (const { position } of readBatchHeaders(bytes)) {
        const batch = batchBytes(bytes, readBatchHeader(bytes, position))
        const header = readBatchHeader(batch)
        verifyCrc(batch, header)
        if (header.baseOffset < endOffset)
          throw new Error(`offset ${header.baseOffset} comes twice`)
        endOffset = header.baseOffset + header.lastOffsetDelta + 1
        const decoded = await decodeBatch(batch, header, CODECS)
        if (header.isControl) {
          if (decoded.length > 0) markers.push(header.baseOffset)
          continue
        }
        for (const { offset, timestamp, key, value } of decoded) {
          if (key === null) throw new Error('a record without a key')
          const latest = Math.max(...decoded.map((one) => one.timestamp))
          if (header.maxTimestamp !== latest) throw new Error('the latest time is wrong')
          if (header.hasDeleteHorizon) waiting.add(offset)
          records.push({
            offset,
            timestamp,
            key: text.decode.decode(key),
            value: value === null ? null : text.decode.decode(value),
          })
        }
      }
    }
    return { records, markers, waiting, endOffset }
  }

  /**
   * Compares the log with the model.
   *
   * @throws {Error} that names the promise that is broken.
   */
  async check(): Promise<void> {
    const { records, markers, waiting, endOffset } = await this.read()
    if (endOffset !== this.endOffset) throw new Error('no batch leads readers to the end')
    const byOffset = new Map(this.appended.map((one) => [one.offset, one]))
    const stored = new Set<number>()
    for (const record of records) {
      const { transaction, ...original } = byOffset.get(record.offset) as AppendedRecord
      if (JSON.stringify(original) !== JSON.stringify(record))
        throw new Error('a record is changed')
      stored.add(record.offset)
    }
    this.#checkMarkers(stored, markers)
    const visible = this.appended.filter(
      ({ offset, transaction }) =>
        offset < this.lastStableOffset && transaction?.outcome !== 'abort',
    )
    const latest = new Map(visible.map((record) => [record.key, record]))
    for (const record of visible) {
      const isLatest = latest.get(record.key) === record
      this.#checkRecord(record, latest.get(record.key) as ModelRecord, stored)
      if (isLatest && record.value === null) {
        if (waiting.has(record.offset)) this.#noteKept(record.offset)
        this.#checkTombstone(record, stored, visible)
      }
    }
    this.#checkAborted(stored)
  }

  #checkRecord(record: ModelRecord, latest: ModelRecord, stored: ReadonlySet<number>): void {
    const { offset, value } = record
    const isClean = offset < this.cleanOffset
    if (stored.has(offset)) {
      const isSuperseded = record !== latest && isClean && latest.offset < this.cleanOffset
      if (isSuperseded) throw new Error('a superseded record is left')
      return
    }
    const mayBeGone = isClean || this.#isUnderWay
    if (!mayBeGone) throw new Error('a dirty record is gone')
    if (record === latest && value !== null) throw new Error('a latest value is gone')
  }

  #noteKept(offset: number): void {
    if (!this.#tombstonesKeptAtMs.has(offset)) this.#tombstonesKeptAtMs.set(offset, this.nowMs)
  }

  /** Set by a test that loses passes: then dirty records may be superseded already. */
  #isUnderWay = false

  losesPasses(): void {
    this.#isUnderWay = true
  }

  #checkMarkers(stored: ReadonlySet<number>, markers: readonly number[]): void {
    for (const transaction of this.transactions) {
      if (transaction.outcome === 'open' || markers.includes(transaction.markerOffset)) continue
      const isLeft = this.appended.some(
        (one) => one.transaction === transaction && stored.has(one.offset),
      )
      if (isLeft) throw new Error('a marker is gone before the records of its transaction')
    }
  }

  #checkTombstone(
    tombstone: ModelRecord,
    stored: ReadonlySet<number>,
    visible: readonly ModelRecord[],
  ): void {
    if (stored.has(tombstone.offset)) return
    if (visible.some(({ key, offset }) => key === tombstone.key && stored.has(offset))) {
      throw new Error('a tombstone is gone before what it deletes')
    }
    if (this.tombstonesGoneBelow <= tombstone.offset)
      throw new Error('a removed tombstone is not noted')
    const keptAtMs = this.#tombstonesKeptAtMs.get(tombstone.offset)
    if (keptAtMs === undefined || this.nowMs < keptAtMs + DELETE_RETENTION_MS) {
      throw new Error('a tombstone is gone too early')
    }
  }

  #checkAborted(stored: ReadonlySet<number>): void {
    const isLeft = this.appended.some(
      ({ offset, transaction }) =>
        transaction?.outcome === 'abort' &&
        transaction.markerOffset < this.cleanOffset &&
        stored.has(offset),
    )
    if (isLeft) throw new Error('aborted records are left')
    for (const { offset, transaction } of this.appended) {
      if (transaction?.outcome !== 'abort' || !stored.has(offset)) continue
      const isListed = this.aborted.some(
        (one) =>
          one.producerId === transaction.producerId && one.firstOffset === transaction.firstOffset,
      )
      if (!isListed) throw new Error('aborted records are no longer listed as such')
    }
  }
}
