/** The promises of this tab's records, until the log has them. */
import { EdgelogError } from '../../../src/core/errors.ts'
import type { RecordMetadata } from '../../producer/produced-batch.ts'
import type { Ack, ProducerRow } from '../store/schema.ts'
import type { OutboxNews } from './outbox-news.ts'
import type { Place } from './row-writer.ts'

interface Waiter {
  readonly timestamp: number
  readonly resolve: (metadata: RecordMetadata) => void
  readonly reject: (error: EdgelogError) => void
}

export class AckWaiters {
  /** By topic, partition, position. */
  readonly #topics = new Map<string, Map<number, Map<number, Waiter>>>()

  add(topic: string, { partition, position }: Place, timestamp: number): Promise<RecordMetadata> {
    const acked = new Promise<RecordMetadata>((resolve, reject) => {
      this.#partition(topic, partition).set(position, { timestamp, resolve, reject })
    })
    // Most applications leave it to the outbox.
    acked.catch(() => undefined)
    return acked
  }

  hear(news: OutboxNews): void {
    if (news.kind === 'acked') this.#acked(news.topic, news.partition, news.acks)
    else if (news.kind === 'moved') this.#moved(news)
    else if (news.kind === 'parked') {
      const { topic, place } = news
      const error = EdgelogError.fromBody(news.error)
      if (place === undefined) this.#rejectTopic(topic, error)
      else this.#take(topic, place)?.reject(error)
    }
  }

  /** Settles what left the outbox while this tab heard nothing. */
  check(producers: readonly ProducerRow[]): void {
    for (const { topic, partition, firstPosition, acks } of producers) {
      const waiters = this.#topics.get(topic)?.get(partition)
      if (waiters === undefined) continue
      this.#acked(topic, partition, acks)
      for (const position of [...waiters.keys()]) {
        if (position >= firstPosition) continue
        this.#acked(topic, partition, [
          { position, recordsCount: 1, baseOffset: -1, logAppendTime: null },
        ])
      }
    }
  }

  rejectAll(error: EdgelogError): void {
    for (const topic of [...this.#topics.keys()]) this.#rejectTopic(topic, error)
  }

  #acked(topic: string, partition: number, acks: readonly Ack[]): void {
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

  #moved({ topic, moves }: Extract<OutboxNews, { kind: 'moved' }>): void {
    for (const { from, partition, position } of moves) {
      const waiter = this.#take(topic, from)
      if (waiter !== undefined) this.#partition(topic, partition).set(position, waiter)
    }
  }

  #rejectTopic(topic: string, error: EdgelogError): void {
    const partitions = this.#topics.get(topic)
    this.#topics.delete(topic)
    for (const waiters of partitions?.values() ?? []) {
      for (const { reject } of waiters.values()) reject(error)
    }
  }

  #take(topic: string, { partition, position }: Place): Waiter | undefined {
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
