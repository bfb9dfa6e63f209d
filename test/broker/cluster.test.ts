/** How the edge keeps what it knows of a topic: needs a coordinator that fails on demand. */
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest'
import { Cluster, type ClusterEnv, newCaches } from '../../src/broker/cluster.ts'
import { commitOffsets } from '../../src/broker/committed-offsets.ts'
import { openTail } from '../../src/broker/tail.ts'
import { changeTopic, deleteTopic } from '../../src/broker/topics.ts'
import { EdgelogError } from '../../src/core/errors.ts'
import { parseGroupId } from '../../src/core/group/group-id.ts'
import { METADATA_RETRY_MS, METADATA_TTL_MS } from '../../src/core/limits.ts'
import { resolveTopicConfig } from '../../src/core/topic/topic-config.ts'
import { parseTopicName } from '../../src/core/topic/topic-name.ts'

beforeEach(() => {
  vi.useFakeTimers({ toFake: ['Date'] })
})
afterEach(() => {
  vi.useRealTimers()
})

const name = parseTopicName('known')

function clusterOf(getTopic: () => Promise<unknown>, caches = newCaches()) {
  const env = { COORDINATOR: { getByName: () => ({ getTopic }) } }
  return new Cluster(env as unknown as ClusterEnv, caches)
}

function topicOf(version: number) {
  return {
    ok: {
      id: 'id',
      name,
      partitions: 1,
      version,
      config: resolveTopicConfig({}),
      overrides: {},
    },
  }
}

function pass(ms: number): void {
  vi.setSystemTime(Date.now() + ms)
}

test('of many requests that find a topic old one asks for it anew', async () => {
  let version = 0
  const getTopic = vi.fn(async () => {
    version += 1
    return topicOf(version)
  })
  const cluster = clusterOf(getTopic)
  await cluster.topic(name)
  pass(METADATA_TTL_MS)
  const seen = await Promise.all(Array.from({ length: 100 }, () => cluster.topic(name)))
  expect(getTopic).toHaveBeenCalledTimes(2)
  expect(seen[0]?.version).toBe(2)
  expect((await cluster.topic(name)).version).toBe(2)
})

describe('whether a topic is still the one of its name', () => {
  const gone = { error: new EdgelogError('unknown_topic_or_partition', 'gone').toBody() }

  /** A cluster that knows the topic 'id'; its coordinator and its partitions answer as they are told. */
  async function clusterThatKnows() {
    const getTopic = vi.fn(async (): Promise<unknown> => topicOf(1))
    const describePartition = vi.fn(async (_: string): Promise<unknown> => ({ ok: {} }))
    const env = {
      COORDINATOR: { getByName: () => ({ getTopic }) },
      PARTITION: {
        idFromName: (objectName: string) => objectName,
        get: (objectName: string) => ({ describe: () => describePartition(objectName) }),
      },
    }
    const cluster = new Cluster(env as unknown as ClusterEnv, newCaches())
    await cluster.topic(name)
    getTopic.mockClear()
    return { cluster, getTopic, describePartition }
  }

  const id = 'id'

  test('of many that ask at a time one asks a partition, and none the coordinator', async () => {
    const { cluster, getTopic, describePartition } = await clusterThatKnows()
    const ask = () => Promise.all([1, 2, 3].map(() => cluster.isCurrent({ id, name }, 0)))
    expect(await ask()).toEqual([true, true, true])
    expect(describePartition).toHaveBeenCalledTimes(1)
    expect(getTopic).not.toHaveBeenCalled()
    describePartition.mockResolvedValue(gone)
    getTopic.mockResolvedValue(gone)
    expect(await ask()).toEqual([false, false, false])
    expect(getTopic).toHaveBeenCalledTimes(1)
    expect(await cluster.findTopic(name)).toBeUndefined()
  })

  test.each([
    ['is overloaded', Object.assign(new Error('too many requests'), { overloaded: true })],
    ['was reset', new Error('network connection lost')],
  ])('the coordinator is asked where the partition %s', async (_, failure) => {
    const { cluster, getTopic, describePartition } = await clusterThatKnows()
    describePartition.mockRejectedValue(failure)
    expect(await cluster.isCurrent({ id, name }, 0)).toBe(true)
    getTopic.mockResolvedValue({ ok: { ...topicOf(1).ok, id: 'anew' } })
    expect(await cluster.isCurrent({ id, name }, 0)).toBe(false)
    expect((await cluster.topic(name)).id).toBe('anew')
  })

  test('what is remembered counts where the coordinator does not answer either, and nothing else', async () => {
    const { cluster, getTopic, describePartition } = await clusterThatKnows()
    describePartition.mockRejectedValue(new Error('network connection lost'))
    getTopic.mockRejectedValue(new Error('network connection lost'))
    expect(await cluster.isCurrent({ id, name }, 0)).toBe(true)
    const unavailable = { code: 'unavailable' }
    await expect(cluster.isCurrent({ id: 'anew', name }, 0)).rejects.toMatchObject(unavailable)
    expect((await cluster.topic(name)).id).toBe(id)
  })

  test('of another than is remembered the coordinator is asked once', async () => {
    const { cluster, getTopic, describePartition } = await clusterThatKnows()
    expect(await cluster.isCurrent({ id: 'before', name }, 0)).toBe(false)
    expect(getTopic).toHaveBeenCalledTimes(1)
    expect(describePartition).not.toHaveBeenCalled()
  })

  test('a partition that it is yet to grow is not asked', async () => {
    const { cluster, getTopic, describePartition } = await clusterThatKnows()
    expect(await cluster.isCurrent({ id, name }, 7)).toBe(true)
    expect(describePartition.mock.calls).toEqual([['id/0']])
    expect(getTopic).not.toHaveBeenCalled()
  })
})

