/** The edge over a tiered topic in one process with its R2: damaged objects, calls to the partition, rebuilding. */
import { evictDurableObject, reset, runInDurableObject } from 'cloudflare:test'
import { env } from 'cloudflare:workers'
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest'
import { Partition } from '../../durable-objects/partition/partition.ts'
import { connectCluster, newCaches } from '../../src/broker/cluster.ts'
import type { ObjectBindings } from '../../src/broker/objects.ts'
import { rebuildRemote } from '../../src/broker/remote-rebuild.ts'
import { verifyRemote } from '../../src/broker/remote-verify.ts'
import { openTail, tailClosedError } from '../../src/broker/tail.ts'
import { createTopics } from '../../src/broker/topics.ts'
import { concatenate } from '../../src/core/bytes/concatenate.ts'
import { EdgelogError, unwrap } from '../../src/core/errors.ts'
import {
  OFFSET_MAX,
  REMOTE_ADOPT_SEGMENTS_MAX,
  REMOTE_RANGE_AGE_MS,
} from '../../src/core/limits.ts'
import type { SealedChunk } from '../../src/core/log/partition-api.ts'
import { objectKey } from '../../src/core/log/remote/remote-segment.ts'
import { decodeTailFrame, type TailFrame } from '../../src/core/log/tail-protocol.ts'
import { partitionObjectName } from '../../src/core/topic/topic.ts'
import { resolveTopicConfig } from '../../src/core/topic/topic-config.ts'
import { parseTopicName } from '../../src/core/topic/topic-name.ts'
import type { TransactionOutcome } from '../../src/core/transaction/participant-api.ts'
import { setEventSink } from '../../src/events/report.ts'
import worker, { createApp } from '../../src/index.ts'
import { errorNumbersOf } from '../../src/kafka/error-number.ts'
import { RemoteObjectCache, RemoteObjects } from '../../src/remote/remote-objects.ts'
import { WAIT } from '../support/until.ts'
import { coordinator } from './coordinator/cluster.ts'
import { objectKeys } from './partition/faulty-bucket.ts'
import {
  append,
  batch,
  headersOf,
  largeBatch,
  maintain,
  range,
  sameBytes,
  tryAppend,
} from './partition/partition-for-test.ts'
import { CHUNK_BYTES, describeOf, fill, TIERED } from './partition/remote-for-test.ts'

const EVICTING = { ...TIERED, 'local.retention.bytes': '1' }
const COUNT = 40
const LOCAL_START = 30

beforeEach(() => setEventSink(() => undefined))

afterEach(async () => {
  vi.useRealTimers()
  vi.restoreAllMocks()
  await reset()
})

interface Tiered {
  readonly topic: string
  /** The name of the object of partition 0. */
  readonly object: string
  readonly keys: readonly string[]
}

let topics = 0

/** Creates a topic whose records leave the partition with the next maintenance. */
async function emptyTopic(): Promise<Omit<Tiered, 'keys'> & { readonly id: string }> {
  topics += 1
  const topic = `tiered-${topics}`
  const overrides = EVICTING
  const created = unwrap(
    await coordinator().createTopic({ name: parseTopicName(topic), partitions: 1, overrides }),
  )
  unwrap(await coordinator().openPartition(created.name, 0))
  return { topic, id: created.id, object: partitionObjectName(created.id, 0) }
}

async function tieredTopic(): Promise<Tiered> {
  const { topic, id, object } = await emptyTopic()
  await fill(object, COUNT)
  await maintain(object)
  const keys = (await objectKeys()).filter((key) => key.includes(id))
  expect(keys).toHaveLength(3)
  return { topic, object, keys }
}

/** Appends a large record in a transaction of its own, and ends it. */
async function transact(object: string, outcome: TransactionOutcome, number: number) {
  const transaction = { coordinator: 'id/t', transactionalId: 't', number, version: 1 as const }
  const producer = { producerId: 7n, producerEpoch: 0 }
  const bytes = largeBatch(CHUNK_BYTES, {
    ...producer,
    baseSequence: number - 1,
    isTransactional: true,
  })
  unwrap(await tryAppend(object, bytes, { producerRules: 'kafka', transaction }))
  const partition = env.PARTITION.getByName(object)
  unwrap(await partition.endTransaction({ ...producer, number, outcome, version: 1 }))
}

