/** Entry point for pages: one client for one server and one principal, in each tab. */
import { EdgelogError } from '../../src/core/errors.ts'
import type { Consumer } from '../consumer/consumer.ts'
import type { GroupConsumer } from '../group/group-consumer.ts'
import type { ProducerRecord } from '../producer/record-input.ts'
import type { TableEntriesOptions, TableOptions } from '../table.ts'
import { type TopicOptions, TypedTopic } from '../typed-topic.ts'
import type { Engine } from './engine.ts'
import { OFFLINE_CHECK_MS } from './limits.ts'
import { type Outbox, OutboxQueue } from './outbox/outbox.ts'
import type { Queued, QueuedBatch } from './outbox/outbox-producer.ts'
import type { BrowserTransactionWork, QueuedTransaction } from './outbox/queue-transaction.ts'
import type {
  BrowserConsumerOptions,
  BrowserGroupConsumerOptions,
} from './reading/open-consumer.ts'
import type { BrowserEvents } from './session/events.ts'
import type { BrowserClientOptions } from './session/options.ts'
import { Session } from './session/session.ts'
import type { ClientStatus } from './session/status.ts'
import { StatusBoard } from './status-board.ts'
import type { CacheLimits } from './store/schema.ts'
import { isHint } from './sync/page-events.ts'
import type { SyncStatus } from './sync/sync.ts'
import type { BrowserTable } from './table/browser-table.ts'
import { Leader, type Locks, nextEpoch } from './tabs/leader.ts'

/** The options of a consumer or, with `groupId`, of a member of a group. */
export type BrowserTopicReadOptions =
  | Omit<BrowserConsumerOptions, 'topics' | 'assignments'>
  | Omit<BrowserGroupConsumerOptions, 'topics' | 'topicPattern'>

/**
 * Connects a page to its log. The first request is sent when it is needed.
 *
 * @throws {EdgelogError} `invalid_config` for an invalid address
 * @example
 * const log = connect({ url: 'https://log.example.com' })
 * await log.send('todos', { key: '1', value: 'buy milk' })
 * for await (const { records } of await log.consumer({ topics: ['todos'], from: 'earliest' })) {
 *   for (const record of records) console.log(record.keyText, record.valueText)
 * }
 */
export function connect(options: BrowserClientOptions = {}): BrowserClient {
  return new BrowserClient(options)
}

/**
 * The parts of a client that the tasks of a topology use.
 *
 * @internal
 */
export interface BrowserClientParts {
  readonly session: Session
  readonly queue: OutboxQueue
  load(): Promise<Engine>
}

export class BrowserClient {
  /** Records that wait to be sent, and records that were rejected. */
  readonly outbox: Outbox
  readonly #session: Session
  readonly #queue: OutboxQueue
  readonly #board: StatusBoard
  readonly #leader: Leader
  #engine: Engine | undefined
  #closing: Promise<void> | undefined

