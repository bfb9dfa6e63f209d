import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { type Client, connect, EdgelogError } from '../../client/index.ts'
import { sharedServerUrl } from '../server/shared-server.ts'

let log: Client

beforeAll(async () => {
  log = connect({ url: sharedServerUrl() })
})

afterAll(async () => {
  await log.close()
})

describe('admin', () => {
  test('creates, describes, lists, alters and deletes a topic', async () => {
    const created = await log.admin.createTopic('orders', {
      partitions: 2,
      config: { 'retention.ms': 60_000 },
    })
    expect(created).toMatchObject({ name: 'orders', partitions: 2 })
    const described = await log.admin.describeTopic('orders')
    expect(described.config['retention.ms']).toBe(60_000)
    expect(described.partitionDetails).toHaveLength(2)
    const brief = await log.admin.describeTopic('orders', { partitionDetails: false })
    expect(brief).not.toHaveProperty('partitionDetails')
    expect((await log.admin.listTopics()).map(({ name }) => name)).toContain('orders')
    const altered = await log.admin.alterTopic('orders', {
      partitions: 3,
      config: { 'retention.ms': null },
    })
    expect(altered).toMatchObject({ id: created.id, partitions: 3 })
    expect(altered.config['retention.ms']).toBe(604_800_000)
    await log.admin.deleteTopic('orders')
    await expect(log.admin.describeTopic('orders')).rejects.toMatchObject({
      code: 'unknown_topic_or_partition',
    })
  })

  test('returns an existing topic with ifNotExists', async () => {
    const created = await log.admin.createTopic('kept', { partitions: 2, ifNotExists: true })
    const again = await log.admin.createTopic('kept', { partitions: 5, ifNotExists: true })
    expect(again).toMatchObject({ id: created.id, partitions: 2 })
    await expect(log.admin.createTopic('kept')).rejects.toMatchObject({
      code: 'topic_already_exists',
    })
    await log.admin.deleteTopic('kept')
  })

  test('lists the offsets of places and of a time', async () => {
    await log.admin.createTopic('timed', { partitions: 2 })
    for (const timestamp of [1_000, 2_000, 3_000]) {
      await log.send('timed', { value: 'x', timestamp, partition: 1 })
    }
    const offsetsAt = async (at: Parameters<typeof log.admin.listOffsets>[1]) =>
      (await log.admin.listOffsets('timed', at)).map(({ offset }) => offset)
    expect(await offsetsAt('earliest')).toEqual([0, 0])
    expect(await offsetsAt('latest')).toEqual([0, 3])
    expect(await offsetsAt({ timestamp: 1_500 })).toEqual([0, 1])
    expect(await offsetsAt({ timestamp: 9_000 })).toEqual([0, 3])
    await log.admin.deleteTopic('timed')
  })

  test('deletes records below an offset', async () => {
    await log.admin.createTopic('trimmed')
    for (const value of ['a', 'b', 'c']) await log.send('trimmed', { value })
    expect(await log.admin.deleteRecords('trimmed', 0, 1)).toBe(1)
    expect(await log.admin.deleteRecords('trimmed', 0, 'latest')).toBe(3)
    await expect(log.admin.deleteRecords('trimmed', 0, 9)).rejects.toMatchObject({
      code: 'offset_out_of_range',
    })
    await log.admin.deleteTopic('trimmed')
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
    expect(() => connect({ url: 'localhost:8787' })).toThrow(
      'url: must be an http or https address',
    )
  })

  test('aborts a call when its signal is aborted', async () => {
    const signal = AbortSignal.abort(new Error('enough'))
    await expect(log.admin.listTopics({ signal })).rejects.toThrow('enough')
  })
})