test('a coordinator that does not answer stops no request for a known topic', async () => {
  const getTopic = vi.fn(async (): Promise<unknown> => topicOf(1))
  const cluster = clusterOf(getTopic)
  await cluster.topic(name)
  getTopic.mockRejectedValue(new Error('network connection lost'))
  pass(METADATA_TTL_MS)
  expect((await cluster.topic(name)).version).toBe(1)
  pass(METADATA_RETRY_MS)
  expect((await cluster.topic(name)).version).toBe(1)
  expect(getTopic).toHaveBeenCalledTimes(3)
  getTopic.mockResolvedValue(topicOf(2))
  pass(METADATA_RETRY_MS)
  expect((await cluster.topic(name)).version).toBe(2)
})

describe('while the coordinator is away, the cached topic survives', () => {
  const gone = { error: new EdgelogError('unknown_topic_or_partition', 'gone').toBody() }
  const groupId = parseGroupId('by-hand')
  const offset = { topic: name, partition: 0, offset: 0, leaderEpoch: -1, metadata: '' }

  /** A cluster that has the topic cached, and whose coordinator does not answer any more. */
  async function cutOff() {
    const away = vi.fn(async (): Promise<unknown> => {
      throw new Error('network connection lost')
    })
    const getTopic = vi.fn(async (): Promise<unknown> => topicOf(1))
    const coordinator = { getTopic, changeTopic: away, deleteTopic: away }
    const describePartition = vi.fn(async (): Promise<unknown> => gone)
    const env = {
      COORDINATOR: { getByName: () => coordinator },
      PARTITION: {
        idFromName: (objectName: string) => objectName,
        get: () => ({ describe: describePartition }),
      },
      GROUP: { getByName: () => ({}) },
    }
    const cluster = new Cluster(env as unknown as ClusterEnv, newCaches())
    await cluster.topic(name)
    getTopic.mockImplementation(away)
    return { cluster, describePartition }
  }

  test.each<[string, (cluster: Cluster) => Promise<unknown>]>([
    ['a description', (cluster) => cluster.lookUpTopic(name)],
    ['a commit by hand', (cluster) => commitOffsets(cluster, groupId, null, [offset])],
    ['a change', (cluster) => changeTopic(cluster, name, { partitions: 2 })],
    ['a deletion that was not answered', (cluster) => deleteTopic(cluster, name)],
    [
      'a call that its partition refuses as unknown',
      (cluster) => cluster.callPartition(name, 0, (stub) => stub.describe()),
    ],
  ])('%s fails, and leaves it', async (_, operation) => {
    const { cluster } = await cutOff()
    await expect(operation(cluster)).rejects.toMatchObject({ code: 'unavailable' })
    expect((await cluster.topic(name)).version).toBe(1)
  })

  test('a response with a later topic version leaves it', async () => {
    const { cluster, describePartition } = await cutOff()
    describePartition.mockResolvedValue({ ok: { topicVersion: 2 } })
    await cluster.callPartition(name, 0, (stub) => stub.describe())
    expect((await cluster.topic(name)).version).toBe(1)
  })
})

test('does not replace a topic by an older version of it', async () => {
  const getTopic = vi.fn(async (): Promise<unknown> => topicOf(1))
  const cluster = clusterOf(getTopic)
  let respond: (topic: unknown) => void = () => {}
  getTopic.mockReturnValue(new Promise((resolve) => (respond = resolve)))
  const slow = cluster.lookUpTopic(name)
  cluster.remember(topicOf(2).ok)
  respond(topicOf(1))
  await slow
  expect((await cluster.topic(name)).version).toBe(2)
})

