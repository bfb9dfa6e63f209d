/** Reading ahead in a session: when a slice is served, and when the partition is read again. */
import { afterEach, beforeEach, expect, test, vi } from 'vitest'
import { type Cluster, connectCluster, newCaches } from '../../src/broker/cluster.ts'
import { type FetchResultOrError, fetchMany } from '../../src/broker/fetch-many.ts'
import type { ObjectBindings } from '../../src/broker/objects.ts'
import { ReadAheadBudget } from '../../src/broker/read-ahead.ts'
import { EdgelogError } from '../../src/core/errors.ts'
import {
  READ_AHEAD_AGE_MS_MAX,
  READ_AHEAD_BYTES_MAX,
  READ_AHEAD_SLICE_BYTES_MAX,
} from '../../src/core/limits.ts'
import type { FetchRequest } from '../../src/core/log/partition-api.ts'
import { resolveTopicConfig } from '../../src/core/topic/topic-config.ts'
import { parseTopicName } from '../../src/core/topic/topic-name.ts'

const name = parseTopicName('read-ahead')
const BATCH_BYTES = 100

beforeEach(() => {
  vi.useFakeTimers()
})

afterEach(() => {
  vi.useRealTimers()
})

/** A log of batches of one record and 100 bytes each; the first byte of a batch is its offset. */
class FakePartition {
  logStartOffset = 0
  highWatermark = 10
  /** The offset at which a read fails. */
  failingOffset: number | undefined
  /** The offsets of the reads. */
  readonly reads: number[] = []
  describesCount = 0

