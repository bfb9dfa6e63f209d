/** Reads a store of a running topology. */
import { EdgelogError } from '../../../src/core/errors.ts'
import { QUERY_ROWS_MAX } from '../../../src/core/streams/limits.ts'
import { hasReached, notReached, queryStore } from '../../../src/core/streams/query.ts'
import type { StoreSpec } from '../../../src/core/streams/stores/store-spec.ts'
import type { TaskStores } from '../../../src/core/streams/stores/task-stores.ts'
import type { InputPosition, QueryResult, StoreQuery } from '../../../src/core/streams/task-api.ts'
import { partitionForKey } from '../../../src/core/topic/partitioner.ts'
import type { StoreQueryOptions, StoreRow, StoreRows } from '../../applications.ts'
import type { Clock } from '../../clock.ts'
import { STORE_ROWS, STORE_WAIT_MS } from '../../limits.ts'
import type { TaskPlace } from './topology-plan.ts'

/** A task whose stores can be read. */
export interface ReadableTask {
  readonly place: TaskPlace
  /** Returns the state as of the last stored turn; undefined if it cannot be read yet. */
  read(): Promise<
    { readonly stores: TaskStores; readonly positions: readonly InputPosition[] } | undefined
  >
  /** Resolves when the state may have changed, at the latest after `waitMs`. */
  untilChange(waitMs: number, signal: AbortSignal): Promise<void>
}

export interface StoreViewContext {
  readonly clock: Clock
  /** Returns all tasks of the topology, once they are planned; undefined if that takes longer than `waitMs`. */
  tasks(waitMs: number): Promise<readonly ReadableTask[] | undefined>
}

type QueryOptions = Omit<StoreQueryOptions, 'signal'>

export interface StoreRangeOptions<K> extends QueryOptions {
  /** The first key, and the last one, in the order of their bytes. */
  readonly from?: K
  readonly to?: K
  /** 100 by default, at most 1,000. */
  readonly limit?: number
}

export interface StoreWindowsOptions<K> extends QueryOptions {
  /** Only the windows of this key. */
  readonly key?: K
  /** Windows that overlap this time, in milliseconds since 1970. */
  readonly fromMs?: number
  readonly toMs?: number
  readonly limit?: number
}

/** A store of a topology, read where the topology runs. Rows are as of the last turn that is stored. */
export class StoreView<K = string, V = unknown> {
  readonly #context: StoreViewContext
  readonly #name: string

  /** @internal Made by `RunningTopology.store`. */
  constructor(context: StoreViewContext, name: string) {
    this.#context = context
    this.#name = name
  }

