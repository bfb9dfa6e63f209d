/** Sizes of partitions: which are requested, and the response if they are unknown. */
import { expect, test } from 'vitest'
import { EdgelogError } from '../../src/core/errors.ts'
import { KAFKA_METADATA_PARTITIONS_MAX, KAFKA_PARTITION_SIZES_MAX } from '../../src/core/limits.ts'
import type { Topic } from '../../src/core/topic/topic.ts'
import { allPartitions, DESCRIBE_LOG_DIRS } from '../../src/kafka/apis/describe-log-dirs.ts'
import { ask, brokerOf, callerOf, topicOf } from './door.ts'

const REQUEST_TIMED_OUT = 7

/** Partition n of each topic takes 100 + n bytes, except for those in `sizes`. */
function callerWith(topics: readonly Topic[], sizes: Record<number, () => unknown> = {}) {
  let asked = 0
  const missing = { error: new EdgelogError('unknown_topic_or_partition', 'none').toBody() }
  const getTopic = async (name: string) => {
    const topic = topics.find((one) => one.name === name)
    return topic === undefined ? missing : { ok: topic }
  }
  const broker = brokerOf({
    coordinator: {
      listTopics: async () => ({ ok: topics }),
      getTopic,
      openPartition: getTopic,
      findPartition: async (name: string) => {
        const found = await getTopic(name)
        return 'ok' in found ? { ok: { topic: found.ok, isUnopened: false } } : found
      },
    },
    partition: (name) => ({
      describe: async () => {
        asked++
        const partition = Number(name.split('/').at(-1))
        const ok = { partition, logStartOffset: 0, highWatermark: 1, sizeBytes: 100 + partition }
        return sizes[partition]?.() ?? { ok }
      },
    }),
  })
  return { caller: callerOf(broker), asked: () => asked }
}

type Wanted = ReadonlyArray<{
  readonly topic: string
  readonly partitions: readonly number[]
}> | null

async function sizesOf(version: number, caller: ReturnType<typeof callerOf>, topics: Wanted) {
  const response = await ask(caller, DESCRIBE_LOG_DIRS, version, { topics })
  expect(response).toMatchObject({ errorCode: 0, results: [{ errorCode: 0, logDir: '/edgelog' }] })
  expect(response?.results).toHaveLength(1)
  return response?.results[0]?.topics.map(({ name, partitions }) => [
    name,
    ...partitions.map((one) => [one.partitionIndex, one.partitionSize]),
  ])
}

test.each([1, 2, 3, 4, 5])('returns the sizes of all partitions in v%i', async (version) => {
  const topics = [topicOf('log-dirs-a', { partitions: 2 }), topicOf('log-dirs-b')]
  const { caller } = callerWith(topics)
  expect(await sizesOf(version, caller, null)).toEqual([
    ['log-dirs-a', [0, 100], [1, 101]],
    ['log-dirs-b', [0, 100]],
  ])
})

test('returns the named partitions once, and leaves out those that do not exist', async () => {
  const { caller } = callerWith([topicOf('log-dirs-c', { partitions: 3 })])
  const wanted = [
    { topic: 'log-dirs-c', partitions: [2, 0, 2, 3] },
    { topic: 'log-dirs-c', partitions: [0] },
    { topic: 'missing', partitions: [0] },
    { topic: 'no name!', partitions: [0] },
  ]
  expect(await sizesOf(5, caller, wanted)).toEqual([['log-dirs-c', [2, 102], [0, 100]]])
  expect(await sizesOf(5, caller, [])).toEqual([])
})

test('returns -1 for a partition that does not respond, and leaves out one that is gone', async () => {
  const gone = { error: new EdgelogError('unknown_topic_or_partition', 'gone').toBody() }
  const { caller } = callerWith([topicOf('log-dirs-d', { partitions: 3 })], {
    1: () => {
      throw new Error('the partition is unavailable')
    },
    2: () => gone,
  })
  expect(await sizesOf(5, caller, null)).toEqual([['log-dirs-d', [0, 100], [1, -1]]])
})

test('calls no more partitions than one request may, and lists the others with -1', async () => {
  const partitions = KAFKA_PARTITION_SIZES_MAX / 2 + 1
  const topics = [topicOf('log-dirs-e', { partitions }), topicOf('log-dirs-f', { partitions })]
  const { caller, asked } = callerWith(topics)
  const sizes = await sizesOf(5, caller, null)
  expect(asked()).toBe(KAFKA_PARTITION_SIZES_MAX)
  expect(sizes?.[0]?.slice(1)).toHaveLength(partitions)
  expect(sizes?.[1]?.slice(-3)).toEqual([
    [partitions - 3, 100 + partitions - 3],
    [partitions - 2, -1],
    [partitions - 1, -1],
  ])
})

test('lists no more partitions than fit in one response', () => {
  const topics = Array.from({ length: KAFKA_METADATA_PARTITIONS_MAX / 1_000 + 1 }, (_, index) => {
    return topicOf(`log-dirs-${index}`, { partitions: 1_000 })
  })
  const listed = allPartitions(topics)
  expect(listed).toHaveLength(KAFKA_METADATA_PARTITIONS_MAX)
  expect(listed.at(-1)).toEqual({ topic: topics.at(-2), partition: 999 })
})

test('returns an error while the topics are unknown', async () => {
  const listTopics = () => {
    throw new Error('the coordinator is unavailable')
  }
  const caller = callerOf(brokerOf({ coordinator: { listTopics } }))
  const response = await ask(caller, DESCRIBE_LOG_DIRS, 5, { topics: null })
  expect(response).toMatchObject({ errorCode: REQUEST_TIMED_OUT })
  const older = await ask(caller, DESCRIBE_LOG_DIRS, 1, { topics: null })
  expect(older?.results).toMatchObject([{ errorCode: REQUEST_TIMED_OUT }])
})
