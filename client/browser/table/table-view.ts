/** The calls of a page on one table: they read this browser's copy, and wait until there is one. */
import type { LogRecord } from '../../../src/core/batch/record.ts'
import { encodeBase64 } from '../../../src/core/bytes/base64.ts'
import { EdgelogError } from '../../../src/core/errors.ts'
import { partitionForKey } from '../../../src/core/topic/partitioner.ts'
import { ConsumerRecord } from '../../consumer/consumer-record.ts'
import type { TableEntriesOptions, TableGetOptions, TableOptions } from '../../table.ts'
import { parseJson, type TypedRecord, typedRecord } from '../../typed-topic.ts'
import { TABLE_WAIT_MS } from '../limits.ts'
import type { CopyKey, TableRow, TableState } from '../store/schema.ts'
import type { TableReader } from './table-reader.ts'
import type { TableWait } from './table-wait.ts'

export interface TableViewContext {
  readonly reader: TableReader
  readonly wait: TableWait
}

/** The part of a partition that a watcher has yielded. */
interface Seen {
  readonly copy: CopyKey
  readonly position: number
  readonly removals: number
  readonly keys: Map<string, SeenKey>
}

type SeenKey = Pick<TableRow, 'key' | 'offset' | 'timestamp'>

export class TableView<Value> {
  readonly #name: string
  readonly #context: TableViewContext
  readonly #deserialize: (bytes: Uint8Array) => Value

  constructor(
    name: string,
    context: TableViewContext,
    { deserialize = parseJson }: TableOptions<Value> = {},
  ) {
    this.#name = name
    this.#context = context
    this.#deserialize = deserialize
  }

