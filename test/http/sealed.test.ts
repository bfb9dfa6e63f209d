/** How old the edge's knowledge may be, and which calls a kept chunk needs; with a cache and objects of its own. */
import { afterEach, beforeEach, expect, test, vi } from 'vitest'
import { createApp } from '../../src/app/app.ts'
import type { EdgelogEnv } from '../../src/app/bindings.ts'
import type { Door } from '../../src/app/door.ts'
import type { Result } from '../../src/core/errors.ts'
import {
  KNOWN_LOG_START_AGE_MS,
  METADATA_TTL_MS,
  PUBLIC_LOOK_UPS_INTERVAL_MS,
  PUBLIC_LOOK_UPS_MAX,
} from '../../src/core/limits.ts'
import type { SealedChunk } from '../../src/core/log/partition-api.ts'
import type { Topic } from '../../src/core/topic/topic.ts'
import { resolveTopicConfig } from '../../src/core/topic/topic-config.ts'
import { parseTopicName } from '../../src/core/topic/topic-name.ts'
import { addSealedRoute, SEALED_PATH } from '../../src/http/sealed.ts'
import type { SealedCache } from '../../src/http/sealed-cache.ts'

beforeEach(() => {
  vi.useFakeTimers({ toFake: ['Date'] })
})
afterEach(() => {
  vi.useRealTimers()
})

const ID = '11111111-2222-4333-8444-555555555555'
const TOKEN = 'token'
const GONE = { error: { code: 'unknown_topic_id', message: 'gone', retryable: false } } as const
const PARTITION_GONE = {
  error: { code: 'unknown_topic_or_partition', message: 'gone', retryable: false },
} as const

/** A cache that keeps everything. */
class FakeCache implements SealedCache {
  readonly kept = new Map<string, { readonly bytes: ArrayBuffer; readonly headers: Headers }>()

  async find(key: string): Promise<Response | undefined> {
    const kept = this.kept.get(key)
    return kept && new Response(kept.bytes, { headers: kept.headers })
  }

  async keep(key: string, response: Response): Promise<void> {
    this.kept.set(key, { bytes: await response.arrayBuffer(), headers: response.headers })
  }
}

/** One topic with a sealed chunk from 0 to 10 and one from 10 to 20. */
function setUp({ isPublic = false, bytes = new Uint8Array([1, 2, 3]) } = {}) {
  const overrides = { 'edgelog.public.read': String(isPublic) }
  const config = resolveTopicConfig(overrides)
  const topic: Topic = {
    ...{ id: ID, name: parseTopicName('t'), partitions: 1, version: 1 },
    ...{ config, overrides },
  }
  const state = { isThere: true, isReachable: true, logStartOffset: 0, bytes }
  const calls = { coordinator: 0, describe: 0, readSealed: 0 }
  const reach = () => {
    if (!state.isReachable) throw new Error('unreachable')
  }
  const find = async () => {
    calls.coordinator += 1
    reach()
    return state.isThere ? { ok: topic } : GONE
  }
  const partition = {
    describe: async () => {
      calls.describe += 1
      reach()
      if (!state.isThere) return PARTITION_GONE
      const { logStartOffset } = state
      return { ok: { logStartOffset, highWatermark: 30, lastStableOffset: 30, topicVersion: 1 } }
    },
    readSealed: async (offset: number): Promise<Result<SealedChunk>> => {
      calls.readSealed += 1
      reach()
      const from = Math.floor(offset / 10) * 10
      const { logStartOffset, bytes: batches } = state
      const ends = { logStartOffset, lastStableOffset: 30, highWatermark: 30 }
      return { ok: { from, to: from + 10, ...ends, topicVersion: 1, batches } }
    },
  }
  const coordinator = {
    getTopicById: find,
    getTopic: find,
    openPartition: async () => PARTITION_GONE,
  }
  const env = {
    EDGELOG_TOKEN: TOKEN,
    COORDINATOR: { getByName: () => coordinator },
    PARTITION: { idFromName: (text: string) => text, get: () => partition },
  } as unknown as EdgelogEnv
  const cache = new FakeCache()
  const door: Door = {
    name: 'sealed',
    bindings: [],
    openPaths: [SEALED_PATH],
    mount: (app) => {
      addSealedRoute(app, cache)
      return undefined
    },
  }
  const app = createApp({ doors: [door] })
  const get = async (offset: number, { token = TOKEN, id = ID, etag = '' } = {}) => {
    const headers = {
      ...(token !== '' && { Authorization: `Bearer ${token}` }),
      ...(etag !== '' && { 'If-None-Match': etag }),
    }
    const url = `http://log.example/v1/topics/${id}/partitions/0/sealed/${offset}`
    return await app.fetch(new Request(url, { headers }), env)
  }
  const codeOf = async (response: Response) =>
    response.ok ? 'ok' : ((await response.json()) as { error: { code: string } }).error.code
  return {
    state,
    calls,
    cache,
    get,
    code: async (...args: Parameters<typeof get>) => codeOf(await get(...args)),
  }
}

function pass(ms: number): void {
  vi.setSystemTime(Date.now() + ms)
}

test('calls the partition once for a chunk that is kept, and for its log start now and then', async () => {
  const { calls, get } = setUp()
  for (let read = 0; read < 20; read++) expect((await get(0)).status).toBe(200)
  expect(calls).toEqual({ coordinator: 1, describe: 0, readSealed: 1 })
  pass(KNOWN_LOG_START_AGE_MS)
  for (let read = 0; read < 20; read++) expect((await get(0)).status).toBe(200)
  expect(calls).toEqual({ coordinator: 2, describe: 1, readSealed: 1 })
})

