/** Fetching many partitions at once; needs partitions whose reads are counted, held and failed on demand. */
import { expect, test, vi } from 'vitest'
import { type Cluster, connectCluster, newCaches } from '../../src/broker/cluster.ts'
import {
  type FetchManyOptions,
  type FetchResultOrError,
  fetchMany,
} from '../../src/broker/fetch-many.ts'
import type { ObjectBindings } from '../../src/broker/objects.ts'
import { concatenate } from '../../src/core/bytes/concatenate.ts'
import { EdgelogError } from '../../src/core/errors.ts'
import { FETCH_BYTES_MAX, FETCH_WAIT_SLICE_MS_MIN } from '../../src/core/limits.ts'
import type { FetchRequest } from '../../src/core/log/partition-api.ts'
import { resolveTopicConfig } from '../../src/core/topic/topic-config.ts'
import { parseTopicName } from '../../src/core/topic/topic-name.ts'
import { WAIT } from '../support/until.ts'

const name = parseTopicName('many')
const topic = { name, id: 'many-id' }

/** A log of batches of one record each, of which only the sizes matter. */
class FakePartition {
  batches: Uint8Array[]
  readonly reads: FetchRequest[] = []
  error: EdgelogError | undefined
  isFull = false
  hasFailed = false
  #wakes: Array<() => void> = []

  constructor(sizes: readonly number[]) {
    this.batches = sizes.map((size) => new Uint8Array(size))
  }

  async read(request: FetchRequest) {
    this.reads.push(request)
    const offset = request.offset as number
    if (this.error !== undefined) return { error: this.error.toBody() }
    if (offset > this.batches.length) {
      return { error: new EdgelogError('offset_out_of_range', 'beyond the end').toBody() }
    }
    const isWaiting = offset === this.batches.length && request.maxWaitMs > 0 && !this.isFull
    if (isWaiting) {
      await new Promise<void>((resolve) => {
        this.#wakes.push(resolve)
        setTimeout(resolve, request.maxWaitMs)
      })
    }
    if (this.hasFailed) throw new Error('the object was reset')
    return { ok: this.#slice(offset, request) }
  }

  #slice(offset: number, { maxBytes, mayLeaveFirst }: FetchRequest) {
    const given: Uint8Array[] = []
    let room = maxBytes
    for (const batch of this.batches.slice(offset)) {
      const isFirst = given.length === 0 && !mayLeaveFirst
      if (batch.length > room && !isFirst) break
      given.push(batch)
      room -= batch.length
    }
    const highWatermark = this.batches.length
    const range = { from: offset, to: offset + given.length, batches: concatenate(given) }
    const ends = { logStartOffset: 0, lastStableOffset: highWatermark, highWatermark }
    return { ...range, ...ends, topicVersion: 1 }
  }

