import {
  evictDurableObject,
  reset,
  runDurableObjectAlarm,
  runInDurableObject,
} from 'cloudflare:test'
import { env } from 'cloudflare:workers'
import { afterEach, describe, expect, test, vi } from 'vitest'
import { TopicTable } from '../../../durable-objects/coordinator/topic-table.ts'
import { Partition } from '../../../durable-objects/partition/partition.ts'
import { SettingTable } from '../../../durable-objects/partition/setting-table.ts'
import { unwrap } from '../../../src/core/errors.ts'
import { COORDINATOR_FANOUT_MAX } from '../../../src/core/limits.ts'
import { partitionObjectName } from '../../../src/core/topic/topic.ts'
import { resolveTopicConfig } from '../../../src/core/topic/topic-config.ts'
import { parseTopicName } from '../../../src/core/topic/topic-name.ts'
import { WAIT } from '../../support/until.ts'
import { countRowsWritten } from '../count-rows.ts'
import {
  alarmTime,
  coordinator,
  createOpened,
  createTopics,
  failPartitions,
  heldPartitions,
  interceptPartitions,
  newTopic,
  openPartitions,
  storedTopics,
} from './cluster.ts'

const ORDERS = parseTopicName('orders')

afterEach(async () => {
  vi.restoreAllMocks()
  await reset()
})

describe('createTopic()', () => {
  test('returns the topic, of which no partition stores anything', async () => {
    const overrides = { 'retention.ms': '60000' }
    const topic = unwrap(await coordinator().createTopic({ ...newTopic('orders'), overrides }))
    expect(topic).toEqual({
      id: expect.stringMatching(/^[0-9a-f-]{36}$/),
      name: 'orders',
      partitions: 3,
      version: 1,
      config: resolveTopicConfig(overrides),
      overrides,
    })
    expect(await heldPartitions(topic.id, 4)).toEqual([])
    expect(unwrap(await coordinator().getTopic(ORDERS))).toEqual(topic)
    expect(await alarmTime()).toBeNull()
  })

  test('returns the location hint, with which the edge makes the first call to a partition', async () => {
    const locationHint = 'apac' as const
    unwrap(await coordinator().createTopic({ ...newTopic('orders'), locationHint }))
    expect(unwrap(await coordinator().getTopic(ORDERS)).locationHint).toBe(locationHint)
  })

  test('checks and stores nothing else for validateOnly', async () => {
    const request = { ...newTopic('orders'), validateOnly: true }
    expect(unwrap(await coordinator().createTopic(request))).toMatchObject({ partitions: 3 })
    expect(await storedTopics()).toEqual([])
  })

  test.each([
    ['orders', 1, 'topic_already_exists'],
    ['a.b', 1, 'invalid_topic'],
    ['other', 0, 'invalid_partitions'],
  ])('rejects %s with %d partitions: %s', async (name, partitions, code) => {
    unwrap(await coordinator().createTopic(newTopic('orders')))
    unwrap(await coordinator().createTopic(newTopic('a_b')))
    const result = await coordinator().createTopic(newTopic(name, partitions))
    expect(result).toMatchObject({ error: { code } })
    expect(unwrap(await coordinator().listTopics())).toHaveLength(2)
    expect(await alarmTime()).toBeNull()
  })

  test('lets exactly one of 20 concurrent creations win', async () => {
    const results = await Promise.all(
      Array.from({ length: 20 }, (_, index) =>
        coordinator().createTopic(newTopic('orders', 1 + (index % 4))),
      ),
    )
    const won = results.filter((result) => 'ok' in result)
    expect(won).toHaveLength(1)
    for (const lost of results.filter((result) => 'error' in result)) {
      expect(lost).toMatchObject({ error: { code: 'topic_already_exists' } })
    }
    expect(unwrap(await coordinator().listTopics())).toEqual(won.map(unwrap))
  })

  test('shares one turn, and so one commit, with the creations that arrive before it', async () => {
    const turns: string[][] = []
    await runInDurableObject(coordinator(), async (instance) => {
      const write = TopicTable.prototype.write
      let isNewTurn = true
      vi.spyOn(TopicTable.prototype, 'write').mockImplementation(function (
        this: TopicTable,
        topic,
      ) {
        if (isNewTurn) turns.push([])
        isNewTurn = false
        turns.at(-1)?.push(topic.name)
        // Runs when the turn has ended.
        setTimeout(() => {
          isNewTurn = true
        }, 0)
        write.call(this, topic)
      })
      await Promise.all(['a', 'b', 'c'].map((name) => instance.createTopic(newTopic(name))))
      unwrap(await instance.createTopic(newTopic('d')))
    })
    expect(turns).toEqual([['a', 'b', 'c'], ['d']])
  })

  test('makes no more concurrent calls than the limit, over all topics', async () => {
    let underWay = 0
    let most = 0
    interceptPartitions(async (_, call) => {
      underWay += 1
      most = Math.max(most, underWay)
      while (most < COORDINATOR_FANOUT_MAX) await scheduler.wait(2)
      await call()
      underWay -= 1
    })
    await Promise.all(['a', 'b', 'c'].map((name) => createOpened(newTopic(name, 40))))
    expect(most).toBe(COORDINATOR_FANOUT_MAX)
  })
})

