/** Reads of whole sealed chunks: who may read them, and what caches may do; needs a server of its own with a token. */
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { readBatchHeaders } from '../../src/core/batch/record-batch.ts'
import { ServerProcess } from '../server/server-process.ts'
import { uniqueName } from '../server/shared-server.ts'
import { BATCH, expectError } from './target.ts'

const TOKEN = 'a-secret_token.of-some-length'
const ORIGIN = 'https://app.example'
const PRIVATE = 'private, max-age=31536000, immutable'
const PUBLIC = 'public, max-age=31536000, immutable'
/** A chunk of this size is sealed at once. */
const LARGE = 'x'.repeat(70_000)

let server: ServerProcess
beforeAll(async () => {
  server = await ServerProcess.start({ token: TOKEN, origins: ORIGIN })
})
afterAll(() => server.stop())

type CallOptions = Omit<RequestInit, 'headers'> & { readonly headers?: Record<string, string> }

function anonymous(path: string, { headers = {}, ...init }: CallOptions = {}): Promise<Response> {
  return fetch(`${server.url}${path}`, { ...init, headers })
}

function call(path: string, { headers, ...init }: CallOptions = {}): Promise<Response> {
  return anonymous(path, { ...init, headers: { ...headers, Authorization: `Bearer ${TOKEN}` } })
}

async function send(method: string, path: string, json: unknown): Promise<Response> {
  const headers = { 'Content-Type': 'application/json' }
  const response = await call(path, { method, body: JSON.stringify(json), headers })
  expect(response.ok, await response.clone().text()).toBe(true)
  return response
}

interface Made {
  readonly name: string
  readonly id: string
  /** Path of the sealed chunk that holds an offset. */
  readonly at: (offset: number) => string
}

/** Creates a topic with sealed chunks at offsets 0 to 2, 2 to 4, and a record at 4 that is not sealed. */
async function newTopic(config: Record<string, unknown> = {}): Promise<Made> {
  const name = uniqueName('sealed')
  const created = await send('POST', '/v1/topics', { name, config })
  const { id } = (await created.json()) as { id: string }
  const path = `/v1/topics/${name}/partitions/0/records`
  for (const values of [[LARGE, 'a'], [LARGE, 'b'], ['c']]) {
    await send('POST', path, { records: values.map((value) => ({ key: 'k', value })) })
  }
  return { name, id, at: (offset) => `/v1/topics/${id}/partitions/0/sealed/${offset}` }
}

async function valuesIn(response: Response): Promise<number> {
  const bytes = new Uint8Array(await response.arrayBuffer())
  return readBatchHeaders(bytes).reduce((sum, header) => sum + header.lastOffsetDelta + 1, 0)
}