/** Makes an edge with caches of its own. */
function edge(bindings: object = env) {
  const cluster = connectCluster(bindings as unknown as ObjectBindings, newCaches())
  const read = async (topic: string, offset: number, maxBytes = 1) => {
    const request = { offset, maxBytes, minBytes: 0, maxWaitMs: 0, isolation: 'committed' } as const
    return (await cluster.reader.read({ name: parseTopicName(topic) }, 0, request)).result
  }
  return { cluster, read }
}

/** Returns the sealed chunks below an offset, as an edge with caches of its own reads them. */
async function sealedChunks(topic: string, endOffset: number): Promise<SealedChunk[]> {
  const { cluster } = edge()
  const called = await cluster.topics.get(parseTopicName(topic))
  const chunks: SealedChunk[] = []
  for (let offset = 0; offset < endOffset; ) {
    const read = cluster.reader.readSealed(called, 0, offset).then((chunk) => chunks.push(chunk))
    const error = await errorOf(read)
    if (error !== undefined) expect(error.code).toBe('not_sealed')
    offset = error === undefined ? (chunks.at(-1)?.to ?? 0) : offset + 1
  }
  return chunks
}

async function errorOf(work: Promise<unknown>): Promise<EdgelogError | undefined> {
  return await work.then(
    () => undefined,
    (error: unknown) => {
      if (error instanceof EdgelogError) return error
      throw error
    },
  )
}

async function bytesOf(key: string): Promise<Uint8Array> {
  const object = await env.REMOTE_LOG.get(key)
  return new Uint8Array((await object?.arrayBuffer()) ?? new ArrayBuffer(0))
}

describe('a fetch below the local start', () => {
  test('calls the partition once for all its segments, and again when its answer is old', async () => {
    const { topic } = await tieredTopic()
    const { read } = edge()
    const reads = vi.spyOn(Partition.prototype, 'read')
    let offset = 0
    while (offset < LOCAL_START) {
      const { from, to, batches, highWatermark } = await read(topic, offset, 150_000)
      expect([from, highWatermark]).toEqual([offset, COUNT])
      expect(headersOf(batches)[0]?.baseOffset).toBe(offset)
      offset = to
    }
    expect(reads).toHaveBeenCalledTimes(1)
    vi.useFakeTimers({ toFake: ['Date'], now: Date.now() + REMOTE_RANGE_AGE_MS + 1 })
    await read(topic, 0)
    expect(reads).toHaveBeenCalledTimes(2)
  })

  test('does not call the partition for each chunk, nor R2 for one that was just read', async () => {
    const { topic } = await tieredTopic()
    const { read } = edge()
    await read(topic, 0)
    const gets = vi.spyOn(env.REMOTE_LOG, 'get')
    await read(topic, 0)
    expect(gets).not.toHaveBeenCalled()
  })

  test('returns what was deleted for 30 s at the most', async () => {
    const { topic, object } = await tieredTopic()
    const { read } = edge()
    await read(topic, 0)
    unwrap(await env.PARTITION.getByName(object).deleteRecords(15))
    vi.useFakeTimers({ toFake: ['Date'], now: Date.now() + REMOTE_RANGE_AGE_MS + 1 })
    expect((await errorOf(read(topic, 0)))?.code).toBe('offset_out_of_range')
  })

  test('asks the partition again if retention was faster: the log start, and no damage', async () => {
    const { topic, object } = await tieredTopic()
    const { read } = edge()
    await read(topic, 12)
    unwrap(await env.PARTITION.getByName(object).deleteRecords(15))
    await maintain(object)
    expect((await errorOf(read(topic, 5)))?.code).toBe('offset_out_of_range')
    expect(headersOf((await read(topic, 15)).batches)[0]?.baseOffset).toBe(15)
  })
})

