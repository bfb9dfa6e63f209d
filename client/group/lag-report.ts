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
  #hasChanged = false

  constructor(clock: Clock, report: (lag: LagReport) => void) {
    this.#clock = clock
    this.#report = report
  }

  delivered({ topic, partition, lag }: ConsumerBatch): void {
    this.#lags.set(`${topic}/${partition}`, { topic, partition, lag })
    this.#hasChanged = true
    if (!this.#isWaiting) this.#send()
  }

  forget({ topic, partition }: TopicPartition): void {
    this.#lags.delete(`${topic}/${partition}`)
  }

  close(): void {
    this.#clock.clearTimeout(this.#timer)
    this.#isWaiting = true
  }

  #send(): void {
    this.#isWaiting = this.#hasChanged
    if (!this.#hasChanged) return
    this.#hasChanged = false
    this.#timer = this.#clock.setTimeout(() => this.#send(), LAG_INTERVAL_MS)
    const partitions = [...this.#lags.values()]
    this.#report({ partitions, totalLag: partitions.reduce((sum, { lag }) => sum + lag, 0) })
  }
}
