/** The way in for pages: one client for one server and one principal, in each tab. */
import { EdgelogError } from '../../src/core/errors.ts'
import { systemClock } from '../clock.ts'
import type { Connection } from '../http/connection.ts'
import { parseUrl } from '../http/server-url.ts'
import { randomProducerId } from '../producer/producer-id.ts'
import type { Engine } from './engine.ts'
import { type BrowserEvents, Emitter } from './events.ts'
import { OUTBOX_BYTES_MAX } from './limits.ts'
import type { BrowserClientOptions } from './options.ts'
import { AckWaiters } from './outbox/ack-waiters.ts'
import { untilFlushed } from './outbox/flush.ts'
import { Outbox } from './outbox/outbox.ts'
import type { OutboxNews } from './outbox/outbox-news.ts'
import { OutboxProducer } from './outbox/outbox-producer.ts'
import { OutboxStore } from './outbox/outbox-store.ts'
import type { ClientStatus } from './status.ts'
import { StatusBoard } from './status-board.ts'
import { Database } from './store/database.ts'
import { pageEvents } from './sync/page-events.ts'
import type { SyncStatus } from './sync/sync.ts'
import { Channel } from './tabs/channel.ts'
import { Leader, type Locks } from './tabs/leader.ts'

/**
 * Connects a page to its log. Nothing is asked of the network before something needs it.
 *
 * @throws {EdgelogError} `invalid_config` for an address that is none.
 * @example
 * const log = connect({ url: 'https://log.example.com' })
 * await log.producer().send('todos', { key: '1', value: 'buy milk' })
 * for await (const { records } of log.consumer({ topics: ['todos'], from: 'earliest' })) {
 *   for (const record of records) console.log(record.keyText, record.valueText)
 * }
 */
export function connect(options: BrowserClientOptions = {}): BrowserClient {
  return new BrowserClient(options)
}

export class BrowserClient {
  /** What waits to be sent, and what was refused. */
  readonly outbox: Outbox
  readonly #options: BrowserClientOptions
  readonly #connection: Connection
  readonly #database: Database
  readonly #store: OutboxStore
  readonly #channel: Channel
  readonly #leader: Leader
  readonly #page = pageEvents()
  readonly #newProducerId: () => bigint
  #engine: Engine | undefined
  readonly #producer: OutboxProducer
  readonly #waiters = new AckWaiters()
  readonly #emitter = new Emitter()
  readonly #board: StatusBoard
  readonly #closed = new AbortController()
  /** As the tab that leads said last. */
  #heard: SyncStatus = { link: 'idle', transport: null, lastError: null }
  #hasAskedToPersist = false
  #closing: Promise<void> | undefined

