/** Reports the application's lag at an interval while batches are delivered. */
import type { Clock, Timer } from '../clock.ts'
import type { ConsumerBatch } from '../consumer/consumer-record.ts'
import { LAG_INTERVAL_MS } from '../limits.ts'
import type { TopicPartition } from './held-partitions.ts'

/** Detail of the event 'lag'. */
export interface LagReport {
  readonly partitions: ReadonlyArray<TopicPartition & { readonly lag: number }>
  readonly totalLag: number
}

export class LagReporter {
  readonly #clock: Clock
  readonly #report: (lag: LagReport) => void
  readonly #lags = new Map<string, TopicPartition & { readonly lag: number }>()
  #timer: Timer
  #isWaiting = false
  #hasNews = false

  constructor(clock: Clock, report: (lag: LagReport) => void) {
    this.#clock = clock
    this.#report = report
  }

  delivered({ topic, partition, lag }: ConsumerBatch): void {
    this.#lags.set(`${topic}/${partition}`, { topic, partition, lag })
    this.#hasNews = true
    if (!this.#isWaiting) this.#say()
  }

  forget({ topic, partition }: TopicPartition): void {
    this.#lags.delete(`${topic}/${partition}`)
  }

  close(): void {
    this.#clock.clearTimeout(this.#timer)
    this.#isWaiting = true
  }

  #say(): void {
    this.#isWaiting = this.#hasNews
    if (!this.#hasNews) return
    this.#hasNews = false
    this.#timer = this.#clock.setTimeout(() => this.#say(), LAG_INTERVAL_MS)
    const partitions = [...this.#lags.values()]
    this.#report({ partitions, totalLag: partitions.reduce((sum, { lag }) => sum + lag, 0) })
  }
}
