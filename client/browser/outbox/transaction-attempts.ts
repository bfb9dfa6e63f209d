/**
 * Notes when the oldest transaction of the outbox was first sent, and under which id: the log recognizes an id for a
 * day only, and keeps the result of an aborted one.
 */
import type { Transaction } from '../store/database.ts'
import type { OutboxContext } from './outbox-store.ts'

export interface Attempt {
  /** Position of the transaction in the outbox. */
  readonly position: number
  /** Ids used before, for attempts that were aborted. */
  readonly aborted: number
  /** Time of the first request under the id. */
  readonly sentAtMs: number
}

const KEY = 'transactionAttempt'

export class TransactionAttempts {
  readonly #context: OutboxContext

  constructor(context: OutboxContext) {
    this.#context = context
  }

  /** Returns the attempt of a transaction that is about to be sent. Durable before it is sent. */
  async begin(position: number): Promise<Attempt> {
    return await this.#change(position, (known) => known)
  }

  /** Begins another attempt after `attempt` was aborted. Ignored if another tab has done that. */
  async renew(attempt: Attempt): Promise<void> {
    await this.#change(attempt.position, (known) => {
      if (known?.aborted !== attempt.aborted) return known
      return { ...known, aborted: known.aborted + 1, sentAtMs: this.#context.now() }
    })
  }

  async #change(
    position: number,
    change: (known: Attempt | undefined) => Attempt | undefined,
  ): Promise<Attempt> {
    const work = async (tx: Transaction) => {
      const meta = tx.objectStore('meta')
      const stored = await meta.get(KEY)
      const last = stored === undefined ? undefined : (JSON.parse(String(stored)) as Attempt)
      const known = last?.position === position ? last : undefined
      const next = change(known) ?? { position, aborted: 0, sentAtMs: this.#context.now() }
      if (next !== last) await meta.put(JSON.stringify(next), KEY)
      return next
    }
    return await this.#context.database.write(['meta'], work, true)
  }
}