describe('GET .../sealed/{offset}', () => {
  test('returns the whole chunk, from the partition and then from the cache', async () => {
    const { at } = await newTopic()
    for (const status of ['edgelog; fwd=miss', 'edgelog; hit']) {
      const response = await call(at(0))
      expect(response.status).toBe(200)
      expect(Object.fromEntries(response.headers)).toMatchObject({
        'content-type': BATCH,
        'cache-control': PRIVATE,
        'cache-status': status,
        'edgelog-offset': '0',
        'edgelog-next-offset': '2',
        etag: expect.stringMatching(/^"0-2-\d+-[0-9a-f]+"$/),
        vary: 'Origin, Authorization',
        'x-content-type-options': 'nosniff',
      })
      expect(await valuesIn(response)).toBe(2)
    }
  })

  test('returns the same chunk for every offset of it, and keeps it once', async () => {
    const { at } = await newTopic()
    const first = await call(at(1))
    const status = async (offset: number) => (await call(at(offset))).headers.get('cache-status')
    expect(first.headers.get('edgelog-offset')).toBe('0')
    expect(await status(0)).toBe('edgelog; hit')
    expect(await status(1)).toBe('edgelog; hit')
    expect(await status(2)).toBe('edgelog; fwd=miss')
    const again = await call(at(1))
    expect(again.headers.get('etag')).toBe(first.headers.get('etag'))
    expect(Buffer.from(await again.arrayBuffer())).toEqual(Buffer.from(await first.arrayBuffer()))
  })

  test('returns not_sealed, which no cache keeps, beyond the sealed chunks', async () => {
    const { at } = await newTopic()
    for (const offset of [4, 5, 1_000]) {
      const response = await call(at(offset))
      expect(response.headers.get('cache-control')).toBe('no-store')
      const error = await expectError(response, 404, 'not_sealed')
      expect(error.retryable).toBe(false)
    }
  })

  test('returns 304 without a body for a chunk that the caller has, kept or not', async () => {
    const { at } = await newTopic()
    const etag = (await call(at(0))).headers.get('etag') ?? ''
    for (const header of [etag, `W/${etag}`, `"other", ${etag}`, '*']) {
      const response = await call(at(0), { headers: { 'If-None-Match': header } })
      expect(response.status).toBe(304)
      expect(response.headers.get('etag')).toBe(etag)
      expect(response.headers.get('cache-control')).toBe(PRIVATE)
      expect(await response.text()).toBe('')
    }
    const fresh = await call(at(2), { headers: { 'If-None-Match': '*' } })
    expect(fresh.status).toBe(304)
    const other = await call(at(0), { headers: { 'If-None-Match': '"other"' } })
    expect(other.status).toBe(200)
  })

  test('answers HEAD with the headers alone', async () => {
    const { at } = await newTopic()
    const response = await call(at(0), { method: 'HEAD' })
    expect(response.status).toBe(200)
    expect(response.headers.get('edgelog-next-offset')).toBe('2')
    expect(await response.text()).toBe('')
  })

  test.each([
    ['/v1/topics/T/partitions/0/sealed/-1', 400, 'invalid_request'],
    ['/v1/topics/T/partitions/0/sealed/latest', 400, 'invalid_request'],
    ['/v1/topics/T/partitions/x/sealed/0', 400, 'invalid_request'],
    ['/v1/topics/T/partitions/0/sealed/0?maxBytes=1', 400, 'invalid_request'],
    ['/v1/topics/T/partitions/1/sealed/0', 404, 'unknown_topic_or_partition'],
    ['/v1/topics/NAME/partitions/0/sealed/0', 404, 'unknown_topic_id'],
    ['/v1/topics/no-id/partitions/0/sealed/0', 404, 'unknown_topic_id'],
    [`/v1/topics/${crypto.randomUUID()}/partitions/0/sealed/0`, 404, 'unknown_topic_id'],
  ])('refuses %s', async (path, status, code) => {
    const { id, name } = await newTopic()
    await expectError(await call(path.replace('T', id).replace('NAME', name)), status, code)
  })

  test('refuses another method', async () => {
    const { at } = await newTopic()
    await expectError(await call(at(0), { method: 'POST' }), 405, 'method_not_allowed')
  })

  test('allows caches a minute for a topic that compaction may rewrite', async () => {
    const { at, name } = await newTopic({ 'cleanup.policy': 'compact' })
    expect((await call(at(0))).headers.get('cache-control')).toBe('private, max-age=60')
    expect((await call(at(0))).headers.get('cache-status')).toBe('edgelog; hit')
    await send('PATCH', `/v1/topics/${name}`, { config: { 'cleanup.policy': 'delete' } })
    const final = await call(at(0))
    expect(final.headers.get('cache-status')).toBe('edgelog; fwd=miss')
    expect(final.headers.get('cache-control')).toBe(PRIVATE)
  })

  test('lets pages of allowed origins read its headers', async () => {
    const { at } = await newTopic()
    for (const _ of ['from the partition', 'from the cache']) {
      const response = await call(at(0), { headers: { Origin: ORIGIN } })
      expect(response.headers.get('access-control-allow-origin')).toBe(ORIGIN)
      const exposed = response.headers.get('access-control-expose-headers') ?? ''
      expect(exposed.split(',')).toEqual(expect.arrayContaining(['etag', 'edgelog-next-offset']))
      expect(response.headers.get('vary')?.split(/, */)).toEqual(
        expect.arrayContaining(['Origin', 'Authorization']),
      )
    }
    const foreign = await call(at(0), { headers: { Origin: 'https://foreign.example' } })
    await expectError(foreign, 403, 'forbidden')
  })
})

