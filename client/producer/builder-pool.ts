import { BatchBuilder } from '../../src/core/batch/batch-builder.ts'
import { IDLE_BUILDERS_MAX } from '../limits.ts'

const INITIAL_BYTES = 1024

/** Pool of the buffers in which batches are built: only partitions in use hold one. */
export class BuilderPool {
  readonly #idle: BatchBuilder[] = []

  take(): BatchBuilder {
    return this.#idle.pop() ?? new BatchBuilder(INITIAL_BYTES)
  }

  /** @param builder after `finish`, which empties it. */
  giveBack(builder: BatchBuilder): void {
    if (this.#idle.length < IDLE_BUILDERS_MAX) this.#idle.push(builder)
  }
}
