/** A batch between `send` and its answer: the promises of its records, and its bytes. */
import type { EdgelogError } from '../../src/core/errors.ts'

export interface RecordMetadata {
  readonly topic: string
  readonly partition: number
  /** -1: the record is in the log, which no longer knows where. */
  readonly offset: number
  readonly timestamp: number
}

export type Resolve = (metadata: RecordMetadata | Promise<never>) => void

export class ProducedBatch {
  readonly #resolves: Resolve[] = []
  readonly #timestamps: number[] = []
  readonly createdAtMs: number
  /** What it takes of the producer's memory. */
  reservedBytes = 0
  /** Encoded; missing while records are added, and while it is compressed. */
  bytes: Uint8Array | undefined
  /** Tries so far. */
  attempts = 0
  /** Its promises are settled, and its memory is given back. */
  isSettled = false
  /** Called when all its promises are settled. */
  readonly settled: Array<() => void> = []

  constructor(createdAtMs: number) {
    this.createdAtMs = createdAtMs
  }

  get recordsCount(): number {
    return this.#resolves.length
  }

  add(resolve: Resolve, timestamp: number, reservedBytes: number): void {
    this.#resolves.push(resolve)
    this.#timestamps.push(timestamp)
    this.reservedBytes += reservedBytes
  }

  /**
   * @param baseOffset -1 where the log has the records, and no longer knows where they lie.
   * @param logAppendTime where the log's clock stamps the records.
   */
  resolve(
    topic: string,
    partition: number,
    baseOffset: number,
    logAppendTime: number | null,
  ): void {
    for (const [index, resolve] of this.#resolves.entries()) {
      const offset = baseOffset === -1 ? -1 : baseOffset + index
      const timestamp = logAppendTime ?? (this.#timestamps[index] as number)
      resolve({ topic, partition, offset, timestamp })
    }
    this.#settle()
  }

  reject(error: EdgelogError): void {
    // Keeping `resolve` alone halves what is held per record: it passes a rejection on as well.
    const rejection = Promise.reject(error)
    rejection.catch(() => undefined)
    for (const resolve of this.#resolves) resolve(rejection)
    this.#settle()
  }

  #settle(): void {
    this.isSettled = true
    for (const done of this.settled) done()
    this.settled.length = 0
  }
}