  async read({ offset, maxBytes }: FetchRequest) {
    this.reads.push(Number(offset))
    if (offset === this.failingOffset) throw new Error('the object was reset')
    if (Number(offset) < this.logStartOffset) {
      return { error: new EdgelogError('offset_out_of_range', 'offset: deleted').toBody() }
    }
    const count = Math.min(Math.floor(maxBytes / BATCH_BYTES), this.highWatermark - Number(offset))
    const batches = new Uint8Array(count * BATCH_BYTES).map((_, index) =>
      index % BATCH_BYTES === 0 ? Number(offset) + index / BATCH_BYTES : 0,
    )
    const to = Number(offset) + count
    return { ok: { from: Number(offset), to, ...this.#ends, topicVersion: 1, batches } }
  }

  async describe() {
    this.describesCount++
    return { ok: { partition: 0, ...this.#ends, sizeBytes: 0 } }
  }

  get #ends() {
    const { logStartOffset, highWatermark } = this
    return { logStartOffset, lastStableOffset: highWatermark, highWatermark }
  }
}

function clusterOf(partition: FakePartition, { isSession = true, caches = newCaches() } = {}) {
  const found = { id: 'id-1', name, partitions: 1, version: 1, overrides: {} }
  const topic = { ...found, config: resolveTopicConfig({}) }
  const env = {
    COORDINATOR: { getByName: () => ({ getTopic: async () => ({ ok: topic }) }) },
    PARTITION: { idFromName: () => 0, get: () => partition },
  }
  return connectCluster(env as unknown as ObjectBindings, caches, { isSession })
}

async function fetchAt(
  cluster: Cluster,
  offset: number,
  { maxBytes = 3 * BATCH_BYTES, minBytes = 1, isolation = 'committed' as const } = {},
): Promise<FetchResultOrError> {
  const wanted = { topic: { name }, partition: 0, offset, maxBytes }
  const limits = { maxBytes: Number.MAX_SAFE_INTEGER, minBytes, maxWaitMs: 0, isolation }
  const [outcome] = await fetchMany(cluster, [wanted], limits)
  return outcome as FetchResultOrError
}

/** Returns the offsets of the batches of a result, or the code of its error. */
function offsetsOf(outcome: FetchResultOrError): number[] | string {
  if (outcome instanceof EdgelogError) return outcome.code
  return [...outcome.batches].filter((_, index) => index % BATCH_BYTES === 0)
}

test('reads the next slice before it is requested, and serves it with the ends of now', async () => {
  const partition = new FakePartition()
  const caches = newCaches()
  const cluster = clusterOf(partition, { caches })
  expect(offsetsOf(await fetchAt(cluster, 0))).toEqual([0, 1, 2])
  await vi.waitFor(() => expect(partition.reads).toEqual([0, 3]))
  partition.highWatermark = 20
  const next = await fetchAt(cluster, 3)
  expect(offsetsOf(next)).toEqual([3, 4, 5])
  expect(caches.bounds.isWithin('id-1', 0, 20)).toBe(true)
  expect(next).toMatchObject({ from: 3, to: 6, highWatermark: 20, lastStableOffset: 20 })
  expect(partition.describesCount).toBe(1)
  await vi.waitFor(() => expect(partition.reads).toEqual([0, 3, 6]))
})

test('does not serve records that were deleted since', async () => {
  const partition = new FakePartition()
  const cluster = clusterOf(partition)
  await fetchAt(cluster, 0)
  partition.logStartOffset = 5
  expect(offsetsOf(await fetchAt(cluster, 3))).toBe('offset_out_of_range')
})

test('does not serve records of a deleted topic under the name of its successor', async () => {
  const partition = new FakePartition()
  const caches = newCaches()
  const cluster = clusterOf(partition, { caches })
  await fetchAt(cluster, 0)
  await vi.waitFor(() => expect(partition.reads).toEqual([0, 3]))
  const known = caches.topics.get(name)
  caches.topics.set({ ...(known as NonNullable<typeof known>).topic, id: 'id-2' }, Date.now())
  partition.highWatermark = 3
  expect(offsetsOf(await fetchAt(cluster, 3))).toEqual([])
})

test.each([
  ['another offset', 4, {}],
  ['another limit', 3, { maxBytes: 2 * BATCH_BYTES }],
  ['another isolation', 3, { isolation: 'uncommitted' as never }],
  ['more bytes than it has', 3, { minBytes: 3 * BATCH_BYTES + 1 }],
])('reads again for a fetch of %s', async (_, offset, options) => {
  const partition = new FakePartition()
  const cluster = clusterOf(partition)
  await fetchAt(cluster, 0)
  const outcome = await fetchAt(cluster, offset, options)
  expect(offsetsOf(outcome)).toContain(offset)
  expect(partition.reads.slice(0, 3)).toEqual([0, 3, offset])
  expect(partition.describesCount).toBe(0)
})

test.each([
  ['outside of a session', false, 3 * BATCH_BYTES],
  ['at the end of the log', true, 100 * BATCH_BYTES],
  ['for a fetch of more bytes than a slice may have', true, READ_AHEAD_SLICE_BYTES_MAX + 1],
])('does not read ahead %s', async (_, isSession, maxBytes) => {
  const partition = new FakePartition()
  if (maxBytes > READ_AHEAD_SLICE_BYTES_MAX) partition.highWatermark = 100_000
  await fetchAt(clusterOf(partition, { isSession }), 0, { maxBytes })
  await vi.advanceTimersByTimeAsync(10)
  expect(partition.reads).toEqual([0])
})

test('reads again when what it read ahead has become too old', async () => {
  const partition = new FakePartition()
  const cluster = clusterOf(partition)
  await fetchAt(cluster, 0)
  await vi.advanceTimersByTimeAsync(READ_AHEAD_AGE_MS_MAX)
  expect(offsetsOf(await fetchAt(cluster, 3))).toEqual([3, 4, 5])
  expect(partition.reads.slice(0, 3)).toEqual([0, 3, 3])
  expect(partition.describesCount).toBe(0)
})

test('reads again after a read ahead that failed', async () => {
  const partition = new FakePartition()
  const cluster = clusterOf(partition)
  partition.failingOffset = 3
  await fetchAt(cluster, 0)
  await vi.waitFor(() => expect(partition.reads).toEqual([0, 3]))
  partition.failingOffset = undefined
  expect(offsetsOf(await fetchAt(cluster, 3))).toEqual([3, 4, 5])
  expect(partition.describesCount).toBe(0)
})

test('limits the bytes that all sessions keep, until they are released or expire', () => {
  const budget = new ReadAheadBudget()
  const half = READ_AHEAD_BYTES_MAX / 2
  const release = budget.reserve(half, 0)
  expect(budget.reserve(half, 1)).toBeDefined()
  expect(budget.reserve(1, 2)).toBeUndefined()
  release?.()
  release?.()
  expect(budget.reserve(half, 3)).toBeDefined()
  expect(budget.reserve(1, READ_AHEAD_AGE_MS_MAX)).toBeUndefined()
  expect(budget.reserve(half, READ_AHEAD_AGE_MS_MAX + 1)).toBeDefined()
})