describe('a sealed chunk below the local start', () => {
  test('is the one that the partition returned while it had the records', async () => {
    const { topic, object } = await emptyTopic()
    await fill(object, 5)
    await transact(object, 'abort', 1)
    await transact(object, 'commit', 2)
    await fill(object, COUNT)
    const endOffset = 5 + 4 + COUNT
    const before = await sealedChunks(topic, endOffset)
    const aborted = before.find(({ from }) => from === 5)
    expect(aborted, 'the aborted record is left out').toMatchObject({ to: 6 })
    expect(aborted?.batches).toHaveLength(0)
    await maintain(object)
    const { localStartOffset = 0 } = (await describeOf(object)).remote ?? {}
    expect(localStartOffset).toBeGreaterThan(20)
    const after = await sealedChunks(topic, endOffset)
    expect(after.at(-1)?.to).toBe(endOffset)
    for (const { from, to, batches } of before) {
      const same = after.find((chunk) => chunk.from === from)
      expect(same).toMatchObject({ from, to })
      expect(sameBytes(same?.batches ?? new Uint8Array(0), batches)).toBe(true)
    }
    const small = after.filter(({ from }) => !before.some((chunk) => chunk.from === from))
    expect(small, 'the markers, which were not sealed before').toMatchObject([
      { from: 6, to: 7 },
      { from: 8, to: 9 },
    ])
  })

  test('needs one call to the partition for all its segments, and none after a fetch', async () => {
    const { topic } = await tieredTopic()
    const { cluster, read } = edge()
    const called = await cluster.topics.get(parseTopicName(topic))
    const calls = vi.spyOn(Partition.prototype, 'readSealed')
    for (const offset of range(LOCAL_START)) {
      expect(await cluster.reader.readSealed(called, 0, offset)).toMatchObject({ from: offset })
    }
    expect(calls).toHaveBeenCalledTimes(1)
    vi.useFakeTimers({ toFake: ['Date'], now: Date.now() + REMOTE_RANGE_AGE_MS + 1 })
    await read(topic, 0)
    await cluster.reader.readSealed(called, 0, 1)
    expect(calls).toHaveBeenCalledTimes(1)
  })

  test('is named by a committed fetch that begins in it', async () => {
    const { topic } = await tieredTopic()
    const { cluster, read } = edge()
    expect(await read(topic, 7)).toMatchObject({ from: 7, sealedOffset: 7 })
    for (const other of [{ isolation: 'uncommitted' }, { content: 'stored' }] as const) {
      const limits = { maxBytes: 1, minBytes: 0, maxWaitMs: 0, isolation: 'committed' } as const
      const request = { ...limits, offset: 7, ...other }
      const { result } = await cluster.reader.read({ name: parseTopicName(topic) }, 0, request)
      expect(result).not.toHaveProperty('sealedOffset')
    }
  })

  test('is refused below the log start, and where the log start cuts it', async () => {
    const { topic, id, object } = await emptyTopic()
    await append(object, concatenate(range(3).map(() => largeBatch(CHUNK_BYTES))))
    await fill(object, COUNT)
    await maintain(object)
    const { cluster, read } = edge()
    const called = { name: parseTopicName(topic), id }
    const sealed = (offset: number) => errorOf(cluster.reader.readSealed(called, 0, offset))
    expect(await sealed(1)).toBeUndefined()
    unwrap(await env.PARTITION.getByName(object).deleteRecords(1))
    vi.useFakeTimers({ toFake: ['Date'], now: Date.now() + REMOTE_RANGE_AGE_MS + 1 })
    expect((await sealed(0))?.code).toBe('offset_out_of_range')
    expect((await sealed(1))?.code).toBe('not_sealed')
    expect(await read(topic, 1)).not.toHaveProperty('sealedOffset')
    expect(await sealed(3)).toBeUndefined()
  })

  test('is an error while its object is missing, and then its reader goes on', async () => {
    const { topic, keys } = await tieredTopic()
    const [key = ''] = keys
    const bytes = await bytesOf(key)
    await env.REMOTE_LOG.delete(key)
    const { cluster } = edge()
    const called = await cluster.topics.get(parseTopicName(topic))
    const sealed = () => cluster.reader.readSealed(called, 0, 0)
    expect((await errorOf(sealed()))?.code).toBe('remote_storage_damaged')
    await env.REMOTE_LOG.put(key, bytes, { sha256: await crypto.subtle.digest('SHA-256', bytes) })
    expect(await sealed()).toMatchObject({ from: 0, to: 1 })
  })
})

