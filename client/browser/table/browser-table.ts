/** The table of a compacted topic in a page. */
import type { TableEntriesOptions, TableGetOptions } from '../../table.ts'
import type { TypedRecord } from '../../typed-topic.ts'

/**
 * Reads the latest value of each key of a compacted topic, from this browser: offline too.
 *
 * @example
 * const customers = log.table<Customer>('customers')
 * const record = await customers.get('17')
 * for await (const { key, value } of customers.watch({ prefix: '1' })) console.log(key, value?.name)
 */
export interface BrowserTable<Value> {
  readonly name: string

  /**
   * Returns the latest record of a key; undefined if it has none.
   *
   * @throws {EdgelogError} `table_not_enabled` for a topic that is not compacted, `unknown_topic_or_partition`;
   * `unavailable` if this browser does not have the table, or `at`, in time; `storage_full` if the tables of this
   * browser are too large, or its storage is; `storage_failed`; what `deserialize` throws
   */
  get(key: string | Uint8Array, options?: TableGetOptions): Promise<TypedRecord<Value> | undefined>

  /**
   * Yields the latest record of each key: partition by partition, and in each in the order of the keys. Waits for the
   * first copy of the table.
   *
   * @throws {EdgelogError} as `get`; the reason of `signal`
   */
  entries(options?: TableEntriesOptions): AsyncGenerator<TypedRecord<Value>, void, undefined>

  /**
   * Yields the entries of the table, and then the changes, without end: a record with the value `null` removes its
   * key, and has the offset of the record that it removes. Changes of one key that follow each other quickly may come
   * as one.
   *
   * @throws {EdgelogError} as `entries`
   */
  watch(options?: TableEntriesOptions): AsyncGenerator<TypedRecord<Value>, void, undefined>
}