test('keeps one copy of a chunk for all callers and offsets, and no token in its key', async () => {
  const { cache, calls, get } = setUp({ isPublic: true })
  for (const offset of [3, 0, 3, 7]) {
    for (const token of [TOKEN, '', 'wrong'])
      expect((await get(offset, { token })).status).toBe(200)
  }
  expect(calls.readSealed).toBe(2)
  const sizes = [...cache.kept.values()].map(({ bytes }) => bytes.byteLength)
  expect(sizes.sort()).toEqual([0, 0, 3])
  expect([...cache.kept.keys()].join()).not.toContain(TOKEN)
})

test('returns deleted records for 30 s at most', async () => {
  const { code, state } = setUp()
  expect(await code(0)).toBe('ok')
  expect(await code(0)).toBe('ok')
  state.logStartOffset = 10
  pass(KNOWN_LOG_START_AGE_MS - 1)
  expect(await code(0)).toBe('ok')
  pass(1)
  expect(await code(0)).toBe('offset_out_of_range')
  expect(await code(10)).toBe('ok')
})

test('returns a chunk that the log start cuts for 30 s at most', async () => {
  const { code, state } = setUp()
  await code(7)
  expect(await code(7)).toBe('ok')
  state.logStartOffset = 5
  pass(KNOWN_LOG_START_AGE_MS)
  expect(await code(7)).toBe('not_sealed')
  expect(await code(0)).toBe('offset_out_of_range')
})

test('returns chunks of a deleted topic for 30 s at most', async () => {
  const { code, state } = setUp()
  await code(0)
  expect(await code(0)).toBe('ok')
  state.isThere = false
  pass(METADATA_TTL_MS - 1)
  expect(await code(0)).toBe('ok')
  pass(1)
  expect(await code(0)).toBe('unknown_topic_id')
})

test('returns kept chunks no longer than 30 s while the log does not respond', async () => {
  vi.spyOn(console, 'error').mockImplementation(() => undefined)
  const { code, state } = setUp({ isPublic: true })
  await code(0)
  expect(await code(0)).toBe('ok')
  state.isReachable = false
  pass(METADATA_TTL_MS - 1)
  expect(await code(0)).toBe('ok')
  for (const ms of [1, 500, 1_000, 60_000]) {
    pass(ms)
    expect(await code(0)).toBe('unavailable')
    expect(await code(0, { token: '' })).toBe('unavailable')
  }
  state.isReachable = true
  expect(await code(0)).toBe('ok')
  vi.restoreAllMocks()
})

test('reads a chunk again if the cache has something else under its key', async () => {
  const { cache, calls, get } = setUp()
  const first = await get(0)
  const [key = ''] = cache.kept.keys()
  for (const headers of [undefined, { 'Edgelog-Offset': '0' }, { 'Edgelog-Offset': '10' }]) {
    cache.kept.set(key, { bytes: new ArrayBuffer(5), headers: new Headers(headers) })
    calls.readSealed = 0
    const response = await get(0)
    expect(response.headers.get('etag')).toBe(first.headers.get('etag'))
    expect(new Uint8Array(await response.arrayBuffer())).toEqual(new Uint8Array([1, 2, 3]))
    expect(calls.readSealed).toBe(1)
  }
})

test('changes the tag with the bytes', async () => {
  const tags = new Set<string | null>()
  for (const bytes of [[1, 2, 3], [1, 2, 4], [1, 2], []]) {
    const { get } = setUp({ bytes: new Uint8Array(bytes) })
    const response = await get(0)
    tags.add(response.headers.get('etag'))
    expect((await get(0, { etag: response.headers.get('etag') ?? '' })).status).toBe(304)
  }
  expect(tags.size).toBe(4)
})

test('limits the look-ups of topics for callers without a token', async () => {
  const { calls, code, state } = setUp({ isPublic: true })
  expect(await code(0, { token: '' })).toBe('ok')
  expect(await code(0, { token: '' })).toBe('ok')
  calls.coordinator = 0
  state.isThere = false
  const guess = (index: number) => ID.replace('1111', String(index).padStart(4, '0'))
  for (let index = 0; index < PUBLIC_LOOK_UPS_MAX - 1; index++) {
    expect(await code(0, { token: '', id: guess(index) })).toBe('unauthorized')
  }
  for (let index = 0; index < 10; index++) {
    expect(await code(0, { token: '', id: guess(index) })).toBe('throttled')
  }
  expect(calls.coordinator).toBe(PUBLIC_LOOK_UPS_MAX - 1)
  // Known topics and callers with a token need none.
  expect(await code(0, { token: '' })).toBe('ok')
  expect(await code(0, { id: guess(1) })).toBe('unknown_topic_id')
  pass(PUBLIC_LOOK_UPS_INTERVAL_MS)
  expect(await code(0, { token: '', id: guess(1) })).toBe('unauthorized')
})

test('refuses callers from outside if the server has no token, also for public topics', async () => {
  const { get } = setUp({ isPublic: true })
  expect((await get(0, { token: '' })).status).toBe(200)
  const door: Door = {
    name: 'sealed',
    bindings: [],
    openPaths: [SEALED_PATH],
    mount: (app) => {
      addSealedRoute(app, new FakeCache())
      return undefined
    },
  }
  const url = `http://log.example/v1/topics/${ID}/partitions/0/sealed/0`
  const response = await createApp({ doors: [door] }).fetch(new Request(url), {} as EdgelogEnv)
  expect(response.status).toBe(403)
})
