/**
 * The log of one partition over its tables. All calls are synchronous, so nothing else can happen between reading the
 * head and writing rows. The decisions are made in `src/core/log`.
 */
import { decodeTransactionMarker } from '../../src/core/batch/control-record.ts'
import {
  assignLogAppendTime,
  assignOffset,
  type BatchHeader,
  readBatchHeaders,
} from '../../src/core/batch/record-batch.ts'
import { assert } from '../../src/core/errors.ts'
import { CHECKPOINT_BYTES, CHECKPOINT_CHUNKS, MAINTENANCE_ROWS_MAX } from '../../src/core/limits.ts'
import { type AppendDecision, decideAppend, type PlacedBatch } from '../../src/core/log/append.ts'
import type { ChunkSpan } from '../../src/core/log/chunk.ts'
import type { LogEnds } from '../../src/core/log/log-ends.ts'
import type {
  AppendRequest,
  AppendResult,
  OverlapResult,
  PartitionAssignment,
  ProducerDescription,
} from '../../src/core/log/partition-api.ts'
import { rememberBatch } from '../../src/core/log/producer-state.ts'
import {
  decideDeleteRecords,
  expiresAtMs,
  isDeletable,
  planRetention,
} from '../../src/core/log/retention.ts'
import { planSeal, SEALED_CHUNK_BYTES_MIN } from '../../src/core/log/seal.ts'
import { decideEnd, endedProducer, type OpenTransaction } from '../../src/core/log/transactions.ts'
import type { EndTransactionRequest } from '../../src/core/transaction/transaction-api.ts'
import { replyTo } from './append-result.ts'
import { ChunkTable } from './chunk-table.ts'
import { findTimestamp } from './find-timestamp.ts'
import { OpenChunk } from './open-chunk.ts'
import { ProducerTable } from './producer-table.ts'
import { type LogSlice, readSlice, type SliceRequest } from './read-slice.ts'
import { type Checkpoint, EMPTY_CHECKPOINT, SettingTable } from './setting-table.ts'
import { take, takeWhile } from './take.ts'
import { decodeOpened, encodeOpened, TransactionTable } from './transaction-table.ts'

/** Constant: a Durable Object never loses an election. */
const LEADER_EPOCH = 0

export interface ParsedAppend {
  readonly request: AppendRequest
  readonly headers: readonly BatchHeader[]
}

export type AppendStep =
  | { readonly kind: 'appended'; readonly resultOf: AppendResult }
  | { readonly kind: 'overlap'; readonly resultOf: OverlapResult }
  | { readonly kind: 'ended' }
  | Exclude<AppendDecision, { kind: 'append' | 'overlap' }>

/**
 * Parses the batch headers for `decideAppend`.
 *
 * @throws {EdgelogError} for bytes that are not record batches.
 */
export function parseAppend(request: AppendRequest): ParsedAppend {
  return { request, headers: readBatchHeaders(request.batches) }
}

export class PartitionLog {
  readonly #chunks: ChunkTable
  readonly #producers: ProducerTable
  readonly #settings: SettingTable
  readonly #transactions: TransactionTable
  #assignment: PartitionAssignment
  #checkpoint: Checkpoint
  #logEndOffset: number
  /** Bytes and chunks above the checkpoint. */
  #uncheckpointedBytes = 0
  #uncheckpointedChunks = 0
  /** The oldest chunk; retention checks it after each append. */
  #oldest: ChunkSpan | undefined
  /** Batches with offsets assigned in this turn that are not written yet. */
  #unwritten: OpenChunk | undefined
  #writtenOffset: number
  /** Transactions that begin in `#unwritten`. */
  #opened: OpenTransaction[] = []

  private constructor(sql: SqlStorage, assignment: PartitionAssignment) {
    this.#chunks = new ChunkTable(sql)
    this.#producers = new ProducerTable(sql)
    this.#settings = new SettingTable(sql)
    this.#transactions = new TransactionTable(sql)
    this.#assignment = assignment
    this.#checkpoint = this.#settings.read('checkpoint') ?? EMPTY_CHECKPOINT
    this.#logEndOffset = this.#checkpoint.offset
    this.#writtenOffset = this.#logEndOffset
  }

  static create(sql: SqlStorage, assignment: PartitionAssignment): PartitionLog {
    const log = new PartitionLog(sql, assignment)
    log.#settings.write('assignment', assignment)
    return log
  }