describe('an object that is not what the partition wrote', () => {
  test.each<[string, (key: string, other: string) => Promise<unknown>]>([
    ['missing', (key) => env.REMOTE_LOG.delete(key)],
    ['cut', async (key) => env.REMOTE_LOG.put(key, (await bytesOf(key)).slice(0, -20))],
    ['empty', (key) => env.REMOTE_LOG.put(key, new Uint8Array(0))],
    [
      'changed',
      async (key) => {
        const bytes = await bytesOf(key)
        bytes[500] = (bytes[500] ?? 0) ^ 1
        await env.REMOTE_LOG.put(key, bytes)
      },
    ],
    ['of other offsets', async (key, other) => env.REMOTE_LOG.put(key, await bytesOf(other))],
  ])('is an error until it is back, and then its reader goes on: %s', async (_, damage) => {
    const { topic, keys } = await tieredTopic()
    const [key = '', other = ''] = keys
    const bytes = await bytesOf(key)
    await damage(key, other)
    const { read, cluster } = edge()
    const error = await errorOf(read(topic, 0))
    expect(error).toMatchObject({ code: 'remote_storage_damaged', retryable: true })
    expect(error?.message).toContain(key)
    expect(errorNumbersOf('partition').errorNumber(error), 'KAFKA_STORAGE_ERROR').toBe(56)
    expect(headersOf((await read(topic, 25)).batches)[0]?.baseOffset, 'others are read').toBe(25)
    const options = { fromOffset: 0, data: true }
    const verified = await verifyRemote(cluster, parseTopicName(topic), 0, options)
    expect(verified.damaged.map((one) => one.key)).toEqual([key])
    await env.REMOTE_LOG.put(key, bytes, { sha256: await crypto.subtle.digest('SHA-256', bytes) })
    expect(headersOf((await read(topic, 0)).batches)[0]?.baseOffset).toBe(0)
  })

  test('is an error of the other partition that it was written by', async () => {
    const one = await tieredTopic()
    const other = await tieredTopic()
    await env.REMOTE_LOG.put(one.keys[0] ?? '', await bytesOf(other.keys[0] ?? ''))
    const error = await errorOf(edge().read(one.topic, 0))
    expect(error?.code).toBe('remote_storage_damaged')
    const { cluster } = edge()
    const name = parseTopicName(one.topic)
    const { damaged } = await verifyRemote(cluster, name, 0, { fromOffset: 0, data: false })
    expect(damaged[0]?.reason).toContain('it is of partition 0 of topic')
  })
})

