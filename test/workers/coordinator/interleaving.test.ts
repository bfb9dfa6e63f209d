/**
 * Question: do overlapping creations, changes and deletions, with failing
 * partitions and aborted objects, ever leave a torn topic?
 * Contract: every result is explained by some order of the calls (a created topic has a new id, a changed one has the
 * requested settings). At rest an existing topic stores nothing but in opened partitions, once all are opened it has
 * exactly its partitions, all at its version, and every other topic that was ever created has none.
 * Model: every (topic id, partition) that was ever configured, with its last version.
 * Generated: from a seed, 80 calls on 3 names of which 2 collide, at random moments; calls to
 * partitions take 0-3 ms and one in 12 fails, before or after its effect; in half of the runs all
 * objects are aborted once. Limits: at most 6 partitions; one coordinator.
 */
import { abortAllDurableObjects, reset, runInDurableObject } from 'cloudflare:test'
import { env } from 'cloudflare:workers'
import { afterEach, expect, test, vi } from 'vitest'
import { TopicTable } from '../../../durable-objects/coordinator/topic-table.ts'
import { Partition } from '../../../durable-objects/partition/partition.ts'
import { type Result, unwrap } from '../../../src/core/errors.ts'
import type { PartitionAssignment } from '../../../src/core/log/partition-api.ts'
import { partitionsIn } from '../../../src/core/topic/partition-set.ts'
import { partitionObjectName, type Topic } from '../../../src/core/topic/topic.ts'
import { parseTopicName } from '../../../src/core/topic/topic-name.ts'
import { Random } from '../../support/random.ts'
import { logErrorsOnly } from '../quiet-events.ts'
import {
  alarmTime,
  coordinator,
  heldPartitions,
  interceptPartitions,
  newTopic,
  openPartitions,
  settle,
  storedTopics,
} from './cluster.ts'

const PARTITIONS_MAX = 6
const CALLS = 80
const CALL_NAMES = ['create', 'create', 'grow', 'set', 'delete', 'open', 'open', 'open', 'open']
const EXPECTED = [
  'topic_already_exists',
  'invalid_topic',
  'invalid_partitions',
  'unknown_topic_or_partition',
  'unavailable',
]

/** Records the assignments that partitions receive. */
function recordAssignments(): Map<string, PartitionAssignment> {
  const received = new Map<string, PartitionAssignment>()
  const configure = Partition.prototype.configure
  vi.spyOn(Partition.prototype, 'configure').mockImplementation(async function (
    this: Partition,
    assignment,
  ) {
    received.set(partitionObjectName(assignment.topicId, assignment.partition), assignment)
    await configure.call(this, assignment)
  })
  return received
}

function checkAnswer(call: string, result: Result<Topic | null>, asked: number): void {
  if ('error' in result) {
    expect(EXPECTED, call).toContain(result.error.code)
    return
  }
  if (call === 'create') expect(result.ok?.partitions).toBeGreaterThanOrEqual(asked)
  if (call === 'grow') expect(result.ok?.partitions).toBeGreaterThanOrEqual(asked)
  if (call === 'set') expect(result.ok?.overrides).toHaveProperty(['retention.ms'])
  if (call === 'open') expect(result.ok).not.toBeNull()
  if (call === 'delete') expect(result.ok).toBeNull()
}

async function openedPartitions(topicId: string): Promise<number[]> {
  return await runInDurableObject(coordinator(), (_, { storage }) => {
    const topic = new TopicTable(storage.sql).findById(topicId)
    return topic === null ? [] : partitionsIn(topic.opened)
  })
}

async function callAtRandom(random: Random): Promise<void> {
  const name = ['orders', 'a.b', 'a_b'][random.below(3)] ?? ''
  const topicName = parseTopicName(name)
  const partitions = 1 + random.below(PARTITIONS_MAX)
  const call = CALL_NAMES[random.below(CALL_NAMES.length)] ?? ''
  await scheduler.wait(random.below(60))
  const stub = coordinator()
  const ask = {
    create: () => stub.createTopic(newTopic(name, partitions)),
    grow: () => stub.changeTopic(topicName, { partitions }),
    set: () =>
      stub.changeTopic(topicName, { overrides: { 'retention.ms': String(random.below(1_000)) } }),
    open: () => stub.openPartition(topicName, random.below(PARTITIONS_MAX)),
    delete: () => stub.deleteTopic(topicName),
  }[call]
  const result = await ask?.().catch(() => null)
  // Null: the object was aborted, and the call may or may not have taken effect.
  if (result !== null && result !== undefined) {
    checkAnswer(call, result as Result<Topic | null>, partitions)
  }
}

afterEach(async () => {
  vi.restoreAllMocks()
  await reset()
})

test.each([1, 2, 3, 4, 5, 6, 7, 8, 9, 10])('leaves no torn topic, seed %d', async (seed) => {
  const random = new Random(seed)
  logErrorsOnly()
  const received = recordAssignments()
  let isFailing = true
  interceptPartitions(async (_, call) => {
    await scheduler.wait(random.below(4))
    const fate = isFailing ? random.below(24) : 2
    if (fate === 0) throw new Error('injected: refused')
    await call()
    if (fate === 1) throw new Error('injected: response lost')
  })
  const calls = Array.from({ length: CALLS }, () => callAtRandom(random))
  if (seed % 2 === 0) {
    await scheduler.wait(30)
    await abortAllDurableObjects()
  }
  await Promise.all(calls)
  isFailing = false
  await settle()

  expect(await alarmTime()).toBeNull()
  const topics = new Map(unwrap(await coordinator().listTopics()).map((topic) => [topic.id, topic]))
  expect((await storedTopics()).map(({ id }) => id).sort()).toEqual([...topics.keys()].sort())
  const keys = [...topics.values()].map(({ name }) => name.replaceAll('.', '_'))
  expect(new Set(keys).size).toBe(keys.length)
  for (const topicId of new Set([...received.values()].map((assignment) => assignment.topicId))) {
    const topic = topics.get(topicId)
    const opened = await openedPartitions(topicId)
    for (const held of await heldPartitions(topicId, PARTITIONS_MAX)) {
      expect(opened).toContain(held)
    }
    if (topic !== undefined) {
      for (const result of await openPartitions(topic.name, topic.partitions)) unwrap(result)
    }
    const expected = Array.from({ length: topic?.partitions ?? 0 }, (_, partition) => partition)
    expect(await heldPartitions(topicId, PARTITIONS_MAX)).toEqual(expected)
    for (const partition of expected) {
      const last = received.get(partitionObjectName(topicId, partition))
      expect(last).toMatchObject({ version: topic?.version, config: topic?.config })
    }
  }
})

test('stores nothing in a partition that is called before it is configured', async () => {
  const stub = env.PARTITION.getByName(partitionObjectName('none', 0))
  expect(await stub.describe()).toHaveProperty('error')
  expect(await heldPartitions('none', 1)).toEqual([])
  await runInDurableObject(stub, (instance) => instance.destroy())
  expect(await heldPartitions('none', 1)).toEqual([])
})
