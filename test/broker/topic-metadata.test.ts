/** When cached metadata is stale; needs a coordinator that fails on demand. */
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest'
import { type Cluster, connectCluster, newCaches } from '../../src/broker/cluster.ts'
import { commitOffsets } from '../../src/broker/committed-offsets.ts'
import type { ObjectBindings } from '../../src/broker/objects.ts'
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
  return connectCluster(env as unknown as ObjectBindings, caches)
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

test('asks the coordinator once if many requests find a topic stale', async () => {
  let version = 0
  const getTopic = vi.fn(async () => {
    version += 1
    return topicOf(version)
  })
  const cluster = clusterOf(getTopic)
  await cluster.topics.get(name)
  pass(METADATA_TTL_MS)
  const seen = await Promise.all(Array.from({ length: 100 }, () => cluster.topics.get(name)))
  expect(getTopic).toHaveBeenCalledTimes(2)
  expect(seen[0]?.version).toBe(2)
  expect((await cluster.topics.get(name)).version).toBe(2)
})

describe('isCurrent()', () => {
  const gone = { error: new EdgelogError('unknown_topic_or_partition', 'gone').toBody() }

  /** Makes a cluster that has the topic 'id' cached; its coordinator and its partitions return what a test sets. */
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
    const cluster = connectCluster(env as unknown as ObjectBindings, newCaches())
    await cluster.topics.get(name)
    getTopic.mockClear()
    return { cluster, getTopic, describePartition }
  }

  const id = 'id'

  test('asks one partition once for many concurrent calls, and never the coordinator', async () => {
    const { cluster, getTopic, describePartition } = await clusterThatKnows()
    const ask = () => Promise.all([1, 2, 3].map(() => cluster.topics.isCurrent({ id, name }, 0)))
    expect(await ask()).toEqual([true, true, true])
    expect(describePartition).toHaveBeenCalledTimes(1)
    expect(getTopic).not.toHaveBeenCalled()
    describePartition.mockResolvedValue(gone)
    getTopic.mockResolvedValue(gone)
    expect(await ask()).toEqual([false, false, false])
    expect(getTopic).toHaveBeenCalledTimes(1)
    expect(await cluster.topics.find(name)).toBeUndefined()
  })

  test.each([
    ['is overloaded', Object.assign(new Error('too many requests'), { overloaded: true })],
    ['was reset', new Error('network connection lost')],
  ])('asks the coordinator if the partition %s', async (_, failure) => {
    const { cluster, getTopic, describePartition } = await clusterThatKnows()
    describePartition.mockRejectedValue(failure)
    expect(await cluster.topics.isCurrent({ id, name }, 0)).toBe(true)
    getTopic.mockResolvedValue({ ok: { ...topicOf(1).ok, id: 'anew' } })
    expect(await cluster.topics.isCurrent({ id, name }, 0)).toBe(false)
    expect((await cluster.topics.get(name)).id).toBe('anew')
  })

  test('trusts the cache, and only the cache, if the coordinator does not respond either', async () => {
    const { cluster, getTopic, describePartition } = await clusterThatKnows()
    describePartition.mockRejectedValue(new Error('network connection lost'))
    getTopic.mockRejectedValue(new Error('network connection lost'))
    expect(await cluster.topics.isCurrent({ id, name }, 0)).toBe(true)
    const unavailable = { code: 'unavailable' }
    await expect(cluster.topics.isCurrent({ id: 'anew', name }, 0)).rejects.toMatchObject(
      unavailable,
    )
    expect((await cluster.topics.get(name)).id).toBe(id)
  })

  test('asks the coordinator once about a topic that is not the cached one', async () => {
    const { cluster, getTopic, describePartition } = await clusterThatKnows()
    expect(await cluster.topics.isCurrent({ id: 'before', name }, 0)).toBe(false)
    expect(getTopic).toHaveBeenCalledTimes(1)
    expect(describePartition).not.toHaveBeenCalled()
  })

  test('does not call a partition that the topic does not have yet', async () => {
    const { cluster, getTopic, describePartition } = await clusterThatKnows()
    expect(await cluster.topics.isCurrent({ id, name }, 7)).toBe(true)
    expect(describePartition.mock.calls).toEqual([['id/0']])
    expect(getTopic).not.toHaveBeenCalled()
  })
})

test('serves requests for a cached topic while the coordinator does not respond', async () => {
  const getTopic = vi.fn(async (): Promise<unknown> => topicOf(1))
  const cluster = clusterOf(getTopic)
  await cluster.topics.get(name)
  getTopic.mockRejectedValue(new Error('network connection lost'))
  pass(METADATA_TTL_MS)
  expect((await cluster.topics.get(name)).version).toBe(1)
  pass(METADATA_RETRY_MS)
  expect((await cluster.topics.get(name)).version).toBe(1)
  expect(getTopic).toHaveBeenCalledTimes(3)
  getTopic.mockResolvedValue(topicOf(2))
  pass(METADATA_RETRY_MS)
  expect((await cluster.topics.get(name)).version).toBe(2)
})

