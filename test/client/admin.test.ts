import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { type Client, connect, EdgelogError } from '../../client/index.ts'
import { sharedServerUrl, uniqueName } from '../server/shared-server.ts'

let log: Client

beforeAll(async () => {
  log = connect({ url: sharedServerUrl() })
})

afterAll(async () => {
  await log.close()
})

describe('admin', () => {
  test('creates, describes, lists, alters and deletes a topic', async () => {
    const topic = uniqueName('orders')
    const created = await log.admin.createTopic(topic, {
      partitions: 2,
      config: { 'retention.ms': 60_000 },
    })
    expect(created).toMatchObject({ name: topic, partitions: 2 })
    const described = await log.admin.describeTopic(topic)
    expect(described.config['retention.ms']).toBe(60_000)
    expect(described.partitionDetails).toHaveLength(2)
    const brief = await log.admin.describeTopic(topic, { partitionDetails: false })
    expect(brief).not.toHaveProperty('partitionDetails')
    expect((await log.admin.listTopics()).map(({ name }) => name)).toContain(topic)
    const altered = await log.admin.alterTopic(topic, {
      partitions: 3,
      config: { 'retention.ms': null },
    })
    expect(altered).toMatchObject({ id: created.id, partitions: 3 })
    expect(altered.config['retention.ms']).toBe(604_800_000)
    await log.admin.deleteTopic(topic)
    await expect(log.admin.describeTopic(topic)).rejects.toMatchObject({
      code: 'unknown_topic_or_partition',
    })
  })

  test('returns an existing topic with ifNotExists', async () => {
    const topic = uniqueName('kept')
    const created = await log.admin.createTopic(topic, { partitions: 2, ifNotExists: true })
    const again = await log.admin.createTopic(topic, { partitions: 5, ifNotExists: true })
    expect(again).toMatchObject({ id: created.id, partitions: 2 })
    await expect(log.admin.createTopic(topic)).rejects.toMatchObject({
      code: 'topic_already_exists',
    })
    await log.admin.deleteTopic(topic)
  })

  test('lists the offsets of places and of a time', async () => {
    const topic = uniqueName('timed')
    await log.admin.createTopic(topic, { partitions: 2 })
    for (const timestamp of [1_000, 2_000, 3_000]) {
      await log.send(topic, { value: 'x', timestamp, partition: 1 })
    }
    const offsetsAt = async (at: Parameters<typeof log.admin.listOffsets>[1]) =>
      (await log.admin.listOffsets(topic, at)).map(({ offset }) => offset)
    expect(await offsetsAt('earliest')).toEqual([0, 0])
    expect(await offsetsAt('latest')).toEqual([0, 3])
    expect(await offsetsAt({ timestamp: 1_500 })).toEqual([0, 1])
    expect(await offsetsAt({ timestamp: 9_000 })).toEqual([0, 3])
    await log.admin.deleteTopic(topic)
  })

  test('deletes records below an offset', async () => {
    const topic = uniqueName('trimmed')
    await log.admin.createTopic(topic)
    for (const value of ['a', 'b', 'c']) await log.send(topic, { value })
    expect(await log.admin.deleteRecords(topic, 0, 1)).toBe(1)
    expect(await log.admin.deleteRecords(topic, 0, 'latest')).toBe(3)
    await expect(log.admin.deleteRecords(topic, 0, 9)).rejects.toMatchObject({
      code: 'offset_out_of_range',
    })
    await log.admin.deleteTopic(topic)
  })

  test("throws the server's errors, and unavailable without a server", async () => {
    const refused = await log.admin.createTopic('a b').catch((error) => error)
    expect(refused).toBeInstanceOf(EdgelogError)
    expect(refused).toMatchObject({ code: 'invalid_topic', retryable: false })
    const nowhere = connect({ url: 'http://127.0.0.1:9' })
    await expect(nowhere.admin.listTopics()).rejects.toMatchObject({
      code: 'unavailable',
      retryable: true,
    })
    expect(() => connect({ url: 'localhost:8787' })).toThrow('url: http or https is allowed')
  })

  test('aborts a call when its signal is aborted', async () => {
    const signal = AbortSignal.abort(new Error('enough'))
    await expect(log.admin.listTopics({ signal })).rejects.toThrow('enough')
  })
})
