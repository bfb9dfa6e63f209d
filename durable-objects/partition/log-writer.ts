/**
 * The rows of a log and the end of it: assigns offsets to batches, collects them in chunks, writes these and
 * checkpoints, and replays what lies behind the last checkpoint after a start.
 */
import { decodeTransactionMarker } from '../../src/core/batch/control-record.ts'
import {
  assignOffset,
  type BatchHeader,
  readBatchHeaders,
} from '../../src/core/batch/record-batch.ts'
import { assert } from '../../src/core/errors.ts'
import { CHECKPOINT_BYTES, CHECKPOINT_CHUNKS } from '../../src/core/limits.ts'
import type { ChunkSpan } from '../../src/core/log/chunk.ts'
import type { LogEnds } from '../../src/core/log/log-ends.ts'
import { rememberBatch } from '../../src/core/log/producer-state.ts'
import { SEALED_CHUNK_BYTES_MIN } from '../../src/core/log/seal.ts'
import { endedProducer, type OpenTransaction } from '../../src/core/log/transactions.ts'
import { ChunkTable, type ReplayedChunk } from './chunk-table.ts'
import { OpenChunk } from './open-chunk.ts'
import { ProducerTable } from './producer-table.ts'
import { type Checkpoint, EMPTY_CHECKPOINT, SettingTable } from './setting-table.ts'
import { decodeOpened, encodeOpened, TransactionTable } from './transaction-table.ts'

/** Constant: a Durable Object never loses an election. */
const LEADER_EPOCH = 0

export class LogWriter {
  readonly chunks: ChunkTable
  readonly producers: ProducerTable
  readonly settings: SettingTable
  readonly transactions: TransactionTable
  #checkpoint: Checkpoint
  /** The offset of the next batch. */
  #endOffset: number
  /** The end of the rows, and so of what readers see. */
  #writtenOffset: number
  /** Bytes and chunks above the checkpoint. */
  #uncheckpointedBytes = 0
  #uncheckpointedChunks = 0
  #oldest: ChunkSpan | undefined
  /** Batches with offsets that are not written yet, and the transactions that begin among them. */
  #unwritten: OpenChunk | undefined
  #opened: OpenTransaction[] = []

  constructor(sql: SqlStorage) {
    this.chunks = new ChunkTable(sql)
    this.producers = new ProducerTable(sql)
    this.settings = new SettingTable(sql)
    this.transactions = new TransactionTable(sql)
    this.#checkpoint = this.settings.read('checkpoint') ?? EMPTY_CHECKPOINT
    this.#endOffset = this.#checkpoint.offset
    this.#writtenOffset = this.#endOffset
  }

  get checkpoint(): Checkpoint {
    return this.#checkpoint
  }

  get endOffset(): number {
    return this.#endOffset
  }

  get ends(): LogEnds {
    const { logStartOffset } = this.#checkpoint
    const highWatermark = this.#writtenOffset
    return { logStartOffset, lastStableOffset: this.stableOffset(highWatermark), highWatermark }
  }

  /** @param endOffset the end of the log: the last stable offset if no transaction is open */
  stableOffset(endOffset: number): number {
    const firstOpen = this.transactions.firstOffset ?? endOffset
    return Math.max(this.#checkpoint.logStartOffset, Math.min(firstOpen, endOffset))
  }

  get sizeBytes(): number {
    return this.#checkpoint.sizeBytes + this.#uncheckpointedBytes
  }

  /** The oldest chunk; retention checks it after each append. */
  get oldest(): ChunkSpan | undefined {
    return this.#oldest
  }

  // -- replay ------------------------------------------------------------------------------------

  /** Reads what was appended since the last checkpoint: a bounded part of the log. */
  replay(nowMs: number): void {
    this.readOldest()
    for (const chunk of this.chunks.since(this.#checkpoint.offset)) {
      this.#replayChunk(chunk, nowMs)
      this.#uncheckpointedBytes += chunk.bytes.length
      this.#uncheckpointedChunks += 1
    }
    this.#writtenOffset = this.#endOffset
  }

  #replayChunk({ bytes, opened }: ReplayedChunk, nowMs: number): void {
    const begun = opened === null ? [] : decodeOpened(opened)
    for (const header of readBatchHeaders(bytes)) {
      const { baseOffset, lastOffsetDelta } = header
      if (header.isTransactional) this.noteTransactions()
      // In the order of the batches: the former transaction of a producer may end in the same chunk.
      for (const one of begun) if (one.firstOffset === baseOffset) this.transactions.open(one)
      if (header.producerId >= 0n) this.#replayProducer(bytes, header, nowMs)
      this.#endOffset = baseOffset + lastOffsetDelta + 1
    }
  }

  #replayProducer(bytes: Uint8Array, header: BatchHeader, nowMs: number): void {
    const { producerId, producerEpoch, baseOffset, maxTimestamp, timestampType } = header
    const state = this.producers.get(producerId)
    const marker = header.isControl ? decodeTransactionMarker(bytes, header) : null
    if (marker !== null) {
      const ended = { producerEpoch, number: marker.coordinatorEpoch }
      this.producers.set(producerId, endedProducer(state, ended), nowMs)
      this.transactions.close(producerId)
      return
    }
    const logAppendTime = timestampType === 'LogAppendTime' ? maxTimestamp : null
    this.producers.set(producerId, rememberBatch(state, header, baseOffset, logAppendTime), nowMs)
  }

  // -- write -------------------------------------------------------------------------------------

