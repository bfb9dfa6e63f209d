/** kafkajs without TCP and without a bridge: its sockets are sessions (examples/kafkajs). */
import kafkajs from 'kafkajs'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { connect } from '../../client/index.ts'
import { ServerProcess } from '../server/server-process.ts'

const TOKEN = 'a-secret_token.of-some-length'

const { sessionSockets } = (await import('../../examples/kafkajs/session-socket.js' as string)) as {
  sessionSockets(url: string, token?: string): kafkajs.ISocketFactory
}

let server: ServerProcess
beforeAll(async () => {
  server = await ServerProcess.start({ token: TOKEN })
})
afterAll(() => server.stop())

function kafkaOf(token: string): kafkajs.Kafka {
  const { Kafka, logLevel } = kafkajs
  return new Kafka({
    brokers: ['edgelog:443'],
    logLevel: logLevel.NOTHING,
    socketFactory: sessionSockets(server.url, token),
    retry: { retries: 2, initialRetryTime: 50 },
  })
}

test('creates a topic, sends, and consumes in a group', async () => {
  const kafka = kafkaOf(TOKEN)
  const admin = kafka.admin()
  const producer = kafka.producer({ idempotent: true })
  const consumer = kafka.consumer({ groupId: 'readers' })
  await Promise.all([admin.connect(), producer.connect(), consumer.connect()])
  await admin.createTopics({ topics: [{ topic: 'orders', numPartitions: 2 }] })
  const messages = Array.from({ length: 50 }, (_, number) => ({
    key: `${number % 2}`,
    value: `${number}`.padEnd(20_000),
  }))
  await producer.send({ topic: 'orders', messages })
  await consumer.subscribe({ topic: 'orders', fromBeginning: true })
  const seen: string[] = []
  await consumer.run({
    eachMessage: async ({ message }) => void seen.push(`${message.value}`.trim()),
  })
  await expect.poll(() => seen.length).toBe(50)
  expect(new Set(seen).size).toBe(50)
  await Promise.all([admin.disconnect(), producer.disconnect(), consumer.disconnect()])
  const log = connect({ url: server.url, token: TOKEN })
  const [ends] = await Promise.all([log.admin.listOffsets('orders', 'latest'), log.close()])
  expect(ends.reduce((sum, { offset }) => sum + offset, 0)).toBe(50)
})

test('reports a wrong token', async () => {
  await expect(kafkaOf('wrong').admin().connect()).rejects.toThrow('refused the session')
})
