/**
 * Question: does a change of a topic that a crash interrupted complete?
 * Contract: a created topic exists completely or not at all. After the alarm a changed one is changed completely, a
 * deleted one is gone completely, and no alarm stays set. A partition whose opening failed opens at the next call, and
 * a deletion reaches it.
 * Faults: the call to the k-th partition, and every later one, is refused, does its work but loses its response, or
 * hangs until every object is aborted. k runs over all partitions. Also the crash before the wanted state is stored,
 * and the one between the last partition and the row.
 */
import { abortAllDurableObjects, reset, runInDurableObject } from 'cloudflare:test'
import { env } from 'cloudflare:workers'
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest'
import { TopicTable } from '../../../durable-objects/coordinator/topic-table.ts'
import { type Result, unwrap } from '../../../src/core/errors.ts'
import type { FetchResult } from '../../../src/core/log/partition-api.ts'
import { partitionObjectName, type Topic } from '../../../src/core/topic/topic.ts'
import { parseTopicName } from '../../../src/core/topic/topic-name.ts'
import { WAIT } from '../../support/until.ts'
import { logErrorsOnly } from '../quiet-events.ts'
import {
  alarmTime,
  coordinator,
  createOpened,
  createTopics,
  type Fault,
  failPartitions,
  heldPartitions,
  newTopic,
  settle,
  storedTopics,
} from './cluster.ts'

const ORDERS = parseTopicName('orders')
const FAULTS: Fault[] = ['refuse', 'lose the response', 'hang']

function steps(count: number): [Fault, number][] {
  return FAULTS.flatMap((fault) =>
    Array.from({ length: count }, (_, index): [Fault, number] => [fault, index + 1]),
  )
}

/** Runs a call into a fault at the k-th partition, and then the alarm. */
async function crash(
  method: 'configure' | 'destroy',
  [fault, k]: [Fault, number],
  call: () => Promise<Result<unknown>>,
): Promise<void> {
  const seen = failPartitions(method, k, fault)
  const result = call().then(
    (value) => value,
    () => 'crashed' as const,
  )
  if (fault === 'hang') {
    await vi.waitUntil(() => seen.calls >= k, WAIT)
    await abortAllDurableObjects()
    expect(await result).toBe('crashed')
  } else {
    expect(await result).toMatchObject({ error: { code: 'unavailable', retryable: true } })
  }
  vi.restoreAllMocks()
  expect(await alarmTime()).not.toBeNull()
  await settle()
  expect(await alarmTime()).toBeNull()
}

/** Returns the topic version that each of the first `count` partitions has stored. */
async function versionsOf(topicId: string, count: number): Promise<number[]> {
  const versions: number[] = []
  for (let partition = 0; partition < count; partition += 1) {
    const stub = env.PARTITION.getByName(partitionObjectName(topicId, partition))
    const request = { offset: 0, maxBytes: 1, minBytes: 0, maxWaitMs: 0 }
    const read = await stub.read({ ...request, isolation: 'committed' })
    versions.push(unwrap(read as Result<FetchResult>).topicVersion)
  }
  return versions
}

async function untilChanged(): Promise<void> {
  await vi.waitUntil(async () => unwrap(await coordinator().getTopic(ORDERS)).version === 2, {
    timeout: 120_000,
    interval: 50,
  })
}

beforeEach(logErrorsOnly)

afterEach(async () => {
  vi.restoreAllMocks()
  await reset()
})

describe('creation', () => {
  test('stores nothing after a crash in the turn that writes the wanted state', async () => {
    await expect(
      (async () =>
        await runInDurableObject(coordinator(), (instance, state) => {
          void instance.createTopic(newTopic('orders', 5))
          state.abort()
        }))(),
    ).rejects.toThrow()
    expect(await storedTopics()).toEqual([])
    expect(await alarmTime()).toBeNull()
    unwrap(await coordinator().createTopic(newTopic('orders', 1)))
  })

  test('stores all of many topics or none', async () => {
    const topics = ['a', 'b', 'c'].map((name) => newTopic(name))
    await expect(
      (async () =>
        await runInDurableObject(coordinator(), (instance, state) => {
          void instance.createTopics(topics)
          state.abort()
        }))(),
    ).rejects.toThrow()
    expect(await storedTopics()).toEqual([])
    for (const result of await createTopics(topics)) unwrap(result)
    await abortAllDurableObjects()
    expect((await storedTopics()).map(({ name }) => name).sort()).toEqual(['a', 'b', 'c'])
  })
})

