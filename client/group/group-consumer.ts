/** The consumer of a group as applications see it. */

import { checkRange } from '../check-range.ts'
import type { PartitionPosition } from '../consumer/consumer.ts'
import type { StartPosition } from '../consumer/consumer-options.ts'
import type { ConsumerBatch } from '../consumer/consumer-record.ts'
import { CLOSE_WORK_MS, CONCURRENCY_MAX, TIMER_MS_MAX } from '../limits.ts'
import type { OffsetCommit } from './group-calls.ts'
import { type GroupConsumerOptions, groupConsumerSettings } from './group-consumer-options.ts'
import { type GroupConsumerContext, GroupMember, type Work } from './group-member.ts'
import type { HeldChange, TopicPartition } from './held-partitions.ts'
import { type LagReport, LagReporter } from './lag-report.ts'

/** The detail of the event 'assignment'. */
export interface AssignmentChange {
  readonly assigned: readonly TopicPartition[]
  /** Given up; what was finished is committed. */
  readonly revoked: readonly TopicPartition[]
  /** Taken away: others may have gone on from the last commit. */
  readonly lost: readonly TopicPartition[]
  /** All that is read now. */
  readonly current: readonly TopicPartition[]
}

export interface GroupConsumerEvents {
  readonly assignment: CustomEvent<AssignmentChange>
  readonly lag: CustomEvent<LagReport>
}

type ListenerParameters = Parameters<EventTarget['addEventListener']>

/** `addEventListener` that knows the events of a `GroupConsumer`. */
export interface GroupConsumerListening {
  <Type extends keyof GroupConsumerEvents>(
    type: Type,
    listener: ((event: GroupConsumerEvents[Type]) => void) | null,
    options?: ListenerParameters[2],
  ): void
  (type: string, listener: ListenerParameters[1], options?: ListenerParameters[2]): void
}

/**
 * Handles one batch; it is finished when this resolves.
 *
 * `signal` is aborted when the partition is to be given up. Whoever stops early because of it throws
 * (`signal.throwIfAborted()`): then the batch comes again to the partition's next owner.
 */
export type BatchHandler = (
  batch: ConsumerBatch,
  context: { readonly signal: AbortSignal },
) => unknown

/**
 * One member of a consumer group (KIP-848): the members share the partitions of their topics, and each
 * record is handled at least once, whoever comes, goes or fails in between.
 *
 * It joins when the first batch is asked for. In a `for await`, a batch is finished when the next one
 * is asked for; leaving the loop or throwing in it leaves the batch unfinished. Only what is finished
 * is committed. One iteration or `run` at a time.
 *
 * Events are `CustomEvent`s: 'assignment' with an `AssignmentChange`, and 'lag', at most once a second
 * while batches are handed over, with a `LagReport`.
 *
 * @example
 * const consumer = log.consumer({ groupId: 'billing', topics: ['orders'], from: 'earliest' })
 * process.once('SIGTERM', () => void consumer.close())
 * await consumer.run(async ({ records }) => {
 *   for (const { key, value } of records) await bill(key, value)
 * }, { concurrency: 4 })
 */
export class GroupConsumer extends EventTarget implements AsyncIterable<ConsumerBatch> {
  declare readonly addEventListener: GroupConsumerListening
  declare readonly removeEventListener: GroupConsumerListening
  readonly #member: GroupMember
  readonly #lag: LagReporter
  readonly #onClosed: () => void
  /** What the `for await` works on. */
  #iterated: Work | undefined
  #closing: Promise<void> | undefined