describe('a cached topic while the coordinator is unavailable', () => {
  const gone = { error: new EdgelogError('unknown_topic_or_partition', 'gone').toBody() }
  const groupId = parseGroupId('by-hand')
  const offset = { topic: name, partition: 0, offset: 0, leaderEpoch: -1, metadata: '' }

  /** Makes a cluster that has the topic cached, and whose coordinator no longer responds. */
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
    const cluster = connectCluster(env as unknown as ObjectBindings, newCaches())
    await cluster.topics.get(name)
    getTopic.mockImplementation(away)
    return { cluster, describePartition }
  }

  test.each<[string, (cluster: Cluster) => Promise<unknown>]>([
    ['a description', (cluster) => cluster.topics.lookUp(name)],
    ['a commit without a member', (cluster) => commitOffsets(cluster, groupId, null, [offset])],
    ['a change', (cluster) => changeTopic(cluster, name, { partitions: 2 })],
    ['a deletion without a response', (cluster) => deleteTopic(cluster, name)],
    [
      'a call to a partition that no longer exists',
      (cluster) => cluster.topics.callPartition(name, 0, (stub) => stub.describe()),
    ],
  ])('survives %s, which fails', async (_, operation) => {
    const { cluster } = await cutOff()
    await expect(operation(cluster)).rejects.toMatchObject({ code: 'unavailable' })
    expect((await cluster.topics.get(name)).version).toBe(1)
  })

  test('survives a response with a later topic version', async () => {
    const { cluster, describePartition } = await cutOff()
    describePartition.mockResolvedValue({ ok: { topicVersion: 2 } })
    await cluster.topics.callPartition(name, 0, (stub) => stub.describe())
    expect((await cluster.topics.get(name)).version).toBe(1)
  })
})

describe('a partition without a log', () => {
  const gone = { error: new EdgelogError('unknown_topic_or_partition', 'gone').toBody() }

  /** Makes a cluster in which partition 0 responds once it is opened. */
  function clusterWithUnopened(isUnopened = true) {
    let isOpened = false
    const openPartition = vi.fn(async (): Promise<unknown> => {
      isOpened = true
      return topicOf(1)
    })
    const findPartition = vi.fn(async () => ({ ok: { topic: topicOf(1).ok, isUnopened } }))
    const get = vi.fn(() => ({
      describe: async () => (isOpened ? { ok: { highWatermark: 5 } } : gone),
    }))
    const getTopic = async () => ({ ok: { ...topicOf(1).ok, locationHint: 'apac' } })
    const coordinator = { getTopic, openPartition, findPartition }
    const env = {
      COORDINATOR: { getByName: () => coordinator },
      PARTITION: { idFromName: (objectName: string) => objectName, get },
    }
    const cluster = connectCluster(env as unknown as ObjectBindings, newCaches())
    return { cluster, openPartition, findPartition, get }
  }

  test('is opened for its first call, and called once more', async () => {
    const { cluster, openPartition } = clusterWithUnopened()
    const describeIt = () => cluster.topics.callPartition(name, 0, (stub) => stub.describe())
    expect(await describeIt()).toMatchObject({ highWatermark: 5 })
    expect(await describeIt()).toMatchObject({ highWatermark: 5 })
    expect(openPartition.mock.calls).toEqual([[name, 0]])
  })

  test('is created where the topic wants it, although the edge makes the first call', async () => {
    const { cluster, get } = clusterWithUnopened()
    await cluster.topics.callPartition(name, 0, (stub) => stub.describe())
    expect(get.mock.calls[0]).toEqual(['id/0', { locationHint: 'apac' }])
  })

  test('is described as empty, without being opened', async () => {
    const { cluster, openPartition } = clusterWithUnopened()
    expect(await cluster.topics.describePartition(name, 0)).toEqual({
      partition: 0,
      logStartOffset: 0,
      lastStableOffset: 0,
      highWatermark: 0,
      sizeBytes: 0,
    })
    expect(openPartition).not.toHaveBeenCalled()
  })

  test('is never described as empty if it was opened meanwhile', async () => {
    const { cluster } = clusterWithUnopened(false)
    expect(await cluster.topics.describePartition(name, 0)).toMatchObject({ highWatermark: 5 })
  })

  test('evicts its topic if the coordinator no longer has it', async () => {
    const { cluster, openPartition, findPartition } = clusterWithUnopened()
    openPartition.mockResolvedValue(gone)
    const unknown = { code: 'unknown_topic_or_partition' }
    const append = () => cluster.topics.callPartition(name, 0, (stub) => stub.describe())
    await expect(append()).rejects.toMatchObject(unknown)
    findPartition.mockResolvedValue(gone as never)
    await expect(cluster.topics.describePartition(name, 0)).rejects.toMatchObject(unknown)
  })
})

test('does not replace a topic by an older version', async () => {
  const getTopic = vi.fn(async (): Promise<unknown> => topicOf(1))
  const cluster = clusterOf(getTopic)
  let respond: (topic: unknown) => void = () => {}
  getTopic.mockReturnValue(new Promise((resolve) => (respond = resolve)))
  const slow = cluster.topics.lookUp(name)
  cluster.topics.remember(topicOf(2).ok)
  respond(topicOf(1))
  await slow
  expect((await cluster.topics.get(name)).version).toBe(2)
})

