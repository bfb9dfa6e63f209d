/**
 * Sends the records of one partition: fills batches, keeps up to five in flight, retries
 * lost ones, and settles the promises. `InFlightQueue` decides what a response means.
 */
import { stampProducer } from '../../src/core/batch/batch-builder.ts'
import { compressBatch } from '../../src/core/batch/compress-batch.ts'
import type { NewRecord } from '../../src/core/batch/record.ts'
import type { Codecs } from '../../src/core/compression/codec.ts'
import type { EdgelogError } from '../../src/core/errors.ts'
import type { Timer } from '../clock.ts'
import { backoffMs } from '../http/backoff.ts'
import type { Connection } from '../http/connection.ts'
import { DELIVERY_SILENCE_MS } from '../limits.ts'
import { type BatchResponse, type PostBatch, sendBatch } from './batch-request.ts'
import type { BuilderPool } from './builder-pool.ts'
import { asEdgelogError, neverSent, notDelivered, outcomeUnknown } from './delivery-error.ts'
import {
  type InFlightEntry,
  InFlightQueue,
  type ProducerStamp,
  type Verdict,
} from './in-flight-queue.ts'
import { OpenBatch } from './open-batch.ts'
import type { ProducedBatch, Resolve } from './produced-batch.ts'
import type { ProducerSettings } from './producer-options.ts'
import type { SendLine } from './send-line.ts'

/** State that all partitions of a producer share. */
export interface SenderContext {
  readonly connection: Connection
  readonly settings: ProducerSettings
  readonly codecs: Codecs
  readonly builders: BuilderPool
  readonly line: SendLine
  readonly postBatch?: PostBatch
  readonly newProducerId: () => bigint
  /** Releases the memory of a settled batch. */
  readonly release: (bytes: number) => void
}

interface SenderListener {
  /** The open batch was closed: records without a key go to another partition now. */
  batchClosed(partition: number): void
  /** The cached topic metadata is stale. */
  topicChanged(): void
}

type Entry = InFlightEntry<ProducedBatch>

export class PartitionSender {
  readonly topic: string
  readonly partition: number
  readonly #context: SenderContext
  readonly #listener: SenderListener
  readonly #inFlight: InFlightQueue<ProducedBatch>
  readonly #requests = new Map<Entry, AbortController>()
  readonly #stamped = new WeakMap<ProducedBatch, ProducerStamp>()
  readonly #open: OpenBatch
  /** Closed and not yet admitted to the queue, oldest first. */
  #closed: ProducedBatch[] = []
  #deadlineTimer: Timer
  readonly #retryTimers = new Map<Entry, Timer>()
  /** Start of the first request that failed since this partition's last acknowledgement. */
  #failingSinceMs: number | undefined
  #isAbandoned = false

  constructor(topic: string, partition: number, context: SenderContext, listener: SenderListener) {
    this.topic = topic
    this.partition = partition
    this.#context = context
    this.#listener = listener
    const { inFlightMax, isIdempotent } = context.settings
    const { builders, connection, newProducerId } = context
    this.#open = new OpenBatch(connection.clock, builders)
    this.#inFlight = new InFlightQueue({ inFlightMax, isIdempotent, newProducerId })
  }

