/** The table of a compacted topic in a page. Its code is loaded with the first call. */
import type { TableEntriesOptions, TableGetOptions } from '../../table.ts'
import type { TypedRecord } from '../../typed-topic.ts'
import type { TableView } from './table-view.ts'

/**
 * Reads the latest value of each key of a compacted topic, from this browser: offline too.
 *
 * @example
 * const customers = log.table<Customer>('customers')
 * const record = await customers.get('17')
 * for await (const { key, value } of customers.watch({ prefix: '1' })) console.log(key, value?.name)
 */
export class BrowserTable<Value> {
  readonly name: string
  readonly #load: () => Promise<TableView<Value>>

  /** @internal Made by `BrowserClient.table`. */
  constructor(name: string, load: () => Promise<TableView<Value>>) {
    this.name = name
    this.#load = load
  }

  /**
   * Returns the latest record of a key; undefined if it has none.
   *
   * @throws {EdgelogError} `table_not_enabled` for a topic that is not compacted, `unknown_topic_or_partition`;
   * `unavailable` if this browser does not have the table, or `at`, in time; `storage_failed`, `storage_full`;
   * what `deserialize` throws
   */
  async get(
    key: string | Uint8Array,
    options?: TableGetOptions,
  ): Promise<TypedRecord<Value> | undefined> {
    return (await this.#load()).get(key, options)
  }

  /**
   * Yields the latest record of each key: partition by partition, and in each in the order of the keys. Waits for the
   * first copy of the table.
   *
   * @throws {EdgelogError} as `get`; the reason of `signal`
   */
  async *entries(
    options?: TableEntriesOptions,
  ): AsyncGenerator<TypedRecord<Value>, void, undefined> {
    yield* (await this.#load()).entries(options)
  }

  /**
   * Yields the entries of the table, and then the changes, without end: a record with the value `null` removes its
   * key. Changes of one key that follow each other quickly may come as one.
   *
   * @throws {EdgelogError} as `entries`
   */
  async *watch(options?: TableEntriesOptions): AsyncGenerator<TypedRecord<Value>, void, undefined> {
    yield* (await this.#load()).watch(options)
  }
}