describe('createTopics()', () => {
  test('creates or rejects each topic by itself, in order', async () => {
    unwrap(await coordinator().createTopic(newTopic('orders')))
    const names = ['a_b', 'orders', 'a.b', 'c']
    const results = await createTopics(names.map((name) => newTopic(name)))
    expect(results).toMatchObject([
      { ok: { name: 'a_b' } },
      { error: { code: 'topic_already_exists' } },
      { error: { code: 'invalid_topic' } },
      { ok: { name: 'c' } },
    ])
    const listed = unwrap(await coordinator().listTopics()).map(({ name }) => name)
    expect(listed).toEqual(['a_b', 'c', 'orders'])
  })

  test('writes few rows per topic, and sets no alarm', async () => {
    const rowsWritten = await countRowsWritten(coordinator())
    const topics = Array.from({ length: 100 }, (_, index) => newTopic(`t${index}`, 4))
    for (const result of await createTopics(topics)) unwrap(result)
    // The row and its entry in the index of names.
    expect(rowsWritten()).toBeLessThanOrEqual(200)
  })
})

describe('openPartition()', () => {
  test('configures that partition alone, with the settings of the topic', async () => {
    const topic = unwrap(await coordinator().createTopic(newTopic('orders')))
    expect(unwrap(await coordinator().openPartition(ORDERS, 1))).toEqual(topic)
    expect(await heldPartitions(topic.id, 4)).toEqual([1])
    const stub = env.PARTITION.getByName(partitionObjectName(topic.id, 1))
    expect(await stub.describe()).toMatchObject({ ok: { partition: 1, highWatermark: 0 } })
    expect(await alarmTime()).toBeNull()
  })

  test('writes one row, and none if the partition is opened already', async () => {
    unwrap(await coordinator().createTopic(newTopic('orders', 1_000)))
    interceptPartitions(async () => {})
    const rowsWritten = await countRowsWritten(coordinator())
    for (const _ of [1, 2]) unwrap(await coordinator().openPartition(ORDERS, 999))
    expect(rowsWritten()).toBe(1)
  })

  test('changes what findPartition() returns', async () => {
    const topic = unwrap(await coordinator().createTopic(newTopic('orders')))
    const find = async (partition: number) =>
      unwrap(await coordinator().findPartition(ORDERS, partition))
    expect(await find(1)).toEqual({ topic, isUnopened: true })
    unwrap(await coordinator().openPartition(ORDERS, 1))
    expect(await find(1)).toEqual({ topic, isUnopened: false })
    expect(await find(0)).toEqual({ topic, isUnopened: true })
    // A partition that the topic does not have is not empty.
    expect(await find(3)).toEqual({ topic, isUnopened: false })
  })

  test.each([3, -1, 1.5, Number.NaN])(
    'opens nothing for partition %d of 3, and returns the topic',
    async (partition) => {
      const topic = unwrap(await coordinator().createTopic(newTopic('orders')))
      expect(unwrap(await coordinator().openPartition(ORDERS, partition))).toEqual(topic)
      expect(await heldPartitions(topic.id, 4)).toEqual([])
    },
  )

  test('rejects an unknown topic and a deleted one', async () => {
    const unknown = { error: { code: 'unknown_topic_or_partition' } }
    expect(await coordinator().openPartition(ORDERS, 0)).toMatchObject(unknown)
    const { id } = await createOpened(newTopic('orders'))
    failPartitions('destroy', 1, 'refuse')
    expect(await coordinator().deleteTopic(ORDERS)).toHaveProperty('error')
    expect(await coordinator().openPartition(ORDERS, 0)).toMatchObject(unknown)
    vi.restoreAllMocks()
    await runDurableObjectAlarm(coordinator())
    expect(await heldPartitions(id, 3)).toEqual([])
  })

  test('calls the partition once for many concurrent openings', async () => {
    unwrap(await coordinator().createTopic(newTopic('orders')))
    let calls = 0
    let isReleased = false
    interceptPartitions(async (_, call) => {
      calls += 1
      while (!isReleased) await scheduler.wait(5)
      await call()
    })
    const openings = Array.from({ length: 100 }, () => coordinator().openPartition(ORDERS, 0))
    await vi.waitUntil(() => calls >= 1, WAIT)
    // The calls arrive in order, so by then all openings have begun.
    expect(await coordinator().findPartition(ORDERS, 0)).toMatchObject({
      ok: { isUnopened: false },
    })
    isReleased = true
    for (const result of await Promise.all(openings)) unwrap(result)
    expect(calls).toBe(1)
  })

  test('opens one partition while another one does not respond', async () => {
    unwrap(await coordinator().createTopic(newTopic('orders')))
    const configure = failPartitions('configure', 1, 'hang', 1)
    const stuck = coordinator().openPartition(ORDERS, 0)
    stuck.catch(() => undefined)
    await vi.waitUntil(() => configure.calls >= 1, WAIT)
    unwrap(await coordinator().openPartition(ORDERS, 1))
    await reset()
  })

  test('applies a change that is made while the partition is being opened', async () => {
    const { id } = unwrap(await coordinator().createTopic(newTopic('orders')))
    let isReleased = false
    let calls = 0
    interceptPartitions(async (_, call) => {
      calls += 1
      // The opening arrives at the partition after the change.
      while (calls === 1 && !isReleased) await scheduler.wait(5)
      await call()
    })
    const opening = coordinator().openPartition(ORDERS, 0)
    await vi.waitUntil(() => calls >= 1, WAIT)
    const change = { overrides: { 'retention.ms': '7' } }
    unwrap(await coordinator().changeTopic(ORDERS, change))
    isReleased = true
    expect(unwrap(await opening)).toMatchObject({ version: 2 })
    const assignment = await runInDurableObject(
      env.PARTITION.getByName(partitionObjectName(id, 0)),
      (_, { storage }) => new SettingTable(storage.sql).read('assignment'),
    )
    expect(assignment).toMatchObject({ version: 2, config: { retentionMs: 7 } })
  })
})

