/**
 * Keeps the entry of a transactional id in the coordinator's list. The intended entry is written here first, so that
 * none is left in the list after a crash: without a transaction it is removed by the alarm. One change runs at a time.
 */
import { EdgelogError, type Result, unwrap } from '../../src/core/errors.ts'
import type { TransactionStore } from './transaction-store.ts'

export interface TransactionList {
  registerTransactionalId(transactionalId: string, incarnation: string): Promise<Result<null>>
  forgetTransactionalId(transactionalId: string, incarnation: string): Promise<void>
}

export class IdRegistration {
  readonly #store: TransactionStore
  readonly #list: TransactionList
  #last: Promise<unknown> = Promise.resolve()

  constructor(store: TransactionStore, list: TransactionList) {
    this.#store = store
    this.#list = list
  }

  /** Runs `work` after the changes before it. */
  async oneAtATime<T>(work: () => Promise<T>): Promise<T> {
    const turn = this.#last.then(work)
    this.#last = turn.catch(() => undefined)
    return await turn
  }

  /** @throws {EdgelogError} `policy_violation`, `throttled`, `unavailable`. */
  async add(transactionalId: string): Promise<void> {
    const incarnation = crypto.randomUUID()
    this.#store.writeRegistration({ transactionalId, incarnation })
    unwrap(
      await this.#reach(() => this.#list.registerTransactionalId(transactionalId, incarnation)),
    )
  }

  /** @throws {EdgelogError} `unavailable`. */
  async remove(): Promise<void> {
    const registration = this.#store.readRegistration()
    if (registration === undefined) return
    const { transactionalId, incarnation } = registration
    await this.#reach(() => this.#list.forgetTransactionalId(transactionalId, incarnation))
  }

  async #reach<T>(call: () => Promise<T>): Promise<T> {
    try {
      return await call()
    } catch (cause) {
      throw new EdgelogError('unavailable', 'the coordinator did not respond; try again', { cause })
    }
  }
}