test('evicts a topic that was deleted', async () => {
  const getTopic = vi.fn(async (): Promise<unknown> => topicOf(1))
  const cluster = clusterOf(getTopic)
  await cluster.topics.get(name)
  const gone = new EdgelogError('unknown_topic_or_partition', 'gone').toBody()
  getTopic.mockResolvedValue({ error: gone })
  pass(METADATA_TTL_MS)
  for (let calls = 2; calls < 4; calls++) {
    await expect(cluster.topics.get(name)).rejects.toMatchObject({
      code: 'unknown_topic_or_partition',
    })
    expect(getTopic).toHaveBeenCalledTimes(calls)
  }
})

test('looks a recreated topic up once for a hundred tails, and delays no other call', async () => {
  const getTopic = vi.fn(async (): Promise<unknown> => topicOf(1))
  const caches = newCaches()
  const cluster = clusterOf(getTopic, caches)
  await cluster.topics.get(name)
  let result: (topic: unknown) => void = () => {}
  getTopic.mockReturnValue(new Promise((resolve) => (result = resolve)))
  const isolation = 'committed' as const
  const options = { offset: 0, creditBytes: 1, isolation, topicId: 'another id' }
  const tails = Array.from({ length: 100 }, () => openTail(cluster, name, 0, options))
  // Meanwhile other requests continue with the cached topic.
  expect((await cluster.topics.get(name)).version).toBe(1)
  await Promise.resolve()
  expect((await connectCluster({} as ObjectBindings, caches).topics.get(name)).version).toBe(1)
  result(topicOf(2))
  for (const tail of tails) await expect(tail).rejects.toMatchObject({ code: 'unknown_topic_id' })
  expect(getTopic).toHaveBeenCalledTimes(2)
  expect((await cluster.topics.get(name)).version).toBe(2)
  // Only for a while: the next request looks it up again.
  getTopic.mockResolvedValue(topicOf(3))
  await expect(openTail(cluster, name, 0, options)).rejects.toMatchObject({
    code: 'unknown_topic_id',
  })
  expect(getTopic).toHaveBeenCalledTimes(3)
})

describe('getById()', () => {
  const id = '11111111-2222-4333-8444-555555555555'
  const withId = { ok: { ...topicOf(1).ok, id } }
  const gone = { error: new EdgelogError('unknown_topic_id', 'gone').toBody() }

  function clusterOfIds(getTopic: () => Promise<unknown>, getTopicById: () => Promise<unknown>) {
    const env = { COORDINATOR: { getByName: () => ({ getTopic, getTopicById }) } }
    const cluster = connectCluster(env as unknown as ObjectBindings, newCaches())
    return cluster
  }

  test('returns a topic cached by name from the cache, and caches what it looks up', async () => {
    const getTopic = vi.fn(async () => withId)
    const getTopicById = vi.fn(async () => withId)
    const cluster = clusterOfIds(getTopic, getTopicById)
    await cluster.topics.get(name)
    expect(await cluster.topics.getById(id)).toEqual(withId.ok)
    expect(getTopicById).not.toHaveBeenCalled()
    cluster.topics.forget(name)
    for (const _ of [1, 2]) expect(await cluster.topics.getById(id)).toEqual(withId.ok)
    expect(await cluster.topics.get(name)).toEqual(withId.ok)
    expect(getTopicById).toHaveBeenCalledTimes(1)
    expect(getTopic).toHaveBeenCalledTimes(1)
  })

  test.each([
    ['was recreated', async () => topicOf(2)],
    [
      'was deleted',
      async () => ({ error: new EdgelogError('unknown_topic_or_partition', 'gone').toBody() }),
    ],
  ])('throws for the id of a topic that %s', async (_, then) => {
    const getTopic = vi.fn(async (): Promise<unknown> => withId)
    const cluster = clusterOfIds(getTopic, async () => gone)
    await cluster.topics.get(name)
    getTopic.mockImplementation(then)
    pass(METADATA_TTL_MS)
    await expect(cluster.topics.getById(id)).rejects.toMatchObject({ code: 'unknown_topic_id' })
  })

  test('does not call the coordinator for a text that is not an id', async () => {
    const getTopicById = vi.fn(async () => gone)
    const cluster = clusterOfIds(async () => withId, getTopicById)
    for (const wrong of ['', 'known', `${id}0`, id.replace('1', 'g')]) {
      await expect(cluster.topics.getById(wrong)).rejects.toMatchObject({
        code: 'unknown_topic_id',
      })
    }
    expect(getTopicById).not.toHaveBeenCalled()
  })
})

test('keeps the topics of two apps in one isolate separate', async () => {
  const one = clusterOf(async () => topicOf(1))
  const other = clusterOf(async () => topicOf(2))
  expect((await one.topics.get(name)).version).toBe(1)
  expect((await other.topics.get(name)).version).toBe(2)
})