  async get(
    key: string | Uint8Array,
    { at, waitMs = TABLE_WAIT_MS, partition: given, signal }: TableGetOptions = {},
  ): Promise<TypedRecord<Value> | undefined> {
    const bytes = typeof key === 'string' ? new TextEncoder().encode(key) : key
    checkWhole('at', at)
    checkWhole('waitMs', waitMs)
    checkWhole('partition', given)
    const covers = ({ partitions }: TableState) => {
      const partition = given ?? partitionForKey(bytes, partitions.length)
      const shown = partitions[partition]?.shown
      if (shown === undefined) throw unknownPartition(this.#name, partition)
      return shown !== null && (at === undefined || shown.position > at) ? partition : undefined
    }
    const partition = await this.#context.wait.until(this.#name, covers, { waitMs, signal })
    const row = await this.#context.reader.get(this.#name, partition, bytes)
    return row && this.#typed(row)
  }

  async *entries({
    prefix = '',
    signal,
  }: TableEntriesOptions = {}): AsyncGenerator<TypedRecord<Value>, void, undefined> {
    const bytes = new TextEncoder().encode(prefix)
    const partitions = await this.#partitions(signal)
    for (let partition = 0; partition < partitions; partition++) {
      for await (const { rows } of this.#pages(partition, bytes, signal)) {
        for (const row of rows) yield this.#typed(row)
      }
    }
  }

  async *watch({
    prefix = '',
    signal,
  }: TableEntriesOptions = {}): AsyncGenerator<TypedRecord<Value>, void, undefined> {
    const { wait } = this.#context
    const bytes = new TextEncoder().encode(prefix)
    const seen = new Map<number, Seen>()
    const news = wait.listen(this.#name)
    try {
      for (;;) {
        news.read()
        const partitions = await this.#partitions(signal)
        for (let partition = 0; partition < partitions; partition++) {
          yield* this.#changes(partition, bytes, seen, signal)
        }
        await news.next(signal)
      }
    } finally {
      news.end()
    }
  }

  /** Yields what has changed in a partition since it was seen, and replaces what was seen. */
  async *#changes(
    partition: number,
    prefix: Uint8Array,
    seen: Map<number, Seen>,
    signal: AbortSignal | undefined,
  ): AsyncGenerator<TypedRecord<Value>, void, undefined> {
    const { reader } = this.#context
    const former = seen.get(partition)
    const first = await reader.changes(this.#name, partition, former?.position ?? 0)
    if (first === undefined) return
    if (former === undefined || !isSameCopy(first.copy, former.copy)) {
      yield* this.#scan(partition, prefix, seen, signal)
      return
    }
    const { keys } = former
    for (let page: typeof first | undefined = first; page !== undefined; ) {
      // The table was built again meanwhile, which the next look finds.
      if (!isSameCopy(page.copy, former.copy)) return
      for (const row of page.rows) {
        const name = encodeBase64(row.key)
        if (!startsWith(row.key, prefix) || keys.get(name)?.offset === row.offset) continue
        keys.set(name, seenKey(row))
        yield this.#typed(row)
      }
      const last = page.rows.at(-1)
      if (!page.hasMore || last === undefined) break
      page = await reader.changes(this.#name, partition, last.offset + 1)
    }
    if (first.removals !== former.removals) {
      const kept = await reader.keys(this.#name, partition)
      yield* this.#removed(partition, keys, new Set(kept.map(encodeBase64)))
    }
    const { copy, position, removals } = first
    seen.set(partition, { copy, position, removals, keys })
  }

  /** Yields all that differs from what was seen of another copy. */
  async *#scan(
    partition: number,
    prefix: Uint8Array,
    seen: Map<number, Seen>,
    signal: AbortSignal | undefined,
  ): AsyncGenerator<TypedRecord<Value>, void, undefined> {
    const former = seen.get(partition)
    const keys = new Map<string, SeenKey>()
    let start: Omit<Seen, 'keys'> | undefined
    for await (const { copy, position, removals, rows } of this.#pages(partition, prefix, signal)) {
      start ??= { copy, position, removals }
      // Offsets of a topic that was recreated mean other records.
      const isComparable = former?.copy[0] === copy[0]
      for (const row of rows) {
        const name = encodeBase64(row.key)
        keys.set(name, seenKey(row))
        const isSeen = isComparable && former?.keys.get(name)?.offset === row.offset
        if (!isSeen) yield this.#typed(row)
      }
    }
    if (start === undefined) return
    if (former !== undefined) yield* this.#removed(partition, former.keys, new Set(keys.keys()))
    seen.set(partition, { ...start, keys })
  }

  /** Yields the removal of each key that is no longer there. */
  *#removed(
    partition: number,
    keys: Map<string, SeenKey>,
    kept: ReadonlySet<string>,
  ): Generator<TypedRecord<Value>, void, undefined> {
    for (const [name, { key, offset, timestamp }] of keys) {
      if (kept.has(name)) continue
      keys.delete(name)
      yield this.#record(partition, { key, offset, timestamp, value: null, headers: [] })
    }
  }

  /** Yields the rows of a partition with a prefix; each page is a view of the time when it is read. */
  async *#pages(partition: number, prefix: Uint8Array, signal: AbortSignal | undefined) {
    let key = prefix
    let isBehind = false
    for (;;) {
      signal?.throwIfAborted()
      const page = await this.#context.reader.page(this.#name, partition, key, isBehind)
      if (page === undefined) return
      const rows = page.rows.filter((row) => startsWith(row.key, prefix))
      yield { ...page, rows }
      const last = page.rows.at(-1)
      if (!page.hasMore || last === undefined || rows.length < page.rows.length) return
      key = last.key
      isBehind = true
    }
  }

  /** Waits until all partitions have a complete copy, and returns their number. */
  async #partitions(signal: AbortSignal | undefined): Promise<number> {
    const isComplete = ({ partitions }: TableState) =>
      partitions.every(({ shown }) => shown !== null) ? partitions.length : undefined
    return await this.#context.wait.until(this.#name, isComplete, { signal })
  }

  #typed({ copy: [, partition], ...row }: TableRow): TypedRecord<Value> {
    return this.#record(partition, row)
  }

  #record(partition: number, record: LogRecord): TypedRecord<Value> {
    return typedRecord(new ConsumerRecord(this.#name, partition, record), this.#deserialize)
  }
}

function seenKey({ key, offset, timestamp }: TableRow): SeenKey {
  return { key, offset, timestamp }
}

function isSameCopy(one: CopyKey, other: CopyKey): boolean {
  return one[0] === other[0] && one[2] === other[2]
}

function startsWith(key: Uint8Array, prefix: Uint8Array): boolean {
  return prefix.every((byte, index) => key[index] === byte)
}

/** @throws {EdgelogError} `invalid_request` */
function checkWhole(name: string, value: number | undefined): void {
  if (value === undefined || (Number.isSafeInteger(value) && value >= 0)) return
  const why = `${name}: must be a whole number of at least 0, got ${value}`
  throw new EdgelogError('invalid_request', why)
}

function unknownPartition(topic: string, partition: number): EdgelogError {
  return new EdgelogError('unknown_topic_or_partition', `${topic} has no partition ${partition}`)
}
