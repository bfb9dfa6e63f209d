/**
 * The transactions of a partition. Open ones are in memory, in the order of their first offsets, so the last stable
 * offset is that of the first. Those that are open at a checkpoint have a row; those that began behind it are named by
 * the chunk in which they begin. Aborted ones have a row until the log start has passed them.
 */
import {
  ABORTED_TRANSACTIONS_MAX,
  QUESTION_RETRY_MS,
  QUESTIONS_MAX,
} from '../../src/core/limits.ts'
import {
  type AbortedTransaction,
  type AbortedTransactionRow,
  type OpenTransaction,
  questionDueAtMs,
} from '../../src/core/log/transactions.ts'
import { StoredForm } from '../../src/core/stored-form.ts'

type StoredTransaction = Omit<OpenTransaction, 'producerId'> & { readonly producerId: string }

const OPEN = new StoredForm<StoredTransaction>('open transaction')
const OPENED = new StoredForm<{ readonly transactions: readonly StoredTransaction[] }>('opened')

/** Encodes the transactions that begin in a chunk. */
export function encodeOpened(transactions: readonly OpenTransaction[]): string {
  return OPENED.encode({ transactions: transactions.map(toStored) })
}

export function decodeOpened(json: string): OpenTransaction[] {
  return OPENED.decode(json).transactions.map(fromStored)
}

function toStored({ producerId, ...rest }: OpenTransaction): StoredTransaction {
  return { ...rest, producerId: String(producerId) }
}

function fromStored({ producerId, ...rest }: StoredTransaction): OpenTransaction {
  return { ...rest, producerId: BigInt(producerId) }
}

export class TransactionTable {
  readonly #sql: SqlStorage
  /** By producer id, in the order of their first offsets. */
  readonly #open = new Map<bigint, OpenTransaction>()
  /** First offsets of the rows of `open_transaction`. */
  readonly #rows = new Set<number>()
  /** The latest offset of a marker that aborted records; -1 if there is none. */
  #lastAbortedOffset: number
  /** No open transaction is to be asked about earlier. */
  #questionDueAtMs = Number.POSITIVE_INFINITY
  /** When to ask again about transactions that the coordinator did not decide. */
  readonly #postponed = new Map<bigint, number>()

  constructor(sql: SqlStorage) {
    this.#sql = sql
    for (const { state } of sql
      .exec<{ state: string }>('SELECT state FROM open_transaction ORDER BY first_offset')
      .toArray()) {
      const transaction = fromStored(OPEN.decode(state))
      this.open(transaction)
      this.#rows.add(transaction.firstOffset)
    }
    const { last } = sql
      .exec<{ last: number | null }>('SELECT max(last_offset) AS last FROM aborted_transaction')
      .one()
    this.#lastAbortedOffset = last ?? -1
  }

  get all(): ReadonlyMap<bigint, OpenTransaction> {
    return this.#open
  }

  /** The first offset of the oldest open transaction; undefined if none is open. */
  get firstOffset(): number | undefined {
    const [oldest] = this.#open.values()
    return oldest?.firstOffset
  }

  /** Adds a transaction that begins behind all open ones. */
  open(transaction: OpenTransaction): void {
    this.close(transaction.producerId)
    this.#open.set(transaction.producerId, transaction)
    this.#questionDueAtMs = Math.min(this.#questionDueAtMs, questionDueAtMs(transaction))
  }

  /** Removes a transaction and its row. Part of the turn that writes its marker. */
  close(producerId: bigint): void {
    const transaction = this.#open.get(producerId)
    if (transaction === undefined) return
    const { firstOffset } = transaction
    this.#open.delete(producerId)
    this.#postponed.delete(producerId)
    if (!this.#rows.delete(firstOffset)) return
    this.#sql.exec('DELETE FROM open_transaction WHERE first_offset = ?', firstOffset)
  }

  /** Writes rows for the open transactions without one. Part of a checkpoint. */
  writeOpen(): void {
    for (const transaction of this.#open.values()) {
      const { firstOffset } = transaction
      if (this.#rows.has(firstOffset)) continue
      this.#sql.exec(
        'INSERT INTO open_transaction (first_offset, state) VALUES (?, ?)',
        firstOffset,
        OPEN.encode(toStored(transaction)),
      )
      this.#rows.add(firstOffset)
    }
  }

  // -- aborted transactions ----------------------------------------------------------------------

  addAborted({ lastOffset, producerId, firstOffset, stableOffset }: AbortedTransactionRow): void {
    this.#sql.exec(
      `INSERT INTO aborted_transaction (last_offset, producer_id, first_offset, stable_offset)
       VALUES (?, ?, ?, ?)`,
      lastOffset,
      String(producerId),
      firstOffset,
      stableOffset,
    )
    this.#lastAbortedOffset = lastOffset
  }

  /**
   * Returns the aborted transactions with records from `from` up to, not including, `to`, in the order of their
   * markers: at most `countMax`, and one more if there are more.
   */
  abortedBetween(
    from: number,
    to: number,
    countMax = ABORTED_TRANSACTIONS_MAX,
  ): AbortedTransaction[] {
    if (from > this.#lastAbortedOffset || from >= to) return []
    const aborted: AbortedTransaction[] = []
    const rows = this.#sql.exec<{
      last_offset: number
      producer_id: string
      first_offset: number
      stable_offset: number
    }>(
      `SELECT last_offset, producer_id, first_offset, stable_offset FROM aborted_transaction
       WHERE last_offset >= ? ORDER BY last_offset`,
      from,
    )
    for (const row of rows) {
      if (row.first_offset < to) {
        const producerId = BigInt(row.producer_id)
        aborted.push({ producerId, firstOffset: row.first_offset, lastOffset: row.last_offset })
      }
      // All transactions that end behind this row begin at its stable offset or later.
      if (row.stable_offset >= to || aborted.length > countMax) break
    }
    return aborted
  }

  /** Deletes the rows that no reader needs any more. */
  forgetAbortedBelow(logStartOffset: number): void {
    if (this.#lastAbortedOffset < 0) return
    this.#sql.exec('DELETE FROM aborted_transaction WHERE last_offset < ?', logStartOffset)
    if (this.#lastAbortedOffset < logStartOffset) this.#lastAbortedOffset = -1
  }

  // -- questions to coordinators -----------------------------------------------------------------

  /** A lower bound of the time of the next question; undefined if no transaction is open. */
  get questionDueAtMs(): number | undefined {
    return this.#open.size === 0 ? undefined : this.#questionDueAtMs
  }

  /** Returns some of the transactions that are open for too long, and finds out when the next question is due. */
  takeOverdue(nowMs: number): OpenTransaction[] {
    if (nowMs < this.#questionDueAtMs) return []
    const overdue: OpenTransaction[] = []
    this.#questionDueAtMs = Number.POSITIVE_INFINITY
    for (const transaction of this.#open.values()) {
      const { producerId } = transaction
      const dueAtMs = this.#postponed.get(producerId) ?? questionDueAtMs(transaction)
      if (dueAtMs > nowMs) this.#questionDueAtMs = Math.min(this.#questionDueAtMs, dueAtMs)
      else if (overdue.length < QUESTIONS_MAX) {
        overdue.push(transaction)
        const againAtMs = nowMs + QUESTION_RETRY_MS
        this.#postponed.set(producerId, againAtMs)
        this.#questionDueAtMs = Math.min(this.#questionDueAtMs, againAtMs)
      } else this.#questionDueAtMs = nowMs
    }
    return overdue
  }
}
