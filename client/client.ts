/** Entry point: one client for one server. */
import type { Codecs } from '../src/core/compression/codec.ts'
import { EdgelogError } from '../src/core/errors.ts'
import { parseGroupId } from '../src/core/group/group-id.ts'
import { Admin } from './admin.ts'
import { Applications } from './applications.ts'
import { type Clock, systemClock } from './clock.ts'
import { clientCodecs } from './codecs.ts'
import { Consumer, type ConsumerOptions } from './consumer/consumer.ts'
import type { Assignment } from './consumer/consumer-options.ts'
import type { ConsumerRecord } from './consumer/consumer-record.ts'
import { networkSource } from './consumer/log-source.ts'
import { SealedSource } from './consumer/sealed-source.ts'
import { TailClient } from './consumer/tail-client.ts'
import { liveTail } from './consumer/tail-session.ts'
import { Group } from './group/group.ts'
import { GroupConsumer } from './group/group-consumer.ts'
import type { GroupConsumerOptions } from './group/group-consumer-options.ts'
import type { Connection, Fetch } from './http/connection.ts'
import { parseUrl } from './http/server-url.ts'
import { openTailSocket, type WebSocketConstructor } from './http/web-socket.ts'
import type { RecordMetadata } from './producer/produced-batch.ts'
import { Producer } from './producer/producer.ts'
import type { ProducerOptions } from './producer/producer-options.ts'
import type { ProducerRecord } from './producer/record-input.ts'
import { SendLine } from './producer/send-line.ts'
import type { TransactionResult } from './producer/transaction/transaction-parts.ts'
import type { TransactionOptions, TransactionWork } from './producer/transaction/transactions.ts'
import { randomProducerId } from './producer-id.ts'
import { openTransport, webSocketOf } from './session/open-transport.ts'
import type { Transport } from './session/session-rule.ts'
import type { SessionTransport } from './session/session-transport.ts'
import { openStatements } from './sql/open-statements.ts'
import { createSql, type Sql } from './sql/sql.ts'
import { Table, type TableOptions } from './table.ts'
import { TopicMetadataCache } from './topic-metadata.ts'
import { type TopicOptions, TypedTopic } from './typed-topic.ts'

export interface ClientOptions {
  /** Address of the server, e.g. `https://log.example.com`; a path before `/v1` may follow. */
  readonly url: string
  /** The server's `EDGELOG_TOKEN`. */
  readonly token?: string
  /** Used instead of the global `fetch`. */
  readonly fetch?: Fetch
  /** Used instead of the global `WebSocket`; `null` disables WebSockets. */
  readonly WebSocket?: WebSocketConstructor | null
  /**
   * How producers, consumers and members of groups reach the server: `fetch`, by requests of their own; `session`,
   * over one WebSocket; `auto`, the default: over a WebSocket while more than 10 batches a second are sent, partitions
   * are followed, or there is a member of a group. Consumers use requests while there is no session. `auto` means
   * `fetch` in an edge function, without WebSockets, and with an own `fetch` but no own `WebSocket`.
   */
  readonly transport?: Transport
  /** Codecs that replace the client's own, for example with a native zstd. */
  readonly codecs?: Partial<Codecs>
  /** For tests: replaces the system clock. @internal */
  readonly clock?: Clock
  /** For tests: returns a number from 0 up to, but not including, 1. @internal */
  readonly random?: () => number
  /** For tests: returns a producer id of 63 random bits. @internal */
  readonly newProducerId?: () => bigint
  /** For tests: returns the id of a group member. @internal */
  readonly newMemberId?: () => string
}

/** The options of a consumer or, with `groupId`, of a member of a group. */
export type TopicReadOptions =
  | Omit<ConsumerOptions, 'topics' | 'assignments'>
  | Omit<GroupConsumerOptions, 'topics' | 'topicPattern'>

/**
 * The parts of a client that the tasks of a topology use.
 *
 * @internal
 */
export interface ClientParts {
  readonly connection: Connection
  readonly codecs: Codecs
  /** Closes a member together with the client. */
  keep(member: { close(): Promise<void> }): void
  leave(member: { close(): Promise<void> }): void
}

/**
 * Returns a client for a server. The first request is sent when it is needed.
 *
 * @throws {EdgelogError} `invalid_config` for an invalid address, or for the transport `session` without WebSockets.
 * @example
 * const log = connect({ url: 'http://localhost:8787' })
 * await log.admin.createTopic('orders')
 * await log.send('orders', { key: 'alice', value: 'hello' })
 * await log.close()
 */
