/** One request for many topics calls them in parallel, and a page looks up no more topics than it returns. */
import { expect, test, vi } from 'vitest'
import { encodeBatch } from '../../src/core/batch/batch-builder.ts'
import type { ReadResponseOf, WrittenRequestOf } from '../../src/core/kafka/schema.ts'
import { EDGE_FANOUT_MAX, KAFKA_DESCRIBED_PARTITIONS_MAX } from '../../src/core/limits.ts'
import { DESCRIBE_TOPIC_PARTITIONS } from '../../src/kafka/apis/describe-topic-partitions.ts'
import { PRODUCE } from '../../src/kafka/apis/produce.ts'
import { ask, brokerOf, callerOf, topicOf } from './door.ts'

const records = encodeBatch([{ timestamp: 0, key: null, value: null, headers: [] }])

/** Counts concurrent calls. */
function counted() {
  const seen = { underWay: 0, most: 0 }
  const run = async <T>(response: T): Promise<T> => {
    seen.most = Math.max(seen.most, ++seen.underWay)
    await new Promise((resolve) => setTimeout(resolve, 1))
    seen.underWay -= 1
    return response
  }
  return { seen, run }
}

test('Produce appends to many topics in parallel, and responds in the requested order', async () => {
  const { seen, run } = counted()
  const topics = new Map(
    Array.from({ length: 100 }, (_, index) => [`side-${index}`, topicOf(`side-${index}`)]),
  )
  const ids = [...topics.values()].map(({ id }) => id)
  const resultOf = { nextOffset: 0, logAppendTime: null, logStartOffset: 0, topicVersion: 1 }
  const broker = brokerOf({
    coordinator: { getTopic: async (name: string) => ({ ok: topics.get(name) }) },
    partition: (object) => ({
      append: () =>
        run({ ok: { ...resultOf, baseOffsets: [ids.indexOf(object.split('/')[0] ?? '')] } }),
    }),
  })
  const response = await ask(callerOf(broker), PRODUCE, 9, {
    acks: -1,
    timeoutMs: 1,
    topics: [...topics.keys()].map((name) => ({
      name,
      topicId: '',
      partitions: [{ index: 0, records }],
    })),
  })
  expect(seen.most).toBe(EDGE_FANOUT_MAX)
  const answered = response?.topics.map(({ partitions: [one] }) => one?.baseOffset)
  expect(answered).toEqual(ids.map((_, index) => index))
  expect(response?.topics.map(({ name }) => name)).toEqual([...topics.keys()])
})

const paged = Array.from({ length: 5 }, (_, index) => topicOf(`page-${index}`, { partitions: 3 }))
const getTopic = vi.fn(async (name: string) => {
  const topic = paged.find((one) => one.name === name)
  const error = { code: 'unknown_topic_or_partition', message: 'none', retryable: false }
  return topic === undefined ? { error } : { ok: topic }
})
const listTopics = async () => ({ ok: paged })
const caller = callerOf(brokerOf({ coordinator: { getTopic, listTopics } }))

type DescribedPage = ReadResponseOf<typeof DESCRIBE_TOPIC_PARTITIONS>

async function pages(names: readonly string[], responsePartitionLimit: number) {
  const seen: string[] = []
  let cursor: { topicName: string; partitionIndex: number } | null = null
  do {
    const request: WrittenRequestOf<typeof DESCRIBE_TOPIC_PARTITIONS> = {
      topics: names.map((name) => ({ name })),
      responsePartitionLimit,
      cursor,
    }
    const response: DescribedPage | undefined = await ask(
      caller,
      DESCRIBE_TOPIC_PARTITIONS,
      0,
      request,
    )
    for (const { name, errorCode, partitions } of response?.topics ?? []) {
      if (errorCode !== 0) seen.push(`${name} ${errorCode}`)
      for (const { partitionIndex } of partitions) seen.push(`${name}/${partitionIndex}`)
    }
    cursor = response?.nextCursor ?? null
  } while (cursor !== null)
  return seen
}

test.each([1, 2, 3, 4, 2_000])(
  'returns all topics once in pages of %i partitions',
  async (limit) => {
    getTopic.mockClear()
    const all = paged.flatMap(({ name }) => [0, 1, 2].map((index) => `${name}/${index}`))
    expect(await pages([], limit)).toEqual(all)
    // The list contains them already.
    expect(getTopic).not.toHaveBeenCalled()
    const named = ['page-3', 'nowhere', 'page-1', 'page-3']
    const expected = ['nowhere 3', ...all.slice(3, 6), ...all.slice(9, 12)]
    expect(await pages(named, limit)).toEqual(expected)
  },
)

test('looks up no more topics than a page returns', async () => {
  getTopic.mockClear()
  const topics = Array.from({ length: 10_000 }, (_, index) => ({ name: `none-${index}` }))
  const response = await ask(caller, DESCRIBE_TOPIC_PARTITIONS, 0, { topics, cursor: null })
  expect(getTopic.mock.calls.length).toBeLessThanOrEqual(KAFKA_DESCRIBED_PARTITIONS_MAX + 1)
  expect(response?.topics).toHaveLength(KAFKA_DESCRIBED_PARTITIONS_MAX)
  expect(response?.nextCursor).not.toBeNull()
})
