/** The batch of one partition that records are appended to: its bytes so far, and its linger timer. */
import type { BatchBuilder } from '../../src/core/batch/batch-builder.ts'
import type { NewRecord } from '../../src/core/batch/record.ts'
import type { Clock, Timer } from '../clock.ts'
import type { BuilderPool } from './builder-pool.ts'
import { ProducedBatch, type Resolve } from './produced-batch.ts'

export class OpenBatch {
  readonly #clock: Clock
  readonly #builders: BuilderPool
  #builder: BatchBuilder | undefined
  #batch: ProducedBatch | undefined
  #lingerTimer: Timer
  /** True once the linger time has passed. */
  isLingerOver = false

  constructor(clock: Clock, builders: BuilderPool) {
    this.#clock = clock
    this.#builders = builders
  }

  /** The batch; undefined if it has no records. */
  get batch(): ProducedBatch | undefined {
    return this.#batch
  }

  get sizeBytes(): number {
    return this.#batch === undefined ? 0 : (this.#builder?.sizeBytes ?? 0)
  }

  /** @throws {EdgelogError} the builder's error; the batch is unchanged. */
  append(record: NewRecord, resolve: Resolve, reservedBytes: number): void {
    this.#builder ??= this.#builders.take()
    this.#builder.append(record)
    this.#batch ??= new ProducedBatch(this.#clock.now())
    this.#batch.add(resolve, record.timestamp, reservedBytes)
  }

  /** Starts the linger timer. */
  linger(lingerMs: number, over: () => void): void {
    this.isLingerOver = false
    this.#lingerTimer = this.#clock.setTimeout(over, lingerMs)
  }

  /** Returns the batch and its bytes; the next record begins another batch. */
  close(): { readonly batch: ProducedBatch; readonly bytes: Uint8Array } | undefined {
    const batch = this.#batch
    const builder = this.#builder
    if (batch === undefined || builder === undefined) return undefined
    this.discard()
    const bytes = builder.finish()
    this.#builders.giveBack(builder)
    return { batch, bytes }
  }

  discard(): void {
    this.#clock.clearTimeout(this.#lingerTimer)
    this.#batch = undefined
    this.#builder = undefined
  }
}