test('returns unavailable for an exception of a partition, and names the partition', async () => {
  unwrap(await coordinator().createTopic(newTopic('orders', 1)))
  vi.spyOn(Partition.prototype, 'configure').mockRejectedValueOnce(new Error('injected: defect'))
  expect(await coordinator().openPartition(ORDERS, 0)).toMatchObject({
    error: {
      code: 'unavailable',
      retryable: true,
      message: expect.stringContaining('partition 0 of topic orders'),
    },
  })
  expect(unwrap(await coordinator().openPartition(ORDERS, 0)).partitions).toBe(1)
})

describe('getTopicById()', () => {
  test('finds the topic until it is deleted, also if another one takes its name', async () => {
    const first = unwrap(await coordinator().createTopic(newTopic('orders')))
    expect(unwrap(await coordinator().getTopicById(first.id))).toEqual(first)
    unwrap(await coordinator().deleteTopic(ORDERS))
    const second = unwrap(await coordinator().createTopic(newTopic('orders')))
    expect(await coordinator().getTopicById(first.id)).toMatchObject({
      error: { code: 'unknown_topic_id' },
    })
    expect(unwrap(await coordinator().getTopicById(second.id))).toEqual(second)
  })
})

describe('changeTopic()', () => {
  test('adds partitions and sets config in one version', async () => {
    const { id } = await createOpened(newTopic('orders'))
    const change = { partitions: 5, overrides: { 'retention.ms': '1' } }
    const topic = unwrap(await coordinator().changeTopic(ORDERS, change))
    expect(topic).toMatchObject({ id, partitions: 5, version: 2, config: { retentionMs: 1 } })
    expect(await heldPartitions(id, 6)).toEqual([0, 1, 2])
    const back = { overrides: { 'retention.ms': null } }
    expect(unwrap(await coordinator().changeTopic(ORDERS, back))).toMatchObject({
      version: 3,
      overrides: {},
    })
    expect(await alarmTime()).toBeNull()
  })

  test('keeps the version if nothing changes', async () => {
    const topic = unwrap(await coordinator().createTopic(newTopic('orders')))
    const configure = failPartitions('configure', 99, 'refuse')
    expect(unwrap(await coordinator().changeTopic(ORDERS, {}))).toEqual(topic)
    expect(configure.calls).toBe(0)
    expect(await alarmTime()).toBeNull()
  })

  test('rejects fewer or as many partitions, and unknown topics', async () => {
    unwrap(await coordinator().createTopic(newTopic('orders')))
    for (const partitions of [2, 3]) {
      expect(await coordinator().changeTopic(ORDERS, { partitions })).toMatchObject({
        error: { code: 'invalid_partitions' },
      })
    }
    expect(await coordinator().changeTopic(parseTopicName('none'), {})).toMatchObject({
      error: { code: 'unknown_topic_or_partition' },
    })
  })

  test('returns the previous topic while a change is running', async () => {
    const topic = await createOpened(newTopic('orders'))
    const configure = failPartitions('configure', 2, 'hang')
    const result = coordinator().changeTopic(ORDERS, { partitions: 4 })
    result.catch(() => undefined)
    await vi.waitUntil(() => configure.calls >= 2, WAIT)
    expect(unwrap(await coordinator().getTopic(ORDERS))).toEqual(topic)
    await reset()
  })

  test('returns each of several concurrent changes with its own keys applied', async () => {
    await createOpened(newTopic('orders', 2))
    const keys = ['retention.ms', 'segment.ms', 'retention.bytes', 'flush.ms']
    const topics = await Promise.all(
      keys.map(async (key) =>
        unwrap(await coordinator().changeTopic(ORDERS, { overrides: { [key]: '5' } })),
      ),
    )
    topics.forEach((topic, index) => {
      expect(topic.overrides).toHaveProperty([keys[index] ?? ''], '5')
    })
    expect(unwrap(await coordinator().getTopic(ORDERS)).version).toBe(5)
  })

  test('keeps everything that concurrent changes append to a list', async () => {
    await createOpened(newTopic('orders', 2))
    const key = 'leader.replication.throttled.replicas'
    const items = Array.from({ length: 20 }, (_, index) => `0:${index}`)
    await Promise.all(
      items.map(async (item) =>
        unwrap(
          await coordinator().changeTopic(ORDERS, { overrides: { [key]: { append: [item] } } }),
        ),
      ),
    )
    const { overrides } = unwrap(await coordinator().getTopic(ORDERS))
    expect(overrides[key]?.split(',').sort()).toEqual(items.sort())
  })
})

