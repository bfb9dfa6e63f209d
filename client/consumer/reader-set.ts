/** The partitions of a consumer, and the order in which their batches are delivered. */
import type { Decompressors } from '../../src/core/compression/codec.ts'
import { EdgelogError } from '../../src/core/errors.ts'
import type { Connection } from '../http/connection.ts'
import { TAIL_CREDIT_BYTES, TAIL_CREDIT_BYTES_MIN } from '../limits.ts'
import type { ConsumerSettings, StartPosition } from './consumer-options.ts'
import type { ConsumerBatch } from './consumer-record.ts'
import type { LogSource } from './log-source.ts'
import { PartitionReader } from './partition-reader.ts'
import { ReadBudget } from './read-budget.ts'
import type { LiveTail } from './tail-session.ts'
import { takeBatch } from './take-batch.ts'

export interface ReaderSetContext {
  readonly connection: Connection
  readonly source: LogSource
  readonly codecs: Decompressors
  readonly tail?: LiveTail
}

interface ReaderSetListener {
  /** A reader has stopped with an error that a retry cannot solve. */
  readerFailed(reader: PartitionReader, error: unknown): void
  /** The error of `fail` was thrown: nothing more is delivered. */
  failureTaken?(): void
}

/** A delivered batch and its reader, which delivers no other batch until it is freed. */
export interface TakenBatch {
  readonly reader: PartitionReader
  readonly batch: ConsumerBatch
}

export class ReaderSet {
  readonly #context: ReaderSetContext
  readonly #settings: ConsumerSettings
  readonly #listener: ReaderSetListener
  readonly #budget: ReadBudget
  readonly #readers = new Map<string, PartitionReader>()
  /** Readers with a chunk to deliver; the one that was served last comes last. */
  readonly #ready = new Set<PartitionReader>()
  /** Readers whose last batch was not freed: their next batch has to wait. */
  readonly #taken = new Set<PartitionReader>()
  readonly #closed = new AbortController()
  #wakeups: Array<() => void> = []
  #failure: { readonly error: unknown } | undefined

  constructor(context: ReaderSetContext, settings: ConsumerSettings, listener: ReaderSetListener) {
    this.#context = context
    this.#settings = settings
    this.#listener = listener
    this.#budget = new ReadBudget(settings.bufferBytesMax)
  }

  /** Aborted when the set is closed. */
  get signal(): AbortSignal {
    return this.#closed.signal
  }

  /** Bytes read ahead of the application, and bytes reserved for reads in flight. */
  get bufferedBytes(): number {
    return this.#budget.usedBytes
  }

  /** Starts reading a partition; one that is already assigned keeps its position. */
  assign(topic: string, partition: number, from: StartPosition): PartitionReader {
    const key = keyOf(topic, partition)
    const known = this.#readers.get(key)
    if (known !== undefined) return known
    const reader: PartitionReader = new PartitionReader(topic, partition, from, {
      ...this.#context,
      settings: this.#settings,
      budget: this.#budget,
      liveBytesMax: () => this.#liveBytesMax(),
      onReady: (ready) => this.#markReady(ready),
      onFatal: (error) => this.#listener.readerFailed(reader, error),
    })
    this.#readers.set(key, reader)
    if (!this.signal.aborted) reader.resume()
    return reader
  }

  /** Stops reading. Records read ahead, and a batch that is being decoded, are not delivered. */
  unassign(reader: PartitionReader): void {
    const key = keyOf(reader.topic, reader.partition)
    if (this.#readers.get(key) === reader) this.#readers.delete(key)
    reader.pause()
    this.#ready.delete(reader)
  }

  /** @throws {EdgelogError} `invalid_request` for a partition that is not assigned. */
  get(topic: string, partition: number): PartitionReader {
    const reader = this.#readers.get(keyOf(topic, partition))
    if (reader !== undefined) return reader
    throw new EdgelogError('invalid_request', `partition ${partition} of ${topic} is not assigned`)
  }

  select(topic?: string, partition?: number): PartitionReader[] {
    return [...this.#readers.values()].filter(
      (reader) =>
        (topic === undefined || reader.topic === topic) &&
        (partition === undefined || reader.partition === partition),
    )
  }

  pause(topic?: string, partition?: number): void {
    for (const reader of this.select(topic, partition)) {
      reader.pause()
      this.#ready.delete(reader)
    }
  }

  resume(topic?: string, partition?: number): void {
    if (this.signal.aborted) return
    for (const reader of this.select(topic, partition)) reader.resume()
  }

  /**
   * Waits for a batch of any partition.
   *
   * @returns undefined once the set is closed
   * @throws the error of `fail`, once; `EdgelogError` for a batch that cannot be decoded
   */
  async take(): Promise<TakenBatch | undefined> {
    for (;;) {
      if (this.#failure !== undefined) throw this.#takeFailure()
      if (this.signal.aborted) return undefined
      const [reader] = this.#ready
      if (reader === undefined) {
        await new Promise<void>((resolve) => this.#wakeups.push(resolve))
        continue
      }
      this.#ready.delete(reader)
      this.#taken.add(reader)
      let batch: ConsumerBatch | undefined
      try {
        batch = await takeBatch(reader, this.#context.codecs)
      } finally {
        if (batch === undefined) this.free(reader)
      }
      if (batch !== undefined && !this.signal.aborted) return { reader, batch }
    }
  }

  /** Allows the next batch of this partition to be delivered. */
  free(reader: PartitionReader): void {
    this.#taken.delete(reader)
    if (reader.head !== undefined) this.#markReady(reader)
  }

  /** Makes the next `take` throw the error. */
  fail(error: unknown): void {
    this.#failure ??= { error }
    this.#wake()
  }

  /** Ends all reading and every `take`. */
  close(): void {
    this.#closed.abort()
    for (const reader of this.#readers.values()) reader.pause()
    this.#ready.clear()
    this.#wake()
  }

  #markReady(reader: PartitionReader): void {
    if (this.#taken.has(reader)) return
    this.#ready.add(reader)
    this.#wake()
  }

  #takeFailure(): unknown {
    const error = this.#failure?.error
    this.#failure = undefined
    this.#listener.failureTaken?.()
    return error
  }

  #wake(): void {
    for (const wakeup of this.#wakeups.splice(0)) wakeup()
  }

  #liveBytesMax(): number {
    const share = Math.floor(this.#settings.bufferBytesMax / Math.max(1, this.#readers.size))
    return Math.max(TAIL_CREDIT_BYTES_MIN, Math.min(TAIL_CREDIT_BYTES, share))
  }
}

function keyOf(topic: string, partition: number): string {
  return `${topic}/${partition}`
}
