/**
 * Distributes the records of one topic to their partitions, in the order of `send`. Records
 * wait here until the topic metadata is loaded and while the producer's memory is full.
 */
import { BatchBuilder } from '../../src/core/batch/batch-builder.ts'
import type { NewRecord } from '../../src/core/batch/record.ts'
import { EdgelogError } from '../../src/core/errors.ts'
import { PARTITIONS_MAX } from '../../src/core/limits.ts'
import { partitionForKey } from '../../src/core/topic/partitioner.ts'
import { sleep } from '../clock.ts'
import { backoffMs } from '../http/backoff.ts'
import { RequestError } from '../http/request-error.ts'
import { RECORD_OVERHEAD_BYTES } from '../limits.ts'
import type { TopicMetadata, TopicMetadataCache } from '../topic-metadata.ts'
import { neverSent } from './delivery-error.ts'
import { Fifo } from './fifo.ts'
import type { MemoryBudget } from './memory-budget.ts'
import { PartitionSender, type SenderContext } from './partition-sender.ts'
import type { ProducedBatch, RecordMetadata, Resolve } from './produced-batch.ts'
import { deliveryLimitMs } from './producer-options.ts'
import { copyRecord } from './record-input.ts'

interface WaitingRecord {
  readonly record: NewRecord
  readonly partition: number | undefined
  readonly resolve: Resolve
  readonly reservedBytes: number
  readonly sizeBytesMax: number
}

/** Called when it reaches the front of the waiting records. */
type Marker = () => void

export interface TopicSenderContext extends SenderContext {
  readonly metadata: TopicMetadataCache
  readonly budget: MemoryBudget
  /** Bytes of records that wait for memory. */
  readonly waitingBudget: MemoryBudget
  /** Closes all open batches, because memory is short. */
  readonly flushNow: () => void
}

export class TopicSender {
  readonly #topic: string
  readonly #context: TopicSenderContext
  readonly #partitions = new Map<number, PartitionSender>()
  readonly #waiting = new Fifo<WaitingRecord | Marker>()
  /** Partition for records without a key, until its batch is closed. */
  #stickyPartition: number | undefined
  #previousPartition: number | undefined
  #isLoading = false
  readonly #abandoned = new AbortController()

  constructor(topic: string, context: TopicSenderContext) {
    this.#topic = topic
    this.#context = context
  }