describe('deleteTopic()', () => {
  test('leaves nothing, and frees the name for a topic with another id', async () => {
    const { id } = await createOpened(newTopic('orders'))
    expect(unwrap(await coordinator().deleteTopic(ORDERS))).toBeNull()
    expect(await heldPartitions(id, 3)).toEqual([])
    expect(await coordinator().getTopic(ORDERS)).toMatchObject({
      error: { code: 'unknown_topic_or_partition' },
    })
    expect(await coordinator().deleteTopic(ORDERS)).toMatchObject({
      error: { code: 'unknown_topic_or_partition' },
    })
    expect(await alarmTime()).toBeNull()
    expect(unwrap(await coordinator().createTopic(newTopic('orders'))).id).not.toBe(id)
  })

  test('does not delete another topic of the same name, if called with an id', async () => {
    const { id } = unwrap(await coordinator().createTopic(newTopic('orders')))
    unwrap(await coordinator().deleteTopic(ORDERS, id))
    const gone = { error: { code: 'unknown_topic_id' } }
    expect(await coordinator().deleteTopic(ORDERS, id)).toMatchObject(gone)
    const anew = await createOpened(newTopic('orders'))
    expect(await coordinator().deleteTopic(ORDERS, id)).toMatchObject(gone)
    expect(unwrap(await coordinator().getTopic(ORDERS))).toEqual(anew)
    expect(await heldPartitions(anew.id, 3)).toEqual([0, 1, 2])
    expect(unwrap(await coordinator().deleteTopic(ORDERS, anew.id))).toBeNull()
  })

  test('frees the name at once, while partitions are still being deleted', async () => {
    const { id } = await createOpened(newTopic('orders'))
    failPartitions('destroy', 2, 'refuse')
    expect(await coordinator().deleteTopic(ORDERS)).toMatchObject({
      error: { code: 'unavailable', retryable: true },
    })
    vi.restoreAllMocks()
    const anew = await createOpened(newTopic('orders', 1))
    await runDurableObjectAlarm(coordinator())
    expect(await heldPartitions(id, 3)).toEqual([])
    expect(unwrap(await coordinator().listTopics())).toEqual([anew])
    expect(await heldPartitions(anew.id, 1)).toEqual([0])
  })

  test('calls only the partitions that were opened', async () => {
    unwrap(await coordinator().createTopic(newTopic('orders', 1_000)))
    unwrap(await coordinator().openPartition(ORDERS, 7))
    const destroy = failPartitions('destroy', 99, 'refuse')
    expect(unwrap(await coordinator().deleteTopic(ORDERS))).toBeNull()
    expect(destroy.calls).toBe(1)
    expect(await storedTopics()).toEqual([])
  })
})

