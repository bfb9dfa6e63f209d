/**
 * Measures transactions over HTTP: in one call, and in several over 1, 3 and 32 partitions, beside a round trip to a
 * Durable Object that does nothing.
 */
import { encodeBatch } from '../../src/core/batch/batch-builder.ts'
import type { ServerProcess } from '../server/server-process.ts'
import { HttpLoad, median, postJson } from './http-load.ts'
import { BATCH, createTopic } from './throughput.ts'

const ONE_SHOTS = 300
/** Single calls are spread over 64 coordinators, each of which starts with its first call. */
const WARM_UPS = 300
const TRANSACTIONS = 200
const PRODUCERS = 16
const PARTITIONS_OF_ONE_SHOT = 3
const COPIED_TRANSACTIONS = 100
const RECORDS_PER_COPY = 100

interface Times {
  readonly p50Ms: number
  readonly p99Ms: number
}

export interface CommitFigures {
  readonly partitions: number
  /** From the request to commit until its response. */
  readonly commit: Times
  /** Whole transactions with one record for each partition: of one producer, and of several at a time. */
  readonly perSecond: number
  readonly perSecondOfMany: number
}

export interface TransactionFigures {
  readonly roundTripMs: number
  readonly oneShot: Times
  readonly commits: readonly CommitFigures[]
  readonly copiedPerSecond: number
}

export async function measureTransactions(
  ours: ServerProcess,
  floor: ServerProcess,
): Promise<TransactionFigures> {
  const load = new HttpLoad(ours.url)
  const { roundTripMs, oneShot } = await measureOneShots(load, new HttpLoad(floor.url))
  const commits: CommitFigures[] = []
  for (const partitions of [1, 3, 32]) commits.push(await measureCommits(load, partitions))
  return { roundTripMs, oneShot, commits, copiedPerSecond: await measureCopies(load) }
}

/** Alternates one-shots with round trips to the floor. */
async function measureOneShots(load: HttpLoad, floor: HttpLoad) {
  await load.call(createTopic('one-shots', PARTITIONS_OF_ONE_SHOT))
  const records = Array.from({ length: PARTITIONS_OF_ONE_SHOT }, (_, partition) => {
    return { topic: 'one-shots', partition, value: 'x'.repeat(100) }
  })
  const body = new Uint8Array(100)
  const oneShot = () => load.call(postJson('/v1/transactions', { records }))
  for (let index = 0; index < WARM_UPS; index++) await oneShot()
  const roundTrips: number[] = []
  const oneShots: number[] = []
  for (let index = 0; index < ONE_SHOTS; index++) {
    roundTrips.push(await timed(() => floor.call({ method: 'POST', path: '/noop', body })))
    oneShots.push(await timed(oneShot))
  }
  return { roundTripMs: median(roundTrips), oneShot: timesOf(oneShots) }
}

async function measureCommits(load: HttpLoad, partitions: number): Promise<CommitFigures> {
  const topic = `commits-${partitions}`
  await load.call(createTopic(topic, partitions))
  const alone = await TransactionalProducer.init(load, { id: `${topic}-alone`, topic, partitions })
  const commits: number[] = []
  const perSecond = await rate(TRANSACTIONS, async () => {
    commits.push(await alone.transaction())
  })
  const many = await Promise.all(
    Array.from({ length: PRODUCERS }, (_, index) =>
      TransactionalProducer.init(load, { id: `${topic}-${index}`, topic, partitions }),
    ),
  )
  const perSecondOfMany =
    PRODUCERS *
    (await rate(TRANSACTIONS / PRODUCERS, () =>
      Promise.all(many.map((producer) => producer.transaction())),
    ))
  return { partitions, commit: timesOf(commits), perSecond, perSecondOfMany }
}

interface Target {
  /** The transactional id. */
  readonly id: string
  readonly topic: string
  readonly partitions: number
}

interface Identity {
  readonly producerId: string
  readonly producerEpoch: number
}

