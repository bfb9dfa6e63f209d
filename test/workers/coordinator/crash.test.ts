/**
 * Question: does a change of a topic that a crash interrupted complete?
 * Contract: after the alarm a created topic exists completely, a changed one is changed completely, a deleted one is
 * gone completely, and no alarm stays set.
 * Faults: the call to the k-th partition, and every later one, is refused, does its work but loses its response, or
 * hangs until every object is aborted. k runs over all partitions. Also the crash before the wanted state is stored,
 * and the one between the last partition and the row.
 */
import { abortAllDurableObjects, reset, runInDurableObject } from 'cloudflare:test'
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest'
import { TopicTable } from '../../../durable-objects/coordinator/topic-table.ts'
import { type Result, unwrap } from '../../../src/core/errors.ts'
import type { Topic } from '../../../src/core/topic/topic.ts'
import { parseTopicName } from '../../../src/core/topic/topic-name.ts'
import { WAIT } from '../../support/until.ts'
import { logErrorsOnly } from '../quiet-events.ts'
import {
  alarmTime,
  coordinator,
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

beforeEach(logErrorsOnly)

afterEach(async () => {
  vi.restoreAllMocks()
  await reset()
})

describe('creation', () => {
  test.each(steps(5))('completes after the fault "%s" at partition call %d', async (fault, k) => {
    await crash('configure', [fault, k], () => coordinator().createTopic(newTopic('orders', 5)))
    const topic = unwrap(await coordinator().getTopic(ORDERS))
    expect(topic).toMatchObject({ partitions: 5, version: 1 })
    expect(await heldPartitions(topic.id, 6)).toEqual([0, 1, 2, 3, 4])
  })

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

  test('completes after a crash between the last partition and the row', async () => {
    const write = TopicTable.prototype.write
    vi.spyOn(TopicTable.prototype, 'write').mockImplementation(function (this: TopicTable, topic) {
      if (topic.applied !== null) throw new Error('injected: crash')
      write.call(this, topic)
    })
    await expect(
      (async () => await coordinator().createTopic(newTopic('orders', 5)))(),
    ).rejects.toThrow('injected')
    await abortAllDurableObjects()
    vi.restoreAllMocks()
    expect(await coordinator().getTopic(ORDERS)).toHaveProperty('error')
    await settle()
    expect(unwrap(await coordinator().getTopic(ORDERS)).partitions).toBe(5)
  })
})

describe('change', () => {
  let before: Topic

  beforeEach(async () => {
    before = unwrap(await coordinator().createTopic(newTopic('orders', 2)))
  })

  test.each(steps(5))('completes after the fault "%s" at partition call %d', async (fault, k) => {
    const change = { partitions: 5, overrides: { 'retention.ms': '7' } }
    await crash('configure', [fault, k], () => coordinator().changeTopic(ORDERS, change))
    expect(unwrap(await coordinator().getTopic(ORDERS))).toMatchObject({
      id: before.id,
      partitions: 5,
      version: 2,
      config: { retentionMs: 7 },
    })
    expect(await heldPartitions(before.id, 6)).toEqual([0, 1, 2, 3, 4])
  })

  test.each(steps(5))(
    'gives way to a deletion after the fault "%s" at partition call %d',
    async (fault, k) => {
      const seen = failPartitions('configure', k, fault)
      const result = coordinator()
        .changeTopic(ORDERS, { partitions: 5 })
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
    const { id } = unwrap(await coordinator().createTopic(newTopic('orders', 5)))
    await crash('destroy', [fault, k], () => coordinator().deleteTopic(ORDERS))
    expect(await storedTopics()).toEqual([])
    expect(await heldPartitions(id, 5)).toEqual([])
  })

  test('completes after a crash between the last partition and the row', async () => {
    unwrap(await coordinator().createTopic(newTopic('orders', 5)))
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
    failPartitions('configure', 2, 'refuse', 2)
    expect(await coordinator().createTopic(newTopic('orders', 5))).toHaveProperty('error')
    await vi.waitUntil(async () => 'ok' in (await coordinator().getTopic(ORDERS)), {
      timeout: 120_000,
      interval: 50,
    })
    expect(await alarmTime()).toBeNull()
  })

  test('is restored after a crash, even if it was lost', async () => {
    failPartitions('configure', 2, 'refuse')
    expect(await coordinator().createTopic(newTopic('orders', 5))).toHaveProperty('error')
    await runInDurableObject(coordinator(), (_, { storage }) => storage.deleteAlarm())
    await abortAllDurableObjects()
    vi.restoreAllMocks()
    await vi.waitUntil(async () => 'ok' in (await coordinator().getTopic(ORDERS)), {
      timeout: 120_000,
      interval: 50,
    })
    expect(await alarmTime()).toBeNull()
  })

  test('is delayed longer after each failure, up to a minute', async () => {
    failPartitions('configure', 1, 'refuse')
    expect(await coordinator().createTopic(newTopic('orders', 1))).toHaveProperty('error')
    const delays: number[] = []
    for (let round = 0; round < 8; round += 1) {
      await runInDurableObject(coordinator(), (instance) => instance.alarm())
      delays.push(Math.round(((await alarmTime()) ?? 0) / 1_000 - Date.now() / 1_000))
    }
    expect(delays).toEqual([2, 4, 8, 16, 32, 60, 60, 60])
  })

  test('does nothing if nothing is pending', async () => {
    unwrap(await coordinator().createTopic(newTopic('orders', 1)))
    const configure = failPartitions('configure', 1, 'refuse')
    await runInDurableObject(coordinator(), (instance) => instance.alarm())
    expect(configure.calls).toBe(0)
    expect(await alarmTime()).toBeNull()
  })
})
