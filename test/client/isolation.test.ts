/** Consumers at open and aborted transactions, against the real server. */
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { type Client, type ConsumerBatch, connect, type EdgelogError } from '../../client/index.ts'
import { sharedServerUrl, uniqueName } from '../server/shared-server.ts'
import { type OpenTransaction, openTransaction } from './open-transaction.ts'

let log: Client
beforeAll(() => {
  log = connect({ url: sharedServerUrl() })
})
afterAll(() => log.close())

/** Returns a topic with one record and an open transaction behind it. */
async function topicWithOpen(): Promise<{ topic: string; open: OpenTransaction }> {
  const topic = uniqueName('isolation')
  await log.admin.createTopic(topic)
  await log.send(topic, { value: 'before' })
  const open = await openTransaction(sharedServerUrl(), uniqueName('id'), topic, ['x', 'y'])
  return { topic, open }
}

interface Reading {
  readonly values: (string | null)[]
  readonly batches: ConsumerBatch[]
  position(): number | undefined
  end(): Promise<void>
}

async function read(topic: string, options: object): Promise<Reading> {
  const consumer = await log.consumer({ topics: [topic], from: 'earliest', ...options })
  const values: (string | null)[] = []
  const batches: ConsumerBatch[] = []
  const reading = (async () => {
    for await (const batch of consumer) {
      batches.push(batch)
      values.push(...batch.records.map(({ valueText }) => valueText))
    }
  })()
  const position = () => consumer.position(topic, 0)
  const end = async () => {
    await consumer.close()
    await reading
  }
  return { values, batches, position, end }
}

describe.each(['websocket', 'long-poll'] as const)('a consumer by %s', (transport) => {
  test('reads records once their transaction is committed', async () => {
    const { topic, open } = await topicWithOpen()
    const reading = await read(topic, { transport })
    await expect.poll(() => reading.values).toEqual(['before'])
    expect(reading.batches[0]).toMatchObject({ highWatermark: 3, lag: 0 })
    await open.end('commit')
    await expect.poll(() => reading.values).toEqual(['before', 'x', 'y'])
    await log.send(topic, { value: 'after' })
    await expect.poll(() => reading.values).toEqual(['before', 'x', 'y', 'after'])
    await reading.end()
  })

  test('passes over an aborted transaction at the end of the log', async () => {
    const { topic, open } = await topicWithOpen()
    const reading = await read(topic, { transport })
    await expect.poll(reading.position).toBe(1)
    await open.end('abort')
    // Two records and the marker. A long poll ends with the next record.
    if (transport === 'websocket') await expect.poll(reading.position).toBe(4)
    await log.send(topic, { value: 'after' })
    await expect.poll(() => reading.values).toEqual(['before', 'after'])
    expect(reading.position()).toBe(5)
    await reading.end()
  })

  test('begins in aborted records, and passes over them', async () => {
    const { topic, open } = await topicWithOpen()
    await open.end('abort')
    const assignments = [{ topic, partition: 0, offset: 2 }]
    const consumer = await log.consumer({ assignments, transport })
    const next = consumer[Symbol.asyncIterator]().next()
    await expect.poll(() => consumer.position(topic, 0)).toBe(4)
    await log.send(topic, { value: 'after' })
    const batch = (await next).value as ConsumerBatch
    expect(batch.records.map(({ valueText }) => valueText)).toEqual(['after'])
    await consumer.close()
  })

  test('reads records of open and aborted transactions if it is uncommitted', async () => {
    const { topic, open } = await topicWithOpen()
    const reading = await read(topic, { transport, isolation: 'uncommitted' })
    await expect.poll(() => reading.values).toEqual(['before', 'x', 'y'])
    expect(reading.batches.at(-1)?.lag).toBe(0)
    const more = await openTransaction(sharedServerUrl(), uniqueName('id'), topic, ['z'])
    await expect.poll(() => reading.values).toEqual(['before', 'x', 'y', 'z'])
    await open.end('abort')
    await more.end('abort')
    await reading.end()
  })
})

test('a member of a group may read uncommitted records', async () => {
  const { topic, open } = await topicWithOpen()
  const groupId = uniqueName('group')
  const consumer = await log.consumer({
    ...{ groupId, topics: [topic], from: 'earliest', isolation: 'uncommitted' },
  })
  const values: (string | null)[] = []
  for await (const { valueText } of consumer.records()) {
    values.push(valueText)
    if (values.length === 3) break
  }
  expect(values).toEqual(['before', 'x', 'y'])
  await consumer.close()
  await open.end('commit')
})

test('a consumer rejects an unknown isolation', async () => {
  const options = { topics: ['t'], isolation: 'serializable' as 'committed' }
  const error = await log.consumer(options).catch((reason: unknown) => reason as EdgelogError)
  expect(error).toMatchObject({
    ...{ code: 'invalid_config', message: 'isolation: committed, uncommitted is allowed' },
  })
})
