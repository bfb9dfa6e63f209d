/** Applications of stream processing over the HTTP API: their lives, and queries of their stores. */

import { EdgelogError } from '../src/core/errors.ts'
import type {
  ApplicationDescription,
  ApplicationSummary,
  StartPosition,
} from '../src/core/streams/application-api.ts'
import type { InputPosition } from '../src/core/streams/task-api.ts'
import type { CallOptions } from './call-options.ts'
import { type Connection, request, requestJson } from './http/connection.ts'

export interface StoreQueryOptions extends CallOptions {
  /** A position that the state must have reached, such as that of a record just sent to a topic it is made of. */
  readonly atLeast?: { readonly topic: string; readonly partition: number; readonly offset: number }
  /** How long the server waits for `atLeast`; 5 s by default. */
  readonly waitMs?: number
}

export interface RangeOptions extends StoreQueryOptions {
  /** The first key, and the last one, in the order of their bytes. */
  readonly from?: string
  readonly to?: string
  /** 100 by default, at most 1,000. */
  readonly limit?: number
}

export interface WindowsOptions extends StoreQueryOptions {
  /** Only the windows of this key. */
  readonly key?: string
  /** Windows that overlap this time, in milliseconds since 1970. */
  readonly fromMs?: number
  readonly toMs?: number
  readonly limit?: number
}

/** A row of a store, as its serdes read it. */
export interface StoreRow<K, V> {
  readonly key: K
  readonly value: V
  readonly timestamp: number
  readonly window?: { readonly startMs: number; readonly endMs: number }
}

export interface StoreRows<K, V> {
  readonly rows: readonly StoreRow<K, V>[]
  /** True if there are more rows than `limit`. */
  readonly hasMore: boolean
  /** All records below these offsets are in the rows. */
  readonly positions: readonly InputPosition[]
}

/** A store of an application. Keys are given as text, as the serde of the store shows them. */
export class StoreReader<K = string, V = unknown> {
  readonly #connection: Connection
  readonly #path: string

  /** @internal Made by `Applications.store`. */
  constructor(connection: Connection, application: string, store: string) {
    this.#connection = connection
    this.#path = `${applicationPath(application)}/stores/${encodeURIComponent(store)}`
  }

  /**
   * Returns the row of a key; undefined if it has none.
   *
   * @throws {EdgelogError} `not_found`, `not_found`; `unavailable` if `atLeast` is not reached in time.
   */
  async get(
    key: string,
    { signal, ...query }: StoreQueryOptions = {},
  ): Promise<(StoreRow<K, V> & Pick<StoreRows<K, V>, 'positions'>) | undefined> {
    const path = `${this.#path}/${encodeURIComponent(key)}${queryText(query)}`
    try {
      return await requestJson(this.#connection, path, { signal })
    } catch (error) {
      if (error instanceof EdgelogError && error.code === 'key_not_found') return undefined
      throw error
    }
  }

  /** Returns the rows of a range of keys. The rows of each partition are in order. */
  async range({ signal, ...query }: RangeOptions = {}): Promise<StoreRows<K, V>> {
    return await requestJson(this.#connection, this.#path + queryText(query), { signal })
  }

  /** Returns windows, or sessions, of a key or of all. */
  async windows({ signal, ...query }: WindowsOptions = {}): Promise<StoreRows<K, V>> {
    return await requestJson(this.#connection, this.#path + queryText(query), { signal })
  }
}

/**
 * Lists, describes and changes applications, and reads their stores.
 *
 * @example
 * const counts = log.applications.store('page-counts', 'counts')
 * const { partition, offset } = await log.send('clicks', { key: 'ann', value: { page: '/' } })
 * await counts.get('ann', { atLeast: { topic: 'clicks', partition, offset: offset + 1 } })
 */
export class Applications {
  readonly #connection: Connection

  constructor(connection: Connection) {
    this.#connection = connection
  }

  async list({ signal }: CallOptions = {}): Promise<readonly ApplicationSummary[]> {
    const { applications } = await requestJson<{ applications: readonly ApplicationSummary[] }>(
      this.#connection,
      '/v1/streams',
      { signal },
    )
    return applications
  }

  /** @throws {EdgelogError} `not_found`. */
  async describe(name: string, { signal }: CallOptions = {}): Promise<ApplicationDescription> {
    return await requestJson(this.#connection, applicationPath(name), { signal })
  }

  /**
   * Deploys the topology that the Worker has under the name. The first request of a Worker does so by itself.
   *
   * @throws {EdgelogError} `not_found` if the Worker has no such topology; `invalid_topology`.
   */
  async deploy(
    name: string,
    { from = 'earliest', signal }: CallOptions & { readonly from?: StartPosition } = {},
  ): Promise<ApplicationSummary> {
    return await this.#change('PUT', applicationPath(name), { from }, signal)
  }

  async pause(name: string, { signal }: CallOptions = {}): Promise<ApplicationSummary> {
    return await this.#change('POST', `${applicationPath(name)}/pause`, {}, signal)
  }

  /** Resumes an application, and runs tasks again that stopped at an error. */
  async resume(name: string, { signal }: CallOptions = {}): Promise<ApplicationSummary> {
    return await this.#change('POST', `${applicationPath(name)}/resume`, {}, signal)
  }

  /** Deletes the state of an application and begins anew. */
  async reset(
    name: string,
    { from = 'earliest', signal }: CallOptions & { readonly from?: StartPosition } = {},
  ): Promise<ApplicationSummary> {
    return await this.#change('POST', `${applicationPath(name)}/reset`, { from }, signal)
  }

  /** Deletes an application with its state and its internal topics. Its other topics stay. */
  async delete(name: string, { signal }: CallOptions = {}): Promise<void> {
    const call = { method: 'DELETE', signal } as const
    await request(this.#connection, applicationPath(name), call, async () => undefined)
  }

  store<K = string, V = unknown>(application: string, store: string): StoreReader<K, V> {
    return new StoreReader(this.#connection, application, store)
  }

  async #change(
    method: 'PUT' | 'POST',
    path: string,
    body: object,
    signal: AbortSignal | undefined,
  ): Promise<ApplicationSummary> {
    const call = { method, body: JSON.stringify(body), contentType: 'application/json', signal }
    return await requestJson(this.#connection, path, call)
  }
}

function applicationPath(name: string): string {
  return `/v1/streams/${encodeURIComponent(name)}`
}

function queryText(query: Omit<RangeOptions & WindowsOptions, 'signal'>): string {
  const { atLeast, ...rest } = query
  const position = atLeast && `${atLeast.topic}/${atLeast.partition}/${atLeast.offset}`
  const entries = Object.entries({ ...rest, atLeast: position }).filter(
    (entry) => entry[1] !== undefined,
  )
  if (entries.length === 0) return ''
  return `?${new URLSearchParams(entries.map(([name, value]) => [name, String(value)]))}`
}