describe('a tail that begins in R2', () => {
  const options = { offset: 25, isolation: 'committed' } as const

  test('sends frames without a gap into the partition, as far as its credit allows', async () => {
    const { topic } = await tieredTopic()
    const { cluster } = edge()
    const creditBytes = 150_000
    const { socket, offset, highWatermark } = await openTail(cluster, parseTopicName(topic), 0, {
      ...options,
      creditBytes,
    })
    expect([offset, highWatermark]).toEqual([25, COUNT])
    socket.binaryType = 'arraybuffer'
    const frames: TailFrame[] = []
    let owedBytes = -creditBytes
    socket.addEventListener('message', ({ data }) => {
      const frame = decodeTailFrame(new Uint8Array(data as ArrayBuffer), 0)
      expect(owedBytes, 'no frame without credit').toBeLessThan(0)
      owedBytes += frame.batches.length
      frames.push(frame)
      if (owedBytes < 0) return
      owedBytes -= creditBytes
      socket.send(String(creditBytes))
    })
    socket.accept()
    await vi.waitUntil(() => frames.at(-1)?.to === COUNT, WAIT)
    expect(frames[0]?.from).toBe(25)
    for (const [index, { from }] of frames.slice(1).entries()) {
      expect(from).toBe(frames[index]?.to)
    }
    const offsets = frames.flatMap(({ batches }) => headersOf(batches).map((one) => one.baseOffset))
    expect(offsets).toEqual(range(COUNT).slice(25))
    socket.close(1000)
  })

  test('is closed with the error of a missing object', async () => {
    const { topic, keys } = await tieredTopic()
    await env.REMOTE_LOG.delete(keys[2] ?? '')
    const { cluster } = edge()
    const credit = { ...options, creditBytes: 1_000_000 }
    const { socket } = await openTail(cluster, parseTopicName(topic), 0, credit)
    const closed = new Promise<CloseEvent>((resolve) => socket.addEventListener('close', resolve))
    socket.accept()
    const { code, reason } = await closed
    expect(tailClosedError({ code, reason })).toMatchObject({
      code: 'remote_storage_damaged',
      retryable: true,
    })
  })
})

describe('R2 that fails', () => {
  test('is an error that a reader may repeat', async () => {
    const { topic } = await tieredTopic()
    const failing = { ...env, REMOTE_LOG: { get: () => Promise.reject(new Error('injected')) } }
    const error = await errorOf(edge(failing).read(topic, 0))
    expect(error).toMatchObject({ code: 'remote_storage_unavailable', retryable: true })
  })

  test('is the same as no binding for the readers of a topic that has one', async () => {
    const { topic } = await tieredTopic()
    const { REMOTE_LOG: _, ...without } = env
    const error = await errorOf(edge(without).read(topic, 0))
    expect(error?.code).toBe('remote_storage_unavailable')
    expect(error?.message).toContain('REMOTE_LOG')
  })
})

describe('a Worker without R2', () => {
  const { REMOTE_LOG: _, ...without } = env
  const app = createApp()

  async function call(method: string, path: string, body: object): Promise<Response> {
    const headers = { 'Content-Type': 'application/json' }
    const request = new Request(`http://127.0.0.1${path}`, {
      method,
      headers,
      body: JSON.stringify(body),
    })
    return await app.fetch(request, without as never)
  }

  test('refuses remote.storage.enable=true, for new topics and for others', async () => {
    const config = { 'remote.storage.enable': true }
    const created = await call('POST', '/v1/topics', { name: 'no-r2', config })
    expect(created.status).toBe(400)
    expect(await created.text()).toContain('REMOTE_LOG')
    expect((await call('POST', '/v1/topics', { name: 'no-r2' })).status).toBe(201)
    const changed = await call('PATCH', '/v1/topics/no-r2', { config })
    expect(changed.status).toBe(400)
    expect(await changed.json()).toMatchObject({ error: { code: 'invalid_config' } })
    const other = { config: { 'remote.storage.enable': false, 'local.retention.ms': 5 } }
    expect((await call('PATCH', '/v1/topics/no-r2', other)).status).toBe(200)
  })

  test('refuses only those of several topics', async () => {
    const { cluster } = edge(without)
    const results = await createTopics(cluster, [
      { name: parseTopicName('some-a'), partitions: 1, overrides: {} },
      { name: parseTopicName('some-b'), partitions: 1, overrides: TIERED },
    ])
    expect(results[0]).toMatchObject({ name: 'some-a' })
    expect(results[1]).toMatchObject({ code: 'invalid_config' })
  })
})

