/** Waits for the tables of a browser: any tab may follow them, and publishes what has changed. */
import { EdgelogError } from '../../../src/core/errors.ts'
import { parseTopicName } from '../../../src/core/topic/topic-name.ts'
import { type Clock, sleep } from '../../clock.ts'
import { describeTopic } from '../../describe-topic.ts'
import { Emitter } from '../../emitter.ts'
import type { Connection } from '../../http/connection.ts'
import { isTransient } from '../../http/request-error.ts'
import { CACHE_RECHECK_MS, CACHE_USE_INTERVAL_MS } from '../limits.ts'
import type { AuthRetry } from '../reading/auth-retry.ts'
import type { TableState } from '../store/schema.ts'
import type { Channel } from '../tabs/channel.ts'
import type { TableReader } from './table-reader.ts'
import { tableFull } from './table-space.ts'
import { isFullAt, type TableWriter } from './table-writer.ts'

export interface TableWaitContext {
  readonly reader: TableReader
  readonly writer: TableWriter
  readonly channel: Channel
  readonly connection: Connection
  /** Aborted when the client closes. */
  readonly closed: AbortSignal
  /** Retries requests whose token is refused, by failing with `unavailable`. */
  readonly authRetry: Pick<AuthRetry, 'retry'>
}

interface WaitOptions {
  readonly waitMs?: number
  readonly signal?: AbortSignal | undefined
}

export class TableWait {
  readonly #context: TableWaitContext
  /** The topics whose tables have changed. */
  readonly #changes = new Emitter<Record<string, undefined>>()

  constructor(context: TableWaitContext) {
    this.#context = context
    const { channel } = context
    channel.listen('table', ({ topic }) => this.#changes.emit(eventOf(topic), undefined))
  }

  /**
   * Returns what `find` finds in the state of a table, which is kept from the first call on.
   *
   * @throws the reason of `signal`; {EdgelogError} `unavailable` after `waitMs`, `table_not_enabled`, `storage_full`
   */
  async until<T>(
    topic: string,
    find: (state: TableState) => T | undefined,
    { waitMs = Number.POSITIVE_INFINITY, signal }: WaitOptions,
  ): Promise<T> {
    const { clock } = this.#context.connection
    const endMs = clock.now() + waitMs
    const news = this.listen(topic)
    try {
      for (;;) {
        news.read()
        const state = await this.#state(topic)
        const found = state instanceof EdgelogError ? undefined : find(state)
        if (found !== undefined) return found
        // Never more than requested: the clock may have been set back.
        const leftMs = Math.min(endMs - clock.now(), waitMs)
        if (leftMs <= 0) throw state instanceof EdgelogError ? state : late(topic, waitMs)
        await news.next(signal, leftMs)
      }
    } finally {
      news.end()
    }
  }

  /** Listens for changes of a table, until `end`. */
  listen(topic: string): TableNews {
    const { channel, closed, connection } = this.#context
    return new TableNews(connection.clock, closed, (wake) => [
      this.#changes.on(eventOf(topic), wake),
      // The first request of a page may have waited for it.
      channel.listen('token', wake),
    ])
  }

  /** Returns the state of a table, or why the server does not tell it now. */
  async #state(topic: string): Promise<TableState | EdgelogError> {
    const { reader, writer, connection, channel, authRetry } = this.#context
    const nowMs = connection.clock.now()
    const known = await reader.state(topic)
    if (known?.fullAtMs !== undefined && isFullAt(known.fullAtMs, nowMs)) throw tableFull(topic)
    if (known !== undefined && known.fullAtMs === undefined) {
      const { topicId: id, partitions, usedAtMs } = known
      if (Math.abs(nowMs - usedAtMs) >= CACHE_USE_INTERVAL_MS) {
        await writer.keep({ topic, id, partitions: partitions.length }, nowMs)
      }
      return known
    }
    parseTopicName(topic, 'topic')
    try {
      const call = { partitionDetails: false }
      const described = await authRetry.retry(() => describeTopic(connection, topic, call))
      checkCompacted(topic, String(described.config['cleanup.policy']))
      await writer.keep({ topic, id: described.id, partitions: described.partitions }, nowMs)
    } catch (error) {
      if (!isTransient(error)) throw error
      return error as EdgelogError
    }
    channel.publish({ kind: 'follows' })
    return (await reader.state(topic)) ?? new EdgelogError('unavailable', `${topic} was dropped`)
  }
}

/** Changes of one table, from now on. */
export class TableNews {
  readonly #clock: Clock
  readonly #closed: AbortSignal
  readonly #stops: ReadonlyArray<() => void>
  #wake = new AbortController()

  /** @param listen begins to listen for changes; returns the functions that end it */
  constructor(
    clock: Clock,
    closed: AbortSignal,
    listen: (wake: () => void) => ReadonlyArray<() => void>,
  ) {
    this.#clock = clock
    this.#closed = closed
    this.#stops = listen(() => this.#wake.abort())
  }

  /** Reports that the table is about to be read: `next` waits for later changes. */
  read(): void {
    this.#wake = new AbortController()
  }

  /**
   * Waits for a change, or until it is time to look again: messages of other tabs may be missed.
   *
   * @throws the reason of `signal`; {EdgelogError} `invalid_request` after `close`
   */
  async next(signal: AbortSignal | undefined, waitMs = CACHE_RECHECK_MS): Promise<void> {
    const ends = [this.#wake.signal, this.#closed, ...(signal === undefined ? [] : [signal])]
    const wake = this.#wake
    const end = () => wake.abort()
    for (const other of ends) other.addEventListener('abort', end)
    try {
      if (!ends.some(({ aborted }) => aborted)) {
        await sleep(this.#clock, Math.min(waitMs, CACHE_RECHECK_MS), wake.signal)
      }
    } finally {
      for (const other of ends) other.removeEventListener('abort', end)
    }
    signal?.throwIfAborted()
    if (this.#closed.aborted) throw new EdgelogError('invalid_request', 'the client is closed')
  }

  end(): void {
    for (const stop of this.#stops) stop()
  }
}

function checkCompacted(topic: string, policy: string): void {
  if (policy.split(',').some((item) => item.trim() === 'compact')) return
  const why = `${topic}: a table needs a cleanup.policy that has compact; got ${policy}`
  throw new EdgelogError('table_not_enabled', why)
}

function late(topic: string, waitMs: number): EdgelogError {
  return new EdgelogError('unavailable', `the table of ${topic} is not that far after ${waitMs} ms`)
}

/** Returns a name that no property of an object has: a topic may be named `constructor`. */
function eventOf(topic: string): string {
  return `/${topic}`
}
