/**
 * Measures how long it takes to create, to use and to delete 100 topics of 4 partitions, and the longest wait of other
 * requests meanwhile. The floor stores one row in each of 400 new objects.
 */
import type { Messages, ReadResponseOf, WrittenRequestOf } from '../../src/core/kafka/schema.ts'
import { CREATE_TOPICS } from '../../src/kafka/apis/create-topics.ts'
import { DELETE_TOPICS } from '../../src/kafka/apis/delete-topics.ts'
import { METADATA } from '../../src/kafka/apis/metadata.ts'
import { frameOf, responseOf } from '../kafka/door.ts'
import type { ServerProcess } from '../server/server-process.ts'
import { type Call, HttpLoad, median, postJson } from './http-load.ts'
import { createTopic } from './throughput.ts'

const TOPICS = 100
const PARTITIONS = 4
const HTTP_IN_FLIGHT = 16
/** The others begin before the work, and pause between two requests. */
const OTHERS_HEAD_START_MS = 50
const OTHERS_PAUSE_MS = 2

/** The duration of some work, and the longest wait of another request meanwhile. */
export interface TimeAndWait {
  readonly tookMs: number
  readonly longestWaitMs: number
}

const KINDS = [
  'createByKafka',
  'createByHttp',
  'firstAppends',
  'deleteUsed',
  'deleteUnused',
] as const
type Kind = (typeof KINDS)[number]

export interface ManyTopicsFigures extends Readonly<Record<Kind, TimeAndWait>> {
  readonly floorMs: number
}

export async function measureManyTopics(
  ours: ServerProcess,
  floor: ServerProcess,
  rounds: number,
): Promise<ManyTopicsFigures> {
  await new HttpLoad(ours.url).call(createTopic('other'))
  const floorTimes: number[] = []
  const times: Array<Record<Kind, TimeAndWait>> = []
  for (let round = 0; round < rounds; round++) {
    const path = `/store-in-many?count=${TOPICS * PARTITIONS}&name=round-${round}`
    floorTimes.push(await timeOf(() => new HttpLoad(floor.url).call(postJson(path, {}))))
    // New connections: the server closes idle ones while the floor runs.
    times.push(await new Round(ours.url).run(round))
  }
  const medianOf = (kind: Kind): TimeAndWait => ({
    tookMs: median(times.map((round) => round[kind].tookMs)),
    longestWaitMs: median(times.map((round) => round[kind].longestWaitMs)),
  })
  const figures = Object.fromEntries(KINDS.map((kind) => [kind, medianOf(kind)]))
  return { ...(figures as Record<Kind, TimeAndWait>), floorMs: median(floorTimes) }
}

class Round {
  readonly #load: HttpLoad
  readonly #others: ReadonlyArray<{ readonly load: HttpLoad; readonly call: Call }>

  constructor(url: string) {
    this.#load = new HttpLoad(url)
    const others: Call[] = [
      postJson('/v1/topics/other/records', { records: [{ value: 'x' }] }),
      { method: 'GET', path: '/v1/topics/other/partitions/0/records?offset=0&maxBytes=1000' },
      kafkaCall(METADATA, 9, { topics: null }),
      { method: 'GET', path: '/v1/topics' },
    ]
    this.#others = others.map((call) => ({ load: new HttpLoad(url), call }))
  }

  async run(round: number): Promise<Record<Kind, TimeAndWait>> {
    const names = Array.from({ length: TOPICS }, (_, index) => `kafka-${round}-${index}`)
    const httpNames = names.map((name) => `http-${name}`)
    const at = (index: number) => httpNames[index] ?? ''
    return {
      createByKafka: await this.#watch(() => this.#create(names)),
      deleteUnused: await this.#watch(() => this.#delete(names)),
      createByHttp: await this.#watch(() =>
        this.#load.rate(TOPICS, HTTP_IN_FLIGHT, (index) => createTopic(at(index), PARTITIONS)),
      ),
      firstAppends: await this.#watch(() =>
        this.#load.rate(TOPICS * PARTITIONS, HTTP_IN_FLIGHT, (index) =>
          appendTo(at(index % TOPICS), Math.floor(index / TOPICS)),
        ),
      ),
      deleteUsed: await this.#watch(() => this.#delete(httpNames)),
    }
  }

  async #create(names: readonly string[]): Promise<void> {
    const settings = { numPartitions: PARTITIONS, replicationFactor: 1, assignments: [] }
    const topics = names.map((name) => ({ name, ...settings, configs: [] }))
    const response = await this.#ask(CREATE_TOPICS, 7, { topics, timeoutMs: 60_000 })
    checkNumbers(response.topics)
  }

  async #delete(names: readonly string[]): Promise<void> {
    const topics = names.map((name) => ({ name }))
    const response = await this.#ask(DELETE_TOPICS, 6, { topics, timeoutMs: 60_000 })
    checkNumbers(response.responses)
  }

  async #ask<M extends Messages>(
    messages: M,
    version: number,
    request: WrittenRequestOf<M>,
  ): Promise<ReadResponseOf<M>> {
    const frame = await this.#load.call(kafkaCall(messages, version, request))
    const response = responseOf(messages, version, frame)
    if (response === undefined) throw new Error(`${messages.name}: no response`)
    return response
  }

  /** Runs some work while other requests run on connections of their own, each after the other. */
  async #watch(work: () => Promise<unknown>): Promise<TimeAndWait> {
    let isDone = false
    let longestWaitMs = 0
    const others = this.#others.map(async ({ load, call }) => {
      while (!isDone) {
        longestWaitMs = Math.max(longestWaitMs, await timeOf(() => load.call(call)))
        await pause(OTHERS_PAUSE_MS)
      }
    })
    await pause(OTHERS_HEAD_START_MS)
    longestWaitMs = 0
    const tookMs = await timeOf(work)
    isDone = true
    await Promise.all(others)
    return { tookMs, longestWaitMs }
  }
}

function kafkaCall<M extends Messages>(
  messages: M,
  version: number,
  request: WrittenRequestOf<M>,
): Call {
  const frame = frameOf(messages, version, request)
  const body = Buffer.alloc(4 + frame.length)
  body.writeInt32BE(frame.length)
  body.set(frame, 4)
  const headers = { 'Content-Type': 'application/vnd.edgelog.kafka' }
  return { method: 'POST', path: '/kafka', body, headers }
}

function appendTo(topic: string, partition: number): Call {
  const path = `/v1/topics/${topic}/partitions/${partition}/records`
  return postJson(path, { records: [{ value: 'x' }] })
}

function checkNumbers(results: ReadonlyArray<{ readonly errorCode: number }>): void {
  const failed = results.find(({ errorCode }) => errorCode !== 0)
  if (failed !== undefined) throw new Error(`failed: ${JSON.stringify(failed)}`)
}

async function timeOf(work: () => Promise<unknown>): Promise<number> {
  const startedAtMs = performance.now()
  await work()
  return performance.now() - startedAtMs
}

function pause(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms))
}
