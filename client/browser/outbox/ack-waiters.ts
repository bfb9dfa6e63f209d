/** The promises of this tab's records, until the log has them. */
import { EdgelogError } from '../../../src/core/errors.ts'
import type { RecordMetadata } from '../../producer/produced-batch.ts'
import type { Ack, Move, OutboxPosition } from '../store/schema.ts'
import type { OutboxMessage } from '../tabs/channel.ts'

interface Waiter {
  readonly timestamp: number
  /** Increases with each waiter, and with each move. */
  readonly serial: number
  readonly resolve: (metadata: RecordMetadata) => void
  readonly reject: (error: EdgelogError) => void
}

export class AckWaiters {
  /** By topic, partition, position. */
  readonly #topics = new Map<string, Map<number, Map<number, Waiter>>>()
  #nextSerial = 0
  #closedBy: EdgelogError | undefined

  /** Waiters that are added from now on have this serial or a later one. */
  get nextSerial(): number {
    return this.#nextSerial
  }

  add(
    topic: string,
    { partition, position }: OutboxPosition,
    timestamp: number,
  ): Promise<RecordMetadata> {
    const acked = new Promise<RecordMetadata>((resolve, reject) => {
      if (this.#closedBy !== undefined) reject(this.#closedBy)
      const serial = this.#nextSerial++
      this.#partition(topic, partition).set(position, { timestamp, serial, resolve, reject })
    })
    // Most applications do not await the promise.
    acked.catch(() => undefined)
    return acked
  }

  receive(message: OutboxMessage): void {
    if (message.kind === 'acked') this.acked(message.topic, message.partition, message.acks)
    else if (message.kind === 'moved') this.moved(message.topic, message.moves)
    else if (message.kind === 'parked') {
      const { topic, place } = message
      const error = EdgelogError.fromBody(message.error)
      if (place === undefined) this.#rejectTopic(topic, error)
      else this.take(topic, place)?.reject(error)
    }
  }

  /** Yields the places of waiters with a lower serial. */
  *places(serial: number): Generator<OutboxPosition & { readonly topic: string }> {
    for (const [topic, partitions] of this.#topics) {
      for (const [partition, waiters] of partitions) {
        for (const [position, waiter] of waiters) {
          if (waiter.serial < serial) yield { topic, partition, position }
        }
      }
    }
  }

  /** @param isFinal true to reject later waiters too */
  rejectAll(error: EdgelogError, isFinal = false): void {
    if (isFinal) this.#closedBy = error
    for (const topic of [...this.#topics.keys()]) this.#rejectTopic(topic, error)
  }

  acked(topic: string, partition: number, acks: readonly Ack[]): void {
    const waiters = this.#topics.get(topic)?.get(partition)
    if (waiters === undefined) return
    for (const { position, recordsCount, baseOffset, logAppendTime } of acks) {
      for (let index = 0; index < recordsCount && waiters.size > 0; index++) {
        const waiter = waiters.get(position + index)
        if (waiter === undefined) continue
        waiters.delete(position + index)
        const offset = baseOffset < 0 ? -1 : baseOffset + index
        waiter.resolve({ topic, partition, offset, timestamp: logAppendTime ?? waiter.timestamp })
      }
    }
  }

  moved(topic: string, moves: readonly Move[]): void {
    for (const { from, partition, position } of moves) {
      const waiter = this.take(topic, from)
      if (waiter === undefined) continue
      // A check that read the rows before the move does not find the new place.
      const serial = this.#nextSerial++
      this.#partition(topic, partition).set(position, { ...waiter, serial })
    }
  }

  #rejectTopic(topic: string, error: EdgelogError): void {
    const partitions = this.#topics.get(topic)
    this.#topics.delete(topic)
    for (const waiters of partitions?.values() ?? []) {
      for (const { reject } of waiters.values()) reject(error)
    }
  }

  take(topic: string, { partition, position }: OutboxPosition): Waiter | undefined {
    const waiters = this.#topics.get(topic)?.get(partition)
    const waiter = waiters?.get(position)
    waiters?.delete(position)
    return waiter
  }

  #partition(topic: string, partition: number): Map<number, Waiter> {
    const partitions = this.#topics.get(topic) ?? new Map<number, Map<number, Waiter>>()
    this.#topics.set(topic, partitions)
    const waiters = partitions.get(partition) ?? new Map<number, Waiter>()
    partitions.set(partition, waiters)
    return waiters
  }
}