test('deleteTopics() deletes or rejects each topic by itself, in order', async () => {
  const { id } = await createOpened(newTopic('used'))
  const unused = unwrap(await coordinator().createTopic(newTopic('unused')))
  const topics = [
    { name: parseTopicName('used') },
    { name: parseTopicName('none') },
    { name: unused.name, id: 'another' },
    { name: unused.name, id: unused.id },
  ]
  expect(unwrap(await coordinator().deleteTopics(topics))).toMatchObject([
    { ok: null },
    { error: { code: 'unknown_topic_or_partition' } },
    { error: { code: 'unknown_topic_id' } },
    { ok: null },
  ])
  expect(await heldPartitions(id, 3)).toEqual([])
  expect(await storedTopics()).toEqual([])
  expect(await alarmTime()).toBeNull()
})

test.each([
  ['slow', null],
  ['slow, beside a failing one', 0],
])('deleteTopic() waits for an opening that is %s', async (_, failing) => {
  let calls = 0
  let isReleased = false
  interceptPartitions(async (method, call) => {
    const index = calls
    calls += 1
    if (method === 'configure' && index === failing) throw new Error('injected: refused')
    // Polled, because a Durable Object cannot await a promise of the test.
    while (method === 'configure' && index === 1 && !isReleased) await scheduler.wait(5)
    await call()
  })
  unwrap(await coordinator().createTopic(newTopic('orders')))
  const openings = openPartitions(ORDERS, 3)
  await vi.waitUntil(() => calls >= 2, WAIT)
  const [{ id } = { id: '' }] = await storedTopics()
  const deletion = coordinator().deleteTopic(ORDERS)
  await scheduler.wait(50)
  isReleased = true
  const results = await openings
  expect(results[1]).toMatchObject({ error: { code: 'unknown_topic_or_partition' } })
  if (failing !== null) {
    expect(results[failing]).toMatchObject({ error: { code: 'unavailable' } })
  }
  expect(unwrap(await deletion)).toBeNull()
  expect(await heldPartitions(id, 3)).toEqual([])
  expect(await storedTopics()).toEqual([])
  expect(await alarmTime()).toBeNull()
})

test('listTopics() sorts by name', async () => {
  for (const name of ['b', 'a.1', 'B', 'a']) {
    unwrap(await coordinator().createTopic(newTopic(name, 1)))
  }
  const names = unwrap(await coordinator().listTopics()).map(({ name }) => name)
  expect(names).toEqual(['B', 'a', 'a.1', 'b'])
})

test('keeps topics after the object is restarted', async () => {
  const topic = await createOpened(newTopic('orders'))
  await evictDurableObject(coordinator())
  expect(unwrap(await coordinator().listTopics())).toEqual([topic])
  const partition = env.PARTITION.getByName(partitionObjectName(topic.id, 2))
  expect(await partition.describe()).toMatchObject({ ok: { partition: 2, highWatermark: 0 } })
})
