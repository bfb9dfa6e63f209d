/**
 * Question: are acknowledged records lost, duplicated or reordered when the server's runtime and the
 * bridge's process are killed during a run? Clients reach the server at its own port, and through the bridge.
 * Model: the numbers that were sent. Generated: the moments of the kills.
 *
 * librdkafka's idempotence works with five batches in flight. The idempotence of kafkajs is experimental
 * and works only with one `send` at a time, so this test sends one at a time. With several, if a send fails
 * in flight, kafkajs gives its sequence to the next waiting send, and the log takes that for a retry.
 */
import { setTimeout as sleep } from 'node:timers/promises'
import kafkajs, { type Producer } from 'kafkajs'
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest'
import { type BridgeProcess, startBridgeProcess } from '../server/bridge-process.ts'
import { TEST_SEED } from '../support/seed.ts'
import { until } from '../support/until.ts'
import { provideKcat } from './support/find-kcat.ts'
import { startKcat } from './support/kcat.ts'
import { valuesOf } from './support/records.ts'
import { openStage, type Stage } from './support/stage.ts'

const { Kafka, logLevel, Partitioners } = kafkajs
const INSTALL_MS_MAX = 300_000
const KILLS = 6
const PARTITIONS = 3

let stage: Stage
let bridge: BridgeProcess
beforeAll(async () => {
  await provideKcat()
  stage = await openStage({ transport: 'tcp' })
  bridge = await startBridgeProcess(stage.server.url)
}, INSTALL_MS_MAX)

/** A way of clients to the server. */
interface Way {
  readonly name: string
  bootstrap(): string
  /** Each kills something and starts it again; they take turns. */
  readonly kills: ReadonlyArray<() => Promise<void>>
}

const WAYS: readonly Way[] = [
  {
    name: 'the port of the server',
    bootstrap: () => stage.bootstrap,
    kills: [() => stage.killServer()],
  },
  {
    name: 'a bridge',
    bootstrap: () => bridge.bootstrap,
    kills: [() => stage.killServer(), () => bridge.restart()],
  },
]

const closings: (() => Promise<void>)[] = []
afterEach(async () => {
  for (const close of closings.splice(0)) await close()
})
afterAll(async () => {
  await bridge.close()
  await stage.close()
})

function kafka(way: Way) {
  return new Kafka({
    clientId: 'kills',
    brokers: [way.bootstrap()],
    logLevel: logLevel.NOTHING,
    retry: { initialRetryTime: 50, maxRetryTime: 500, retries: 200 },
  })
}

async function newTopic(): Promise<string> {
  const topic = stage.name()
  await stage.native.admin.createTopic(topic, { partitions: PARTITIONS })
  return topic
}

/** Returns a generator of pauses, the same for the same seed; the timing of processes still varies. */
function pauses(seed: number): () => number {
  let state = seed >>> 0
  return () => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0
    return 100 + (state % 500)
  }
}

async function killInTurns({ kills }: Way): Promise<void> {
  const nextPauseMs = pauses(TEST_SEED)
  for (let kill = 0; kill < KILLS; kill++) {
    await sleep(nextPauseMs())
    await kills[kill % kills.length]?.()
  }
  await sleep(nextPauseMs())
}

/** Sends the numbers from 0 on while `isWanted()`, each with a key that fixes its partition. Returns the count. */
async function sendWithKcat(way: Way, topic: string, isWanted: () => boolean): Promise<number> {
  const settings = ['enable.idempotence=true', 'reconnect.backoff.max.ms=200', 'linger.ms=5']
  const args = ['-P', '-E', '-t', topic, '-K', '|', '-X', 'topic.partitioner=consistent']
  const { child, output, ended } = startKcat(way.bootstrap(), [
    ...args,
    ...settings.flatMap((one) => ['-X', one]),
  ])
  let count = 0
  while (isWanted()) {
    for (let i = 0; i < 10; i++, count++) child.stdin?.write(`${count % 7}|${count}\n`)
    await sleep(5)
  }
  child.stdin?.end()
  expect([await ended, output.stderr.match(/Delivery failed|failed to produce/i)]).toEqual([
    0,
    null,
  ])
  return count
}

/** Connects before the kills: kafkajs gives up when a connection ends while it gets its producer id. */
async function connectedProducer(way: Way): Promise<Producer> {
  const createPartitioner = Partitioners.DefaultPartitioner
  const producer = kafka(way).producer({ idempotent: true, createPartitioner })
  closings.push(() => producer.disconnect())
  await producer.connect()
  return producer
}

async function sendWithKafkajs(
  producer: Producer,
  topic: string,
  isWanted: () => boolean,
): Promise<number> {
  let count = 0
  while (isWanted()) {
    const numbers = Array.from({ length: 10 }, () => count++)
    const messages = numbers.map((number) => ({
      partition: number % PARTITIONS,
      value: String(number),
    }))
    await producer.send({ topic, acks: -1, messages })
  }
  return count
}

async function expectEachOnce(topic: string, count: number): Promise<void> {
  const partitions = (await valuesOf(stage.native, topic, PARTITIONS)).map((values) =>
    values.map(Number),
  )
  for (const numbers of partitions) expect(numbers).toEqual(numbers.toSorted((a, b) => a - b))
  const all = partitions.flat().sort((a, b) => a - b)
  expect(all).toEqual(Array.from({ length: count }, (_, number) => number))
}

describe.each(WAYS)('through $name', (way) => {
  test(`idempotent producers lose no records and duplicate none (seed ${TEST_SEED})`, async () => {
    const [ofKcat, ofKafkajs] = [await newTopic(), await newTopic()]
    let isOver = false
    const isWanted = () => !isOver
    const producer = await connectedProducer(way)
    const [countOfKcat, countOfKafkajs] = await Promise.all([
      sendWithKcat(way, ofKcat, isWanted),
      sendWithKafkajs(producer, ofKafkajs, isWanted),
      killInTurns(way).finally(() => {
        isOver = true
      }),
    ])
    await expectEachOnce(ofKcat, countOfKcat)
    await expectEachOnce(ofKafkajs, countOfKafkajs)
  }, 240_000)

  test(`a group's consumer continues and receives each record (seed ${TEST_SEED})`, async () => {
    const topic = await newTopic()
    const consumer = kafka(way).consumer({
      groupId: stage.name(),
      sessionTimeout: 6_000,
      heartbeatInterval: 300,
      maxWaitTimeInMs: 100,
    })
    closings.push(() => consumer.disconnect())
    await consumer.connect()
    await consumer.subscribe({ topics: [topic], fromBeginning: true })
    const seen = new Set<string>()
    await consumer.run({
      eachMessage: async ({ message }) => void seen.add(String(message.value)),
    })
    const producer = stage.native.createProducer({ lingerMs: 0 })
    let count = 0
    let isOver = false
    const send = async () => {
      while (!isOver) {
        await producer.send(topic, { partition: count % PARTITIONS, value: String(count++) })
        await sleep(5)
      }
    }
    const sending = send()
    await until('it has begun', () => seen.size > 0)
    for (const pauseMs of [100, 400]) {
      await sleep(pauseMs)
      await stage.killServer()
    }
    isOver = true
    await sending
    await producer.close()
    await until(
      () => `all ${count}, not ${seen.size}`,
      () => seen.size >= count,
    )
    expect(seen.size).toBe(count)
  }, 240_000)
})