  constructor(options: BrowserClientOptions) {
    this.#options = options
    const { clock = systemClock, random = Math.random, token } = options
    const url = parseUrl(options.url ?? globalThis.location?.origin ?? '')
    this.#connection = {
      url,
      token: typeof token === 'string' ? token : undefined,
      fetch: options.fetch ?? ((input, init) => fetch(input, init)),
      clock,
      random,
    }
    const name = `edgelog:${url}:${options.principal ?? 'anonymous'}`
    this.#database = new Database(name, clock, {
      lost: () => this.#lost(),
      outdated: () => this.#emitter.emit('reloadNeeded', { reason: 'outdated' }),
      blocked: () => this.#emitter.emit('reloadNeeded', { reason: 'blocked' }),
    })
    this.#newProducerId = options.newProducerId ?? randomProducerId
    const now = () => clock.now()
    this.#store = new OutboxStore({
      database: this.#database,
      newProducerId: this.#newProducerId,
      random,
      now,
    })
    this.#channel = new Channel(name)
    this.outbox = new Outbox(this.#store, () => this.#outboxChanged())
    this.#producer = new OutboxProducer({
      store: this.#store,
      waiters: this.#waiters,
      now,
      admit: (sizeBytes) => this.#admit(sizeBytes),
      makeRoom: async () => false,
      queued: () => this.#queued(),
      flush: (signal) => this.#flush(signal),
    })
    this.#board = new StatusBoard({
      clock,
      store: this.#store,
      sync: () => this.#syncStatus(),
      isLeader: () => this.#leader.epoch !== undefined,
      lagRecords: async () => null,
      changed: (status) => this.#emitter.emit('status', status),
      seen: (producers) => this.#waiters.check(producers),
    })
    const { locks } = (globalThis.navigator ?? {}) as { locks?: Locks }
    this.#leader = new Leader(
      { name, channel: this.#channel, page: this.#page, clock, locks },
      {
        newEpoch: () => this.#newEpoch(),
        gained: () => void this.#lead(),
        lost: () => this.#follow(),
        status: () => this.#syncStatus(),
      },
    )
    this.#listen()
    const unlisten = this.#page.listen((event) => {
      if (event === 'online' || event === 'visible' || event === 'pageshow') this.#hint()
      if (event === 'offline') this.#engine?.wake()
      this.#board.touch()
    })
    this.#closed.signal.addEventListener('abort', unlisten)
    this.#leader.start()
    this.#board.touch()
  }

  /** How it stands now; `on('status')` tells of changes. */
  get status(): ClientStatus {
    return this.#board.status
  }

  /** Queues records, and sends them as soon as there is a way. */
  producer(): OutboxProducer {
    return this.#producer
  }

  /** Returns what ends it. */
  on<Name extends keyof BrowserEvents>(
    name: Name,
    listener: (value: BrowserEvents[Name]) => void,
  ): () => void {
    return this.#emitter.on(name, listener)
  }

  /** Goes on with another token. It is kept in memory only. */
  setToken(token: string): void {
    this.#connection.token = token
    this.#engine?.hint(true)
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
    await this.#board.look()
    const { pending } = this.#board.status
    if (pending > 0 && options.discardPending !== true) {
      const why = `${pending} records are not sent yet: flush(), or set discardPending`
      throw new EdgelogError('invalid_request', why)
    }
    await this.close()
    await this.#database.destroy()
  }

  async #close(): Promise<void> {
    this.#closed.abort()
    this.#leader.close()
    this.#engine?.stop()
    this.#board.close()
    this.#channel.close()
    const why = 'the client was closed; the record stays queued'
    this.#waiters.rejectAll(new EdgelogError('unavailable', why))
    await this.#database.close()
  }

  #listen(): void {
    this.#channel.listen('beat', ({ status }) => {
      this.#heard = status
      this.#board.touch()
    })
    this.#channel.listen('wake', () => this.#hear({ kind: 'wake' }))
    for (const kind of ['acked', 'parked', 'moved'] as const) {
      this.#channel.listen(kind, (news) => this.#hear(news))
    }
    this.#channel.listen('outbox', () => this.#emitter.emit('outbox', undefined))
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

  #outboxChanged(): void {
    this.#channel.post({ kind: 'outbox' })
    this.#tell({ kind: 'wake' })
  }

  #admit(sizeBytes: number): void {
    if (this.#closing !== undefined) {
      throw new EdgelogError('invalid_request', 'the client is closed')
    }
    if (this.#board.pendingBytes + sizeBytes > OUTBOX_BYTES_MAX) {
      throw new EdgelogError('storage_full', `${OUTBOX_BYTES_MAX} bytes wait to be sent already`)
    }
    this.#board.queued(sizeBytes)
  }

  #queued(): void {
    this.#tell({ kind: 'wake' })
    if (this.#hasAskedToPersist || this.#options.persist === false) return
    this.#hasAskedToPersist = true
    // Now, and not at load: the browser is more willing when there is something to keep.
    globalThis.navigator?.storage?.persist?.().catch(() => undefined)
  }

  async #flush(signal: AbortSignal | undefined): Promise<void> {
    const ended = this.#closed.signal
    const context = {
      store: this.#store,
      clock: this.#connection.clock,
      onSettled: (listener: () => void) => this.#emitter.on('outbox', listener),
    }
    this.#tell({ kind: 'wake' })
    await untilFlushed(context, signal === undefined ? ended : AbortSignal.any([signal, ended]))
  }

  async #newEpoch(): Promise<number> {
    return await this.#database.write(['meta'], async (tx) => {
      const meta = tx.objectStore('meta')
      const epoch = Number((await meta.get('leadEpoch')) ?? 0) + 1
      await meta.put(epoch, 'leadEpoch')
      return epoch
    })
  }

  async #lead(): Promise<void> {
    try {
      if (typeof this.#options.token === 'function' && this.#connection.token === undefined) {
        await this.#renewToken()
      }
      const engine = await this.#loadEngine()
      if (this.#leader.epoch === undefined || this.#closing !== undefined) return
      engine.start()
    } catch (error) {
      // The code of a page that went offline while it was loaded: a hint tries again.
      this.#note(new EdgelogError('unavailable', `the client's code: ${String(error)}`))
    }
    this.#board.touch()
  }

  async #loadEngine(): Promise<Engine> {
    const { Engine } = await import('./engine.ts')
    this.#engine ??= new Engine({
      connection: this.#connection,
      database: this.#database,
      store: this.#store,
      page: this.#page,
      newProducerId: this.#newProducerId,
      tell: (news) => this.#tell(news),
      renewToken: () => this.#renewToken(),
      changed: () => this.#board.touch(),
    })
    return this.#engine
  }

  #hint(): void {
    if (this.#engine !== undefined) this.#engine.hint()
    else if (this.#leader.epoch !== undefined) void this.#lead()
  }

  #follow(): void {
    this.#engine?.stop()
    this.#board.touch()
  }

  /** @returns whether there is another token now. */
  async #renewToken(): Promise<boolean> {
    const { token } = this.#options
    if (typeof token !== 'function') return false
    try {
      const before = this.#connection.token
      this.#connection.token = await token()
      return this.#connection.token !== before
    } catch (error) {
      const why = `token(): ${error instanceof Error ? error.message : String(error)}`
      this.#note(new EdgelogError('unauthorized', why, { cause: error }))
      return false
    }
  }

  #note(error: EdgelogError): void {
    const { code, message } = error
    const lastError = { code, message, atMs: this.#connection.clock.now() }
    this.#heard = { ...this.#heard, lastError }
  }

  #syncStatus(): SyncStatus {
    if (this.#closing !== undefined) return { ...this.#heard, link: 'closed' }
    const isLeading = this.#leader.epoch !== undefined
    return (isLeading ? this.#engine?.status : undefined) ?? this.#heard
  }

  #lost(): void {
    const { pending } = this.#board.status
    const why = 'the data of this page was cleared'
    this.#waiters.rejectAll(new EdgelogError('storage_lost', why))
    this.#emitter.emit('storageLost', { pendingRecords: pending })
    this.#board.touch()
  }
}