describe('verify', () => {
  test('counts the objects, and names those that no row knows', async () => {
    const { topic, keys } = await tieredTopic()
    const { cluster } = edge()
    const name = parseTopicName(topic)
    const verify = () => verifyRemote(cluster, name, 0, { fromOffset: 0, data: false })
    expect(await verify()).toMatchObject({ objects: 3, damaged: [], orphans: [], nextOffset: null })
    const orphan = `${keys[0]?.slice(0, -16)}ffffffffffffffff`
    await env.REMOTE_LOG.put(orphan, new Uint8Array(1))
    expect(await verify()).toMatchObject({ objects: 3, damaged: [], orphans: [orphan] })
    const later = await verifyRemote(cluster, name, 0, { fromOffset: 20, data: true })
    expect(later).toMatchObject({ objects: 1, orphans: [], nextOffset: null })
  })

  test('is a route with a body of its own', async () => {
    const { topic } = await tieredTopic()
    const path = `http://127.0.0.1/v1/topics/${topic}/partitions/0/tier/verify`
    const post = (body: object) =>
      worker.fetch(
        new Request(path, {
          method: 'POST',
          headers: { 'Content-Type': 'application/json' },
          body: JSON.stringify(body),
        }),
        env,
      )
    expect(await (await post({ data: true })).json()).toMatchObject({ objects: 3, damaged: [] })
    const refused = await post({ fromOffset: -1 })
    expect(refused.status).toBe(400)
    expect(await refused.text()).toContain('fromOffset: at least 0 is allowed')
  })
})