describe('opening', () => {
  let topic: Topic

  beforeEach(async () => {
    topic = unwrap(await coordinator().createTopic(newTopic('orders', 3)))
  })

  async function openInto(fault: Fault): Promise<void> {
    const seen = failPartitions('configure', 1, fault)
    const result = coordinator()
      .openPartition(ORDERS, 1)
      .then(
        (value) => value,
        () => 'crashed' as const,
      )
    await vi.waitUntil(() => seen.calls >= 1, WAIT)
    if (fault === 'hang') {
      await abortAllDurableObjects()
      expect(await result).toBe('crashed')
    } else {
      expect(await result).toMatchObject({ error: { code: 'unavailable', retryable: true } })
    }
    vi.restoreAllMocks()
  }

  test.each(FAULTS)('completes at the next call after the fault "%s"', async (fault) => {
    await openInto(fault)
    expect(unwrap(await coordinator().openPartition(ORDERS, 1))).toEqual(topic)
    expect(await heldPartitions(topic.id, 4)).toEqual([1])
    expect(await alarmTime()).toBeNull()
  })

  test.each(FAULTS)('is undone by a deletion after the fault "%s"', async (fault) => {
    await openInto(fault)
    expect(unwrap(await coordinator().deleteTopic(ORDERS))).toBeNull()
    expect(await heldPartitions(topic.id, 4)).toEqual([])
    expect(await storedTopics()).toEqual([])
    expect(await alarmTime()).toBeNull()
  })
})

describe('change', () => {
  let before: Topic

  beforeEach(async () => {
    before = await createOpened(newTopic('orders', 5))
  })

  test.each(steps(5))('completes after the fault "%s" at partition call %d', async (fault, k) => {
    const change = { partitions: 6, overrides: { 'retention.ms': '7' } }
    await crash('configure', [fault, k], () => coordinator().changeTopic(ORDERS, change))
    expect(unwrap(await coordinator().getTopic(ORDERS))).toMatchObject({
      id: before.id,
      partitions: 6,
      version: 2,
      config: { retentionMs: 7 },
    })
    expect(await heldPartitions(before.id, 6)).toEqual([0, 1, 2, 3, 4])
    expect(await versionsOf(before.id, 5)).toEqual([2, 2, 2, 2, 2])
  })

  test.each(steps(5))(
    'gives way to a deletion after the fault "%s" at partition call %d',
    async (fault, k) => {
      const seen = failPartitions('configure', k, fault)
      const result = coordinator()
        .changeTopic(ORDERS, { partitions: 6 })
        .then(
          (value) => value,
          () => 'crashed' as const,
        )
      await vi.waitUntil(() => seen.calls >= k, WAIT)
      if (fault === 'hang') await abortAllDurableObjects()
      await result
      vi.restoreAllMocks()
      expect(unwrap(await coordinator().deleteTopic(ORDERS))).toBeNull()
      expect(await heldPartitions(before.id, 5)).toEqual([])
      expect(await storedTopics()).toEqual([])
      expect(await alarmTime()).toBeNull()
    },
  )
})

describe('deletion', () => {
  test.each(steps(5))('completes after the fault "%s" at partition call %d', async (fault, k) => {
    const { id } = await createOpened(newTopic('orders', 5))
    await crash('destroy', [fault, k], () => coordinator().deleteTopic(ORDERS))
    expect(await storedTopics()).toEqual([])
    expect(await heldPartitions(id, 5)).toEqual([])
  })

  test('completes after a crash between the last partition and the row', async () => {
    await createOpened(newTopic('orders', 5))
    vi.spyOn(TopicTable.prototype, 'remove').mockImplementation(() => {
      throw new Error('injected: crash')
    })
    await expect((async () => await coordinator().deleteTopic(ORDERS))()).rejects.toThrow(
      'injected',
    )
    await abortAllDurableObjects()
    vi.restoreAllMocks()
    expect(unwrap(await coordinator().listTopics())).toEqual([])
    await settle()
    expect(await storedTopics()).toEqual([])
  })
})

describe('the alarm', () => {
  test('fires on its own and completes the change', async () => {
    await createOpened(newTopic('orders', 5))
    failPartitions('configure', 2, 'refuse', 2)
    expect(await coordinator().changeTopic(ORDERS, { partitions: 6 })).toHaveProperty('error')
    await untilChanged()
    expect(await alarmTime()).toBeNull()
  })

  test('is restored after a crash, even if it was lost', async () => {
    await createOpened(newTopic('orders', 5))
    failPartitions('configure', 2, 'refuse')
    expect(await coordinator().changeTopic(ORDERS, { partitions: 6 })).toHaveProperty('error')
    await runInDurableObject(coordinator(), (_, { storage }) => storage.deleteAlarm())
    await abortAllDurableObjects()
    vi.restoreAllMocks()
    await untilChanged()
    expect(await alarmTime()).toBeNull()
  })

  test('is delayed longer after each failure, up to a minute', async () => {
    await createOpened(newTopic('orders', 1))
    failPartitions('configure', 1, 'refuse')
    expect(await coordinator().changeTopic(ORDERS, { partitions: 2 })).toHaveProperty('error')
    const delays: number[] = []
    for (let round = 0; round < 8; round += 1) {
      await runInDurableObject(coordinator(), (instance) => instance.alarm())
      delays.push(Math.round(((await alarmTime()) ?? 0) / 1_000 - Date.now() / 1_000))
    }
    expect(delays).toEqual([2, 4, 8, 16, 32, 60, 60, 60])
  })

  test('does nothing if nothing is pending', async () => {
    await createOpened(newTopic('orders', 1))
    const configure = failPartitions('configure', 1, 'refuse')
    await runInDurableObject(coordinator(), (instance) => instance.alarm())
    expect(configure.calls).toBe(0)
    expect(await alarmTime()).toBeNull()
  })
})
