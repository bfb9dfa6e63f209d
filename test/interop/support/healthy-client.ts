import { setTimeout as sleep } from 'node:timers/promises'
import kafkajs from 'kafkajs'
import { expect } from 'vitest'
import { numbered, valuesOf } from './records.ts'
import type { Stage } from './stage.ts'

/** Runs `work` while a client sends records without retries, and checks that all of them are stored. */
export async function besideAHealthyClient(stage: Stage, work: () => Promise<void>): Promise<void> {
  const topic = stage.name()
  await stage.native.admin.createTopic(topic)
  const kafka = new kafkajs.Kafka({
    brokers: [stage.bootstrap],
    logLevel: kafkajs.logLevel.NOTHING,
    retry: { retries: 0 },
  })
  const producer = kafka.producer({ createPartitioner: kafkajs.Partitioners.DefaultPartitioner })
  await producer.connect()
  let isOver = false
  let count = 0
  const sending = (async () => {
    do {
      await producer.send({ topic, messages: [{ value: `v-${count}` }] })
      count++
      await sleep(5)
    } while (!isOver)
  })()
  // Prevents an unhandled rejection; the error is thrown by `await sending` below.
  sending.catch(() => undefined)
  await work().finally(() => {
    isOver = true
  })
  await sending
  await producer.disconnect()
  expect(await valuesOf(stage.native, topic, 1)).toEqual([numbered('v', count)])
}
