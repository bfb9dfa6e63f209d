/**
 * The numbers of open transactions as their coordinators returned them, by producer and participant. An append needs
 * the number, and the coordinator is called for the first one only. A number of a transaction that has ended is
 * refused by the participant; the caller then asks the coordinator once more.
 */
import { TRANSACTION_NUMBERS_MAX } from '../core/limits.ts'
import type { ProducerIdAndEpoch } from '../core/transaction/participant-api.ts'
import type { PartitionParticipant } from '../core/transaction/partition-participant.ts'

/** A producer as the client names it. Only with all three fields may it use what the coordinator returned. */
export interface TransactionalProducer extends ProducerIdAndEpoch {
  readonly transactionalId: string
}

export type Participant = PartitionParticipant | { readonly groupId: string }

export class TransactionNumbers {
  /** In the order of their last use. */
  readonly #numbers = new Map<string, number>()

  get(producer: TransactionalProducer, participant: Participant): number | undefined {
    const key = keyOf(producer, participant)
    const number = this.#numbers.get(key)
    if (number !== undefined) this.#put(key, number)
    return number
  }

  set(producer: TransactionalProducer, participants: readonly Participant[], number: number): void {
    for (const participant of participants) this.#put(keyOf(producer, participant), number)
  }

  #put(key: string, number: number): void {
    this.#numbers.delete(key)
    this.#numbers.set(key, number)
    if (this.#numbers.size <= TRANSACTION_NUMBERS_MAX) return
    const [oldest] = this.#numbers.keys()
    if (oldest !== undefined) this.#numbers.delete(oldest)
  }
}

function keyOf(
  { producerId, producerEpoch, transactionalId }: TransactionalProducer,
  participant: Participant,
): string {
  const place =
    'groupId' in participant
      ? JSON.stringify(participant.groupId)
      : `${participant.topicId}/${participant.partition}`
  return `${producerId} ${producerEpoch} ${place} ${transactionalId}`
}
