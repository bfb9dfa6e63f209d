/** The tables of one tab: calls on them, and following them while the tab leads. Loaded with the first table. */
import type { EdgelogError } from '../../../src/core/errors.ts'
import { networkSource } from '../../consumer/log-source.ts'
import { clientDecompressors } from '../../decompressors.ts'
import type { Session } from '../session/session.ts'
import type { TokenRenewal } from '../session/token-renewal.ts'
import { Sync, type SyncSink, type SyncStatus } from '../sync/sync.ts'
import { TableFollower, type TableFollowerContext } from './table-follower.ts'
import { TableReader } from './table-reader.ts'
import { TableView, type TableViewContext, type Typed } from './table-view.ts'
import { TableWait } from './table-wait.ts'
import { TableWriter } from './table-writer.ts'

export interface TablesContext {
  readonly session: Session
  readonly topics: TableFollowerContext['topics']
  readonly tokens: TokenRenewal
  /** Retries requests whose token is refused. */
  readonly retry: <T>(work: () => Promise<T>) => Promise<T>
  /** Kafka's partitioner: imported here it would split a chunk of the code that each page loads first. */
  readonly partitionForKey: TableViewContext['partitionForKey']
}

export class Tables {
  readonly #context: TablesContext
  readonly #writer: TableWriter
  readonly #sync: Sync
  readonly #view: TableViewContext

  constructor(context: TablesContext) {
    this.#context = context
    const { session, topics, retry, partitionForKey } = context
    const { connection, database, channel, page, options, closed } = session
    const writer = new TableWriter(database)
    const reader = new TableReader(database)
    this.#writer = writer
    this.#view = {
      reader,
      partitionForKey,
      wait: new TableWait({ reader, writer, channel, connection, closed, retry }),
    }
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
  }

  get status(): SyncStatus {
    return this.#sync.status
  }

  start(): void {
    this.#sync.start()
  }

  stop(): void {
    this.#sync.stop()
  }

  /** Reports that the set of tables may have changed. */
  changed(): void {
    this.#sync.changed()
  }

  tokenChanged(): void {
    this.#sync.setToken()
  }

  view<Value>(name: string, typed: Typed<Value>): TableView<Value> {
    return new TableView(name, this.#view, typed)
  }

  async drop(topic: string): Promise<void> {
    await this.#writer.drop(topic)
    this.#context.session.channel.publish({ kind: 'table', topic })
  }

  #sink(follower: TableFollower): SyncSink {
    const { session, tokens } = this.#context
    return {
      subscriptions: () => follower.subscriptions(),
      subscribed: () => follower.subscribed(),
      frame: (subscription, frame) => follower.frame(subscription, frame),
      closed: (subscription, error) => follower.closed(subscription, error),
      changed: (status) => {
        follower.changed(status)
        if (status.link === 'authNeeded') void tokens.renew()
        session.changed()
      },
    }
  }

  #failed({ code, message }: EdgelogError): void {
    const { session } = this.#context
    session.lastError = { code, message, atMs: session.now() }
    session.changed()
  }
}
