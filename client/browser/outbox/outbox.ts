/**
 * The outbox of one tab: queues records, and settles their promises when
 * they have left. The sending half is loaded on demand (`sending.ts`).
 *
 *   send() -> OutboxProducer -> OutboxStore, durable -> queued(): `wake` to all tabs
 *   wake   -> OutboxSender of the leading tab -> log -> OutboxDrain, durable -> `acked` to all tabs
 *   acked  -> AckWaiters of the tab that queued it -> the promise of send()
 */
import { EdgelogError } from '../../../src/core/errors.ts'
import { sleep } from '../../clock.ts'
import type { ConsumerRecord } from '../../consumer/consumer-record.ts'
import { FLUSH_CHECK_MS, OUTBOX_BYTES_MAX } from '../limits.ts'
import type { Session } from '../session/session.ts'
import type { OutboxMessage } from '../tabs/channel.ts'
import { AckWaiters } from './ack-waiters.ts'
import type { ParkedRecord, RetryOptions } from './outbox-contents.ts'
import { OutboxProducer, type ProducerContext } from './outbox-producer.ts'
import { OutboxStore, pendingOf } from './outbox-store.ts'
import type { Sending } from './sending.ts'

/** The waiting and the parked records, for the page to show and handle. */
export interface Outbox {
  /**
   * Returns the records of all tabs that are not in the log yet, in the order of `send` within each
   * partition. Their offset is -1; the partition is -1 until the topic's metadata is available.
   */
  pending(topic?: string): Promise<ConsumerRecord[]>
  /** Returns the records that the log rejected, oldest first. */
  parked(): Promise<ParkedRecord[]>
  /**
   * Queues parked records again, behind all waiting ones; all or one. Resolves to their number.
   *
   * @param options `timestamp`: new time (ms since 1970) of records that
   * were rejected as `invalid_timestamp`, for a device whose clock was wrong
   * @throws {EdgelogError} `invalid_timestamp` for an invalid time
   * @example
   * await log.outbox.retry(undefined, { timestamp: Date.now() })
   */
  retry(id?: number, options?: RetryOptions): Promise<number>
  /** Deletes parked records, all or one. Resolves to their number. */
  discard(id?: number): Promise<number>
}

/** Result of the last count. */
interface OutboxCounts {
  readonly pending: number
  readonly parked: number
  readonly oldestQueuedAtMs: number | undefined
}

/**
 * The outbox as one tab has it.
 *
 * @internal
 */
export class OutboxQueue implements Outbox, ProducerContext {
  readonly store: OutboxStore
  readonly waiters = new AckWaiters()
  readonly producer: OutboxProducer
  counts: OutboxCounts = { pending: 0, parked: 0, oldestQueuedAtMs: undefined }
  readonly #session: Session
  readonly #load: () => Promise<Sending>
  #sending: Sending | undefined
  /** Approximate bytes of the waiting records. */
  #pendingBytes = 0
  /** Aborted when the stored records are lost. */
  #stored = new AbortController()
  #hasAskedToPersist = false

  constructor(session: Session, load: () => Promise<Sending>) {
    this.#session = session
    this.#load = load
    this.store = new OutboxStore(session)
    this.producer = new OutboxProducer(this)
    for (const kind of ['wake', 'acked', 'parked', 'moved', 'outbox'] as const) {
      session.channel.listen(kind, (message) => this.#receive(message))
    }
  }

  /** Adds the loaded half. */
  attach(sending: Sending): void {
    this.#sending = sending
  }

  async pending(topic?: string): Promise<ConsumerRecord[]> {
    return await (await this.#load()).pending(topic)
  }

  async parked(): Promise<ParkedRecord[]> {
    return await (await this.#load()).parked()
  }

  retry(id?: number, options: RetryOptions = {}): Promise<number> {
    return this.#unpark(id, options)
  }

  discard(id?: number): Promise<number> {
    return this.#unpark(id)
  }

  now(): number {
    return this.#session.now()
  }

  admit(sizeBytes: number): void {
    this.#session.checkOpen()
    if (this.#pendingBytes + sizeBytes > OUTBOX_BYTES_MAX) {
      this.#session.changed()
      throw new EdgelogError(
        'storage_full',
        `${OUTBOX_BYTES_MAX} bytes are already waiting to be sent`,
      )
    }
    // An estimate until the next count.
    this.#pendingBytes += sizeBytes
  }

  async makeRoom(): Promise<boolean> {
    return await (await this.#load()).makeRoom()
  }

  queued(): void {
    const { backgroundSync, persist } = this.#session.options
    if (backgroundSync === true && this.counts.pending === 0) {
      // Background Sync is optional: without it the next page sends.
      this.#load().then((sending) => sending.registerSync(), ignore)
    }
    this.#session.channel.publish({ kind: 'wake' })
    if (this.#hasAskedToPersist || persist === false) return
    this.#hasAskedToPersist = true
    // Not at load: browsers grant this more readily when there is data to keep.
    globalThis.navigator?.storage?.persist?.().catch(ignore)
  }

  refused(): void {
    this.#session.changed()
  }

  async flush(given: AbortSignal | undefined): Promise<void> {
    const { connection, channel, closed } = this.#session
    const signal = AbortSignal.any([given ?? closed, closed, this.#stored.signal])
    channel.publish({ kind: 'wake' })
    while (this.#sending === undefined) {
      await this.#load().catch(() => sleep(connection.clock, FLUSH_CHECK_MS, signal))
      signal.throwIfAborted()
    }
    await this.#sending.flush(signal)
  }

  /**
   * Counts the waiting records, and settles the promises of records that left without a message.
   *
   * @throws {EdgelogError} the error of the database
   */
  async refresh(): Promise<void> {
    const { store } = this
    const serial = this.waiters.nextSerial
    const producers = await store.producers()
    const waiting = producers.filter((row) => pendingOf(row) > 0)
    const oldestQueuedAtMs = await store.oldestQueuedAtMs(waiting)
    const parked = await store.countParked()
    const pending = waiting.reduce((sum, row) => sum + pendingOf(row), 0)
    this.#pendingBytes = waiting.reduce((sum, row) => sum + row.pendingBytes, 0)
    this.counts = { pending, parked, oldestQueuedAtMs }
    await this.#sending?.checkWaiters(producers, serial)
  }

  /** Rejects all promises, because the stored data is gone. */
  lost(error: EdgelogError): void {
    this.waiters.rejectAll(error)
    this.#stored.abort(error)
    this.#stored = new AbortController()
  }

  #receive(message: OutboxMessage): void {
    const { emitter, changed } = this.#session
    this.waiters.receive(message)
    if (message.kind === 'parked') {
      emitter.emit('parked', { topic: message.topic, error: EdgelogError.fromBody(message.error) })
    }
    emitter.emit('outbox', undefined)
    changed()
  }

  async #unpark(id: number | undefined, retry?: RetryOptions): Promise<number> {
    const count = await (await this.#load()).unpark(id, retry)
    this.#session.channel.post({ kind: 'outbox' })
    this.#session.channel.publish({ kind: 'wake' })
    return count
  }
}

function ignore(): void {}
