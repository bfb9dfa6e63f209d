/**
 * Question: do Kafka clients read a topic whose old records lie in R2, and does ListOffsets say what lies where?
 * Contract: KIP-405, and docs/KAFKA.md.
 */
import kafkajs, { type Consumer } from 'kafkajs'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { LIST_OFFSETS } from '../../src/kafka/apis/list-offsets.ts'
import { edgelog } from '../cli/edgelog-command.ts'
import { until } from '../support/until.ts'
import { useRawStage } from './support/raw-stage.ts'

const raw = useRawStage()
const RECORDS = 60
const VALUE_LENGTH = 100_000
const TIERED = {
  'remote.storage.enable': true,
  'local.retention.bytes': 1,
  'segment.bytes': 1_048_576,
}
const NUMBERS = Array.from({ length: RECORDS }, (_, index) => index)

let topic = ''
let kafka: kafkajs.Kafka
const consumers: Consumer[] = []

beforeAll(async () => {
  const { stage } = raw
  kafka = new kafkajs.Kafka({
    clientId: 'remote',
    brokers: [stage.bootstrap],
    logLevel: kafkajs.logLevel.NOTHING,
  })
  topic = stage.name()
  await stage.native.admin.createTopic(topic, { config: TIERED })
  const producer = kafka.producer({ createPartitioner: kafkajs.Partitioners.DefaultPartitioner })
  await producer.connect()
  for (const index of NUMBERS) {
    const value = `${index} `.padEnd(VALUE_LENGTH, 'x')
    await producer.send({ topic, messages: [{ value }] })
  }
  await producer.disconnect()
  await until('the records are in R2', async () => (await remoteOf()).localStartOffset === 50)
})

afterAll(async () => {
  for (const consumer of consumers) await consumer.disconnect()
})

async function remoteOf() {
  const { partitionDetails } = await raw.stage.native.admin.describeTopic(topic)
  const remote = partitionDetails?.[0]?.remote
  if (remote === undefined) throw new Error('the topic is not tiered')
  return remote
}

async function offsetAt(timestamp: number): Promise<number> {
  const connection = await raw.open()
  const partitions = [{ partitionIndex: 0, timestamp }]
  const response = await connection.ask(LIST_OFFSETS, 9, {
    replicaId: -1,
    topics: [{ name: topic, partitions }],
  })
  const [found] = response?.topics[0]?.partitions ?? []
  expect(found?.errorCode).toBe(0)
  return found?.offset ?? Number.NaN
}

describe('a tiered topic', () => {
  test('is read by kafkajs from its beginning to its end, in order', async () => {
    const consumer = kafka.consumer({ groupId: raw.stage.name() })
    consumers.push(consumer)
    await consumer.connect()
    await consumer.subscribe({ topic, fromBeginning: true })
    const numbers: number[] = []
    await consumer.run({
      eachMessage: async ({ message }) => {
        numbers.push(Number.parseInt(String(message.value), 10))
      },
    })
    await until('all records arrive', () => numbers.length >= RECORDS)
    expect(numbers).toEqual(NUMBERS)
  })

  test('has its earliest, local, tiered and latest offsets where Kafka has them', async () => {
    const { localStartOffset, copiedOffset } = await remoteOf()
    expect(await offsetAt(-2)).toBe(0)
    expect(await offsetAt(-4)).toBe(localStartOffset)
    expect(await offsetAt(-5)).toBe((copiedOffset ?? 0) - 1)
    expect(await offsetAt(-6)).toBe(copiedOffset)
    expect(await offsetAt(-1)).toBe(RECORDS)
    expect(await offsetAt(-3)).toBeGreaterThanOrEqual(0)
    expect(await offsetAt(0)).toBe(0)
  })

  test('is described and checked by the command line', async () => {
    const { url } = raw.stage.server
    const described = await edgelog(url, ['topics', 'describe', topic])
    expect(described.stdout).toMatch(/LOCAL START\s+COPIED UP TO\s+LOCAL BYTES\s+R2 BYTES/)
    const verified = await edgelog(url, ['tier', 'verify', topic, '--data'])
    expect(verified).toMatchObject({ code: 0, stderr: '' })
    expect(verified.stdout).toMatch(/PARTITION\s+OBJECTS\s+BYTES\s+DAMAGED\s+ORPHANS/)
    const rebuilt = await edgelog(url, ['tier', 'rebuild', topic, '--json'])
    expect(JSON.parse(rebuilt.stdout)).toMatchObject({
      partition: 0,
      adopted: 0,
      logStartOffset: 0,
    })
  })

  test('keeps its records over kill -9, and the position of its readers', async () => {
    const before = await remoteOf()
    await raw.stage.killServer()
    expect((await remoteOf()).localStartOffset).toBeGreaterThanOrEqual(before.localStartOffset)
    const consumer = await raw.stage.native.consumer({
      assignments: [{ topic, partition: 0, offset: 'earliest' }],
    })
    const numbers: number[] = []
    for await (const record of consumer.records()) {
      numbers.push(Number.parseInt(record.valueText ?? '', 10))
      if (numbers.length === RECORDS) break
    }
    expect(numbers).toEqual(NUMBERS)
  })
})