  /** @internal Made by `Client.consumer`. */
  constructor(context: GroupConsumerContext, options: GroupConsumerOptions) {
    super()
    this.#onClosed = context.onClosed
    this.#lag = new LagReporter(context.connection.clock, (report) => this.#emit('lag', report))
    this.#member = new GroupMember(context, groupConsumerSettings(options), {
      changed: (change) => this.#changed(change),
      handedOver: (batch) => this.#lag.delivered(batch),
    })
    const { signal } = options
    const close = () => void this.#close(CLOSE_WORK_MS)
    if (signal?.aborted) queueMicrotask(close)
    signal?.addEventListener('abort', close, { signal: this.#member.readers.signal })
  }

  /** The partitions that are read now. */
  get assignment(): PartitionPosition[] {
    return this.#member.held.current.map(({ topic, partition, reader }) => ({
      topic,
      partition,
      offset: reader?.position,
    }))
  }

  /** Why nothing comes; undefined: there is nothing. @internal */
  get trouble(): unknown {
    return this.#member.trouble
  }

  /** Bytes read ahead of the application, and those asked for. */
  get bufferedBytes(): number {
    return this.#member.readers.bufferedBytes
  }

  /**
   * Batch after batch, of whichever partition has one.
   *
   * @throws {EdgelogError} `invalid_request` beside another iteration or `run`; what waiting cannot
   * heal, such as `fenced_instance_id` or `unauthorized`. It is closed, and has left, by then.
   */
  async *[Symbol.asyncIterator](): AsyncGenerator<ConsumerBatch, void, undefined> {
    this.#member.use()
    try {
      for (;;) {
        this.#endIteration(true)
        this.#iterated = await this.#next()
        if (this.#iterated === undefined) break
        yield this.#iterated.batch
      }
      await this.#closing
    } finally {
      this.#endIteration(false)
      this.#member.release()
    }
  }

  /**
   * Hands batches to `handler`, those of one partition one after the other, up to `concurrency` of
   * them at a time. Resolves when the consumer is closed and has left its group, which does not wait
   * for ever for handlers that hang; do not await that in a handler.
   *
   * @throws what `handler` throws, after the others have ended (10 s at most), what is finished is
   * committed, and the member has left; as the iteration; and as `close`.
   */
  async run(
    handler: BatchHandler,
    { concurrency = 1 }: { readonly concurrency?: number } = {},
  ): Promise<void> {
    checkRange('concurrency', concurrency, 1, CONCURRENCY_MAX)
    this.#member.use()
    const failures: unknown[] = []
    const lane = async () => {
      try {
        for (;;) {
          const work = await this.#member.next()
          if (work === undefined) return
          await this.#handle(work, handler)
        }
      } catch (error) {
        failures.push(error)
        void this.close()
      }
    }
    await Promise.race([
      Promise.all(Array.from({ length: concurrency }, lane)),
      aborted(this.#member.readers.signal),
    ])
    await this.close().catch((error) => failures.push(error))
    this.#member.release()
    if (failures.length > 0) throw failures[0]
  }

  /**
   * Commits all that is finished, in an iteration the batch at hand too; or the given offsets, each
   * that of the next record to be read, of partitions that are assigned.
   *
   * @throws {EdgelogError} `invalid_request` for an offset that was not handed over yet, or is none, and
   * for a partition that was never assigned; `stale_member_epoch`, `unknown_member_id` where the
   * partition is with others now; `unavailable`.
   */
  async commit(offsets?: readonly OffsetCommit[]): Promise<void> {
    if (offsets !== undefined) return await this.#member.commitOffsets(offsets)
    const work = this.#iterated
    work?.held.offsets.finish(work.delivery)
    await this.#member.commitFinished(work)
  }

  /**
   * Goes on elsewhere in one partition; what was read ahead there is dropped, and what is committed
   * next is where that leads.
   *
   * @throws {EdgelogError} `invalid_request` for a partition that is not assigned, or no position.
   */
  seek(topic: string, partition: number, to: StartPosition): void {
    const { offsets } = this.#member.find(topic, partition)
    this.#member.readers.get(topic, partition).seek(to)
    offsets.seek()
  }

  /** The offset of the next record that is handed over; undefined until the server has named it. */
  position(topic: string, partition: number): number | undefined {
    return this.#member.find(topic, partition).reader?.position
  }

  /** Stops reading one partition, or all that are assigned now, and keeps them and the position. */
  pause(topic?: string, partition?: number): void {
    this.#member.readers.pause(topic, partition)
  }

  resume(topic?: string, partition?: number): void {
    this.#member.readers.resume(topic, partition)
  }

  /**
   * Hands over nothing more, waits for handlers, `timeoutMs` (10 s) at most, commits what is finished
   * and leaves the group. Calling it again waits for the same end.
   *
   * In a `for await` it does not wait, as it may be called there, and the batch at hand is not finished
   * by it: `commit()` it before, or leave it to the next. Who closes from outside and gives `timeoutMs`
   * waits for the loop to ask for the next batch; the graceful way out of a loop is `signal`.
   *
   * @throws {EdgelogError} `invalid_config`; `unauthorized` and the like, after it has left, if the last
   * commit was refused with what waiting cannot heal.
   */
  close({ timeoutMs }: { readonly timeoutMs?: number } = {}): Promise<void> {
    try {
      checkRange('timeoutMs', timeoutMs ?? 0, 0, TIMER_MS_MAX)
    } catch (error) {
      return Promise.reject(error)
    }
    // Who closes in a loop does not come back to it before this has ended.
    return this.#close(timeoutMs ?? (this.#iterated === undefined ? CLOSE_WORK_MS : 0))
  }

  async #next(): Promise<Work | undefined> {
    try {
      return await this.#member.next()
    } catch (error) {
      await this.close().catch(() => undefined)
      throw error
    }
  }

  #endIteration(isFinished: boolean): void {
    const work = this.#iterated
    this.#iterated = undefined
    if (work !== undefined) this.#member.end(work, isFinished)
  }

  async #handle(work: Work, handler: BatchHandler): Promise<void> {
    const { signal } = work.held.stop
    let isFinished = false
    try {
      await handler(work.batch, { signal })
      isFinished = true
    } catch (error) {
      if (!signal.aborted) throw error
    } finally {
      this.#member.end(work, isFinished)
    }
  }

  #close(workMs: number): Promise<void> {
    if (this.#closing === undefined) {
      this.#closing = this.#member.close(workMs).finally(() => {
        this.#lag.close()
        this.#onClosed()
      })
      // Who closes without waiting for it is not to be ended by it: `run` and the iteration throw it.
      this.#closing.catch(() => undefined)
    }
    return this.#closing
  }

  #changed({ assigned = [], revoked = [], lost = [] }: Partial<HeldChange>): void {
    for (const held of [...revoked, ...lost]) this.#lag.forget(held)
    const detail: AssignmentChange = {
      assigned: assigned.map(bare),
      // Those that were given and taken before anybody heard of them are not worth a word.
      revoked: revoked.filter(({ reader }) => reader).map(bare),
      lost: lost.filter(({ reader }) => reader).map(bare),
      current: this.#member.held.current.map(bare),
    }
    this.#emit('assignment', detail)
  }

  #emit(type: string, detail: unknown): void {
    this.dispatchEvent(new CustomEvent(type, { detail }))
  }
}

function aborted(signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal.aborted) resolve()
    else signal.addEventListener('abort', () => resolve(), { once: true })
  })
}

function bare({ topic, partition }: TopicPartition): TopicPartition {
  return { topic, partition }
}