test('a topic that is gone is forgotten', async () => {
  const getTopic = vi.fn(async (): Promise<unknown> => topicOf(1))
  const cluster = clusterOf(getTopic)
  await cluster.topic(name)
  const gone = new EdgelogError('unknown_topic_or_partition', 'gone').toBody()
  getTopic.mockResolvedValue({ error: gone })
  pass(METADATA_TTL_MS)
  for (let calls = 2; calls < 4; calls++) {
    await expect(cluster.topic(name)).rejects.toMatchObject({ code: 'unknown_topic_or_partition' })
    expect(getTopic).toHaveBeenCalledTimes(calls)
  }
})

test('a hundred tails of a topic that was created anew cost one look-up, and others none', async () => {
  const getTopic = vi.fn(async (): Promise<unknown> => topicOf(1))
  const caches = newCaches()
  const cluster = clusterOf(getTopic, caches)
  await cluster.topic(name)
  let answer: (topic: unknown) => void = () => {}
  getTopic.mockReturnValue(new Promise((resolve) => (answer = resolve)))
  const isolation = 'committed' as const
  const options = { offset: 0, creditBytes: 1, isolation, topicId: 'another id' }
  const tails = Array.from({ length: 100 }, () => openTail(cluster, name, 0, options))
  // Meanwhile the rest goes on with what is known.
  expect((await cluster.topic(name)).version).toBe(1)
  await Promise.resolve()
  expect((await new Cluster({} as ClusterEnv, caches).topic(name)).version).toBe(1)
  answer(topicOf(2))
  for (const tail of tails) await expect(tail).rejects.toMatchObject({ code: 'unknown_topic_id' })
  expect(getTopic).toHaveBeenCalledTimes(2)
  expect((await cluster.topic(name)).version).toBe(2)
  // Not for long: the next one asks anew.
  getTopic.mockResolvedValue(topicOf(3))
  await expect(openTail(cluster, name, 0, options)).rejects.toMatchObject({
    code: 'unknown_topic_id',
  })
  expect(getTopic).toHaveBeenCalledTimes(3)
})

describe('topicById()', () => {
  const id = '11111111-2222-4333-8444-555555555555'
  const withId = { ok: { ...topicOf(1).ok, id } }
  const gone = { error: new EdgelogError('unknown_topic_id', 'gone').toBody() }

  function clusterOfIds(getTopic: () => Promise<unknown>, getTopicById: () => Promise<unknown>) {
    const env = { COORDINATOR: { getByName: () => ({ getTopic, getTopicById }) } }
    const cluster = new Cluster(env as unknown as ClusterEnv, newCaches())
    return cluster
  }

  test('answers a topic that is known by its name from memory, and knows what it asked for', async () => {
    const getTopic = vi.fn(async () => withId)
    const getTopicById = vi.fn(async () => withId)
    const cluster = clusterOfIds(getTopic, getTopicById)
    await cluster.topic(name)
    expect(await cluster.topicById(id)).toEqual(withId.ok)
    expect(getTopicById).not.toHaveBeenCalled()
    cluster.forget(name)
    for (const _ of [1, 2]) expect(await cluster.topicById(id)).toEqual(withId.ok)
    expect(await cluster.topic(name)).toEqual(withId.ok)
    expect(getTopicById).toHaveBeenCalledTimes(1)
    expect(getTopic).toHaveBeenCalledTimes(1)
  })

  test.each([
    ['was created anew', async () => topicOf(2)],
    [
      'is deleted',
      async () => ({ error: new EdgelogError('unknown_topic_or_partition', 'gone').toBody() }),
    ],
  ])('does not know the id of a topic that %s', async (_, then) => {
    const getTopic = vi.fn(async (): Promise<unknown> => withId)
    const cluster = clusterOfIds(getTopic, async () => gone)
    await cluster.topic(name)
    getTopic.mockImplementation(then)
    pass(METADATA_TTL_MS)
    await expect(cluster.topicById(id)).rejects.toMatchObject({ code: 'unknown_topic_id' })
  })

  test('asks nobody about what is not an id', async () => {
    const getTopicById = vi.fn(async () => gone)
    const cluster = clusterOfIds(async () => withId, getTopicById)
    for (const wrong of ['', 'known', `${id}0`, id.replace('1', 'g')]) {
      await expect(cluster.topicById(wrong)).rejects.toMatchObject({ code: 'unknown_topic_id' })
    }
    expect(getTopicById).not.toHaveBeenCalled()
  })
})

test('two apps of one isolate share no topics', async () => {
  const one = clusterOf(async () => topicOf(1))
  const other = clusterOf(async () => topicOf(2))
  expect((await one.topic(name)).version).toBe(1)
  expect((await other.topic(name)).version).toBe(2)
})
