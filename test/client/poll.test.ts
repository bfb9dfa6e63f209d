/** `client.group(g).poll()`: a member for the length of one request. */
import { afterAll, beforeAll, expect, test } from 'vitest'
import { type Client, connect } from '../../client/index.ts'
import { sharedServerUrl } from '../server/shared-server.ts'

let log: Client
beforeAll(async () => {
  log = connect({ url: sharedServerUrl() })
})
afterAll(async () => {
  await log.close()
})

let topicsMade = 0

async function topicWith(count: number, partitions = 1): Promise<string> {
  const topic = `poll-${topicsMade++}`
  await log.admin.createTopic(topic, { partitions })
  const producer = log.createProducer()
  await Promise.all(
    Array.from({ length: count }, (_, index) =>
      producer.send(topic, { value: `${index}`, partition: index % partitions }),
    ),
  )
  await producer.close()
  return topic
}

test('returns up to maxRecords, and continues after the commit', async () => {
  const topic = await topicWith(25, 2)
  const group = log.group(`${topic}-g`)
  const options = { topics: [topic], from: 'earliest', maxRecords: 10 } as const
  const seen: string[] = []
  for (const expected of [10, 10, 5]) {
    const polled = await group.poll(options)
    expect(polled.records).toHaveLength(expected)
    seen.push(...polled.records.map(({ valueText }) => String(valueText)))
    await polled.commit()
  }
  expect(new Set(seen).size).toBe(25)
  expect((await group.describe()).totalLag).toBe(0)
  expect((await group.describe()).memberCount).toBe(0)
})

test('returns the same records again without a commit', async () => {
  const topic = await topicWith(3)
  const group = log.group(`${topic}-g`)
  const options = { topics: [topic], from: 'earliest' } as const
  const first = await group.poll(options)
  await first.close()
  const second = await group.poll(options)
  expect(second.records.map(({ offset }) => offset)).toEqual([0, 1, 2])
  await second.commit()
  await expect(second.commit()).rejects.toMatchObject({ code: 'invalid_request' })
})

test('returns nothing after waitMs, and has left by then', async () => {
  const topic = await topicWith(0)
  const group = log.group(`${topic}-g`)
  const polled = await group.poll({ topics: [topic], waitMs: 1_000 })
  expect(polled.records).toEqual([])
  expect((await group.describe()).memberCount).toBe(0)
  await polled.commit()
})

test('waits for records that arrive a moment later', async () => {
  const topic = await topicWith(0)
  const group = log.group(`${topic}-g`)
  const polling = group.poll({ topics: [topic], from: 'earliest', waitMs: 20_000 })
  await expect
    .poll(async () => (await group.describe().catch(() => undefined))?.state)
    .toBe('stable')
  await log.send(topic, { value: 'late' })
  const polled = await polling
  expect(polled.records.map(({ valueText }) => valueText)).toEqual(['late'])
  await polled.commit()
})

test('shares partitions with other members', async () => {
  const topic = await topicWith(8, 2)
  const group = log.group(`${topic}-g`)
  const stays = await log.consumer({
    groupId: group.id,
    topics: [topic],
    from: 'earliest',
    sessionTimeoutMs: 1_500,
    autoCommit: false,
  })
  const running = stays.run(() => new Promise((resolve) => setTimeout(resolve, 50)))
  await expect.poll(() => stays.assignment.length).toBe(2)
  const polled = await group.poll({ topics: [topic], from: 'earliest', waitMs: 10_000 })
  expect(new Set(polled.records.map(({ partition }) => partition)).size).toBe(1)
  await polled.close()
  await stays.close()
  await running
})

test('ends the membership after a session without commit or close', async () => {
  const topic = await topicWith(2)
  const group = log.group(`${topic}-g`)
  const options = { topics: [topic], from: 'earliest', sessionTimeoutMs: 1_000 } as const
  const forgotten = await group.poll(options)
  expect(forgotten.records).toHaveLength(2)
  await expect.poll(async () => (await group.describe()).memberCount, { timeout: 120_000 }).toBe(0)
  await expect(forgotten.commit()).rejects.toMatchObject({ code: 'stale_member_epoch' })
  expect((await group.poll(options)).records).toHaveLength(2)
})

test('rejects invalid options', async () => {
  const topic = await topicWith(1)
  const group = log.group(`${topic}-g`)
  await expect(group.poll({ topics: [topic], maxRecords: 0 })).rejects.toMatchObject({
    code: 'invalid_config',
  })
  await expect(group.poll({ topics: [topic], waitMs: 999 })).rejects.toMatchObject({
    code: 'invalid_config',
  })
  await expect(group.poll({})).rejects.toMatchObject({ code: 'invalid_config' })
  await expect(group.poll({ topics: ['no-such-topic'] })).rejects.toMatchObject({
    code: 'unknown_topic_or_partition',
  })
  expect(() => log.group('')).toThrow('groupId')
})
