/** The way in for pages: one client for one server and one principal, in each tab. */
import { EdgelogError } from '../../src/core/errors.ts'
import { sleep, systemClock } from '../clock.ts'
import type { Consumer } from '../consumer/consumer.ts'
import type { GroupConsumer } from '../group/group-consumer.ts'
import type { Connection } from '../http/connection.ts'
import { parseUrl } from '../http/server-url.ts'
import type { ProducerRecord } from '../producer/record-input.ts'
import { randomProducerId } from '../producer-id.ts'
import { cacheLimits } from './cache/cache-limits.ts'
import type { Engine } from './engine.ts'
import { type BrowserEvents, Emitter } from './events.ts'
import { FLUSH_CHECK_MS, OFFLINE_CHECK_MS, OUTBOX_BYTES_MAX } from './limits.ts'
import type { BrowserClientOptions } from './options.ts'
import { AckWaiters } from './outbox/ack-waiters.ts'
import type { Outbox } from './outbox/outbox.ts'
import type { RetryOptions } from './outbox/outbox-contents.ts'
import { OutboxProducer, type Queued } from './outbox/outbox-producer.ts'
import { type OutboxContext, OutboxStore } from './outbox/outbox-store.ts'
import type { BrowserConsumerOptions, BrowserGroupConsumerOptions } from './reading.ts'
import type { ClientStatus } from './status.ts'
import { StatusBoard } from './status-board.ts'
import { Database } from './store/database.ts'
import type { CacheLimits } from './store/schema.ts'
import { pageEvents } from './sync/page-events.ts'
import type { SyncStatus } from './sync/sync.ts'
import type { OutboxNews } from './tabs/channel.ts'
import { Channel } from './tabs/channel.ts'
import { Leader, type Locks } from './tabs/leader.ts'