describe('rebuild', () => {
  /** Rebuilds in as many calls as it needs. */
  async function rebuild({ topic }: Tiered) {
    const { cluster } = edge()
    const name = parseTopicName(topic)
    const damaged: string[] = []
    let adopted = 0
    for (let beforeOffset = OFFSET_MAX; ; ) {
      const { damaged: found, ...page } = await rebuildRemote(cluster, name, 0, beforeOffset)
      adopted += page.adopted
      damaged.push(...found.map(({ key }) => key))
      if (page.beforeOffset === null) return { ...page, adopted, damaged }
      expect(page.beforeOffset).toBeLessThan(beforeOffset)
      beforeOffset = page.beforeOffset
    }
  }

  /** Makes the partition forget everything, as after the loss of its rows. */
  async function loseRows({ topic, object }: Tiered): Promise<void> {
    const { id, version } = await edge().cluster.topics.get(parseTopicName(topic))
    // From now on it responds as a partition that was destroyed.
    await runInDurableObject(env.PARTITION.getByName(object), (_, { storage }) =>
      storage.deleteAll(),
    )
    await evictDurableObject(env.PARTITION.getByName(object))
    const config = resolveTopicConfig(EVICTING)
    const assignment = { topicId: id, topic, partition: 0, version, config }
    await env.PARTITION.getByName(object).configure(assignment)
  }

  async function offsetsOf(topic: string): Promise<number[]> {
    const { read } = edge()
    const offsets: number[] = []
    let { logStartOffset: offset, highWatermark } = await read(topic, 0)
    while (offset < highWatermark) {
      const { to, batches, ...ends } = await read(topic, offset, 1_000_000)
      offsets.push(...headersOf(batches).map(({ baseOffset }) => baseOffset))
      offset = to
      highWatermark = ends.highWatermark
    }
    return offsets
  }

  test('gives a partition its log back that lost its rows', async () => {
    const tiered = await tieredTopic()
    await loseRows(tiered)
    const ends = { logStartOffset: 0, highWatermark: LOCAL_START, isComplete: true }
    const rebuilt = { ...ends, adopted: tiered.keys.length, damaged: [], holes: [] }
    expect(await rebuild(tiered)).toMatchObject(rebuilt)
    expect(await offsetsOf(tiered.topic)).toEqual(range(LOCAL_START))
    expect(await rebuild(tiered)).toMatchObject({ ...rebuilt, adopted: 0 })
    expect((await append(tiered.object, batch(['next']))).baseOffsets).toEqual([LOCAL_START])
  })

  test.each(['missing', 'changed'])(
    'goes on below an object that is %s, names the hole, and fills it later',
    async (fault) => {
      const tiered = await tieredTopic()
      const { topic, keys, object } = tiered
      const key = keys[1] ?? ''
      const bytes = await bytesOf(key)
      const holed = bytes.with(-20, (bytes.at(-20) ?? 0) ^ 1)
      if (fault === 'missing') await env.REMOTE_LOG.delete(key)
      else await env.REMOTE_LOG.put(key, holed)
      await loseRows(tiered)
      const damaged = fault === 'changed' ? [key] : []
      const withHole = { holes: [{ from: 10, to: 20 }], damaged, logStartOffset: 0 }
      expect(await rebuild(tiered)).toMatchObject({ ...withHole, adopted: 2, isComplete: true })
      const others = range(LOCAL_START).filter((offset) => offset < 10 || offset >= 20)
      expect(await offsetsOf(topic)).toEqual(others)
      expect((await append(object, batch(['next']))).baseOffsets).toEqual([LOCAL_START])
      await env.REMOTE_LOG.put(key, bytes, { sha256: await crypto.subtle.digest('SHA-256', bytes) })
      await evictDurableObject(env.PARTITION.getByName(object))
      expect(await rebuild(tiered)).toMatchObject({ adopted: 1, damaged: [], holes: [] })
      expect(await offsetsOf(topic)).toEqual(range(LOCAL_START + 1))
    },
  )

  test('fills a hole above the log start, and leaves the log start where it is', async () => {
    const tiered = await tieredTopic()
    const { topic, object } = tiered
    unwrap(await env.PARTITION.getByName(object).deleteRecords(3))
    await runInDurableObject(env.PARTITION.getByName(object), (_, { storage }) =>
      storage.sql.exec('DELETE FROM remote_segment WHERE base_offset = 20'),
    )
    const before = await edge().read(topic, 3)
    expect(await rebuild(tiered)).toMatchObject({ adopted: 1, holes: [], logStartOffset: 3 })
    expect(before.logStartOffset).toBe(3)
    expect(headersOf((await edge().read(topic, 20)).batches)[0]?.baseOffset).toBe(20)
  })

  test('passes over more damaged objects than it inspects in one call', async () => {
    const tiered = await tieredTopic()
    const { id } = await edge().cluster.topics.get(parseTopicName(tiered.topic))
    await loseRows(tiered)
    const names = range(REMOTE_ADOPT_SEGMENTS_MAX + 5).map((index) =>
      objectKey({ topicId: id, partition: 0 }, 100 + index, '00'.repeat(8)),
    )
    await Promise.all(names.map((name) => env.REMOTE_LOG.put(name, new Uint8Array(1))))
    const rebuilt = await rebuild(tiered)
    expect(rebuilt).toMatchObject({ adopted: 3, highWatermark: LOCAL_START, holes: [] })
    expect(rebuilt.damaged.toSorted()).toEqual(names)
  }, 60_000)

  test('takes no objects of others, and none that the log already has', async () => {
    const tiered = await tieredTopic()
    const objects = new RemoteObjects(env.REMOTE_LOG, new RemoteObjectCache())
    const [key = ''] = tiered.keys
    expect((await objects.inspect(key)).segment).toMatchObject({ baseOffset: 0 })
    await env.REMOTE_LOG.put(`${key.slice(0, -16)}ffffffffffffffff`, new Uint8Array(100))
    expect(await rebuild(tiered)).toMatchObject({ adopted: 0, holes: [] })
  })

  test('is a route that refuses a bad offset', async () => {
    const { topic } = await tieredTopic()
    const path = `http://127.0.0.1/v1/topics/${topic}/partitions/0/tier/rebuild`
    const post = (query: string) =>
      worker.fetch(new Request(`${path}${query}`, { method: 'POST' }), env)
    const rebuilt = { adopted: 0, damaged: [], holes: [], beforeOffset: null, isComplete: true }
    expect(await (await post('?beforeOffset=5')).json()).toMatchObject(rebuilt)
    expect(await (await post('')).json()).toMatchObject(rebuilt)
    const refused = await post('?beforeOffset=-1')
    expect(refused.status).toBe(400)
    expect(await refused.text()).toContain('beforeOffset: ')
  })
})
