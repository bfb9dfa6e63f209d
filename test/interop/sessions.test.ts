/** Connections whose sessions are replaced again and again, or are cut. */
import kafkajs from 'kafkajs'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { encodeBatch } from '../../src/core/batch/batch-builder.ts'
import { PRODUCE } from '../../src/kafka/apis/produce.ts'
import { RawConnection, readPage, requestFrame } from './support/raw-connection.ts'
import { valuesOf } from './support/records.ts'
import { openStage, type Stage } from './support/stage.ts'

const VERSION = 9

let stage: Stage
beforeAll(async () => {
  stage = await openStage({ sessionCallsMax: 3 })
})
afterAll(() => stage.close())

function produce(topic: string, number: number): Buffer {
  const value = new TextEncoder().encode(`${number}`)
  const records = encodeBatch([{ timestamp: 1, key: null, value, headers: [] }])
  const topics = [{ name: topic, topicId: '', partitions: [{ index: 0, records }] }]
  return requestFrame(PRODUCE, VERSION, { acks: -1, timeoutMs: 1_000, topics }, number)
}

test('keeps order and responses of a connection while its sessions are replaced', async () => {
  const topic = stage.name()
  await stage.native.admin.createTopic(topic)
  const connection = await RawConnection.open(stage.port)
  const numbers = Array.from({ length: 200 }, (_, number) => number)
  const seen: Array<number | undefined> = []
  for (let first = 0; first < 200; first += 10) {
    for (const number of numbers.slice(first, first + 10)) connection.send(produce(topic, number))
    for (let count = 0; count < 10; count++) {
      const frame = await connection.next()
      const response = frame && readPage(PRODUCE, VERSION, frame)
      seen.push(response?.topics[0]?.partitions[0]?.baseOffset)
    }
  }
  connection.close()
  expect(seen).toEqual(numbers)
  expect(await valuesOf(stage.native, topic, 1)).toEqual([numbers.map(String)])
  expect(stage.complaints).toEqual([])
})

test('serves a group and an idempotent producer while sessions are replaced', async () => {
  const topic = stage.name()
  await stage.native.admin.createTopic(topic, { partitions: 2 })
  const { Kafka, logLevel } = kafkajs
  const kafka = new Kafka({ brokers: [stage.bootstrap], logLevel: logLevel.NOTHING })
  const producer = kafka.producer({ idempotent: true, maxInFlightRequests: 5 })
  const consumer = kafka.consumer({ groupId: topic })
  await Promise.all([producer.connect(), consumer.connect()])
  await consumer.subscribe({ topic, fromBeginning: true })
  const seen: string[] = []
  await consumer.run({ eachMessage: async ({ message }) => void seen.push(`${message.value}`) })
  for (let number = 0; number < 40; number++) {
    await producer.send({ topic, messages: [{ key: `${number % 2}`, value: `${number}` }] })
  }
  await expect.poll(() => seen.length).toBe(40)
  expect(new Set(seen).size).toBe(40)
  await Promise.all([producer.disconnect(), consumer.disconnect()])
  expect(stage.complaints).toEqual([])
})
