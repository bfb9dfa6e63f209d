import type { BatchHeader } from '../../batch/record-batch.ts'
import type { AbortedTransaction } from '../transactions.ts'

/** Finds out which batches belong to aborted transactions. */
export class AbortedBatches {
  readonly #byProducer = new Map<bigint, AbortedTransaction[]>()

  /** @param aborted all aborted transactions with records among the batches */
  constructor(aborted: readonly AbortedTransaction[]) {
    for (const transaction of aborted) {
      const others = this.#byProducer.get(transaction.producerId)
      if (others === undefined) this.#byProducer.set(transaction.producerId, [transaction])
      else others.push(transaction)
    }
  }

  has({ isTransactional, producerId, baseOffset }: BatchHeader): boolean {
    if (!isTransactional) return false
    const transactions = this.#byProducer.get(producerId)
    return (
      transactions?.some(
        ({ firstOffset, lastOffset }) => firstOffset <= baseOffset && baseOffset < lastOffset,
      ) ?? false
    )
  }
}