  constructor(options: BrowserClientOptions) {
    const session = new Session(options, () => this.#board.touch(), {
      lost: () => this.#lost(),
      outdated: () => this.#outdated(),
      blocked: () => session.emitter.emit('reloadNeeded', { reason: 'blocked' }),
      // Another tab may succeed.
      failed: () => this.#leader.stepDown(),
      deleted: () => {
        void this.close()
        session.emitter.emit('signedOut', undefined)
      },
    })
    this.#session = session
    this.#queue = new OutboxQueue(session, async () => (await this.#load()).sending)
    this.outbox = this.#queue
    this.#board = new StatusBoard(session, this.#queue, {
      sync: () => this.#syncStatus(),
      isLeader: () => this.#leader.epoch !== undefined,
      lagRecords: async () => (await this.#engine?.reading.lagRecords()) ?? null,
    })
    const { locks } = (globalThis.navigator ?? {}) as { locks?: Locks }
    const { database, channel, page, connection } = session
    this.#leader = new Leader(
      { name: database.name, channel, page, clock: connection.clock, locks },
      {
        newEpoch: () => nextEpoch(database),
        gained: () => this.#start(),
        lost: () => this.#rest(),
        status: () => this.#syncStatus(),
      },
    )
    this.#listen()
    this.#start()
    this.#board.touch()
  }

  /** The current status; `on('status')` reports changes. */
  get status(): ClientStatus {
    return this.#board.status
  }

  /**
   * Queues one record; resolves when it is durable in this browser, online or offline. Records that are sent at the
   * same time share a transaction, and those of one partition reach the log in the order of the calls.
   *
   * @throws {EdgelogError} and the record is not queued: `invalid_topic`, `invalid_record`,
   * `invalid_timestamp`, `message_too_large` and `unknown_topic_or_partition` for records that no log
   * would accept; `storage_full` when 256 MiB wait or the browser has no space; `storage_failed`;
   * `throttled` after 100,000 calls that were not awaited; `invalid_request` after `close`
   * @example
   * await log.send('todos', { key: '1', value: { text: 'buy milk' } })
   */
  send(topic: string, record: ProducerRecord): Promise<Queued> {
    return this.#queue.producer.send(topic, record)
  }

  /**
   * Queues many records, as `send` does; if it rejects, the records before the failed one may be queued.
   *
   * @throws {EdgelogError} as `send`
   */
  sendBatch(topic: string, records: Iterable<ProducerRecord>): Promise<QueuedBatch> {
    return this.#queue.producer.sendBatch(topic, records)
  }

  /**
   * Queues a transaction: its records become visible together, or are parked together. Resolves when it is durable
   * in this browser. Transactions reach the log in their order, but records of `send` may overtake them.
   *
   * @throws {EdgelogError} and nothing is queued: what `work` throws; as `send`; `unavailable` if the rest of the
   * client's code, which is loaded when the page starts, cannot be loaded
   * @example
   * await log.transaction((tx) => {
   *   tx.send('orders', { key: '4711', value: { state: 'paid' } })
   *   tx.send('mails', { key: '4711', value: 'Thank you' })
   * })
   */
  async transaction(work: BrowserTransactionWork): Promise<QueuedTransaction> {
    return await (await this.#load()).transaction(work)
  }

  /**
   * Resolves when all records that any tab has queued so far are
   * in the log or parked; offline, it waits for the network.
   *
   * @throws the reason of `signal`, or an `AbortError` when the client is closed; the records stay queued
   */
  flush(options: { readonly signal?: AbortSignal } = {}): Promise<void> {
    return this.#queue.producer.flush(options)
  }

  /**
   * Reads topics, also offline as far as they are cached in this browser, and follows
   * them from now on. With `groupId` it shares them with the other members of a group.
   *
   * @throws {EdgelogError} `invalid_config`, `invalid_group_id`; `invalid_request` after `close`.
   */
  consumer(options: BrowserGroupConsumerOptions): Promise<GroupConsumer>
  consumer(options: BrowserConsumerOptions): Promise<Consumer>
  async consumer(
    options: BrowserConsumerOptions | BrowserGroupConsumerOptions,
  ): Promise<Consumer | GroupConsumer> {
    return await (await this.#load()).reading.consumer(options)
  }

  /** Returns a topic whose values have one type: JSON unless `options` say otherwise. */
  topic<Value>(
    name: string,
    options: TopicOptions<Value> = {},
  ): TypedTopic<Value, BrowserTopicReadOptions, Queued> {
    return new TypedTopic(
      name,
      {
        send: (topic, record) => this.send(topic, record),
        consumer: (topic, read) => this.consumer({ ...read, topics: [topic] }),
      },
      options,
    )
  }

  /**
   * Returns the table of a compacted topic: the latest value of each key, kept in this browser and read offline too.
   */
  table<Value>(name: string, options?: TableOptions<Value>): BrowserTable<Value> {
    const view = async () => (await this.#load()).tables.view(name, options)
    const walk = (method: 'entries' | 'watch') =>
      async function* (given?: TableEntriesOptions) {
        yield* (await view())[method](given)
      }
    return {
      name,
      get: async (key, given) => (await view()).get(key, given),
      entries: walk('entries'),
      watch: walk('watch'),
    }
  }

  /**
   * Caches a topic in this browser, whether it is read or not, until `unfollow`.
   *
   * @throws {EdgelogError} `invalid_topic`, `invalid_config` for invalid limits
   */
  async follow(topic: string, limits?: Partial<CacheLimits>): Promise<void> {
    await (await this.#load()).reading.follow(topic, limits)
  }

  /** Deletes the cached part of a topic, and its table, and stops following it. */
  async unfollow(topic: string): Promise<void> {
    await (await this.#load()).unfollow(topic)
  }

  /** Adds a listener. Returns the function that removes it. */
  on<Name extends keyof BrowserEvents>(
    name: Name,
    listener: (value: BrowserEvents[Name]) => void,
  ): () => void {
    return this.#session.emitter.on(name, listener)
  }

  /** Replaces the token in all tabs. It is kept in memory only. */
  setToken(token: string): void {
    this.#session.setToken(token)
  }

  /**
   * Sends the records that another principal left in this browser, with this principal's token: for example those
   * queued before the sign-in. Resolves to the number of waiting records; after an abort, unsent ones stay.
   */
  async adopt(principal: string, options: { readonly signal?: AbortSignal } = {}): Promise<number> {
    return await (await this.#load()).sending.adopt(principal, options.signal)
  }

  /**
   * Returns the parts of a client, for `edgelog/browser/streams`.
   *
   * @throws {EdgelogError} `invalid_request` for anything but a client of a page.
   * @internal
   */
  static parts(log: BrowserClient): BrowserClientParts {
    if (#session in log) {
      return { session: log.#session, queue: log.#queue, load: () => log.#load() }
    }
    throw new EdgelogError('invalid_request', 'log: must be a client of edgelog/browser')
  }

  /** Closes the client. Queued records stay, and are sent by another tab or the next page. Idempotent. */
  close(): Promise<void> {
    this.#closing ??= this.#close()
    return this.#closing
  }

  /**
   * Closes the client and deletes all data of this principal in this browser.
   *
   * @throws {EdgelogError} `invalid_request` while records wait to be sent, unless `discardPending` is set
   */
  async signOut(options: { readonly discardPending?: boolean } = {}): Promise<void> {
    if (this.#closing === undefined) await this.#board.refresh()
    const { pending } = this.#board.status
    if (pending > 0 && options.discardPending !== true) {
      const why = `${pending} records are not sent yet: flush(), or set discardPending`
      throw new EdgelogError('invalid_request', why)
    }
    await this.close()
    await this.#session.database.destroy()
  }

  async #close(): Promise<void> {
    const { channel, database, emitter } = this.#session
    this.#session.close()
    this.#leader.close()
    await this.#engine?.close()
    this.#board.close()
    channel.close()
    const why = 'the client was closed; the record stays queued'
    this.#queue.waiters.rejectAll(new EdgelogError('unavailable', why), true)
    await database.close()
    emitter.emit('status', this.status)
  }

  #listen(): void {
    const { channel, emitter, page, closed } = this.#session
    channel.listen('beat', ({ status }) => {
      this.#session.leaderStatus = status
      this.#board.touch()
    })
    channel.listen('topicReset', ({ topic, reason }) =>
      emitter.emit('topicReset', { topic, reason }),
    )
    const unlisten = page.listen((event) => {
      if (this.#engine === undefined && isHint(event)) this.#start()
      this.#board.touch()
    })
    closed.addEventListener('abort', unlisten)
  }

  /**
   * Loads the engine, and leads with it. Every tab loads it: each may become the leader, and offline no code can be
   * loaded. Until then it leaves the lead to others.
   */
  async #start(): Promise<void> {
    try {
      const engine = await this.#load()
      this.#leader.start()
      if (this.#leader.epoch === undefined) return
      engine.lead()
    } catch (error) {
      if (this.#session.closed.aborted) return
      this.#session.failed(error)
      // The events that retry this earlier may be missed.
      this.#session.connection.clock.setTimeout(() => void this.#start(), OFFLINE_CHECK_MS)
    }
    this.#board.touch()
  }

  #rest(): void {
    this.#engine?.rest()
    this.#board.touch()
  }

  async #load(): Promise<Engine> {
    this.#session.checkOpen()
    const { Engine } = await import('./engine.ts').catch((error: unknown) => {
      throw new EdgelogError('unavailable', `the client's code: ${String(error)}`)
    })
    this.#session.checkOpen()
    if (this.#engine === undefined) {
      this.#engine = new Engine(this.#session, this.#queue)
      this.#queue.attach(this.#engine.sending)
      void this.#engine.detectLeftovers()
    }
    return this.#engine
  }

  #syncStatus(): SyncStatus {
    const { leaderStatus, closed } = this.#session
    if (closed.aborted) return { ...leaderStatus, link: 'closed' }
    const isLeading = this.#leader.epoch !== undefined
    return this.#engine?.status(isLeading ? undefined : leaderStatus) ?? leaderStatus
  }

  /** Another tab runs a newer version: this one cannot send any more, that one can. */
  #outdated(): void {
    this.#leader.close()
    const why = 'a newer version is in use: reload the page'
    this.#queue.waiters.rejectAll(new EdgelogError('storage_failed', why), true)
    this.#session.emitter.emit('reloadNeeded', { reason: 'outdated' })
  }

  #lost(): void {
    const { pending } = this.#queue.counts
    this.#queue.lost(new EdgelogError('storage_lost', 'the data of this page was cleared'))
    this.#engine?.reading.storageLost()
    this.#session.emitter.emit('storageLost', { pendingRecords: pending })
    this.#board.touch()
  }
}