export function connect(options: ClientOptions): Client {
  return new Client(options)
}

export class Client {
  /** Topics: create, list, describe, alter, delete. */
  readonly admin: Admin
  /** Applications of stream processing. */
  readonly applications: Applications
  /**
   * Sends statements of SQL, as a template or as a text with options. Values are parameters, which cannot become text
   * of a statement.
   *
   * @example
   * await log.sql`CREATE TABLE visits AS SELECT page, COUNT(*) AS n FROM clicks GROUP BY page;`
   * for await (const { PAGE, N } of log.sql<Visits>`SELECT * FROM visits WHERE page = ${page};`) console.log(PAGE, N)
   */
  readonly sql: Sql
  readonly #connection: Connection
  readonly #metadata: TopicMetadataCache
  readonly #codecs: Codecs
  readonly #line: SendLine
  readonly #tail: TailClient
  readonly #session: SessionTransport | undefined
  readonly #newProducerId: () => bigint
  readonly #newMemberId: () => string
  readonly #members = new Set<{ close(): Promise<void> }>()
  /** Producer of `send`; created by its first call. */
  #producer: Producer | undefined
  #closing: Promise<void> | undefined

  constructor(options: ClientOptions) {
    const { fetch: ownFetch } = options
    this.#connection = {
      url: parseUrl(options.url),
      token: options.token,
      fetch: ownFetch ?? ((input, init) => fetch(input, init)),
      clock: options.clock ?? systemClock,
      random: options.random ?? Math.random,
    }
    this.admin = new Admin(this.#connection)
    this.applications = new Applications(this.#connection)
    this.sql = createSql({
      ...this.parts,
      open: (request) => openStatements(this.#connection, request),
    })
    this.#metadata = new TopicMetadataCache(this.#connection)
    this.#codecs = clientCodecs(options.codecs)
    this.#line = new SendLine(this.#connection.clock)
    const webSocket = webSocketOf(options)
    this.#session = openTransport(this.#connection, options)
    const ownTail = webSocket && (() => openTailSocket(this.#connection, webSocket))
    this.#tail = new TailClient(this.#connection, this.#session?.openTail ?? ownTail)
    this.#newProducerId = options.newProducerId ?? randomProducerId
    this.#newMemberId = options.newMemberId ?? (() => crypto.randomUUID())
  }

  /**
   * Sends one record with the client's own producer, which all calls share; resolves when the record is durable.
   *
   * @throws {EdgelogError} as `Producer.send`; `invalid_request` after `close`.
   * @example
   * const { partition, offset } = await log.send('orders', { key: 'alice', value: 'hello' })
   */
  async send(topic: string, record: ProducerRecord): Promise<RecordMetadata> {
    this.#producer ??= this.createProducer()
    return await this.#producer.send(topic, record)
  }

  /**
   * Sends many records with the client's own producer, at most as many at a time as its buffer holds. The call is not
   * atomic: on an error the records before it may be stored.
   *
   * @throws {EdgelogError} as `send`, for the first record that failed.
   */
  async sendBatch(topic: string, records: Iterable<ProducerRecord>): Promise<RecordMetadata[]> {
    this.#producer ??= this.createProducer()
    return await this.#producer.sendBatch(topic, records)
  }

  /**
   * Makes a transaction with the client's own producer: one request.
   *
   * @throws {EdgelogError} as `Producer.transaction`; `invalid_request` after `close`.
   * @example
   * await log.transaction((tx) => {
   *   tx.send('orders', { key: '4711', value: { state: 'paid' } })
   *   tx.send('mails', { key: '4711', value: 'Thank you' })
   * })
   */
  async transaction(
    work: TransactionWork,
    options: TransactionOptions = {},
  ): Promise<TransactionResult> {
    this.#producer ??= this.createProducer()
    return await this.#producer.transaction(work, options)
  }

  /** Resolves when all records given to `send` and `sendBatch` so far are settled, successfully or not. */
  async flush(): Promise<void> {
    await this.#producer?.flush()
  }

  /**
   * Creates a producer with its own settings. Reuse it: the log stores each idempotent producer for 30
   * days, in a row of every partition that it wrote to, so one producer per record costs a row per record.
   *
   * @throws {EdgelogError} `invalid_config`; `invalid_request` after `close`.
   * @example
   * const producer = log.createProducer({ compression: 'gzip', lingerMs: 20 })
   */
  createProducer(options: ProducerOptions = {}): Producer {
    const context = {
      connection: this.#connection,
      metadata: this.#metadata,
      codecs: this.#codecs,
      line: this.#line,
      newProducerId: this.#newProducerId,
      ...(this.#session !== undefined && { postBatch: this.#session.post }),
      onClosed: () => this.#members.delete(producer),
    }
    const producer = new Producer(context, options)
    return this.#keep(producer)
  }

  /**
   * Creates a consumer of partitions; with `groupId` it shares them with the other members of a group.
   *
   * @throws {EdgelogError} `invalid_config`, `invalid_group_id`; `invalid_request` after `close`.
   */
  consumer(options: GroupConsumerOptions): Promise<GroupConsumer>
  consumer(options: ConsumerOptions): Promise<Consumer>
  async consumer(
    options: ConsumerOptions | GroupConsumerOptions,
  ): Promise<Consumer | GroupConsumer> {
    const connection = { ...this.#connection, ...(this.#session && { fetch: this.#session.fetch }) }
    let endUse: (() => void) | undefined
    const context = {
      connection,
      // Sealed chunks are requests, because caches have them.
      source: new SealedSource(this.#connection, networkSource(connection)),
      metadata: this.#metadata,
      codecs: this.#codecs,
      tail: liveTail(this.#tail),
      newMemberId: this.#newMemberId,
      onClosed: () => {
        this.#members.delete(consumer)
        endUse?.()
      },
    }
    const consumer: Consumer | GroupConsumer =
      'groupId' in options ? new GroupConsumer(context, options) : new Consumer(context, options)
    // A member that lives for one request polls.
    if ('groupId' in options && options.transport !== 'long-poll') {
      endUse = this.#session?.holdOpen()
    }
    return this.#keep(consumer)
  }

  /**
   * Returns a topic whose values have one type: JSON unless `options` say otherwise.
   *
   * @example
   * const orders = log.topic<Order>('orders')
   * await orders.send({ key: 'alice', value: { item: 'tea' } })
   * for await (const { value } of orders.records({ from: 'earliest' })) console.log(value?.item)
   */
  topic<Value>(
    name: string,
    options: TopicOptions<Value> = {},
  ): TypedTopic<Value, TopicReadOptions, RecordMetadata> {
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
   * Returns the table of a compacted topic: the latest value of each key, JSON unless `options` say otherwise.
   *
   * @example
   * const customers = log.table<Customer>('customers')
   * const ada = await customers.get('17')
   * for await (const { key, value } of customers.watch()) console.log(key, value?.name)
   */
  table<Value>(name: string, options: TableOptions<Value> = {}): Table<Value> {
    const records = (assignments: readonly Assignment[], signal: AbortSignal | undefined) =>
      this.#recordsOf({ assignments, ...(signal !== undefined && { signal }) })
    return new Table(name, { connection: this.#connection, records }, options)
  }

  async *#recordsOf(options: ConsumerOptions): AsyncGenerator<ConsumerRecord, void, undefined> {
    const consumer = await this.consumer(options)
    try {
      yield* consumer.records()
    } finally {
      await consumer.close()
    }
  }

  /**
   * Returns a handle to a group: describe it, read its lag, reset its offsets, delete it, poll it once.
   *
   * @throws {EdgelogError} `invalid_group_id`.
   */
  group(groupId: string): Group {
    const newConsumer = (options: GroupConsumerOptions) => this.consumer(options)
    return new Group(this.#connection, parseGroupId(groupId), newConsumer)
  }

  /** For `edgelog/streams`. @internal */
  get parts(): ClientParts {
    return {
      connection: this.#connection,
      codecs: this.#codecs,
      keep: (member) => this.#keep(member),
      leave: (member) => this.#members.delete(member),
    }
  }

  /**
   * Flushes and closes all producers and closes all consumers. Further calls return the same promise.
   *
   * @throws the first error of a producer or consumer that failed to close; all are closed by then.
   */
  close(): Promise<void> {
    if (this.#closing === undefined) {
      this.#closing = this.#close()
      // Prevents an unhandled rejection if the caller ignores the promise.
      this.#closing.catch(() => undefined)
    }
    return this.#closing
  }

  async #close(): Promise<void> {
    const closed = await Promise.allSettled([...this.#members].map((member) => member.close()))
    this.#tail.close()
    this.#session?.close()
    for (const result of closed) if (result.status === 'rejected') throw result.reason
  }

  #keep<Member extends { close(): Promise<void> }>(member: Member): Member {
    if (this.#closing !== undefined) {
      void member.close()
      throw new EdgelogError('invalid_request', 'the client is closed')
    }
    this.#members.add(member)
    return member
  }
}
