/** The tables of one tab: calls on them, and following them while the tab leads. */
import type { EdgelogError } from '../../../src/core/errors.ts'
import { networkSource } from '../../consumer/log-source.ts'
import { clientDecompressors } from '../../decompressors.ts'
import type { TableOptions } from '../../table.ts'
import type { AuthRetry } from '../reading/auth-retry.ts'
import type { Session } from '../session/session.ts'
import type { TokenRenewal } from '../session/token-renewal.ts'
import { Sync, type SyncSink, type SyncStatus } from '../sync/sync.ts'
import { TableFollower, type TableFollowerContext } from './table-follower.ts'
import { TableReader } from './table-reader.ts'
import { TableView, type TableViewContext } from './table-view.ts'
import { TableWait } from './table-wait.ts'
import { TableWriter } from './table-writer.ts'

export class Tables {
  readonly #session: Session
  readonly #tokens: TokenRenewal
  readonly #writer: TableWriter
  readonly #sync: Sync
  readonly #view: TableViewContext
  #isLeading = false

  constructor(
    session: Session,
    topics: TableFollowerContext['topics'],
    tokens: TokenRenewal,
    authRetry: AuthRetry,
  ) {
    this.#session = session
    this.#tokens = tokens
    const { connection, database, channel, page, options, closed } = session
    const writer = new TableWriter(database)
    const reader = new TableReader(database)
    const wait = new TableWait({ reader, writer, channel, connection, closed, authRetry })
    this.#writer = writer
    this.#view = { reader, wait }
    const follower = new TableFollower({
      ...{ writer, channel, connection, topics },
      network: networkSource(connection),
      codecs: clientDecompressors(options.codecs),
      changed: () => this.#sync.changed(),
      failed: (error) => this.#failed(error),
    })
    const { WebSocket: given, transports } = options
    const WebSocket = given === undefined ? globalThis.WebSocket : (given ?? undefined)
    this.#sync = new Sync({ connection, page, WebSocket }, this.#sink(follower), { transports })
    channel.listen('follows', () => {
      if (this.#isLeading) this.#sync.changed()
    })
  }

  get status(): SyncStatus {
    return this.#sync.status
  }

  /** Starts following the tables of all tabs. */
  start(): void {
    this.#isLeading = true
    this.#sync.start()
  }

  stop(): void {
    this.#isLeading = false
    this.#sync.stop()
  }

  tokenChanged(): void {
    this.#sync.setToken()
  }

  view<Value>(name: string, options?: TableOptions<Value>): TableView<Value> {
    return new TableView(name, this.#view, options)
  }

  async drop(topic: string): Promise<void> {
    await this.#writer.drop(topic)
    const { channel } = this.#session
    channel.publish({ kind: 'table', topic })
    channel.publish({ kind: 'follows' })
  }

  #sink(follower: TableFollower): SyncSink {
    const session = this.#session
    return {
      subscriptions: () => follower.subscriptions(),
      subscribed: () => follower.subscribed(),
      frame: (subscription, frame) => follower.frame(subscription, frame),
      closed: (subscription, error) => follower.closed(subscription, error),
      changed: (status) => {
        follower.changed(status)
        if (status.link === 'authNeeded') void this.#tokens.renew()
        session.changed()
      },
    }
  }

  #failed({ code, message }: EdgelogError): void {
    const session = this.#session
    session.lastError = { code, message, atMs: session.now() }
    session.changed()
  }
}