describe('who may read', () => {
  const callers = {
    'with the token': call,
    'without a token': anonymous,
    'with a wrong token': (path: string) =>
      anonymous(path, { headers: { Authorization: 'Bearer wrong' } }),
  }
  const matrix = Object.keys(callers).flatMap((caller) =>
    [true, false].flatMap((isPublic) =>
      [true, false].flatMap((isKept) =>
        (['there', 'records deleted', 'topic deleted'] as const).map(
          (state) => [caller as keyof typeof callers, isPublic, isKept, state] as const,
        ),
      ),
    ),
  )

  test.each(matrix)(
    'a caller %s, public %s, kept %s, %s',
    async (caller, isPublic, isKept, state) => {
      const { name, at } = await newTopic({ 'edgelog.public.read': isPublic })
      if (isKept) expect((await call(at(0))).status).toBe(200)
      if (state === 'records deleted') {
        await send('POST', `/v1/topics/${name}/partitions/0/delete-records`, { beforeOffset: 2 })
      }
      if (state === 'topic deleted') await call(`/v1/topics/${name}`, { method: 'DELETE' })
      const response = await callers[caller](at(0))
      const mayRead = caller === 'with the token' || (isPublic && state !== 'topic deleted')
      if (!mayRead) await expectError(response, 401, 'unauthorized')
      else if (state === 'topic deleted') await expectError(response, 404, 'unknown_topic_id')
      else if (state === 'records deleted') await expectError(response, 416, 'offset_out_of_range')
      else {
        expect(response.status).toBe(200)
        expect(response.headers.get('cache-control')).toBe(isPublic ? PUBLIC : PRIVATE)
        expect(response.headers.get('cache-status')).toContain(isKept ? 'hit' : 'miss')
        expect(await valuesIn(response)).toBe(2)
      }
    },
  )

  test('a caller without a token gets the same refusal whether a topic exists or not', async () => {
    const { at, id } = await newTopic()
    const known = await expectError(await anonymous(at(0)), 401, 'unauthorized')
    const path = at(0).replace(id, crypto.randomUUID())
    expect(await expectError(await anonymous(path), 401, 'unauthorized')).toEqual(known)
  })

  test('a public topic is open for sealed chunks alone', async () => {
    const { name } = await newTopic({ 'edgelog.public.read': 'true' })
    for (const path of ['', '/records', '/partitions/0/records', '/partitions/0/sealed/x']) {
      const response = await anonymous(`/v1/topics/${name}${path}`)
      await expectError(response, 401, 'unauthorized')
    }
  })

  test('a topic that is no longer public refuses callers without a token, also for kept chunks', async () => {
    const { name, at } = await newTopic({ 'edgelog.public.read': true })
    expect((await anonymous(at(0))).status).toBe(200)
    await send('PATCH', `/v1/topics/${name}`, { config: { 'edgelog.public.read': false } })
    await expectError(await anonymous(at(0)), 401, 'unauthorized')
    expect((await call(at(0))).headers.get('cache-status')).toBe('edgelog; hit')
  })

  test('a chunk that the log start cuts is not returned', async () => {
    const { name, at } = await newTopic()
    expect((await call(at(0))).status).toBe(200)
    await send('POST', `/v1/topics/${name}/partitions/0/delete-records`, { beforeOffset: 1 })
    await expectError(await call(at(0)), 416, 'offset_out_of_range')
    await expectError(await call(at(1)), 404, 'not_sealed')
    expect((await call(at(2))).status).toBe(200)
  })
})

describe('an ordinary fetch', () => {
  test('names the sealed chunk that holds its first offset', async () => {
    const { name, at } = await newTopic()
    const path = `/v1/topics/${name}/partitions/0/records`
    for (const [offset, sealed] of [
      [0, at(0)],
      [1, at(0)],
      [2, at(2)],
      [4, undefined],
      [5, undefined],
    ] as const) {
      const json = await call(`${path}?offset=${offset}`)
      expect(json.headers.get('edgelog-sealed')).toBe(sealed ?? null)
      expect(((await json.json()) as { sealed?: string }).sealed).toBe(sealed)
      const binary = await call(`${path}?offset=${offset}`, { headers: { Accept: BATCH } })
      expect(binary.headers.get('edgelog-sealed')).toBe(sealed ?? null)
    }
    const uncommitted = await call(`${path}?offset=0&isolation=uncommitted`)
    expect(uncommitted.headers.get('edgelog-sealed')).toBeNull()
  })
})