  /** The batches with unsettled promises. */
  get pending(): ProducedBatch[] {
    const inFlight = this.#inFlight.entries
      .filter(({ state }) => state !== 'acked')
      .map(({ batch }) => batch)
    const { batch } = this.#open
    return [...inFlight, ...this.#closed, ...(batch === undefined ? [] : [batch])]
  }

  /**
   * Adds one record to the open batch.
   *
   * @param sizeBytesMax size of the record as the builder estimates it
   * @param batchBytesMax size that closes a batch; only a single record may exceed it
   * @throws {EdgelogError} the builder's error; the record is in no batch then.
   */
  append(
    record: NewRecord,
    resolve: Resolve,
    reservedBytes: number,
    limits: { readonly sizeBytesMax: number; readonly batchBytesMax: number },
  ): void {
    const { sizeBytesMax, batchBytesMax } = limits
    const open = this.#open
    if (open.batch !== undefined && open.sizeBytes + sizeBytesMax > batchBytesMax) this.#close()
    const isFirst = open.batch === undefined
    open.append(record, resolve, reservedBytes)
    if (isFirst) {
      open.linger(this.#context.settings.lingerMs, () => this.flush())
      this.#watchDeadline()
    }
    if (open.sizeBytes >= batchBytesMax || this.#isPaced(open.sizeBytes)) this.#close()
  }

  /** Sends the open batch without waiting for more records. */
  flush(): void {
    if (this.#open.batch === undefined) return
    this.#open.isLingerOver = true
    this.#pump()
  }

  /** Rejects everything at once. */
  abandon(error: EdgelogError): void {
    this.#isAbandoned = true
    for (const request of this.#requests.values()) request.abort(error)
    const { clock } = this.#context.connection
    for (const timer of [this.#deadlineTimer, ...this.#retryTimers.values()]) {
      clock.clearTimeout(timer)
    }
    const pending = this.pending
    this.#open.discard()
    this.#closed = []
    for (const batch of pending) this.#reject(batch, error)
  }

  /**
   * Returns whether a batch should stop growing because of the line's pace. On an unmeasured line only the first
   * batch is small: records that wait for its response are better sent in large batches, in case the line is fast.
   */
  #isPaced(sizeBytes: number): boolean {
    const { line } = this.#context
    if (sizeBytes < line.batchBytes) return false
    return line.isMeasured || (this.#inFlight.size === 0 && this.#closed.length === 0)
  }

  #close(): void {
    const closed = this.#open.close()
    if (closed === undefined) return
    const { batch, bytes } = closed
    const { settings } = this.#context
    this.#closed.push(batch)
    if (settings.compression === 'none') batch.bytes = bytes
    else void this.#compress(batch, bytes)
    this.#listener.batchClosed(this.partition)
    this.#pump()
  }

  async #compress(batch: ProducedBatch, bytes: Uint8Array): Promise<void> {
    const { settings, codecs } = this.#context
    try {
      batch.bytes = await compressBatch(bytes, settings.compression, codecs)
    } catch (error) {
      this.#closed = this.#closed.filter((other) => other !== batch)
      this.#reject(batch, asEdgelogError(error))
      this.#watchDeadline()
    }
    this.#pump()
  }

  /** Sends all batches that can be sent now. */
  #pump(): void {
    if (this.#isAbandoned) return
    this.#sendReady()
    while (this.#inFlight.hasRoom && !this.#inFlight.hasReady) {
      if (this.#closed.length === 0) {
        // On a slow line the open batch keeps growing while another is in flight.
        if (!this.#open.isLingerOver || !this.#mayFollow(this.#open.sizeBytes)) break
        this.#close()
      }
      const bytes = this.#closed[0]?.bytes
      if (bytes === undefined || !this.#mayFollow(bytes.length)) break
      this.#inFlight.admit(this.#closed.shift() as ProducedBatch)
      this.#sendReady()
    }
  }

  #mayFollow(sizeBytes: number): boolean {
    return !this.#inFlight.hasSent || this.#context.line.mayFollow(sizeBytes)
  }

  #sendReady(): void {
    for (;;) {
      const entry = this.#inFlight.takeReady((batch) => this.#mayFollow(batch.bytes?.length ?? 0))
      if (entry === undefined) break
      void this.#send(entry)
    }
  }

  async #send(entry: Entry): Promise<void> {
    const { batch, stamp } = entry
    const { connection, settings, line, postBatch } = this.#context
    const bytes = batch.bytes as Uint8Array
    if (this.#stamped.get(batch) !== stamp && settings.isIdempotent) {
      stampProducer(bytes, stamp)
      this.#stamped.set(batch, stamp)
    }
    const abort = new AbortController()
    this.#requests.set(entry, abort)
    batch.attempts += 1
    const { outcome, result, refusal, startedAtMs } = await sendBatch(
      connection,
      this.topic,
      this.partition,
      bytes,
      { line, postBatch, timeoutMs: settings.requestTimeoutMs, signal: abort.signal },
    )
    this.#requests.delete(entry)
    if (this.#isAbandoned) return
    if (outcome.kind === 'acked') this.#failingSinceMs = undefined
    else this.#failingSinceMs ??= startedAtMs
    if (refusal?.code === 'unknown_topic_or_partition') this.#listener.topicChanged()
    const verdicts = this.#inFlight.settle(entry, outcome)
    for (const verdict of verdicts) this.#act(verdict, result, refusal?.retryAfterMs)
    this.#giveUpExpired()
    this.#watchDeadline()
    this.#pump()
  }

  #act(
    verdict: Verdict<ProducedBatch>,
    result: BatchResponse | undefined,
    retryAfterMs: number | undefined,
  ): void {
    const { entry } = verdict
    const { batch } = entry
    // A retry timer that a new epoch or the delivery time-out has made obsolete.
    this.#context.connection.clock.clearTimeout(this.#retryTimers.get(entry))
    this.#retryTimers.delete(entry)
    if (verdict.kind === 'ack') {
      const { baseOffset, logAppendTime } = result as BatchResponse
      batch.resolve(this.topic, this.partition, baseOffset, logAppendTime)
      this.#context.release(batch.reservedBytes)
    } else if (verdict.kind === 'reject') {
      const { error, isOutcomeUnknown } = verdict
      this.#reject(batch, isOutcomeUnknown ? outcomeUnknown(error) : error)
    } else {
      this.#retryLater(entry, retryAfterMs ?? 0)
    }
  }

  #retryLater(entry: Entry, retryAfterMs: number): void {
    const { connection, settings } = this.#context
    const { retryBackoffMs, retryBackoffMsMax } = settings
    const { clock, random } = connection
    const { attempts } = entry.batch
    const delayMs = backoffMs(attempts, retryBackoffMs, retryBackoffMsMax, random)
    const timer = clock.setTimeout(
      () => {
        this.#retryTimers.delete(entry)
        this.#inFlight.wake(entry)
        this.#pump()
      },
      Math.max(delayMs, retryAfterMs),
    )
    this.#retryTimers.set(entry, timer)
  }

  #reject(batch: ProducedBatch, error: EdgelogError): void {
    if (batch.isSettled) return
    batch.reject(batch.attempts === 0 ? neverSent(error) : error)
    this.#context.release(batch.reservedBytes)
  }

  // -- delivery timeout ----------------------------------------------------------------------

  #watchDeadline(): void {
    const { clock } = this.#context.connection
    clock.clearTimeout(this.#deadlineTimer)
    const oldest = this.#oldestPending()
    if (oldest === undefined) return
    const delayMs = this.#deadlineOf(oldest) - clock.now()
    this.#deadlineTimer = clock.setTimeout(
      () => {
        this.#giveUpExpired()
        this.#pump()
        this.#watchDeadline()
      },
      Math.max(1, delayMs),
    )
  }