  /**
   * Assigns the next offsets to a batch. `write` must follow in the same turn: until then it is only in memory and not
   * visible to readers.
   *
   * @param bytes the batches of a call; the one at `header.position` is added
   * @param maxTimestamp that of its records
   */
  add(
    bytes: Uint8Array,
    header: Pick<BatchHeader, 'position' | 'sizeBytes' | 'lastOffsetDelta'>,
    maxTimestamp: number,
    nowMs: number,
  ): void {
    const { position, sizeBytes, lastOffsetDelta } = header
    assignOffset(bytes, position, this.#endOffset, LEADER_EPOCH)
    const batch = bytes.subarray(position, position + sizeBytes)
    if (this.#unwritten?.hasRoomFor(batch) === false) this.#writeChunk()
    this.#unwritten ??= new OpenChunk()
    this.#unwritten.add(batch, maxTimestamp, nowMs)
    this.#endOffset += lastOffsetDelta + 1
  }

  /** Opens a transaction that begins with the batch added last. */
  begin(transaction: OpenTransaction): void {
    this.noteTransactions()
    this.#opened.push(transaction)
    this.transactions.open(transaction)
  }

  /** Stored by the next checkpoint; until then a replay finds the batch. */
  noteTransactions(): void {
    if (this.#checkpoint.hasTransactions) return
    this.#checkpoint = { ...this.#checkpoint, hasTransactions: true }
  }

  /** Sets the offset of the first batch of an empty log. The caller writes a checkpoint in the same turn. */
  startAt(offset: number): void {
    assert(
      this.#endOffset === 0 && this.#oldest === undefined,
      'only an empty log begins elsewhere',
    )
    this.#endOffset = offset
    this.#writtenOffset = offset
    this.#checkpoint = { ...this.#checkpoint, sealedOffset: offset }
  }

  /** Leaves the offsets below `offset` without a batch. A batch must follow in the same turn. */
  passOver(offset: number): void {
    assert(offset >= this.#endOffset, 'offsets only grow')
    this.#endOffset = offset
  }

  /** Stored by the checkpoint that the caller writes in the same turn. */
  noteEvicted(evictedBytes: number): void {
    this.#checkpoint = { ...this.#checkpoint, evictedBytes }
  }

  /**
   * Writes the batches added in this turn, with a checkpoint when one is due.
   *
   * @returns whether the checkpoint left small chunks to seal.
   */
  write(): boolean {
    this.#writeChunk()
    const isDue =
      this.#uncheckpointedBytes >= CHECKPOINT_BYTES ||
      this.#uncheckpointedChunks >= CHECKPOINT_CHUNKS
    if (!isDue) return false
    const hasSmallChunks =
      this.#uncheckpointedBytes / this.#uncheckpointedChunks < SEALED_CHUNK_BYTES_MIN
    this.writeCheckpoint({})
    return hasSmallChunks
  }

  #writeChunk(): void {
    if (this.#unwritten === undefined) return
    const { bytes, maxTimestamp } = this.#unwritten.close()
    const baseOffset = this.#writtenOffset
    const endOffset = this.#endOffset
    const opened = this.#opened.length === 0 ? null : encodeOpened(this.#opened)
    this.#opened = []
    this.chunks.insert({ baseOffset, endOffset, maxTimestamp, bytes, opened })
    this.#oldest ??= { baseOffset, endOffset, maxTimestamp, sizeBytes: bytes.length }
    this.#uncheckpointedBytes += bytes.length
    this.#uncheckpointedChunks += 1
    this.#unwritten = undefined
    this.#writtenOffset = endOffset
  }

  writeCheckpoint(change: Partial<Checkpoint>): void {
    this.producers.writeChanged()
    this.transactions.writeOpen()
    this.#checkpoint = {
      ...this.#checkpoint,
      offset: this.#writtenOffset,
      sizeBytes: this.sizeBytes,
      ...change,
    }
    this.settings.write('checkpoint', this.#checkpoint)
    this.#uncheckpointedBytes = 0
    this.#uncheckpointedChunks = 0
  }

  /** Writes a change of the checkpoint without moving it: the producers in memory need not be written. */
  amendCheckpoint(change: Partial<Omit<Checkpoint, 'offset'>>): void {
    this.#checkpoint = { ...this.#checkpoint, ...change }
    this.settings.write('checkpoint', this.#checkpoint)
  }

  /** Replaces neighbouring chunks below the checkpoint by one with other bytes, or by none. */
  replaceChunks(
    group: readonly ChunkSpan[],
    bytes: Uint8Array,
    maxTimestamp: number,
    change: Partial<Checkpoint>,
  ): void {
    this.chunks.replace(group, bytes, maxTimestamp)
    const formerBytes = group.reduce((sum, chunk) => sum + chunk.sizeBytes, 0)
    const sizeBytes = this.#checkpoint.sizeBytes + bytes.length - formerBytes
    this.amendCheckpoint({ ...change, sizeBytes })
    if (group[0]?.baseOffset === this.#oldest?.baseOffset) this.readOldest()
  }

  /** Deletes the oldest chunks, up to `endOffset`. */
  deleteChunks(endOffset: number, sizeBytes: number, logStartOffset: number): void {
    this.chunks.deleteBelow(endOffset)
    this.#uncheckpointedBytes -= sizeBytes
    this.writeCheckpoint({
      logStartOffset,
      sealedOffset: Math.max(this.#checkpoint.sealedOffset, endOffset),
    })
    this.transactions.forgetAbortedBelow(logStartOffset)
    this.readOldest()
  }

  /** To be called when the oldest chunk may have changed. */
  readOldest(): void {
    this.#oldest = this.chunks.oldest()
  }
}
