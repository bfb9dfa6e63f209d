/** The offsets of one group: the committed ones, and those of open transactions. */
import type {
  CommittedOffset,
  OffsetFetchRequest,
  OffsetToCommit,
} from '../../src/core/group/group-api.ts'
import type { OffsetExpiry } from '../../src/core/group/offset-expiry.ts'
import {
  markUnstable,
  type ProducerOffsets,
  type TransactionalOffsets,
} from '../../src/core/group/pending/pending-offsets.ts'
import type { EndTransactionRequest } from '../../src/core/transaction/participant-api.ts'
import { OffsetTable } from './offset-table.ts'
import { PendingTable } from './pending-table.ts'

export class GroupOffsets {
  readonly #committed: OffsetTable
  readonly #pending: PendingTable

  constructor(sql: SqlStorage) {
    this.#committed = new OffsetTable(sql)
    this.#pending = new PendingTable(sql)
  }

  get isEmpty(): boolean {
    return this.#committed.count === 0 && this.#pending.open.offsetsCount === 0
  }

  get openProducers(): readonly ProducerOffsets[] {
    return this.#pending.open.producers
  }

  /** @throws {EdgelogError} as `OffsetTable.checkRoom`, which counts pending offsets too. */
  checkRoom(
    offsets: readonly OffsetToCommit[],
    collected: ReadonlyMap<string, OffsetToCommit>,
  ): void {
    this.#committed.checkRoom(offsets, collected, this.#pending.open.offsetsCount)
  }

  /** Commits offsets. Pending offsets of these partitions arrived earlier, so they no longer count. */
  commit(offsets: readonly OffsetToCommit[], nowMs: number): void {
    // A group that does not exist has no tables to look into.
    if (offsets.length === 0) return
    this.#pending.supersede(offsets)
    for (const offset of offsets) this.#committed.write(offset, nowMs)
  }

  /** @throws {EdgelogError} as `PendingTable.add`. */
  addPending(offsets: TransactionalOffsets, nowMs: number): void {
    this.#pending.add(offsets, nowMs)
  }

  /** @throws {EdgelogError} `transaction_coordinator_fenced`. */
  endTransaction(request: EndTransactionRequest, nowMs: number): void {
    for (const offset of this.#pending.end(request, nowMs)) this.#committed.write(offset, nowMs)
  }

  /** Drops the pending offsets of a producer, if this transaction is still the open one. */
  dropTransaction({ producerId, producerEpoch, open }: ProducerOffsets, nowMs: number): boolean {
    const { number, version } = open?.transaction ?? {}
    if (number === undefined || version === undefined) return false
    if (this.#pending.open.get(producerId)?.open?.transaction.number !== number) return false
    this.#pending.end({ producerId, producerEpoch, version, number, outcome: 'abort' }, nowMs)
    return true
  }

  list({ topics, requireStable = false }: OffsetFetchRequest): readonly CommittedOffset[] {
    const committed = this.#committed.list(topics)
    if (!requireStable) return committed
    const names = topics && new Set(topics)
    const pending = [...this.#pending.open.offsets()]
    return markUnstable(
      committed,
      pending.filter(({ topic }) => names === undefined || names.has(topic)),
    )
  }

  delete(topicId: string, partition: number | null): void {
    this.#committed.delete(topicId, partition)
    this.#pending.delete(topicId, partition)
  }

  /**
   * Deletes expired offsets, and what was kept of producers for long enough.
   *
   * @returns the time of the next expiry; infinity if there is none.
   */
  expire(expiry: Omit<OffsetExpiry, 'isPending'>, nowMs: number): number {
    this.#pending.expire(nowMs)
    const isPending = (offset: CommittedOffset) => this.#pending.open.isPending(offset)
    return this.#committed.expire({ ...expiry, isPending }, nowMs)
  }
}