  #oldestPending(): ProducedBatch | undefined {
    const unsettled = this.#inFlight.entries.find(({ state }) => state !== 'acked')
    return unsettled?.batch ?? this.#closed[0] ?? this.#open.batch
  }

  #deadlineOf(batch: ProducedBatch): number {
    const { settings, line } = this.#context
    if (settings.deliveryTimeoutMs !== undefined) {
      return batch.createdAtMs + settings.deliveryTimeoutMs
    }
    const silentSinceMs = Math.max(batch.createdAtMs, this.#failingSinceMs ?? line.ackedAtMs)
    return silentSinceMs + DELIVERY_SILENCE_MS + line.extraMs
  }

  #giveUpExpired(): void {
    const nowMs = this.#context.connection.clock.now()
    const error = notDelivered(this.#context.settings.deliveryTimeoutMs)
    const isExpired = (batch: ProducedBatch) => this.#deadlineOf(batch) <= nowMs
    const expired = this.#inFlight.entries.filter(({ batch }) => isExpired(batch))
    for (const entry of expired) {
      // Aborts a request in flight; its end calls `settle` and then this method again.
      if (entry.state === 'sent') this.#requests.get(entry)?.abort(error)
      for (const verdict of this.#inFlight.giveUp(entry, error)) {
        this.#act(verdict, undefined, undefined)
      }
    }
    if (this.#open.batch !== undefined && isExpired(this.#open.batch)) this.#close()
    while (this.#closed[0] !== undefined && isExpired(this.#closed[0])) {
      this.#reject(this.#closed.shift() as ProducedBatch, error)
    }
  }
}
