/**
 * The pending offsets of one group: one row per producer. The row remains for some days after a transaction ended, so
 * that its late messages are refused. Producers with an open transaction are also in memory.
 */
import type { OffsetToCommit } from '../../src/core/group/group-api.ts'
import { OpenTransactions } from '../../src/core/group/pending/open-transactions.ts'
import {
  addPending,
  endPending,
  type ProducerOffsets,
  type TransactionalOffsets,
} from '../../src/core/group/pending/pending-offsets.ts'
import { ENDED_PRODUCER_KEPT_MS, ENDED_PRODUCERS_MAX } from '../../src/core/limits.ts'
import { StoredForm } from '../../src/core/stored-form.ts'
import {
  type EndTransactionRequest,
  ONE_SHOT_PRODUCER_ID_MIN,
} from '../../src/core/transaction/participant-api.ts'

const PRODUCER = new StoredForm<Omit<ProducerOffsets, 'producerId'>>('pending offsets')

type ProducerRow = { producer_id: string; value: string }

export class PendingTable {
  readonly #sql: SqlStorage
  #loaded: OpenTransactions | undefined

  constructor(sql: SqlStorage) {
    this.#sql = sql
  }

  get open(): OpenTransactions {
    this.#loaded ??= this.#load()
    return this.#loaded
  }

  /**
   * Makes offsets pending.
   *
   * @throws {EdgelogError} errors of `addPending` and `checkRoom`; then nothing has changed.
   */
  add(request: TransactionalOffsets, nowMs: number): void {
    const known = this.#find(request.transaction.producerId)
    const producer = addPending(known, request, this.open.nextArrival, nowMs)
    this.open.checkRoom(producer, sizeBytesOf(encode(producer)))
    this.#write(producer, null)
  }

  /**
   * Ends a transaction.
   *
   * @returns the offsets to commit.
   * @throws {EdgelogError} `transaction_coordinator_fenced`.
   */
  end(request: EndTransactionRequest, nowMs: number): readonly OffsetToCommit[] {
    const ended = endPending(this.#find(request.producerId), request)
    if (ended === null) return []
    this.#write(ended.producer, nowMs)
    this.#writeOpen(this.open.superseded(ended.committed))
    return ended.committed
  }

  /** Drops the pending offsets of partitions that are now committed without a transaction. */
  supersede(offsets: readonly OffsetToCommit[]): void {
    this.#writeOpen(this.open.superseded(offsets))
  }

  delete(topicId: string, partition: number | null): void {
    this.#writeOpen(
      this.open.without(
        (offset) =>
          offset.topicId === topicId && (partition === null || offset.partition === partition),
      ),
    )
  }

  /** Deletes what was kept of producers for long enough, or of too many. */
  expire(nowMs: number): void {
    const endedMs = nowMs - ENDED_PRODUCER_KEPT_MS
    this.#sql.exec('DELETE FROM pending_offset WHERE ended_at_ms <= ?', endedMs)
    this.#sql.exec(
      `DELETE FROM pending_offset WHERE producer_id IN (
         SELECT producer_id FROM pending_offset WHERE ended_at_ms IS NOT NULL
         ORDER BY ended_at_ms DESC LIMIT -1 OFFSET ?)`,
      ENDED_PRODUCERS_MAX,
    )
  }

  #writeOpen(producers: readonly ProducerOffsets[]): void {
    for (const producer of producers) this.#write(producer, null)
  }

  /** @param endedAtMs null while a transaction is open. */
  #write(producer: ProducerOffsets, endedAtMs: number | null): void {
    const producerId = String(producer.producerId)
    const value = encode(producer)
    this.open.set(producer, sizeBytesOf(value))
    // The id of a single call is never used again.
    if (endedAtMs !== null && producer.producerId >= ONE_SHOT_PRODUCER_ID_MIN) {
      this.#sql.exec('DELETE FROM pending_offset WHERE producer_id = ?', producerId)
      return
    }
    this.#sql.exec(
      'INSERT OR REPLACE INTO pending_offset (producer_id, ended_at_ms, value) VALUES (?, ?, ?)',
      ...[producerId, endedAtMs, value],
    )
  }

  #find(producerId: bigint): ProducerOffsets | undefined {
    const open = this.open.get(producerId)
    if (open !== undefined) return open
    const query = 'SELECT producer_id, value FROM pending_offset WHERE producer_id = ?'
    const [row] = this.#sql.exec<ProducerRow>(query, String(producerId)).toArray()
    return row && decode(row)
  }

  #load(): OpenTransactions {
    const open = new OpenTransactions()
    const query = 'SELECT producer_id, value FROM pending_offset WHERE ended_at_ms IS NULL'
    for (const row of this.#sql.exec<ProducerRow>(query)) {
      open.set(decode(row), sizeBytesOf(row.value))
    }
    return open
  }
}

function sizeBytesOf(value: string): number {
  return new TextEncoder().encode(value).length
}

function encode({ producerId: _, ...producer }: ProducerOffsets): string {
  return PRODUCER.encode(producer)
}

function decode({ producer_id, value }: ProducerRow): ProducerOffsets {
  return { producerId: BigInt(producer_id), ...PRODUCER.decode(value) }
}
