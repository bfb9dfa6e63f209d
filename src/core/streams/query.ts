/** Answers a query from a store of a task. */
import { EdgelogError } from '../errors.ts'
import { QUERY_ROWS_MAX } from './limits.ts'
import type { KeyValueStore } from './stores/key-value-store.ts'
import type { SessionStore } from './stores/session-store.ts'
import type { StoreSpec } from './stores/store-spec.ts'
import type { TaskStores } from './stores/task-stores.ts'
import type { WindowStore } from './stores/window-store.ts'
import type { AtLeast, InputPosition, StoreQuery, StoreRow } from './task-api.ts'

export interface QueryRows {
  readonly rows: readonly StoreRow[]
  readonly hasMore: boolean
}

/**
 * Returns the rows of a query.
 *
 * @throws {EdgelogError} `not_found` for a store that is not among `specs`; `invalid_request` for a query that the kind
 * of the store does not have.
 */
export function queryStore(
  stores: TaskStores,
  specs: readonly StoreSpec[],
  query: StoreQuery,
): QueryRows {
  const spec = specs.find(({ name }) => name === query.store)
  if (spec === undefined)
    throw new EdgelogError('not_found', `store ${query.store}: does not exist`)
  const limit = query.kind === 'get' ? 1 : Math.min(query.limit, QUERY_ROWS_MAX)
  const rows: StoreRow[] = []
  for (const row of iterate(stores, spec, query)) {
    if (rows.length === limit) return { rows, hasMore: true }
    rows.push(query.isRaw === true ? rawRow(spec, row) : row)
  }
  return { rows, hasMore: false }
}

function rawRow(spec: StoreSpec, { key, value, ...rest }: StoreRow): StoreRow {
  return { ...rest, key: spec.key.serialize(key), value: spec.value.serialize(value) }
}

/**
 * Returns whether a state has reached a position.
 *
 * @throws {EdgelogError} `invalid_request` for a partition that the task does not read.
 */
export function hasReached(
  positions: readonly InputPosition[],
  { topic, partition, offset }: AtLeast,
): boolean {
  const found = positions.filter((one) => one.topic === topic && one.partition === partition)
  if (found.length > 0) return found.every((one) => one.offset >= offset)
  throw new EdgelogError('invalid_request', `atLeast: the task does not read ${topic}/${partition}`)
}

/** Returns the error of a query whose position was not reached in time. */
export function notReached({ topic, partition, offset }: AtLeast): EdgelogError {
  const why = `the state has not reached offset ${offset} of ${topic}/${partition} in time`
  return new EdgelogError('unavailable', why)
}

function iterate(stores: TaskStores, spec: StoreSpec, query: StoreQuery): Iterable<StoreRow> {
  if (spec.kind === 'key-value') {
    if (query.kind === 'windows') throw unfit(spec, 'has no windows; get a key or a range')
    return keyValueRows(stores.get(spec.name) as KeyValueStore, spec, query)
  }
  if (query.kind !== 'windows') throw unfit(spec, 'has windows; give a range of times')
  return spec.kind === 'window'
    ? windowRows(stores.get(spec.name) as WindowStore, spec, query)
    : sessionRows(stores.get(spec.name) as SessionStore, spec, query)
}

function* keyValueRows(
  store: KeyValueStore,
  spec: StoreSpec,
  query: Exclude<StoreQuery, { kind: 'windows' }>,
): Generator<StoreRow> {
  if (query.kind === 'get') {
    const key = spec.key.deserialize(query.key)
    const found = store.get(key)
    if (found !== undefined) yield { key, ...found }
    return
  }
  for (const [key, found] of store.rangeOfBytes(query)) yield { key, ...found }
}

type WindowsQuery = Extract<StoreQuery, { kind: 'windows' }>

function* windowRows(
  store: WindowStore,
  spec: Extract<StoreSpec, { kind: 'window' }>,
  { key: wanted, fromMs, toMs }: WindowsQuery,
): Generator<StoreRow> {
  const first = fromMs - spec.sizeMs + 1
  if (wanted !== undefined) {
    const key = spec.key.deserialize(wanted)
    for (const [startMs, found] of store.fetch(key, first, toMs)) {
      yield { key, ...found, window: { startMs, endMs: startMs + spec.sizeMs } }
    }
    return
  }
  for (const [key, startMs, found] of store.fetchAll(first, toMs)) {
    yield { key, ...found, window: { startMs, endMs: startMs + spec.sizeMs } }
  }
}

function* sessionRows(
  store: SessionStore,
  spec: StoreSpec,
  { key: wanted, fromMs, toMs }: WindowsQuery,
): Generator<StoreRow> {
  if (wanted !== undefined) {
    const key = spec.key.deserialize(wanted)
    for (const { startMs, endMs, ...found } of store.find(key, fromMs, toMs)) {
      yield { key, ...found, window: { startMs, endMs } }
    }
    return
  }
  for (const [key, { startMs, endMs, ...found }] of store.all()) {
    if (endMs >= fromMs && startMs <= toMs) yield { key, ...found, window: { startMs, endMs } }
  }
}

function unfit({ name, kind }: StoreSpec, why: string): EdgelogError {
  return new EdgelogError('invalid_request', `store ${name}: it is a ${kind} store and ${why}`)
}
