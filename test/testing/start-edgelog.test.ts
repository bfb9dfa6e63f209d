/** The broker for test suites, as it ships: imported from the build, by clients that a test suite has. */
import { mkdtemp, readdir, rm } from 'node:fs/promises'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import kafkajs, { type Kafka } from 'kafkajs'
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest'
import { connect } from '../../client/index.ts'
import type { startEdgelog as StartEdgelog } from '../../client/testing/index.ts'

const { startEdgelog } = (await import('../../dist/testing.js' as string)) as {
  startEdgelog: typeof StartEdgelog
}

type Server = Awaited<ReturnType<typeof startEdgelog>>

const started: Server[] = []

async function start(options: Parameters<typeof startEdgelog>[0] = {}): Promise<Server> {
  const server = await startEdgelog(options)
  started.push(server)
  return server
}

// The servers of this file alone make folders here.
const commonFolder = tmpdir()
beforeAll(async () => {
  process.env.TMPDIR = await mkdtemp(join(commonFolder, 'edgelog-testing-'))
})
afterAll(async () => {
  await rm(tmpdir(), { recursive: true })
  process.env.TMPDIR = commonFolder
})

afterEach(async () => {
  await Promise.all(started.splice(0).map((server) => server.close()))
})

function kafkaOf({ bootstrapServers = '' }: Server): Kafka {
  const { Kafka, logLevel } = kafkajs
  return new Kafka({ brokers: [bootstrapServers], logLevel: logLevel.NOTHING })
}

async function stateFolders(): Promise<string[]> {
  return (await readdir(tmpdir())).filter((name) => name.startsWith('edgelog-'))
}

describe('startEdgelog()', () => {
  test('serves ksqlDB clients, and drops what their statements made', async () => {
    const server = await start({ ksql: true, token: 'secret' })
    const ksql = async (text: string) => {
      const response = await fetch(`${server.ksqlUrl}/ksql`, {
        method: 'POST',
        headers: { Authorization: 'Bearer secret' },
        body: JSON.stringify({ ksql: text }),
      })
      return [response.status, await response.json()]
    }
    const text =
      "CREATE STREAM S (N INT) WITH (KAFKA_TOPIC='s', VALUE_FORMAT='JSON', PARTITIONS=1);"
    expect((await ksql(`${text} CREATE STREAM C AS SELECT * FROM S;`))[0]).toBe(200)
    await server.reset()
    expect(await ksql('SHOW STREAMS; SHOW QUERIES; SHOW TOPICS;')).toMatchObject([
      200,
      [{ streams: [] }, { queries: [] }, { topics: [] }],
    ])
    expect((await start()).ksqlUrl).toBeUndefined()
  })

  test('serves native clients, and keeps no state', async () => {
    const server = await start()
    expect(server.url).toMatch(/^http:\/\/127\.0\.0\.1:\d+$/)
    expect(server.bootstrapServers).toBeUndefined()
    const log = connect({ url: server.url })
    await log.admin.createTopic('orders')
    expect(await log.send('orders', { value: 'hello' })).toMatchObject({ offset: 0 })
    await log.close()
    await server.close()
    await expect(fetch(`${server.url}/healthz`)).rejects.toThrow()
    expect(await stateFolders()).toEqual([])
  })

  test('serves kafkajs, which creates topics by using them', async () => {
    const server = await start({ kafka: true, numPartitions: 3 })
    const kafka = kafkaOf(server)
    const producer = kafka.producer()
    await producer.connect()
    await producer.send({ topic: 'orders', messages: [{ key: 'a', value: 'one' }] })
    await producer.disconnect()
    const values: string[] = []
    const consumer = kafka.consumer({ groupId: 'billing' })
    await consumer.subscribe({ topic: 'orders', fromBeginning: true })
    await consumer.run({
      eachMessage: async ({ message }) => void values.push(`${message.value}`),
    })
    await expect.poll(() => values).toEqual(['one'])
    await consumer.disconnect()
    const log = connect({ url: server.url })
    expect(await log.admin.describeTopic('orders')).toMatchObject({ partitions: 3 })
    await log.close()
  })

  test('runs several servers beside one another, each with a log of its own', async () => {
    const servers = await Promise.all([start(), start()])
    const topics = await Promise.all(
      servers.map(async ({ url }, index) => {
        const log = connect({ url })
        await log.admin.createTopic(`topic-${index}`)
        const names = (await log.admin.listTopics()).map(({ name }) => name)
        await log.close()
        return names
      }),
    )
    expect(topics).toEqual([['topic-0'], ['topic-1']])
  })

  test('refuses a taken port, and leaves nothing behind', async () => {
    const taken = createServer()
    await new Promise<void>((resolve) => taken.listen(0, '127.0.0.1', resolve))
    const address = taken.address()
    const port = typeof address === 'object' && address !== null ? address.port : 0
    await expect(startEdgelog({ port })).rejects.toThrow(`port ${port}`)
    await expect(startEdgelog({ kafka: true, kafkaPort: port })).rejects.toThrow(`port ${port}`)
    taken.close()
    expect(await stateFolders()).toEqual([])
  })

  test('asks for the token that it was given', async () => {
    const server = await start({ token: 'secret' })
    expect((await fetch(`${server.url}/v1/topics`)).status).toBe(401)
    await server.reset()
  })
})

describe('reset()', () => {
  test('deletes topics and groups, and leaves clients connected', async () => {
    const server = await start({ kafka: true })
    const log = connect({ url: server.url })
    for (let topic = 0; topic < 20; topic++) await log.admin.createTopic(`topic-${topic}`)
    const consumer = await log.consumer({
      groupId: 'billing',
      topics: ['topic-0'],
      from: 'earliest',
    })
    await log.send('topic-0', { value: 'x' })
    for await (const _ of consumer) break
    await consumer.close()
    await server.reset()
    expect(await log.admin.listTopics()).toEqual([])
    expect(await log.admin.listGroups()).toEqual([])
    await log.admin.createTopic('topic-0')
    expect(await log.send('topic-0', { value: 'y' })).toMatchObject({ offset: 0 })
    await log.close()
  })

  test('refuses while a group has members, and deletes nothing', async () => {
    const server = await start()
    const log = connect({ url: server.url })
    await log.admin.createTopic('orders')
    const consumer = await log.consumer({
      groupId: 'billing',
      topics: ['orders'],
      from: 'earliest',
    })
    await log.send('orders', { value: 'x' })
    for await (const _ of consumer) break
    await expect(server.reset()).rejects.toThrow('billing still has members')
    expect(await log.admin.listTopics()).toHaveLength(1)
    await consumer.close()
    await server.reset()
    await log.close()
  })
})
