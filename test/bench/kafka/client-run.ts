/** Runs as a separate process: `client-run.ts native|kafkajs ENDPOINTS TOPIC LOAD` produces, then consumes. */
import { Kafka, logLevel } from 'kafkajs'
import { connect } from '../../../client/index.ts'
import type { ClientRates, RecordLoad } from './client-rates.ts'

/** Records that are sent at a time and awaited together. */
const AT_A_TIME = 10_000

const [name = '', endpoints = '{}', topic = '', load = '{}'] = process.argv.slice(2)
const { url, bootstrap } = JSON.parse(endpoints) as { url: string; bootstrap: string }
const { recordBytes, count } = JSON.parse(load) as RecordLoad
const value = 'x'.repeat(recordBytes)

async function rateOf(work: () => Promise<void>): Promise<number> {
  const startedAtMs = performance.now()
  await work()
  return Math.round(count / ((performance.now() - startedAtMs) / 1_000))
}

async function runNative(): Promise<ClientRates> {
  const log = connect({ url })
  const producer = log.createProducer()
  const produce = await rateOf(async () => {
    for (let sent = 0; sent < count; sent += AT_A_TIME) {
      await Promise.all(Array.from({ length: AT_A_TIME }, () => producer.send(topic, { value })))
    }
  })
  const consume = await rateOf(async () => {
    let left = count
    for await (const { records } of await log.consumer({ topics: [topic], from: 'earliest' })) {
      left -= records.length
      if (left <= 0) break
    }
  })
  await log.close()
  return { produce, consume }
}

async function runKafkajs(): Promise<ClientRates> {
  const kafka = new Kafka({ brokers: [bootstrap], logLevel: logLevel.ERROR })
  const producer = kafka.producer()
  await producer.connect()
  const messages = Array.from({ length: AT_A_TIME / 10 }, () => ({ value, partition: 0 }))
  const produce = await rateOf(async () => {
    for (let sent = 0; sent < count; sent += AT_A_TIME) {
      await Promise.all(Array.from({ length: 10 }, () => producer.send({ topic, messages })))
    }
  })
  await producer.disconnect()
  const consumer = kafka.consumer({ groupId: `bench-${topic}` })
  await consumer.connect()
  await consumer.subscribe({ topics: [topic], fromBeginning: true })
  let left = count
  let startedAtMs = 0
  const consume = await new Promise<number>((resolve) => {
    void consumer.run({
      eachBatch: async ({ batch }) => {
        // Starts at the first batch, so the time to join the group does not count.
        startedAtMs ||= performance.now()
        left -= batch.messages.length
        if (left <= 0) resolve(Math.round(count / ((performance.now() - startedAtMs) / 1_000)))
      },
    })
  })
  await consumer.disconnect()
  return { produce, consume }
}

console.log(JSON.stringify(await (name === 'native' ? runNative() : runKafkajs())))
