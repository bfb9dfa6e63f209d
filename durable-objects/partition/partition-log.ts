/**
 * The log of one partition over its rows. All calls are synchronous, so nothing else can happen between reading the
 * head and writing rows. The decisions are made in `src/core/log`.
 */
import {
  assignLogAppendTime,
  type BatchHeader,
  readBatchHeaders,
} from '../../src/core/batch/record-batch.ts'
import { assert, EdgelogError } from '../../src/core/errors.ts'
import { MAINTENANCE_ROWS_MAX } from '../../src/core/limits.ts'
import { type AppendDecision, decideAppend, type PlacedBatch } from '../../src/core/log/append.ts'
import type { LogEnds } from '../../src/core/log/log-ends.ts'
import type {
  AppendRequest,
  AppendResult,
  OverlapResult,
  PartitionAssignment,
  ProducerDescription,
  RestoreRequest,
} from '../../src/core/log/partition-api.ts'
import { decideRestore } from '../../src/core/log/restore.ts'
import {
  decideDeleteRecords,
  expiresAtMs,
  isDeletable,
  planRetention,
} from '../../src/core/log/retention.ts'
import { planSeal } from '../../src/core/log/seal.ts'
import { decideEnd, type OpenTransaction } from '../../src/core/log/transactions.ts'
import type { TopicConfig } from '../../src/core/topic/topic-config.ts'
import type { EndTransactionRequest } from '../../src/core/transaction/participant-api.ts'
import { replyTo } from './append-result.ts'
import { CompactionRows } from './compaction-rows.ts'
import { findTimestamp } from './find-timestamp.ts'
import { LogWriter } from './log-writer.ts'
import type { SealedRows } from './read-sealed.ts'
import { type LogSlice, readSlice, type SliceRequest } from './read-slice.ts'
import { RemoteCopies } from './remote-copies.ts'
import { RemoteLog } from './remote-log.ts'
import { TableIndex } from './table-index.ts'
import { take, takeWhile } from './take.ts'

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

function isTiered({ config }: PartitionAssignment): boolean {
  return config.remoteStorageEnable
}

export class PartitionLog {
  readonly compaction: CompactionRows
  readonly table: TableIndex
  readonly #rows: LogWriter
  readonly remote: RemoteLog
  readonly copies: RemoteCopies
  #assignment: PartitionAssignment

  private constructor(sql: SqlStorage, rows: LogWriter, assignment: PartitionAssignment) {
    this.#rows = rows
    this.remote = new RemoteLog(sql, rows)
    this.copies = new RemoteCopies(this.remote, rows)
    this.#assignment = assignment
    this.table = new TableIndex(this, rows.settings, sql)
    this.compaction = new CompactionRows(rows, this)
  }

  static create(sql: SqlStorage, assignment: PartitionAssignment): PartitionLog {
    const rows = new LogWriter(sql)
    rows.settings.write('assignment', assignment)
    return new PartitionLog(sql, rows, assignment)
  }

  /**
   * Loads an existing log; undefined if its topic is deleted. The work is bounded by the distance between two
   * checkpoints.
   */
  static load(sql: SqlStorage, nowMs: number): PartitionLog | undefined {
    const rows = new LogWriter(sql)
    if (rows.settings.read('destroyed') !== undefined) return undefined
    const assignment = rows.settings.read('assignment')
    assert(assignment !== undefined, 'a partition with tables has an assignment')
    rows.replay(nowMs)
    return new PartitionLog(sql, rows, assignment)
  }

  get assignment(): PartitionAssignment {
    return this.#assignment
  }

  get config(): TopicConfig {
    return this.#assignment.config
  }

  get ends(): LogEnds {
    return this.#rows.ends
  }

  get logStartOffset(): number {
    return this.#rows.checkpoint.logStartOffset
  }

  /** The bytes of the whole log, each offset counted once. */
  get sizeBytes(): number {
    return this.#rows.sizeBytes + this.remote.evictedBytes
  }

