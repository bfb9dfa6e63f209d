/**
 * Asks the coordinators about transactions that have been open in a group for longer than any may last. An offset
 * that its coordinator does not have in an open transaction, for example from a message that arrived very late, is
 * dropped; otherwise it would stay pending for ever.
 */
import { unwrap } from '../../src/core/errors.ts'
import {
  type ProducerOffsets,
  questionDueAtMs,
} from '../../src/core/group/pending/pending-offsets.ts'
import { QUESTION_RETRY_MS, QUESTIONS_MAX } from '../../src/core/limits.ts'
import type { TransactionApi } from '../../src/core/transaction/transaction-api.ts'
import { report } from '../../src/events/report.ts'

export type TransactionNamespace = DurableObjectNamespace<Rpc.DurableObjectBranded & TransactionApi>

interface QuestionHooks {
  producers(): readonly ProducerOffsets[]
  /** Drops the pending offsets of a transaction, if it is still open here. */
  drop(producer: ProducerOffsets): void
}

export class TransactionQuestions {
  readonly #coordinators: TransactionNamespace | undefined
  readonly #hooks: QuestionHooks
  readonly #askedAtMs = new Map<bigint, number>()

  /** @param coordinators undefined in a Worker without transactions: then no question is asked. */
  constructor(coordinators: TransactionNamespace | undefined, hooks: QuestionHooks) {
    this.#coordinators = coordinators
    this.#hooks = hooks
  }

  /** The time of the next question; infinity if there is none. */
  get nextMs(): number {
    if (this.#coordinators === undefined) return Number.POSITIVE_INFINITY
    return Math.min(...this.#hooks.producers().map((producer) => this.#dueMs(producer)))
  }

  /** Asks about the transactions that are due, up to the limit. */
  async ask(): Promise<void> {
    const nowMs = Date.now()
    const due = this.#hooks.producers().filter((producer) => this.#dueMs(producer) <= nowMs)
    const asked = due.slice(0, QUESTIONS_MAX)
    this.#forgetAllBut(new Set(due.map(({ producerId }) => producerId)))
    for (const { producerId } of asked) this.#askedAtMs.set(producerId, nowMs)
    await Promise.all(asked.map((producer) => this.#askAbout(producer)))
  }

  async #askAbout(producer: ProducerOffsets): Promise<void> {
    const { producerId, open } = producer
    if (open === null || this.#coordinators === undefined) return
    const { coordinator, transactionalId, number } = open.transaction
    try {
      const stub = this.#coordinators.getByName(coordinator)
      const fate = unwrap(await stub.fateOf(producerId, transactionalId, number))
      if (fate === 'unknown') this.#hooks.drop(producer)
    } catch (error) {
      // The next question follows.
      report({ type: 'call_failed', error })
    }
  }

  #dueMs({ producerId, open }: ProducerOffsets): number {
    if (open === null) return Number.POSITIVE_INFINITY
    const askedAtMs = this.#askedAtMs.get(producerId) ?? Number.NEGATIVE_INFINITY
    return Math.max(questionDueAtMs(open), askedAtMs + QUESTION_RETRY_MS)
  }

  #forgetAllBut(producerIds: ReadonlySet<bigint>): void {
    for (const producerId of this.#askedAtMs.keys()) {
      if (!producerIds.has(producerId)) this.#askedAtMs.delete(producerId)
    }
  }
}
