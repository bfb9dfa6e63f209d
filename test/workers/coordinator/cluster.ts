/** Helpers of the coordinator tests: a fresh stub, running the alarm to its end, reading storage. */
import { runDurableObjectAlarm, runInDurableObject } from 'cloudflare:test'
import { env } from 'cloudflare:workers'
import { vi } from 'vitest'
import type { Coordinator } from '../../../durable-objects/coordinator/coordinator.ts'
import { type Result, unwrap } from '../../../src/core/errors.ts'
import {
  COORDINATOR_OBJECT_NAME,
  type NewTopic,
  partitionObjectName,
  type Topic,
} from '../../../src/core/topic/topic.ts'
import { parseTopicName, type TopicName } from '../../../src/core/topic/topic-name.ts'

/** Returns a new stub per call: one that met an abort stays broken. */
export function coordinator(): DurableObjectStub<Coordinator> {
  return env.COORDINATOR.getByName(COORDINATOR_OBJECT_NAME)
}

export function newTopic(name: string, partitions = 3): NewTopic {
  return { name: parseTopicName(name), partitions, overrides: {} }
}

/** Creates topics in one call. Returns one result per topic. */
export async function createTopics(topics: readonly NewTopic[]): Promise<readonly Result<Topic>[]> {
  return unwrap((await coordinator().createTopics(topics)) as Result<readonly Result<Topic>[]>)
}

/** Opens the first `count` partitions of a topic, at the same time. Returns the results. */
export async function openPartitions(name: TopicName, count: number): Promise<Result<Topic>[]> {
  const partitions = Array.from({ length: count }, (_, partition) => partition)
  return await Promise.all(
    partitions.map((partition) => coordinator().openPartition(name, partition)),
  )
}

/** Creates a topic with all its partitions opened. */
export async function createOpened(topic: NewTopic): Promise<Topic> {
  const created = unwrap(await coordinator().createTopic(topic))
  const results = await openPartitions(created.name, created.partitions)
  for (const result of results) unwrap(result)
  return created
}

export interface TopicRowSeen {
  readonly id: string
  readonly name: string
  readonly isPending: boolean
}

export async function storedTopics(): Promise<TopicRowSeen[]> {
  return await runInDurableObject(coordinator(), (_, { storage }) =>
    storage.sql
      .exec<{ id: string; name: string; pending: number }>(
        `SELECT id, name, is_deleting = 1 OR applied_version IS NOT version AS pending FROM topic`,
      )
      .toArray()
      .map(({ id, name, pending }) => ({ id, name, isPending: pending === 1 })),
  )
}

export async function alarmTime(): Promise<number | null> {
  return await runInDurableObject(coordinator(), (_, { storage }) => storage.getAlarm())
}

/** Runs the alarm directly until nothing is pending. */
export async function settle(): Promise<void> {
  for (let round = 0; round < 100; round += 1) {
    await runDurableObjectAlarm(coordinator())
    if ((await storedTopics()).every(({ isPending }) => !isPending)) return
    await scheduler.wait(20)
  }
  throw new Error('topics do not settle')
}

/** Returns which of the first `count` partitions of a topic hold any storage. */
export async function heldPartitions(topicId: string, count: number): Promise<number[]> {
  const held: number[] = []
  for (let partition = 0; partition < count; partition += 1) {
    const stub = env.PARTITION.getByName(partitionObjectName(topicId, partition))
    const isHeld = await runInDurableObject(stub, async (_, { storage }) => {
      const tables = storage.sql.exec(`SELECT name FROM sqlite_master WHERE name NOT LIKE '_cf_%'`)
      return tables.toArray().length > 0 || (await storage.getAlarm()) !== null
    })
    if (isHeld) held.push(partition)
  }
  return held
}

export type Fault = 'refuse' | 'lose the response' | 'hang'

/**
 * Makes calls from the coordinator to partitions fail from the `first`-th to the `last`-th. They fail in transit: the
 * runtime would log each exception that left the partition itself.
 *
 * @returns a function that returns the number of calls so far; the faults end with `vi.restoreAllMocks()`.
 */
export function failPartitions(
  method: 'configure' | 'destroy',
  first: number,
  fault: Fault,
  last = Number.POSITIVE_INFINITY,
): { calls: number } {
  const seen = { calls: 0 }
  interceptPartitions(async (called, call) => {
    if (called !== method) return await call()
    seen.calls += 1
    const isFaulty = seen.calls >= first && seen.calls <= last
    if (isFaulty && fault === 'hang') await scheduler.wait(60_000)
    if (isFaulty && fault === 'refuse') throw new Error('injected: refused')
    await call()
    if (isFaulty && fault === 'lose the response') throw new Error('injected: response lost')
  })
  return seen
}

type Intercept = (method: string, call: () => Promise<void>) => Promise<void>

/** Intercepts the calls from the coordinator to its partitions until `vi.restoreAllMocks()`. */
export function interceptPartitions(intercept: Intercept): void {
  const namespace = Object.getPrototypeOf(env.PARTITION) as DurableObjectNamespace
  const get = namespace.get
  vi.spyOn(namespace, 'get').mockImplementation(function (
    this: DurableObjectNamespace,
    id,
    options,
  ) {
    return new Proxy(get.call(this, id, options), {
      get(stub, property) {
        const value: unknown = Reflect.get(stub, property, stub)
        if (typeof value !== 'function') return value
        if (property !== 'configure' && property !== 'destroy') return value.bind(stub)
        return (...args: unknown[]) =>
          intercept(property, () => Reflect.apply(value, stub, args) as Promise<void>)
      },
    })
  })
}