  /** Loads an existing log. The work is bounded by the distance between two checkpoints. */
  static load(sql: SqlStorage, nowMs: number): PartitionLog {
    const assignment = new SettingTable(sql).read('assignment')
    assert(assignment !== undefined, 'a partition with tables has an assignment')
    const log = new PartitionLog(sql, assignment)
    log.#replay(nowMs)
    return log
  }

  #replay(nowMs: number): void {
    this.#oldest = this.#chunks.oldest()
    for (const { bytes, opened } of this.#chunks.since(this.#checkpoint.offset)) {
      if (opened !== null) {
        for (const transaction of decodeOpened(opened)) this.#transactions.open(transaction)
      }
      for (const header of readBatchHeaders(bytes)) {
        if (header.isTransactional) this.#noteTransactions()
        if (header.producerId >= 0n) this.#replayProducer(bytes, header, nowMs)
        this.#logEndOffset = header.baseOffset + header.lastOffsetDelta + 1
      }
      this.#uncheckpointedBytes += bytes.length
      this.#uncheckpointedChunks += 1
    }
    this.#writtenOffset = this.#logEndOffset
  }

  #replayProducer(bytes: Uint8Array, header: BatchHeader, nowMs: number): void {
    const { producerId, producerEpoch, baseOffset, maxTimestamp, timestampType } = header
    const state = this.#producers.get(producerId)
    const marker = header.isControl ? decodeTransactionMarker(bytes, header) : null
    if (marker !== null) {
      const ended = { producerEpoch, number: marker.coordinatorEpoch }
      this.#producers.set(producerId, endedProducer(state, ended), nowMs)
      this.#transactions.close(producerId)
      return
    }
    const logAppendTime = timestampType === 'LogAppendTime' ? maxTimestamp : null
    this.#producers.set(producerId, rememberBatch(state, header, baseOffset, logAppendTime), nowMs)
  }

  /** Stored by the next checkpoint; until then a replay finds the batch. */
  #noteTransactions(): void {
    if (this.#checkpoint.hasTransactions) return
    this.#checkpoint = { ...this.#checkpoint, hasTransactions: true }
  }

  get assignment(): PartitionAssignment {
    return this.#assignment
  }

  get ends(): LogEnds {
    const { logStartOffset } = this.#checkpoint
    const highWatermark = this.#writtenOffset
    return { logStartOffset, lastStableOffset: this.#stableOffset(highWatermark), highWatermark }
  }

  /** @param endOffset the end of the log: the last stable offset if no transaction is open */
  #stableOffset(endOffset: number): number {
    const firstOpen = this.#transactions.firstOffset ?? endOffset
    return Math.max(this.#checkpoint.logStartOffset, Math.min(firstOpen, endOffset))
  }

  get logStartOffset(): number {
    return this.#checkpoint.logStartOffset
  }

  get sizeBytes(): number {
    return this.#checkpoint.sizeBytes + this.#uncheckpointedBytes
  }

  reassign(assignment: PartitionAssignment): void {
    if (assignment.version <= this.#assignment.version) return
    this.#assignment = assignment
    this.#settings.write('assignment', assignment)
  }

  // -- append ------------------------------------------------------------------------------------

  /**
   * Decides and assigns offsets. `write` must follow in the same turn: until then the
   * batches are only in memory and not visible to readers.
   */
  append({ request, headers }: ParsedAppend, nowMs: number): AppendStep {
    const { batches, checks, producerRules, expectedOffset, transaction } = request
    const decision = decideAppend({
      headers,
      checks,
      producerRules,
      expectedOffset,
      logEndOffset: this.#logEndOffset,
      config: this.#assignment.config,
      nowMs,
      producerState: (producerId) => this.#producers.get(producerId),
      transaction,
      openTransactions: this.#transactions.all,
    })
    if (decision.kind === 'overlap') {
      const { overlaps } = decision
      return { kind: 'overlap', resultOf: { overlaps, topicVersion: this.#assignment.version } }
    }
    if (decision.kind !== 'append') return decision
    for (const placed of decision.placed) {
      if (!placed.isDuplicate) this.#place(batches, placed, decision.opened, nowMs)
    }
    for (const [producerId, state] of decision.producers) {
      this.#producers.set(producerId, state, nowMs)
    }
    return { kind: 'appended', resultOf: replyTo(decision.placed, this) }
  }

  #place(
    batches: Uint8Array,
    placed: PlacedBatch,
    opened: readonly OpenTransaction[],
    nowMs: number,
  ): void {
    const { header, baseOffset, logAppendTime } = placed
    assert(baseOffset === this.#logEndOffset, 'offsets are dense')
    const batch = batches.subarray(header.position, header.position + header.sizeBytes)
    if (logAppendTime !== null) assignLogAppendTime(batches, header, logAppendTime)
    assignOffset(batches, header.position, baseOffset, LEADER_EPOCH)
    this.#addToChunk(batch, logAppendTime ?? header.maxTimestamp, nowMs)
    for (const transaction of opened) {
      if (transaction.firstOffset !== baseOffset) continue
      this.#noteTransactions()
      this.#opened.push(transaction)
      this.#transactions.open(transaction)
    }
    this.#logEndOffset = baseOffset + header.lastOffsetDelta + 1
  }

  #addToChunk(batch: Uint8Array, maxTimestamp: number, nowMs: number): void {
    if (this.#unwritten?.hasRoomFor(batch) === false) this.#writeChunk()
    this.#unwritten ??= new OpenChunk()
    this.#unwritten.add(batch, maxTimestamp, nowMs)
  }

  /**
   * Decides on the end of a transaction, and assigns an offset to its marker. Marker, state of the producer, aborted
   * transaction and last stable offset change together, in the turn that `write` ends.
   */
  endTransaction(request: EndTransactionRequest, nowMs: number): AppendStep {
    const { producerId } = request
    const open = this.#transactions.all.get(producerId)
    const decision = decideEnd(request, this.#producers.get(producerId), open, nowMs)
    if (decision.kind === 'refuse') return decision
    if (decision.kind === 'done') return { kind: 'ended' }
    const { marker, outcome, producer } = decision
    const lastOffset = this.#logEndOffset
    assignOffset(marker, 0, lastOffset, LEADER_EPOCH)
    this.#noteTransactions()
    this.#addToChunk(marker, nowMs, nowMs)
    this.#logEndOffset = lastOffset + 1
    this.#producers.set(producerId, producer, nowMs)
    this.#transactions.close(producerId)
    if (outcome === 'abort' && open !== undefined) {
      const { firstOffset } = open
      const stableOffset = this.#stableOffset(this.#logEndOffset)
      this.#transactions.addAborted({ producerId, firstOffset, lastOffset, stableOffset })
    }
    return { kind: 'ended' }
  }

  /**
   * Writes the batches appended in this turn, with a checkpoint when one is due.
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
    this.#writeCheckpoint({})
    return hasSmallChunks
  }

  #writeChunk(): void {
    if (this.#unwritten === undefined) return
    const { bytes, maxTimestamp } = this.#unwritten.close()
    const baseOffset = this.#writtenOffset
    const endOffset = this.#logEndOffset
    const opened = this.#opened.length === 0 ? null : encodeOpened(this.#opened)
    this.#opened = []
    this.#chunks.insert({ baseOffset, endOffset, maxTimestamp, bytes, opened })
    this.#oldest ??= { baseOffset, endOffset, maxTimestamp, sizeBytes: bytes.length }
    this.#uncheckpointedBytes += bytes.length
    this.#uncheckpointedChunks += 1
    this.#unwritten = undefined
    this.#writtenOffset = endOffset
  }

  #writeCheckpoint(change: Partial<Checkpoint>): void {
    this.#producers.writeChanged()
    this.#transactions.writeOpen()
    this.#checkpoint = {
      ...this.#checkpoint,
      offset: this.#writtenOffset,
      sizeBytes: this.sizeBytes,
      ...change,
    }
    this.#settings.write('checkpoint', this.#checkpoint)
    this.#uncheckpointedBytes = 0
    this.#uncheckpointedChunks = 0
  }

  // -- read --------------------------------------------------------------------------------------

  /**
   * Returns whole batches from the one that holds the offset.
   *
   * @throws {EdgelogError} `offset_out_of_range`.
   */
  read(request: SliceRequest): LogSlice {
    const tables = { chunks: this.#chunks, transactions: this.#transactions }
    // Without transactions all batches are visible, and need not be inspected.
    const inspected = this.#checkpoint.hasTransactions
      ? request
      : { ...request, content: 'stored' as const }
    return readSlice(tables, this.ends, inspected)
  }

  /** Returns the batches of `TimestampLookup`. */
  findTimestamp(wanted: number | 'max'): Uint8Array[] {
    return findTimestamp(this.#chunks, this.logStartOffset, wanted)
  }

  // -- maintenance -------------------------------------------------------------------------------

  /**
   * Returns whether retention by size would delete something now, regardless
   * of age. Runs after each append; reads no row.
   */
  get hasExcess(): boolean {
    return this.#oldest !== undefined && isDeletable(this.#oldest, this, this.#assignment.config)
  }

  get oldestExpiresAtMs(): number | undefined {
    return this.#oldest === undefined
      ? undefined
      : expiresAtMs(this.#oldest, this.#assignment.config)
  }

  /**
   * Deletes expired chunks, a bounded number per turn.
   *
   * @param nowMs if undefined, the age of records is ignored.
   * @returns whether there may be more.
   */
  retain(nowMs?: number): boolean {
    const plan = planRetention(
      take(this.#chunks.spansFrom(0), MAINTENANCE_ROWS_MAX),
      this,
      this.#assignment.config,
      nowMs,
    )
    if (plan.count === 0) return false
    this.#chunks.deleteBelow(plan.endOffset)
    this.#uncheckpointedBytes -= plan.sizeBytes
    this.#writeCheckpoint({
      logStartOffset: plan.logStartOffset,
      sealedOffset: Math.max(this.#checkpoint.sealedOffset, plan.endOffset),
    })
    this.#transactions.forgetAbortedBelow(plan.logStartOffset)
    this.#oldest = this.#chunks.oldest()
    return plan.count === MAINTENANCE_ROWS_MAX
  }

  /**
   * Raises the log start. The chunks below it are deleted like expired ones: some now, the rest by alarm.
   *
   * @throws {EdgelogError} errors of `decideDeleteRecords`.
   */
  deleteRecords(beforeOffset: number | 'highWatermark'): void {
    const logStartOffset = decideDeleteRecords(beforeOffset, this.ends, this.#assignment.config)
    if (logStartOffset === this.logStartOffset) return
    this.#writeCheckpoint({ logStartOffset })
    this.retain()
  }

  /**
   * Merges one group of small chunks below the checkpoint.
   *
   * @returns whether there may be more.
   */
  seal(): boolean {
    const { offset, sealedOffset } = this.#checkpoint
    if (sealedOffset >= offset) return false
    const spans = takeWhile(
      this.#chunks.spansFrom(sealedOffset),
      (span) => span.endOffset <= offset,
    )
    const plan = planSeal(spans, sealedOffset)
    if (plan.group !== undefined) this.#chunks.merge(plan.group)
    if (plan.sealedOffset !== sealedOffset) {
      this.#writeCheckpoint({ sealedOffset: plan.sealedOffset })
    }
    if (plan.group !== undefined) this.#oldest = this.#chunks.oldest()
    return plan.group !== undefined
  }

  /** Describes the producers that the partition remembers. */
  describeProducers(limit: number): ProducerDescription[] {
    return this.#producers.list(limit).map(({ producerId, state, lastAppendMs }) => {
      const open = this.#transactions.all.get(producerId)
      return {
        producerId,
        producerEpoch: state.epoch,
        lastSequence: state.batches.at(-1)?.lastSequence ?? -1,
        lastTimestamp: lastAppendMs,
        coordinatorEpoch: open?.number ?? state.endedNumber ?? -1,
        currentTxnStartOffset: open?.firstOffset ?? -1,
      }
    })
  }

  /** Deletes some of the producers that were idle for too long. Returns whether there are more. */
  expireProducers(nowMs: number): boolean {
    return this.#producers.expire(nowMs)
  }

  /** Returns some of the transactions whose coordinator has to be asked now. */
  takeOverdueTransactions(nowMs: number): OpenTransaction[] {
    return this.#transactions.takeOverdue(nowMs)
  }

  /** A lower bound of the time of the next such question; undefined if no transaction is open. */
  get transactionQuestionDueAtMs(): number | undefined {
    return this.#transactions.questionDueAtMs
  }

  get producersExpireAtMs(): number | undefined {
    return this.#producers.expireAtMs
  }
}