/**
 * Connects a page to its log. Nothing is asked of the network before something needs it.
 *
 * @throws {EdgelogError} `invalid_config` for an address that is none.
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

export class BrowserClient {
  /** What waits to be sent, and what was refused. */
  readonly outbox: Outbox = {
    pending: async (topic) => (await this.#load()).pending(topic),
    parked: async () => (await this.#load()).parked(),
    retry: (id, options = {}) => this.#unpark(id, options),
    discard: (id) => this.#unpark(id),
  }
  readonly #options: BrowserClientOptions
  readonly #cacheLimits: CacheLimits
  readonly #connection: Connection
  readonly #context: OutboxContext
  readonly #store: OutboxStore
  readonly #producer: OutboxProducer
  readonly #waiters = new AckWaiters()
  readonly #channel: Channel
  readonly #leader: Leader
  readonly #page = pageEvents()
  readonly #emitter = new Emitter()
  readonly #board: StatusBoard
  readonly #closed = new AbortController()
  /** Aborted when what was stored is lost. */
  #stored = new AbortController()
  /** Of the databases of all principals of this server. */
  readonly #prefix: string
  #engine: Engine | undefined
  /** As the tab that leads said last. */
  #heard: SyncStatus = { link: 'idle', transport: null, lastError: null }
  #hasAskedToPersist = false
  #closing: Promise<void> | undefined

  constructor(options: BrowserClientOptions) {
    this.#options = options
    this.#cacheLimits = cacheLimits(options.cache ?? {})
    const { clock = systemClock, random = Math.random, token } = options
    const url = parseUrl(options.url ?? globalThis.location?.origin ?? '')
    this.#connection = {
      url,
      token: typeof token === 'string' ? token : undefined,
      fetch: options.fetch ?? ((input, init) => fetch(input, init)),
      clock,
      random,
    }
    // No address holds a space.
    this.#prefix = `edgelog ${url} `
    const name = this.#prefix + (options.principal ?? 'anonymous')
    const database = new Database(name, clock, {
      lost: () => this.#lost(),
      outdated: () => {
        // It can send nothing any more, and another tab can.
        this.#leader.close()
        const why = 'a newer version is in use: reload the page'
        this.#waiters.rejectAll(new EdgelogError('storage_failed', why), true)
        this.#emitter.emit('reloadNeeded', { reason: 'outdated' })
      },
      blocked: () => this.#emitter.emit('reloadNeeded', { reason: 'blocked' }),
      // Another tab may be able to.
      failed: () => this.#leader.stepDown(),
      deleted: () => {
        void this.close()
        this.#emitter.emit('signedOut', undefined)
      },
    })
    const { newProducerId = randomProducerId } = options
    this.#context = { database, newProducerId, random, now: () => clock.now() }
    this.#store = new OutboxStore(this.#context)
    this.#channel = new Channel(name)
    this.#producer = new OutboxProducer({
      store: this.#store,
      waiters: this.#waiters,
      now: this.#context.now,
      admit: (sizeBytes) => this.#admit(sizeBytes),
      makeRoom: async () => (await this.#load()).makeRoom(),
      queued: () => this.#queued(),
      refused: () => this.#board.touch(),
      flush: (signal) => this.#flush(signal),
    })
    this.#board = new StatusBoard({
      clock,
      store: this.#store,
      sync: () => this.#syncStatus(),
      isLeader: () => this.#leader.epoch !== undefined,
      lagRecords: async () => (await this.#engine?.lagRecords()) ?? null,
      changed: (status) => this.#emitter.emit('status', status),
      mark: () => this.#waiters.nextSerial,
      seen: async (producers, serial) =>
        await this.#engine?.checkWaiters(this.#waiters, producers, serial),
    })
    const { locks } = (globalThis.navigator ?? {}) as { locks?: Locks }
    this.#leader = new Leader(
      { name, channel: this.#channel, page: this.#page, clock, locks },
      {
        newEpoch: () => this.#newEpoch(),
        gained: () => this.#start(),
        lost: () => this.#rest(),
        status: () => this.#syncStatus(),
      },
    )
    this.#listen()
    this.#leader.start()
    this.#start()
    this.#board.touch()
  }

  /** How it stands now; `on('status')` tells of changes. */
  get status(): ClientStatus {
    return this.#board.status
  }

  /**
   * Queues one record; resolves when it is durable in this browser.
   *
   * @throws {EdgelogError} as `OutboxProducer.send`.
   */
  send(topic: string, record: ProducerRecord): Promise<Queued> {
    return this.#producer.send(topic, record)
  }

  /** Returns the producer of this page, which queues records and sends them as soon as there is a way. */
  producer(): OutboxProducer {
    return this.#producer
  }

  /**
   * Reads topics, offline too, as far as they are kept in this browser; it follows them from now on.
   * With `groupId` it shares them with the other members of a group.
   *
   * @throws {EdgelogError} `invalid_config`, `invalid_group_id`; `invalid_request` after `close`.
   */
  consumer(options: BrowserGroupConsumerOptions): Promise<GroupConsumer>
  consumer(options: BrowserConsumerOptions): Promise<Consumer>
  async consumer(
    options: BrowserConsumerOptions | BrowserGroupConsumerOptions,
  ): Promise<Consumer | GroupConsumer> {
    return await (await this.#load()).consumer(options)
  }

  /**
   * Keeps a topic in this browser from now on, whether it is read or not, until `unfollow`.
   *
   * @throws {EdgelogError} `invalid_topic`, `invalid_config` for limits that are none.
   */
  async follow(topic: string, limits?: Partial<CacheLimits>): Promise<void> {
    await (await this.#load()).follow(topic, limits)
  }

  /** Drops what is kept of a topic. */
  async unfollow(topic: string): Promise<void> {
    await (await this.#load()).unfollow(topic)
  }

  /** Returns what ends it. */
  on<Name extends keyof BrowserEvents>(
    name: Name,
    listener: (value: BrowserEvents[Name]) => void,
  ): () => void {
    return this.#emitter.on(name, listener)
  }

  /** Goes on with another token, in all tabs. It is kept in memory only. */
  setToken(token: string): void {
    this.#channel.post({ kind: 'token', token })
    this.#takeToken(token)
  }

  /**
   * Sends what another principal left in this browser, in this one's name: the records of somebody who
   * was not signed in yet. Resolves to how many waited; what is not sent when it is aborted stays.
   */
  async adopt(principal: string, options: { readonly signal?: AbortSignal } = {}): Promise<number> {
    const engine = await this.#load()
    return await engine.adopt(this.#prefix + principal, this.#untilClosed(options.signal))
  }

  /** What is queued stays and is sent by another tab or the next one. Calling it again does no harm. */
  close(): Promise<void> {
    this.#closing ??= this.#close()
    return this.#closing
  }

  /**
   * Closes the client and deletes all that this principal has in this browser.
   *
   * @throws {EdgelogError} `invalid_request` while records wait to be sent, unless they may be lost.
   */
  async signOut(options: { readonly discardPending?: boolean } = {}): Promise<void> {
    if (this.#closing === undefined) await this.#board.look()
    const { pending } = this.#board.status
    if (pending > 0 && options.discardPending !== true) {
      const why = `${pending} records are not sent yet: flush(), or set discardPending`
      throw new EdgelogError('invalid_request', why)
    }
    await this.close()
    await this.#context.database.destroy()
  }

  async #close(): Promise<void> {
    this.#closed.abort()
    this.#leader.close()
    await this.#engine?.close()
    this.#board.close()
    this.#channel.close()
    const why = 'the client was closed; the record stays queued'
    this.#waiters.rejectAll(new EdgelogError('unavailable', why), true)
    await this.#context.database.close()
    this.#emitter.emit('status', this.status)
  }

  #listen(): void {
    this.#channel.listen('beat', ({ status }) => {
      this.#heard = status
      this.#board.touch()
    })
    for (const kind of ['wake', 'acked', 'parked', 'moved'] as const) {
      this.#channel.listen(kind, (news) => this.#hear(news))
    }
    this.#channel.listen('outbox', () => this.#emitter.emit('outbox', undefined))
    this.#channel.listen('token', ({ token }) => this.#takeToken(token))
    this.#channel.listen('topicReset', (reset) => this.#emitter.emit('topicReset', reset))
    const unlisten = this.#page.listen((event) => {
      if (event === 'online' || event === 'visible' || event === 'pageshow') {
        if (this.#engine === undefined) this.#start()
        this.#engine?.hint()
      }
      if (event === 'offline') this.#engine?.wake()
      this.#board.touch()
    })
    this.#closed.signal.addEventListener('abort', unlisten)
  }

  #takeToken(token: string): void {
    this.#connection.token = token
    this.#engine?.setToken()
  }

  /** To this tab and all others. */
  #tell(news: OutboxNews): void {
    this.#channel.post(news)
    this.#hear(news)
  }

  #hear(news: OutboxNews): void {
    if (news.kind === 'wake') this.#engine?.wake()
    else this.#waiters.hear(news)
    if (news.kind === 'parked') {
      const error = EdgelogError.fromBody(news.error)
      this.#emitter.emit('parked', { topic: news.topic, error })
    }
    this.#emitter.emit('outbox', undefined)
    this.#board.touch()
  }

  async #unpark(id: number | undefined, retry?: RetryOptions): Promise<number> {
    const count = await (await this.#load()).unpark(id, retry)
    this.#channel.post({ kind: 'outbox' })
    this.#tell({ kind: 'wake' })
    return count
  }

  #admit(sizeBytes: number): void {
    this.#checkOpen()
    if (this.#board.pendingBytes + sizeBytes > OUTBOX_BYTES_MAX) {
      this.#board.touch()
      throw new EdgelogError('storage_full', `${OUTBOX_BYTES_MAX} bytes wait to be sent already`)
    }
    this.#board.queued(sizeBytes)
  }

  #checkOpen(): void {
    if (this.#closing === undefined) return
    throw new EdgelogError('invalid_request', 'the client is closed')
  }

  #queued(): void {
    if (this.#options.backgroundSync === true && this.#board.status.pending === 0) {
      this.#load().then((engine) => engine.registerSync(), ignore)
    }
    this.#tell({ kind: 'wake' })
    if (this.#hasAskedToPersist || this.#options.persist === false) return
    this.#hasAskedToPersist = true
    // Now, and not at load: the browser is more willing when there is something to keep.
    globalThis.navigator?.storage?.persist?.().catch(() => undefined)
  }

  async #flush(given: AbortSignal | undefined): Promise<void> {
    const onSettled = (listener: () => void) => this.#emitter.on('outbox', listener)
    const signal = AbortSignal.any([this.#untilClosed(given), this.#stored.signal])
    this.#tell({ kind: 'wake' })
    while (this.#engine === undefined) {
      await this.#load().catch(() => sleep(this.#connection.clock, FLUSH_CHECK_MS, signal))
      signal.throwIfAborted()
    }
    await this.#engine.flush(onSettled, signal)
  }

  #untilClosed(signal: AbortSignal | undefined): AbortSignal {
    const closed = this.#closed.signal
    return signal === undefined ? closed : AbortSignal.any([signal, closed])
  }

  async #newEpoch(): Promise<number> {
    return await this.#context.database.write(['meta'], async (tx) => {
      const meta = tx.objectStore('meta')
      const epoch = Number((await meta.get('leadEpoch')) ?? 0) + 1
      await meta.put(epoch, 'leadEpoch')
      return epoch
    })
  }

  /** In every tab, since each may be the next to lead, and offline there is no code to be had. */
  async #start(): Promise<void> {
    try {
      const engine = await this.#load()
      if (this.#leader.epoch === undefined) return
      // Not waited for: what is sent without one waits for it.
      if (this.#connection.token === undefined) void engine.renewToken()
      engine.lead()
    } catch (error) {
      if (this.#closing !== undefined) return
      this.#note(error)
      // The events that lead here sooner may be missed.
      this.#connection.clock.setTimeout(() => void this.#start(), OFFLINE_CHECK_MS)
    }
    this.#board.touch()
  }

  #rest(): void {
    this.#engine?.rest()
    this.#board.touch()
  }

  async #load(): Promise<Engine> {
    this.#checkOpen()
    const { Engine } = await import('./engine.ts').catch((error: unknown) => {
      throw new EdgelogError('unavailable', `the client's code: ${String(error)}`)
    })
    this.#checkOpen()
    if (this.#engine === undefined) {
      const { WebSocket: given, codecs, transports, token } = this.#options
      this.#engine = new Engine({
        connection: this.#connection,
        outbox: this.#context,
        store: this.#store,
        channel: this.#channel,
        page: this.#page,
        cacheLimits: this.#cacheLimits,
        codecs,
        WebSocket: given === undefined ? globalThis.WebSocket : (given ?? undefined),
        transports,
        tell: (news) => this.#tell(news),
        token,
        closed: this.#closed.signal,
        setToken: (given) => this.setToken(given),
        failed: (error) => this.#note(error),
        emitter: this.#emitter,
        changed: () => this.#board.touch(),
      })
      void this.#engine.lookAround(this.#prefix)
    }
    return this.#engine
  }

  #note(error: unknown): void {
    const code = error instanceof EdgelogError ? error.code : 'unavailable'
    const message = error instanceof Error ? error.message : String(error)
    const lastError = { code, message, atMs: this.#connection.clock.now() }
    this.#heard = { ...this.#heard, lastError }
    this.#board.touch()
  }

  #syncStatus(): SyncStatus {
    if (this.#closing !== undefined) return { ...this.#heard, link: 'closed' }
    const isLeading = this.#leader.epoch !== undefined
    return this.#engine?.status(isLeading ? undefined : this.#heard) ?? this.#heard
  }

  #lost(): void {
    const { pending } = this.#board.status
    const why = 'the data of this page was cleared'
    const error = new EdgelogError('storage_lost', why)
    this.#waiters.rejectAll(error)
    this.#stored.abort(error)
    this.#stored = new AbortController()
    this.#engine?.storageLost()
    this.#emitter.emit('storageLost', { pendingRecords: pending })
    this.#board.touch()
  }
}

/** The page can do without. */
function ignore(): void {}
