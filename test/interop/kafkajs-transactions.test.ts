/** Question: do transactions of unmodified kafkajs 2.2.4 work, which uses the protocol before KIP-890? */
import kafkajs, { type Consumer, type Kafka, type Producer } from 'kafkajs'
import { afterAll, afterEach, beforeAll, expect, test } from 'vitest'
import { until } from '../support/until.ts'
import { openStage, type Stage } from './support/stage.ts'

const { logLevel, Partitioners } = kafkajs

let stage: Stage
let kafka: Kafka
const opened: (Producer | Consumer)[] = []

beforeAll(async () => {
  stage = await openStage()
  kafka = new kafkajs.Kafka({
    clientId: 'interop',
    brokers: [stage.bootstrap],
    logLevel: logLevel.NOTHING,
    retry: { initialRetryTime: 50 },
  })
})
afterEach(async () => {
  for (const one of opened.splice(0)) await one.disconnect()
})
afterAll(() => stage.close())

async function newTopic(numPartitions = 2): Promise<string> {
  const topic = stage.name()
  const admin = kafka.admin()
  await admin.connect()
  await admin.createTopics({ topics: [{ topic, numPartitions }] })
  await admin.disconnect()
  return topic
}

async function producer(transactionalId: string): Promise<Producer> {
  const one = kafka.producer({
    ...{ transactionalId, maxInFlightRequests: 1, idempotent: true },
    createPartitioner: Partitioners.DefaultPartitioner,
  })
  opened.push(one)
  await one.connect()
  return one
}

/** Reads values until the last one of each partition has arrived. */
async function readUntil(
  topic: string,
  lasts: readonly string[],
  readUncommitted = false,
): Promise<string[]> {
  const groupId = stage.name()
  const consumer = kafka.consumer({ groupId, readUncommitted, maxWaitTimeInMs: 100 })
  opened.push(consumer)
  await consumer.connect()
  await consumer.subscribe({ topic, fromBeginning: true })
  const values: string[] = []
  await consumer.run({
    eachMessage: async ({ message }) => void values.push(String(message.value)),
  })
  await until(`the values ${lasts}`, () => lasts.every((last) => values.includes(last)))
  await consumer.disconnect()
  return values.sort()
}

const sent = (partition: number, value: string) => ({ value, partition })

test('shows committed transactions and hides aborted ones, one after the other', async () => {
  const topic = await newTopic()
  const one = await producer(stage.name())
  for (let round = 0; round < 6; round++) {
    const transaction = await one.transaction()
    await transaction.send({ topic, messages: [sent(0, `a${round}`), sent(1, `b${round}`)] })
    await transaction.send({ topic, messages: [sent(0, `c${round}`)] })
    if (round % 2 === 0) await transaction.commit()
    else await transaction.abort()
  }
  const last = await one.transaction()
  await last.send({ topic, messages: [sent(0, 'y'), sent(1, 'z')] })
  await last.commit()
  const kept = [0, 2, 4].flatMap((round) => [`a${round}`, `b${round}`, `c${round}`])
  expect(await readUntil(topic, ['y', 'z'])).toEqual([...kept, 'y', 'z'].sort())
  const all = await readUntil(topic, ['y', 'z'], true)
  expect(all).toContain('a1')
})

test('commits offsets with the records, and drops those of an aborted transaction', async () => {
  const topic = await newTopic(1)
  const groupId = stage.name()
  const one = await producer(stage.name())
  const admin = kafka.admin()
  await admin.connect()
  const offsetOf = async () => {
    const [first] = await admin.fetchOffsets({ groupId, topics: [topic] })
    return first?.partitions[0]?.offset
  }
  const commit = async (offset: string, end: 'commit' | 'abort') => {
    const transaction = await one.transaction()
    await transaction.send({ topic, messages: [sent(0, `at ${offset}`)] })
    const topics = [{ topic, partitions: [{ partition: 0, offset }] }]
    await transaction.sendOffsets({ consumerGroupId: groupId, topics })
    await transaction[end]()
  }
  await commit('3', 'abort')
  expect(await offsetOf()).toBe('-1')
  await commit('5', 'commit')
  await until('the committed offset', async () => (await offsetOf()) === '5')
  await commit('9', 'abort')
  await commit('7', 'commit')
  await until('the next committed offset', async () => (await offsetOf()) === '7')
  await admin.disconnect()
})

test('fences an earlier instance with the same transactional id', async () => {
  const topic = await newTopic(1)
  const transactionalId = stage.name()
  const old = await producer(transactionalId)
  const open = await old.transaction()
  await open.send({ topic, messages: [sent(0, 'of the old instance')] })
  const next = await producer(transactionalId)
  const transaction = await next.transaction()
  await transaction.send({ topic, messages: [sent(0, 'of the new instance')] })
  await transaction.commit()
  await expect(open.commit()).rejects.toThrow(/epoch|fenc/i)
  expect(await readUntil(topic, ['of the new instance'])).toEqual(['of the new instance'])
})

test('hides records of an open transaction until it ends, also after the server was killed', async () => {
  const topic = await newTopic(1)
  const one = await producer(stage.name())
  const transaction = await one.transaction()
  await transaction.send({ topic, messages: [sent(0, 'first')] })
  await stage.killServer()
  await transaction.send({ topic, messages: [sent(0, 'second')] })
  await transaction.commit()
  expect(await readUntil(topic, ['second'])).toEqual(['first', 'second'])
})