  /**
   * Returns the row of a key; undefined if it has none.
   *
   * @throws {EdgelogError} `not_found` for a store that the topology does not have; `invalid_request` for one with
   * windows; `unavailable` if the task, or `atLeast`, is not there in time; what the serde throws.
   */
  async get(
    key: K,
    options: QueryOptions = {},
  ): Promise<(StoreRow<K, V> & Pick<StoreRows<K, V>, 'positions'>) | undefined> {
    const { tasks, spec } = await this.#find(options)
    const bytes = spec.key.serialize(key)
    const task = tasks[partitionForKey(bytes, tasks.length)] as ReadableTask
    const query = { kind: 'get', store: this.#name, key: bytes, ...waitOf(options) } as const
    const { rows, positions } = await queryTask(this.#context.clock, task, query)
    return rows[0] === undefined ? undefined : { ...(rows[0] as StoreRow<K, V>), positions }
  }

  /** Returns the rows of a range of keys: task by task, and in each in the order of the keys. */
  async range(options: StoreRangeOptions<K> = {}): Promise<StoreRows<K, V>> {
    const { tasks, spec } = await this.#find(options)
    const { from, to, limit = STORE_ROWS } = options
    const query: ScanQuery = {
      kind: 'range',
      ...{ store: this.#name, limit, ...waitOf(options) },
      ...(from === undefined ? {} : { from: spec.key.serialize(from) }),
      ...(to === undefined ? {} : { to: spec.key.serialize(to) }),
    }
    return await this.#gather(tasks, query)
  }

  /** Returns windows, or sessions, of a key or of all keys. */
  async windows(options: StoreWindowsOptions<K> = {}): Promise<StoreRows<K, V>> {
    const { tasks, spec } = await this.#find(options)
    const { key, fromMs = 0, toMs = Number.MAX_SAFE_INTEGER, limit = STORE_ROWS } = options
    const times = { fromMs, toMs, limit, ...waitOf(options) }
    const query: ScanQuery = { kind: 'windows', store: this.#name, ...times }
    if (key === undefined) return await this.#gather(tasks, query)
    const bytes = spec.key.serialize(key)
    const task = tasks[partitionForKey(bytes, tasks.length)] as ReadableTask
    return await this.#gather([task], { ...query, key: bytes })
  }

  /** Returns the tasks that have the store, in the order of their partitions. */
  async #find({ waitMs = STORE_WAIT_MS }: QueryOptions) {
    const all = await this.#context.tasks(waitMs)
    if (all === undefined) throw new EdgelogError('unavailable', 'the topology is not planned yet')
    const specOf = ({ place }: ReadableTask) =>
      place.sub.stores.find(({ name }) => name === this.#name)
    const tasks = all.filter((task) => specOf(task) !== undefined)
    if (tasks[0] === undefined) {
      throw new EdgelogError('not_found', `store ${this.#name}: the topology does not have it`)
    }
    return { tasks, spec: specOf(tasks[0]) as StoreSpec }
  }

  async #gather(tasks: readonly ReadableTask[], query: ScanQuery): Promise<StoreRows<K, V>> {
    const { atLeast } = query
    if (!(Number.isInteger(query.limit) && query.limit >= 1 && query.limit <= QUERY_ROWS_MAX)) {
      const why = `limit: 1 to ${QUERY_ROWS_MAX} is allowed, got ${query.limit}`
      throw new EdgelogError('invalid_request', why)
    }
    const rows: StoreRow<K, V>[] = []
    const positions: InputPosition[] = []
    let hasMore = false
    for (const task of tasks) {
      const isOwn = atLeast === undefined || atLeast.partition === task.place.partition
      const { atLeast: _, ...rest } = query
      const limit = query.limit - rows.length
      const own = { ...(isOwn ? query : (rest as ScanQuery)), limit }
      const found = await queryTask(this.#context.clock, task, own)
      rows.push(...(found.rows as StoreRow<K, V>[]))
      positions.push(...found.positions)
      hasMore ||= found.hasMore
    }
    return { rows, hasMore, positions }
  }
}

type ScanQuery = Exclude<StoreQuery, { kind: 'get' }>

async function queryTask(
  clock: Clock,
  task: ReadableTask,
  query: StoreQuery,
): Promise<QueryResult> {
  const { atLeast, maxWaitMs } = query
  const endMs = clock.now() + maxWaitMs
  for (;;) {
    const done = new AbortController()
    // Never more than requested: the clock may have been set back.
    const leftMs = Math.min(endMs - clock.now(), maxWaitMs)
    // Waits from before the read on, so that no change is missed.
    const change = task.untilChange(Math.max(0, leftMs), done.signal)
    try {
      const state = await task.read()
      if (state !== undefined && (atLeast === undefined || hasReached(state.positions, atLeast))) {
        const { stores, positions } = state
        return { ...queryStore(stores, task.place.sub.stores, query), positions }
      }
      if (leftMs <= 0) {
        if (state !== undefined && atLeast !== undefined) throw notReached(atLeast)
        throw new EdgelogError('unavailable', `task ${task.place.name} has no state yet`)
      }
      await change
    } finally {
      done.abort()
    }
  }
}

function waitOf({ atLeast, waitMs: maxWaitMs = STORE_WAIT_MS }: QueryOptions) {
  return { maxWaitMs, ...(atLeast === undefined ? {} : { atLeast }) }
}
