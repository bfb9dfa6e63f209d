/** State that all parts of one client share: server, database, tabs, events, closing. */
import { EdgelogError } from '../../../src/core/errors.ts'
import { systemClock } from '../../clock.ts'
import { Emitter } from '../../emitter.ts'
import type { Connection } from '../../http/connection.ts'
import { parseUrl } from '../../http/server-url.ts'
import { randomProducerId } from '../../producer-id.ts'
import { cacheLimits } from '../cache/cache-limits.ts'
import { Database, type DatabaseEvents } from '../store/database.ts'
import { pageEvents } from '../sync/page-events.ts'
import type { LastError, SyncStatus } from '../sync/sync.ts'
import { Channel } from '../tabs/channel.ts'
import type { BrowserEvents } from './events.ts'
import type { BrowserClientOptions } from './options.ts'

export class Session {
  readonly options: BrowserClientOptions
  readonly connection: Connection
  /** Prefix of the database names of all principals of this server. */
  readonly prefix: string
  readonly database: Database
  readonly channel: Channel
  readonly page = pageEvents()
  readonly emitter = new Emitter<BrowserEvents>()
  readonly random: () => number
  readonly newProducerId: () => bigint
  readonly now: () => number
  /** Reports that the status may have changed. */
  readonly changed: () => void
  /** Status of the leading tab, from its last beat. */
  leaderStatus: SyncStatus = { link: 'idle', transport: null, lastError: null }
  /** The last error of this tab's own requests to the log. */
  lastError: LastError | null = null
  readonly #closed = new AbortController()

  /** @throws {EdgelogError} `invalid_config`. */
  constructor(options: BrowserClientOptions, changed: () => void, events: DatabaseEvents) {
    this.options = options
    this.changed = changed
    // Rejects wrong limits at once, instead of when the cache is loaded.
    cacheLimits(options.cache ?? {})
    const { clock = systemClock, random = Math.random, token } = options
    const url = parseUrl(options.url ?? globalThis.location?.origin ?? '')
    this.connection = {
      url,
      token: typeof token === 'string' ? token : undefined,
      fetch: options.fetch ?? ((input, init) => fetch(input, init)),
      clock,
      random,
    }
    this.random = random
    this.newProducerId = options.newProducerId ?? randomProducerId
    this.now = () => clock.now()
    // Addresses contain no spaces.
    this.prefix = `edgelog ${url} `
    const name = this.prefix + (options.principal ?? 'anonymous')
    this.database = new Database(name, clock, events)
    this.channel = new Channel(name)
    this.channel.listen('token', ({ token }) => {
      this.connection.token = token
    })
  }

  /** Aborted when the client closes. */
  get closed(): AbortSignal {
    return this.#closed.signal
  }

  /** @throws {EdgelogError} `invalid_request` after `close` */
  checkOpen(): void {
    if (this.closed.aborted) throw new EdgelogError('invalid_request', 'the client is closed')
  }

  /** Replaces the token in all tabs. */
  setToken(token: string): void {
    this.channel.publish({ kind: 'token', token })
  }

  /** Stores an error of the client itself: of its code, the token provider, a leftover database. */
  failed(error: unknown): void {
    const code = error instanceof EdgelogError ? error.code : 'unavailable'
    const message = error instanceof Error ? error.message : String(error)
    this.leaderStatus = { ...this.leaderStatus, lastError: { code, message, atMs: this.now() } }
    this.changed()
  }

  close(): void {
    this.#closed.abort()
  }
}
