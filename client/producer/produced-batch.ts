/** A batch between `send` and its response: the promises of its records, and its bytes. */
import type { EdgelogError } from '../../src/core/errors.ts'

export interface RecordMetadata {
  readonly topic: string
  readonly partition: number
  /** -1: the record is in the log, but its offset is no longer available. */
  readonly offset: number
  readonly timestamp: number
}

export type Resolve = (metadata: RecordMetadata | Promise<never>) => void

export class ProducedBatch {
  readonly #resolves: Resolve[] = []
  readonly #timestamps: number[] = []
  readonly createdAtMs: number
  /** Bytes reserved in the producer's memory budget. */
  reservedBytes = 0
  /** Encoded bytes; undefined while records are added, and during compression. */
  bytes: Uint8Array | undefined
  /** Requests sent so far. */
  attempts = 0
  /** True once its promises are settled and its memory is released. */
  isSettled = false
  /** Callbacks for when all its promises are settled. */
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
   * @param baseOffset -1 if the log has the records, but no longer their offsets.
   * @param logAppendTime set if the log stamps the records with its own clock.
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
    // Storing only `resolve` halves the memory per record: it can pass on a rejection too.
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