export class TransactionalProducer {
  readonly #load: HttpLoad
  readonly #target: Target
  #identity: Identity

  private constructor(load: HttpLoad, target: Target, identity: Identity) {
    this.#load = load
    this.#target = target
    this.#identity = identity
  }

  static async init(load: HttpLoad, target: Target): Promise<TransactionalProducer> {
    const put = { ...postJson(`/v1/transactions/${target.id}`, {}), method: 'PUT' } as const
    return new TransactionalProducer(load, target, parse<Identity>(await load.call(put)))
  }

  /**
   * Makes one transaction.
   *
   * @param commit offsets of a group that are part of it
   * @returns the time of its commit, in milliseconds.
   */
  async transaction(commit?: { group: string; offsets: readonly object[] }): Promise<number> {
    const { id, topic, partitions } = this.#target
    const { producerId, producerEpoch } = this.#identity
    const body = encodeBatch(
      [{ timestamp: Date.now(), key: null, value: new Uint8Array(100), headers: [] }],
      { producerId: BigInt(producerId), producerEpoch, baseSequence: 0, isTransactional: true },
    )
    const headers = { 'Content-Type': BATCH, 'Edgelog-Transaction': id }
    const append = (partition: number) => {
      const path = `/v1/topics/${topic}/partitions/${partition}/records`
      return this.#load.call({ method: 'POST', path, body, headers })
    }
    await Promise.all(Array.from({ length: partitions }, (_, index) => append(index)))
    if (commit !== undefined) {
      const body = { producerId, producerEpoch, ...commit }
      await this.#load.call(postJson(`/v1/transactions/${id}/offsets`, body))
    }
    return await timed(async () => {
      const end = postJson(`/v1/transactions/${id}/commit`, { producerId, producerEpoch })
      const next = parse<Identity>(await this.#load.call(end))
      this.#identity = { producerId: next.producerId, producerEpoch: next.producerEpoch }
    })
  }
}

interface Fetched {
  readonly records: ReadonlyArray<{ readonly value: string }>
  readonly nextOffset: number
}

/** Copies records with their offsets, 100 in each transaction. @returns records per second. */
async function measureCopies(load: HttpLoad): Promise<number> {
  for (const name of ['copy-source', 'copy-sink']) await load.call(createTopic(name))
  const path = '/v1/topics/copy-source/partitions/0/records'
  const records = Array.from({ length: RECORDS_PER_COPY }, () => ({ value: 'x'.repeat(100) }))
  for (let index = 0; index < COPIED_TRANSACTIONS; index++) {
    await load.call(postJson(path, { records }))
  }
  let offset = 0
  const perSecond = await rate(COPIED_TRANSACTIONS, async () => {
    const query = `offset=${offset}&maxBytes=12000`
    const fetched = parse<Fetched>(await load.call({ method: 'GET', path: `${path}?${query}` }))
    offset = fetched.nextOffset
    await load.call(
      postJson('/v1/transactions', {
        records: fetched.records.map(({ value }) => {
          return { topic: 'copy-sink', partition: 0, value }
        }),
        offsets: [{ group: 'copiers', offsets: [{ topic: 'copy-source', partition: 0, offset }] }],
      }),
    )
  })
  return (perSecond * offset) / COPIED_TRANSACTIONS
}

async function rate(count: number, work: () => Promise<unknown>): Promise<number> {
  const tookMs = await timed(async () => {
    for (let index = 0; index < count; index++) await work()
  })
  return count / (tookMs / 1_000)
}

async function timed(work: () => Promise<unknown>): Promise<number> {
  const startedAtMs = performance.now()
  await work()
  return performance.now() - startedAtMs
}

function timesOf(times: readonly number[]): Times {
  const sorted = times.toSorted((one, other) => one - other)
  return { p50Ms: median(times), p99Ms: sorted[Math.floor(sorted.length * 0.99)] ?? Number.NaN }
}

function parse<T>(bytes: Buffer): T {
  return JSON.parse(bytes.toString()) as T
}