  append(size: number): void {
    this.batches.push(new Uint8Array(size))
    for (const wake of this.#wakes.splice(0)) wake()
  }

  get waits(): number {
    return this.reads.filter(({ maxWaitMs }) => maxWaitMs > 0).length
  }
}

function clusterOf(partitions: readonly FakePartition[], id = topic.id): Cluster {
  const config = resolveTopicConfig({})
  const found = { id, name, partitions: partitions.length, version: 1, config, overrides: {} }
  const env = {
    COORDINATOR: { getByName: () => ({ getTopic: async () => ({ ok: found }) }) },
    PARTITION: {
      idFromName: (objectName: string) => Number(objectName.split('/')[1]),
      get: (index: number) => partitions[index],
    },
  }
  const cluster = connectCluster(env as unknown as ObjectBindings, newCaches())
  return cluster
}

async function fetchFrom(
  partitions: readonly FakePartition[],
  options: Partial<FetchManyOptions & { offsets: readonly number[]; ownBytes: number }> = {},
): Promise<FetchResultOrError[]> {
  const { offsets = [], ownBytes = 1_000, ...limits } = options
  const wanted = partitions.map((_, partition) => ({
    ...{ topic, partition, offset: offsets[partition] ?? 0, maxBytes: ownBytes },
  }))
  const isolation = 'committed' as const
  const defaults = { maxBytes: 1_000, minBytes: 1, maxWaitMs: 0, isolation }
  return await fetchMany(clusterOf(partitions), wanted, { ...defaults, ...limits })
}

/** Returns the bytes of each result, or the code of its error. */
function sizesOf(results: readonly FetchResultOrError[]): Array<number | string> {
  return results.map((one) => (one instanceof EdgelogError ? one.code : one.batches.length))
}

function logsOf(...sizes: ReadonlyArray<readonly number[]>): FakePartition[] {
  return sizes.map((one) => new FakePartition(one))
}

test.each([
  ['everything that fits', 1_000, 1_000, [[100, 100], [100]], [200, 100]],
  ['up to the limit of each partition', 1_000, 150, [[100, 100], [100]], [100, 100]],
  ['the first partition first', 250, 1_000, [[100, 100], [100]], [200, 0]],
  ['a later partition that fits', 250, 1_000, [[100, 100], [80, 50], [40]], [200, 0, 40]],
  ['a first batch that is too large, and nothing else', 50, 1_000, [[100], [100]], [100, 0]],
  ['only the first partition that has records', 50, 1_000, [[], [100, 100], [10]], [0, 100, 0]],
  ['a batch too large for its partition, and others', 1_000, 50, [[100], [40]], [100, 40]],
  ['one batch even if no bytes are allowed', 0, 0, [[], [100], [1]], [0, 100, 0]],
])('returns %s', async (_, maxBytes, ownBytes, sizes, expected) => {
  const results = await fetchFrom(logsOf(...sizes), { maxBytes, ownBytes })
  expect(sizesOf(results)).toEqual(expected)
  for (const [index, outcome] of results.entries()) {
    const isAtEnd = sizesOf([outcome])[0] === sizes[index]?.reduce((sum, size) => sum + size, 0)
    const to = isAtEnd ? sizes[index]?.length : expect.any(Number)
    expect(outcome).toMatchObject({ to, highWatermark: sizes[index]?.length })
  }
})

test('drops batches that were read beside a first batch that is too large', async () => {
  const results = await fetchFrom(logsOf([100], [60], [30]), { maxBytes: 90, ownBytes: 90 })
  expect(sizesOf(results)).toEqual([100, 0, 0])
  expect(results[1]).toMatchObject({ to: 0, highWatermark: 1 })
})

test('never reserves more bytes than a response may hold', async () => {
  const size = 1_000_000
  const partitions = logsOf(...Array.from({ length: 60 }, () => [size, size]))
  let underWay = 0
  let most = 0
  for (const one of partitions) {
    const read = one.read.bind(one)
    one.read = async (request) => {
      underWay += request.maxBytes
      most = Math.max(most, underWay)
      await Promise.resolve()
      const result = await read(request)
      underWay -= request.maxBytes
      return result
    }
  }
  const results = await fetchFrom(partitions, { maxBytes: 10 * FETCH_BYTES_MAX, ownBytes: size })
  expect(most).toBeLessThanOrEqual(FETCH_BYTES_MAX)
  expect(sizesOf(results).filter((given) => given === size)).toHaveLength(16)
  expect(sizesOf(results).slice(16)).toEqual(Array.from({ length: 44 }, () => 0))
})

test('returns the error of one partition separately, and at once', async () => {
  const partitions = logsOf([], [100], [])
  const [, , last] = partitions
  if (last !== undefined) last.error = new EdgelogError('unavailable', 'away')
  const results = await fetchFrom(partitions, { offsets: [5], minBytes: 1_000, maxWaitMs: 60_000 })
  expect(sizesOf(results)).toEqual(['offset_out_of_range', 100, 'unavailable'])
})

test('rejects a recreated topic', async () => {
  const cluster = clusterOf(logsOf([1], [1]), 'another id')
  const wanted = [0, 1].map((partition) => ({ topic, partition, offset: 0, maxBytes: 1 }))
  const results = await fetchMany(cluster, wanted, {
    ...{ maxBytes: 1, minBytes: 1, maxWaitMs: 60_000 },
    isolation: 'committed',
  })
  expect(sizesOf(results)).toEqual(['unknown_topic_id', 'unknown_topic_id'])
})

test.each([
  ['nothing is requested', [], 1],
  ['minBytes is 0', [[], []], 0],
])('returns at once if %s', async (_, sizes, minBytes) => {
  const results = await fetchFrom(logsOf(...sizes), { minBytes, maxWaitMs: 60_000 })
  expect(sizesOf(results)).toEqual(sizes.map(() => 0))
})

test('fetches a single partition with one call, which waits there', async () => {
  const partitions = logsOf([])
  const fetched = fetchFrom(partitions, { minBytes: 7, maxWaitMs: 60_000, maxBytes: 500 })
  await vi.waitFor(() => expect(partitions[0]?.waits).toBe(1), WAIT)
  partitions[0]?.append(10)
  expect(sizesOf(await fetched)).toEqual([10])
  expect(partitions[0]?.reads).toEqual([
    {
      offset: 0,
      maxBytes: 500,
      minBytes: 7,
      maxWaitMs: 60_000,
      isolation: 'committed',
      content: 'stored',
    },
  ])
})

test('waits for records, and reads only the partitions that have grown', async () => {
  const partitions = logsOf([5], [5], [5])
  const fetched = fetchFrom(partitions, { offsets: [1, 1, 1], maxWaitMs: 60_000 })
  await vi.waitFor(() => expect(partitions.map(({ waits }) => waits)).toEqual([1, 1, 1]), WAIT)
  partitions[1]?.append(10)
  expect(sizesOf(await fetched)).toEqual([0, 10, 0])
  expect(partitions.map(({ reads }) => reads.length)).toEqual([2, 3, 2])
})

test('collects minBytes from all partitions, with one waiting call each', async () => {
  const partitions = logsOf([10], [])
  const fetched = fetchFrom(partitions, { minBytes: 40, maxWaitMs: 60_000 })
  await vi.waitFor(() => expect(partitions.map(({ waits }) => waits)).toEqual([1, 1]), WAIT)
  partitions[1]?.append(10)
  await vi.waitFor(() => expect(partitions.map(({ waits }) => waits)).toEqual([1, 2]), WAIT)
  partitions[1]?.append(10)
  await vi.waitFor(() => expect(partitions.map(({ waits }) => waits)).toEqual([1, 3]), WAIT)
  partitions[0]?.append(10)
  expect(sizesOf(await fetched)).toEqual([20, 20])
})

test('returns at its deadline with what was read', async () => {
  const results = await fetchFrom(logsOf([10], []), { minBytes: 40, maxWaitMs: 20 })
  expect(sizesOf(results)).toEqual([10, 0])
})

test('does not retry at once if a partition has too many waiters', async () => {
  const partitions = logsOf([], [])
  for (const one of partitions) one.isFull = true
  await fetchFrom(partitions, { maxWaitMs: 50 })
  expect(partitions.map(({ reads }) => reads.length)).toEqual([2, 2])
})

test('leaves polls behind that end soon, however long it might have waited', async () => {
  const partitions = logsOf([], [])
  const fetched = fetchFrom(partitions, { maxWaitMs: 60_000 })
  await vi.waitFor(() => expect(partitions.map(({ waits }) => waits)).toEqual([1, 1]), WAIT)
  partitions[0]?.append(1)
  await fetched
  const polls = partitions.flatMap(({ reads }) => reads.filter(({ maxWaitMs }) => maxWaitMs > 0))
  expect(Math.max(...polls.map(({ maxWaitMs }) => maxWaitMs))).toBe(FETCH_WAIT_SLICE_MS_MIN)
  await new Promise((resolve) => setTimeout(resolve, FETCH_WAIT_SLICE_MS_MIN + 100))
  expect(partitions[1]?.waits, 'it is not renewed').toBe(1)
})

test('renews its polls while it waits, each time for longer', async () => {
  vi.useFakeTimers()
  try {
    const partitions = logsOf([], [])
    const fetched = fetchFrom(partitions, { maxWaitMs: 30_000 })
    await vi.advanceTimersByTimeAsync(29_000)
    partitions[1]?.append(10)
    await vi.advanceTimersByTimeAsync(100)
    expect(sizesOf(await fetched)).toEqual([0, 10])
    const waits = partitions[0]?.reads.map(({ maxWaitMs }) => maxWaitMs).filter((ms) => ms > 0)
    expect(waits).toEqual([500, 1_000, 2_000, 4_000, 8_000, 14_500])
  } finally {
    vi.useRealTimers()
  }
})

test('ignores calls that fail after the response was sent', async () => {
  const partitions = logsOf([], [])
  const fetched = fetchFrom(partitions, { maxWaitMs: 60_000 })
  await vi.waitFor(() => expect(partitions.map(({ waits }) => waits)).toEqual([1, 1]), WAIT)
  partitions[0]?.append(1)
  await fetched
  if (partitions[1] !== undefined) partitions[1].hasFailed = true
  partitions[1]?.append(1)
  await new Promise((resolve) => setTimeout(resolve, 10))
})
