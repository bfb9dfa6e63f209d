/** The table of a compacted topic: the latest value of each key. */
import { type JsonRecord, recordFromJson } from '../src/core/batch/json-record.ts'
import { encodeBase64 } from '../src/core/bytes/base64.ts'
import type { EdgelogError } from '../src/core/errors.ts'
import type { CallOptions } from './call-options.ts'
import type { Assignment } from './consumer/consumer-options.ts'
import { ConsumerRecord } from './consumer/consumer-record.ts'
import { type Connection, requestJson } from './http/connection.ts'
import { topicPath } from './http/paths.ts'
import { RequestError } from './http/request-error.ts'
import { parseJson, type TypedRecord, typedRecord } from './typed-topic.ts'

export interface TableOptions<Value> {
  /** JSON by default. */
  readonly deserialize?: (bytes: Uint8Array) => Value
}

export interface TableGetOptions extends CallOptions {
  /** An offset of the key's partition that the table must have, such as that of a record just sent. */
  readonly at?: number
  /** How long the server waits for `at`; 5 s by default. */
  readonly waitMs?: number
  /** The partition of the key, if its producer does not use Kafka's default partitioner. */
  readonly partition?: number
}

export interface TableEntriesOptions extends CallOptions {
  /** Only keys that begin with it. */
  readonly prefix?: string
}

interface Page {
  readonly entries: ReadonlyArray<JsonRecord & { readonly partition: number }>
  readonly tableOffsets: ReadonlyArray<{ readonly partition: number; readonly offset: number }>
  readonly cursor?: string
}

/** The part of a client that a table uses. */
export interface TableContext {
  readonly connection: Connection
  /** Reads partitions from offsets on, without end. */
  readonly records: (
    assignments: readonly Assignment[],
    signal: AbortSignal | undefined,
  ) => AsyncIterable<ConsumerRecord>
}

/**
 * Reads the latest value of each key of a compacted topic with `edgelog.table.enable=true`.
 *
 * @example
 * const customers = log.table<Customer>('customers')
 * const { partition, offset } = await log.send('customers', { key: '17', value: { name: 'Ada' } })
 * const record = await customers.get('17', { at: offset })
 * for await (const { key, value } of customers.entries({ prefix: '1' })) console.log(key, value?.name)
 */
export class Table<Value> {
  readonly name: string
  readonly #context: TableContext
  readonly #deserialize: (bytes: Uint8Array) => Value

  /** @internal Made by `Client.table`. */
  constructor(
    name: string,
    context: TableContext,
    { deserialize = parseJson }: TableOptions<Value> = {},
  ) {
    this.name = name
    this.#context = context
    this.#deserialize = deserialize
  }

  /**
   * Returns the latest record of a key; undefined if it has none.
   *
   * @throws {EdgelogError} `table_not_enabled`, `unknown_topic_or_partition`; `unavailable` if the table does not have
   * `at` in time; what `deserialize` throws.
   */
  async get(
    key: string | Uint8Array,
    { at, waitMs, partition, signal }: TableGetOptions = {},
  ): Promise<TypedRecord<Value> | undefined> {
    const [name, encoding] =
      typeof key === 'string' ? [key, undefined] : [toBase64Url(key), 'base64']
    const path = `${topicPath(this.name)}/table/${encodeURIComponent(name)}`
    const query = queryOf({ at, waitMs, partition, encoding })
    try {
      return this.#typed(await this.#request<Page['entries'][number]>(path + query, signal))
    } catch (error) {
      if (isNotFound(error)) return undefined
      throw error
    }
  }

  /**
   * Yields the latest record of each key, page by page: partition by partition, and in each in the order of the keys.
   *
   * @throws {EdgelogError} as `get`.
   */
  async *entries(
    options: TableEntriesOptions = {},
  ): AsyncGenerator<TypedRecord<Value>, void, undefined> {
    for await (const { entries } of this.#pages(options)) {
      for (const entry of entries) yield this.#typed(entry)
    }
  }

  /**
   * Yields the entries of the table, and then each change, without end: a record with the value `null` removes its
   * key. A record that changes meanwhile may come twice, in its order.
   *
   * @throws {EdgelogError} as `get`, and as the iteration of a consumer.
   */
  async *watch(
    options: TableEntriesOptions = {},
  ): AsyncGenerator<TypedRecord<Value>, void, undefined> {
    const { prefix = '', signal } = options
    const offsets = new Map<number, number>()
    for await (const { entries, tableOffsets } of this.#pages(options)) {
      for (const { partition, offset } of tableOffsets) {
        // A later page of a partition has later changes, but earlier pages do not.
        if (!offsets.has(partition)) offsets.set(partition, offset)
      }
      for (const entry of entries) yield this.#typed(entry)
    }
    const assignments = [...offsets].map(([partition, offset]) => ({
      topic: this.name,
      partition,
      offset,
    }))
    for await (const record of this.#context.records(assignments, signal)) {
      if (record.keyText?.startsWith(prefix)) yield typedRecord(record, this.#deserialize)
    }
  }

  async *#pages({ prefix, signal }: TableEntriesOptions): AsyncGenerator<Page, void, undefined> {
    let cursor: string | undefined
    do {
      const query = queryOf({ prefix, cursor, limit: PAGE_ENTRIES })
      const page = await this.#request<Page>(`${topicPath(this.name)}/table${query}`, signal)
      yield page
      cursor = page.cursor
    } while (cursor !== undefined)
  }

  async #request<Response>(path: string, signal: AbortSignal | undefined): Promise<Response> {
    return await requestJson<Response>(this.#context.connection, path, { signal })
  }

  #typed({ partition, offset, timestamp, ...entry }: Page['entries'][number]): TypedRecord<Value> {
    // A record without a time has -1, which no request may have.
    const record = { ...recordFromJson(entry, 0), offset, timestamp }
    return typedRecord(new ConsumerRecord(this.name, partition, record), this.#deserialize)
  }
}

const PAGE_ENTRIES = 1_000

function isNotFound(error: unknown): error is EdgelogError {
  return error instanceof RequestError && error.code === 'key_not_found'
}

function queryOf(values: Record<string, string | number | undefined>): string {
  const query = new URLSearchParams()
  for (const [name, value] of Object.entries(values)) {
    if (value !== undefined) query.set(name, String(value))
  }
  return query.size === 0 ? '' : `?${query}`
}

function toBase64Url(bytes: Uint8Array): string {
  return encodeBase64(bytes).replaceAll('+', '-').replaceAll('/', '_').replaceAll('=', '')
}
