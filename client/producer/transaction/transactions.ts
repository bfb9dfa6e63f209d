/** Runs the transactions of a producer. */
import { EdgelogError } from '../../../src/core/errors.ts'
import { type InteractiveContext, InteractiveTransaction } from './interactive-transaction.ts'
import { OneShotTransaction } from './one-shot-transaction.ts'
import { Transaction } from './transaction.ts'
import type { TransactionResult, TransactionSink } from './transaction-parts.ts'
import { TransactionalSession } from './transactional-session.ts'

export interface TransactionOptions {
  /**
   * Id of this transaction, 1 to 255 characters: within 24 hours a repeat with the same contents gets the first result,
   * also from another process. A random id by default. Not with a `transactionalId`.
   */
  readonly id?: string
}

export type TransactionWork = (tx: Transaction) => unknown

export class Transactions {
  readonly #context: InteractiveContext
  readonly #session: TransactionalSession | undefined
  /** A transactional id has one transaction at a time. */
  #isSessionInUse = false

  constructor(context: InteractiveContext) {
    this.#context = context
    const { transactionalId } = context.settings
    if (transactionalId !== undefined) {
      this.#session = new TransactionalSession(transactionalId, context)
    }
  }

  /** As `Producer.transaction`. */
  async run(work: TransactionWork, { id }: TransactionOptions): Promise<TransactionResult> {
    const session = this.#session
    if (session === undefined) {
      return await this.#run(work, new OneShotTransaction(id ?? crypto.randomUUID(), this.#context))
    }
    if (id !== undefined) {
      throw new EdgelogError('invalid_request', 'id: not allowed with a transactionalId')
    }
    if (this.#isSessionInUse) {
      const why = 'a producer with a transactionalId makes one transaction at a time'
      throw new EdgelogError('invalid_txn_state', why)
    }
    this.#isSessionInUse = true
    try {
      // Fences earlier instances before the application reads anything that the transaction depends on.
      await session.begin()
      return await this.#run(work, new InteractiveTransaction(session, this.#context))
    } finally {
      this.#isSessionInUse = false
    }
  }

  async #run(work: TransactionWork, sink: TransactionSink): Promise<TransactionResult> {
    const { clock } = this.#context.connection
    const tx = new Transaction(sink, () => clock.now())
    try {
      await work(tx)
      const result = await sink.commit(await tx.end())
      tx.settle('committed')
      return result
    } catch (error) {
      await sink.abort()
      tx.settle('rewind')
      throw error
    }
  }
}