  reassign(assignment: PartitionAssignment): void {
    if (assignment.version <= this.#assignment.version) return
    const isDisabled = isTiered(this.#assignment) && !isTiered(assignment)
    if (isDisabled) this.remote.drop()
    this.#assignment = assignment
    this.#rows.settings.write('assignment', assignment)
  }

  // -- append ------------------------------------------------------------------------------------

  /**
   * Decides and assigns offsets. `write` must follow in the same turn: until then the
   * batches are only in memory and not visible to readers.
   */
  append({ request, headers }: ParsedAppend, nowMs: number): AppendStep {
    const { batches, checks, producerRules, expectedOffset, transaction } = request
    const { producers, transactions, endOffset } = this.#rows
    const decision = decideAppend({
      headers,
      checks,
      producerRules,
      expectedOffset,
      logEndOffset: endOffset,
      config: this.#assignment.config,
      nowMs,
      producerState: (producerId) => producers.get(producerId),
      transaction,
      openTransactions: transactions.all,
    })
    if (decision.kind === 'overlap') {
      const { overlaps } = decision
      return { kind: 'overlap', resultOf: { overlaps, topicVersion: this.#assignment.version } }
    }
    if (decision.kind !== 'append') return decision
    for (const placed of decision.placed) {
      if (!placed.isDuplicate) this.#place(batches, placed, decision.opened, nowMs)
    }
    for (const [producerId, state] of decision.producers) producers.set(producerId, state, nowMs)
    return { kind: 'appended', resultOf: replyTo(decision.placed, this) }
  }

  #place(
    batches: Uint8Array,
    { header, baseOffset, logAppendTime }: PlacedBatch,
    opened: readonly OpenTransaction[],
    nowMs: number,
  ): void {
    assert(baseOffset === this.#rows.endOffset, 'offsets are dense')
    if (logAppendTime !== null) assignLogAppendTime(batches, header, logAppendTime)
    this.#rows.add(batches, header, logAppendTime ?? header.maxTimestamp, nowMs)
    for (const one of opened) if (one.firstOffset === baseOffset) this.#rows.begin(one)
  }

  /**
   * Decides on the end of a transaction, and assigns an offset to its marker. Marker, state of the producer, aborted
   * transaction and last stable offset change together, in the turn that `write` ends.
   */
  endTransaction(request: EndTransactionRequest, nowMs: number): AppendStep {
    const { producerId } = request
    const { producers, transactions, endOffset: lastOffset } = this.#rows
    const open = transactions.all.get(producerId)
    const decision = decideEnd(request, producers.get(producerId), open, nowMs)
    if (decision.kind === 'refuse') return decision
    if (decision.kind === 'done') return { kind: 'ended' }
    const { marker, outcome, producer } = decision
    const whole = { position: 0, sizeBytes: marker.length, lastOffsetDelta: 0 }
    this.#rows.noteTransactions()
    this.#rows.add(marker, whole, nowMs, nowMs)
    producers.set(producerId, producer, nowMs)
    transactions.close(producerId)
    if (outcome === 'abort' && open !== undefined) {
      const { firstOffset } = open
      const stableOffset = this.#rows.stableOffset(lastOffset + 1)
      transactions.addAborted({ producerId, firstOffset, lastOffset, stableOffset })
    }
    return { kind: 'ended' }
  }

  /**
   * Writes the batches appended in this turn, with a checkpoint when one is due.
   *
   * @returns whether the checkpoint left chunks to seal, or to copy to R2.
   */
  write(): boolean {
    const { checkpoint } = this.#rows
    const hasSmallChunks = this.#rows.write()
    return hasSmallChunks || (isTiered(this.#assignment) && this.#rows.checkpoint !== checkpoint)
  }

  // -- read --------------------------------------------------------------------------------------

  /**
   * Returns whole batches from the one that holds the offset.
   *
   * @throws {EdgelogError} `offset_out_of_range`; `unavailable` if the records are in R2 only.
   */
  read(request: SliceRequest): LogSlice {
    if (this.remote.rangeFrom(request.offset) !== undefined) {
      const why = `offset ${request.offset} is in remote storage only; resume from it`
      throw new EdgelogError('unavailable', why)
    }
    // Without transactions all batches are visible, and need not be inspected.
    const { hasTransactions } = this.#rows.checkpoint
    const inspected = hasTransactions ? request : { ...request, content: 'stored' as const }
    return readSlice(this.#rows, this.ends, inspected)
  }

  /** The rows from which sealed chunks are read. */
  get sealedRows(): SealedRows {
    return this.#rows
  }

  /** Returns the batches of `TimestampLookup`. */
  findTimestamp(wanted: number | 'max'): Uint8Array[] {
    return findTimestamp(this.#rows.chunks, this.remote.localStartOffset, wanted)
  }

  /** Describes the producers that the partition remembers. */
  describeProducers(limit: number): ProducerDescription[] {
    return this.#rows.producers.list(limit).map(({ producerId, state, lastAppendMs }) => {
      const open = this.#rows.transactions.all.get(producerId)
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

  // -- maintenance -------------------------------------------------------------------------------

  /**
   * Returns whether retention by size would delete something now, regardless
   * of age. Runs after each append; reads no row.
   */
  get hasExcess(): boolean {
    const { oldest } = this.remote
    return oldest !== undefined && isDeletable(oldest, this, this.#assignment.config)
  }

  get oldestExpiresAtMs(): number | undefined {
    const { oldest } = this.remote
    return oldest === undefined ? undefined : expiresAtMs(oldest, this.#assignment.config)
  }

  /**
   * Deletes expired chunks, a bounded number per turn.
   *
   * @param nowMs if undefined, the age of records is ignored.
   * @returns whether there may be more.
   */
  retain(nowMs?: number): boolean {
    const spans = take(this.remote.spans(), MAINTENANCE_ROWS_MAX)
    const plan = planRetention(spans, this, this.#assignment.config, nowMs)
    if (plan.count === 0) return false
    const evictedBytes = this.remote.deleteBelow(plan.endOffset)
    this.#rows.deleteChunks(plan.endOffset, plan.sizeBytes - evictedBytes, plan.logStartOffset)
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
    this.#rows.writeCheckpoint({ logStartOffset })
    this.retain()
  }

  /**
   * Merges one group of small chunks below the checkpoint.
   *
   * @returns whether there may be more.
   */
  seal(): boolean {
    const { chunks } = this.#rows
    const { offset, sealedOffset } = this.#rows.checkpoint
    if (sealedOffset >= offset) return false
    const spans = takeWhile(chunks.spansFrom(sealedOffset), (span) => span.endOffset <= offset)
    const plan = planSeal(spans, sealedOffset)
    if (plan.group !== undefined) chunks.merge(plan.group)
    if (plan.sealedOffset !== sealedOffset) {
      this.#rows.writeCheckpoint({ sealedOffset: plan.sealedOffset })
    }
    if (plan.group !== undefined) this.#rows.readOldest()
    return plan.group !== undefined
  }

  /**
   * Appends batches of another log at their offsets, and writes them with a checkpoint: a replay would not find the
   * offsets before the first batch.
   *
   * @throws {EdgelogError} errors of `decideRestore`; then nothing is changed.
   */
  restore({ sourceId, from, batches }: RestoreRequest, nowMs: number): void {
    const headers = batches.length === 0 ? [] : readBatchHeaders(batches)
    const { endOffset: logEndOffset, checkpoint } = this.#rows
    const input = { sourceId, from, headers, logEndOffset, restored: checkpoint.restored }
    const { firstOffset, endOffset } = decideRestore(input)
    if (endOffset === logEndOffset) return
    if (logEndOffset === 0) this.#rows.startAt(firstOffset)
    for (const header of headers) {
      this.#rows.passOver(header.baseOffset)
      this.#rows.add(batches, header, header.maxTimestamp, nowMs)
    }
    this.#rows.write()
    const restored = { sourceId, endOffset }
    const isFirst = logEndOffset === 0
    this.#rows.writeCheckpoint({ restored, ...(isFirst && { logStartOffset: from }) })
  }

  /** Deletes some of the producers that were idle for too long. Returns whether there are more. */
  expireProducers(nowMs: number): boolean {
    return this.#rows.producers.expire(nowMs)
  }

  get producersExpireAtMs(): number | undefined {
    return this.#rows.producers.expireAtMs
  }

  /** Returns some of the transactions whose coordinator has to be asked now. */
  takeOverdueTransactions(nowMs: number): OpenTransaction[] {
    return this.#rows.transactions.takeOverdue(nowMs)
  }

  /** A lower bound of the time of the next such question; undefined if no transaction is open. */
  get transactionQuestionDueAtMs(): number | undefined {
    return this.#rows.transactions.questionDueAtMs
  }
}
