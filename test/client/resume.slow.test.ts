/** A live consumer across a restart of its server. */
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { type Client, connect } from '../../client/index.ts'
import { ServerProcess } from '../server/server-process.ts'

let server: ServerProcess
let log: Client

beforeAll(async () => {
  server = await ServerProcess.start()
  log = connect({ url: server.url })
})

afterAll(async () => {
  await log.close()
  await server.stop()
})

describe.each(['auto', 'websocket', 'long-poll'] as const)('a consumer by %s', (transport) => {
  test('continues without a gap or a duplicate when the server ends and starts again', async () => {
    const topic = `resume-${transport}`
    await log.admin.createTopic(topic, { partitions: 2 })
    const consumer = await log.consumer({ topics: [topic], from: 'earliest', transport })
    const producer = log.createProducer({ retryBackoffMsMax: 200 })
    const received: Array<{ partition: number; offset: number; value: number }> = []
    const reading = (async () => {
      for await (const { partition, offset, valueText } of consumer.records()) {
        received.push({ partition, offset, value: Number(valueText) })
        if (received.length === 400) return
      }
    })()
    const sent: Promise<unknown>[] = []
    for (let value = 0; value < 400; value++) {
      sent.push(producer.send(topic, { value: `${value}`, partition: value % 2 }))
      if (value % 20 === 0) await new Promise((resolve) => setTimeout(resolve, 5))
      if (value === 100 || value === 250) {
        await server.kill()
        await server.start()
      }
    }
    await Promise.all(sent)
    await reading
    for (const partition of [0, 1]) {
      const own = received.filter((record) => record.partition === partition)
      expect(own.map(({ offset }) => offset)).toEqual(own.map((_, index) => index))
      expect(own.map(({ value }) => value)).toEqual(own.map((_, index) => index * 2 + partition))
    }
    await producer.close()
    await consumer.close()
  })
})
