/** Minimal client for transactions in crash runs: sends one request and returns its result, without retries. */
import { encodeBatch } from '../../../src/core/batch/batch-builder.ts'
import type { NewRecord } from '../../../src/core/batch/record.ts'
import type { Messages, ReadResponseOf, WrittenRequestOf } from '../../../src/core/kafka/schema.ts'
import { readPage, requestFrame } from '../../interop/support/raw-connection.ts'
import type { Place, SentOffset } from './transaction-history.ts'

/** A frame begins with its size. */
const SIZE_BYTES = 4
const BATCH = 'application/vnd.edgelog.batch'
/** A call for a transaction that is undecided waits for its deadline. */
const REQUEST_MS_MAX = 15_000

export type Reply<T> =
  | { readonly kind: 'ok'; readonly value: T }
  /** Definitely refused. */
  | { readonly kind: 'fail'; readonly code: string; readonly message?: string }
  | { readonly kind: 'unknown'; readonly why: string }

export interface Producer {
  readonly producerId: string
  readonly producerEpoch: number
}

interface AppendReply {
  readonly baseOffsets: readonly number[]
}

export interface EndedReply extends Producer {
  readonly visible: boolean
}

export interface ReadReply {
  readonly records: ReadonlyArray<{ readonly offset: number; readonly value: string }>
  readonly nextOffset: number
  readonly lastStableOffset: number
  readonly highWatermark: number
}

export interface OneShotReply {
  readonly visible: boolean
  readonly offsets: ReadonlyArray<Place & { readonly offset: number }>
}

export class TransactionClient {
  readonly #url: string
  /** The time of all records: a repeated send has the bytes of the first. */
  readonly #startedAtMs = Date.now()

  constructor(url: string) {
    this.#url = url
  }

  async createTopic(name: string, partitions: number): Promise<void> {
    const reply = await this.#call('POST', '/v1/topics', { name, partitions })
    if (reply.kind !== 'ok') throw new Error(`create: ${JSON.stringify(reply)}`)
  }

  init(id: string, timeoutMs: number): Promise<Reply<Producer>> {
    return this.#call('PUT', `/v1/transactions/${id}`, { timeoutMs })
  }

  send(
    id: string,
    producer: Producer,
    place: Place,
    baseSequence: number,
    values: readonly string[],
  ): Promise<Reply<AppendReply>> {
    const records = values.map((value) => ({
      ...{ key: null, headers: [] },
      value: new TextEncoder().encode(value),
    }))
    return this.sendRecords(id, producer, place, baseSequence, records)
  }

  async sendRecords(
    id: string,
    { producerId, producerEpoch }: Producer,
    { topic, partition }: Place,
    baseSequence: number,
    untimed: ReadonlyArray<Omit<NewRecord, 'timestamp'>>,
  ): Promise<Reply<AppendReply>> {
    const records = untimed.map((record) => ({ ...record, timestamp: this.#startedAtMs }))
    const producer = { producerId: BigInt(producerId), producerEpoch, baseSequence }
    return await this.#fetch(`/v1/topics/${topic}/partitions/${partition}/records`, {
      method: 'POST',
      headers: { 'Content-Type': BATCH, 'Edgelog-Transaction': id },
      body: encodeBatch(records, { ...producer, isTransactional: true }),
    })
  }

  commitOffset(
    id: string,
    producer: Producer,
    { group, ...offset }: SentOffset,
  ): Promise<Reply<null>> {
    const { producerId, producerEpoch } = producer
    const body = { producerId, producerEpoch, group, offsets: [offset] }
    return this.#call('POST', `/v1/transactions/${id}/offsets`, body)
  }

  end(
    id: string,
    { producerId, producerEpoch }: Producer,
    outcome: 'commit' | 'abort',
  ): Promise<Reply<EndedReply>> {
    return this.#call('POST', `/v1/transactions/${id}/${outcome}`, { producerId, producerEpoch })
  }

  describe(id: string): Promise<Reply<{ readonly state: string }>> {
    return this.#call('GET', `/v1/transactions/${id}`)
  }

  oneShot(body: object): Promise<Reply<OneShotReply>> {
    return this.#call('POST', '/v1/transactions', body)
  }

  read(
    { topic, partition }: Place,
    offset: number | 'latest',
    isolation: 'committed' | 'uncommitted',
    waitMs = 0,
  ): Promise<Reply<ReadReply>> {
    const query = `offset=${offset}&isolation=${isolation}&waitMs=${waitMs}&maxBytes=65536`
    return this.#call('GET', `/v1/topics/${topic}/partitions/${partition}/records?${query}`)
  }

  /** Returns the committed offset of a partition, 0 if there is none; refused while one is pending. */
  async committedOffset(group: string, { topic, partition }: Place): Promise<Reply<number>> {
    type Offsets = { offsets: ReadonlyArray<{ partition: number; offset: number }> }
    const path = `/v1/groups/${group}/offsets?topic=${topic}&requireStable=true`
    const reply = await this.#call<Offsets>('GET', path)
    if (reply.kind === 'fail' && reply.code === 'group_id_not_found')
      return { kind: 'ok', value: 0 }
    if (reply.kind !== 'ok') return reply
    const found = reply.value.offsets.find((one) => one.partition === partition)
    return { kind: 'ok', value: found?.offset ?? 0 }
  }

  /** Sends one request of Kafka's protocol. */
  async kafka<M extends Messages>(
    api: M,
    version: number,
    request: WrittenRequestOf<M>,
  ): Promise<Reply<ReadResponseOf<M>>> {
    const body = new Uint8Array(requestFrame(api, version, request))
    return await this.#fetch('/kafka', { method: 'POST', body }, async (response) =>
      readPage(api, version, new Uint8Array(await response.arrayBuffer()).subarray(SIZE_BYTES)),
    )
  }

  /** Follows a partition by one long poll of the live tail; returns its whole body. */
  async tail({ topic, partition }: Place, offset: number): Promise<Reply<Uint8Array>> {
    const subscriptions = [{ id: 1, topic, partition, offset }]
    return await this.#fetch(
      '/v1/tail',
      {
        method: 'POST',
        headers: { 'Content-Type': 'application/json', Accept: 'application/vnd.edgelog.tail' },
        body: JSON.stringify({ subscriptions, waitMs: 200 }),
      },
      async (response) => new Uint8Array(await response.arrayBuffer()),
    )
  }

  #call<T>(method: string, path: string, body?: object): Promise<Reply<T>> {
    if (body === undefined) return this.#fetch(path, { method })
    const headers = { 'Content-Type': 'application/json' }
    return this.#fetch(path, { method, headers, body: JSON.stringify(body) })
  }

  async #fetch<T>(
    path: string,
    init: RequestInit,
    parse: (response: Response) => Promise<T> = async (response) =>
      (response.status === 204 ? null : await response.json()) as T,
  ): Promise<Reply<T>> {
    try {
      const signal = AbortSignal.timeout(REQUEST_MS_MAX)
      const response = await fetch(`${this.#url}${path}`, { ...init, signal })
      if (response.ok) return { kind: 'ok', value: await parse(response) }
      const { error } = (await response.json()) as { error?: { code: string; message: string } }
      const code = error?.code ?? String(response.status)
      const message = error?.message ?? ''
      return response.status < 500
        ? { kind: 'fail', code, message }
        : { kind: 'unknown', why: `${code}: ${message}` }
    } catch (error) {
      return { kind: 'unknown', why: String(error) }
    }
  }
}