  send(record: NewRecord, partition: number | undefined): Promise<RecordMetadata> {
    if (partition !== undefined) checkPartition(partition)
    const sizeBytesMax = BatchBuilder.recordSizeBytesMax(record)
    const reservedBytes = sizeBytesMax + RECORD_OVERHEAD_BYTES
    return new Promise((resolve, reject) => {
      const metadata = this.#context.metadata.peek(this.#topic)
      const isFirst = this.#waiting.length === 0
      if (metadata !== undefined && isFirst && this.#context.budget.tryReserve(reservedBytes)) {
        this.#append({ record, partition, resolve, reservedBytes, sizeBytesMax }, metadata)
        return
      }
      if (!this.#context.waitingBudget.tryReserve(reservedBytes)) {
        reject(tooManyWaiting(this.#context.waitingBudget.bytesMax))
        return
      }
      const own = copyRecord(record)
      this.#waiting.push({ record: own, partition, resolve, reservedBytes, sizeBytesMax })
      if (isFirst) this.drain()
    })
  }

  /** Appends waiting records until one has to keep waiting. */
  drain(): void {
    for (;;) {
      const next = this.#waiting.first
      if (next === undefined) return
      if (typeof next === 'function') {
        this.#waiting.shift()
        next()
      } else if (!this.#admit(next)) return
    }
  }

  /** Resolves when all earlier records are settled. */
  async flush(): Promise<void> {
    await new Promise<void>((resolve) => {
      this.#waiting.push(resolve)
      for (const sender of this.#partitions.values()) sender.flush()
      this.drain()
    })
    const pending: ProducedBatch[] = []
    for (const sender of this.#partitions.values()) {
      sender.flush()
      pending.push(...sender.pending)
    }
    await Promise.all(
      pending.map((batch) => new Promise<void>((resolve) => batch.settled.push(resolve))),
    )
  }

  flushNow(): void {
    for (const sender of this.#partitions.values()) sender.flush()
  }

  /** Rejects the waiting records, before released memory admits them. */
  rejectWaiting(error: EdgelogError): void {
    for (;;) {
      const next = this.#waiting.first
      if (next === undefined) return
      this.#waiting.shift()
      if (typeof next === 'function') next()
      else {
        this.#context.waitingBudget.release(next.reservedBytes)
        next.resolve(Promise.reject(neverSent(error)))
      }
    }
  }

  /** Rejects everything at once, after `rejectWaiting` of all topics. */
  abandon(error: EdgelogError): void {
    this.#abandoned.abort()
    for (const sender of this.#partitions.values()) sender.abandon(error)
  }

  #admit(waiting: WaitingRecord): boolean {
    const { metadata, budget, waitingBudget, flushNow } = this.#context
    const known = metadata.peek(this.#topic)
    if (known === undefined) {
      void this.#load()
      return false
    }
    if (!budget.tryReserve(waiting.reservedBytes)) {
      flushNow()
      return false
    }
    // Removed first, because released memory calls `drain` again.
    this.#waiting.shift()
    waitingBudget.release(waiting.reservedBytes)
    this.#append(waiting, known)
    return true
  }

  #append(waiting: WaitingRecord, metadata: TopicMetadata): void {
    const { record, resolve, reservedBytes, sizeBytesMax } = waiting
    const { settings, budget } = this.#context
    const partition = waiting.partition ?? this.#choosePartition(record, metadata.partitions)
    const batchBytesMax = Math.min(settings.batchBytesMax, metadata.maxMessageBytes)
    try {
      const limits = { sizeBytesMax, batchBytesMax }
      this.#sender(partition).append(record, resolve, reservedBytes, limits)
    } catch (error) {
      budget.release(reservedBytes)
      resolve(Promise.reject(error))
    }
  }

  #choosePartition({ key }: NewRecord, partitions: number): number {
    if (key !== null) return partitionForKey(key, partitions)
    let sticky = this.#stickyPartition
    if (sticky === undefined || sticky >= partitions) {
      sticky = Math.floor(this.#context.connection.random() * partitions)
      // Never the same partition twice in a row, so that two partitions share the load evenly.
      if (sticky === this.#previousPartition) sticky = (sticky + 1) % partitions
      this.#stickyPartition = sticky
    }
    return sticky
  }

  #sender(partition: number): PartitionSender {
    const known = this.#partitions.get(partition)
    if (known !== undefined) return known
    const sender = new PartitionSender(this.#topic, partition, this.#context, {
      batchClosed: (closed) => {
        if (closed !== this.#stickyPartition) return
        this.#previousPartition = closed
        this.#stickyPartition = undefined
      },
      topicChanged: () => this.#context.metadata.forget(this.#topic),
    })
    this.#partitions.set(partition, sender)
    return sender
  }

  async #load(): Promise<void> {
    if (this.#isLoading) return
    this.#isLoading = true
    const { metadata, settings, connection } = this.#context
    const { clock, random } = connection
    const { signal } = this.#abandoned
    const deadlineMs = clock.now() + deliveryLimitMs(settings)
    try {
      for (let attempts = 1; !signal.aborted; attempts++) {
        const error = await metadata.load(this.#topic).then(() => undefined, asRequestError)
        if (error === undefined) break
        if (!error.isTransient || clock.now() >= deadlineMs) {
          this.rejectWaiting(error)
          break
        }
        const { retryBackoffMs, retryBackoffMsMax } = settings
        const delayMs = backoffMs(attempts, retryBackoffMs, retryBackoffMsMax, random)
        await sleep(clock, Math.max(delayMs, error.retryAfterMs ?? 0), signal)
      }
    } finally {
      this.#isLoading = false
    }
    this.drain()
  }
}

function checkPartition(partition: number): void {
  if (Number.isInteger(partition) && partition >= 0 && partition < PARTITIONS_MAX) return
  throw new EdgelogError(
    'unknown_topic_or_partition',
    `partition: 0 to ${PARTITIONS_MAX - 1} is allowed, got ${partition}`,
  )
}

function asRequestError(error: unknown): RequestError {
  if (error instanceof RequestError) return error
  if (error instanceof EdgelogError)
    return new RequestError(error.code, error.message, { status: 400 })
  return new RequestError('internal', String(error), { status: 400, cause: error })
}

function tooManyWaiting(bytesMax: number): EdgelogError {
  return new EdgelogError(
    'throttled',
    `${bytesMax} bytes of records are already waiting: await send() before sending more, or use sendBatch()`,
  )
}
