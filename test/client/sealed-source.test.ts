import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { networkSource } from '../../client/consumer/log-source.ts'
import { SealedSource } from '../../client/consumer/sealed-source.ts'
import { type Client, connect } from '../../client/index.ts'
import { FETCH_BYTES, SMALL_CHUNK_FETCHES } from '../../client/limits.ts'
import { encodeBatch } from '../../src/core/batch/batch-builder.ts'
import { assignOffset } from '../../src/core/batch/record-batch.ts'
import { EdgelogError } from '../../src/core/errors.ts'
import { sharedServerUrl, uniqueName } from '../server/shared-server.ts'
import { ManualClock } from './manual-clock.ts'

const PATH = '/v1/topics/id/partitions/0/sealed/'
const END = 100

/** A log of `END` records of which those below `sealedEnd` are in sealed chunks of ten. */
class FakeLog {
  readonly paths: string[] = []
  sealedEnd = 60
  end = END
  /** Returns the response of a sealed chunk in place of the log. */
  refuse: ((offset: number) => Response | undefined) | undefined
  valueBytes = 60_000
  /** Path that fetches name; undefined: that of the log. */
  sealedPath: string | undefined

  readonly fetch = async (input: string): Promise<Response> => {
    const { pathname, searchParams } = new URL(input)
    if (!pathname.includes('/sealed/')) {
      const offset = Number(searchParams.get('offset'))
      this.paths.push(`fetch ${offset}`)
      const base = Math.floor(offset / 10) * 10
      const sealed = base < this.sealedEnd ? (this.sealedPath ?? `${PATH}${base}`) : undefined
      return this.#response(offset, Math.min(offset + 5, this.end), sealed)
    }
    const offset = Number(pathname.slice(PATH.length))
    this.paths.push(`sealed ${offset}`)
    const refused = this.refuse?.(offset)
    if (refused !== undefined) return refused
    if (offset >= this.sealedEnd) return errorOf(404, 'not_sealed')
    const base = Math.floor(offset / 10) * 10
    return this.#response(base, base + 10)
  }

  #response(from: number, to: number, sealed?: string): Response {
    const headers = {
      'edgelog-offset': String(from),
      'edgelog-next-offset': String(to),
      'edgelog-last-stable-offset': String(this.end),
      'edgelog-high-watermark': String(this.end),
      ...(sealed !== undefined && { 'edgelog-sealed': sealed }),
    }
    const bytes = batchOf(from, to, this.valueBytes)
    return new Response(bytes as Uint8Array<ArrayBuffer>, { headers })
  }
}

function errorOf(status: number, code: string): Response {
  return Response.json({ error: { code, message: code, retryable: false } }, { status })
}

function batchOf(from: number, to: number, valueBytes: number): Uint8Array {
  if (from >= to) return new Uint8Array()
  const record = { timestamp: 0, key: null, value: new Uint8Array(valueBytes), headers: [] }
  const bytes = encodeBatch(new Array(to - from).fill(record))
  assignOffset(bytes, 0, from, 0)
  return bytes
}

function setUp() {
  const log = new FakeLog()
  const connection = {
    url: 'http://fake',
    token: undefined,
    fetch: log.fetch,
    clock: new ManualClock(),
    random: () => 0.5,
  }
  const source = new SealedSource(connection, networkSource(connection))
  const { signal } = new AbortController()
  const read = (from: number, options: object = {}) =>
    source.fetch('t', 0, { from, maxBytes: FETCH_BYTES, waitMs: 0, signal, ...options })
  /** Reads on until the end of the log. */
  const readAll = async (start: number) => {
    for (let from = start; from < log.end; ) from = (await read(from)).to
  }
  return { log, read, readAll, source }
}

describe('SealedSource', () => {
  test('goes on by sealed chunks when a fetch named one, and by fetches behind them', async () => {
    const { log, readAll } = setUp()
    log.end = 75
    await readAll(0)
    expect(log.paths).toEqual([
      'fetch 0',
      ...['sealed 5', 'sealed 10', 'sealed 20', 'sealed 30', 'sealed 40', 'sealed 50'],
      ...['sealed 60', 'fetch 60', 'fetch 65', 'fetch 70'],
    ])
  })

  test('returns the requested range of a chunk that begins before it', async () => {
    const { read } = setUp()
    await read(0)
    expect(await read(5)).toMatchObject({ from: 5, to: 10, highWatermark: END })
    expect(await read(10)).toMatchObject({ from: 10, to: 20, lastStableOffset: END })
  })

  test('reports the end of a chunk as the end of the log if it lies above', async () => {
    const { log, read } = setUp()
    log.end = 8
    await read(0)
    log.end = 20
    expect(await read(5)).toMatchObject({ to: 10, highWatermark: 10, lastStableOffset: 10 })
    await read(10)
    expect(log.paths).toEqual(['fetch 0', 'sealed 5', 'fetch 10'])
  })

  test.each([
    ['not_sealed', () => errorOf(404, 'not_sealed')],
    ['unknown_topic_id', () => errorOf(404, 'unknown_topic_id')],
    ['offset_out_of_range', () => errorOf(416, 'offset_out_of_range')],
    ['unauthorized', () => errorOf(401, 'unauthorized')],
    ['a page of a proxy', () => new Response('<html>', { status: 502 })],
    ['a response without positions', () => new Response('text')],
    [
      'another range',
      () => new Response('', { headers: { 'edgelog-offset': '6', 'edgelog-next-offset': '9' } }),
    ],
    [
      'a range without an end',
      () => new Response('', { headers: { 'edgelog-offset': '0', 'edgelog-next-offset': '5' } }),
    ],
    ['no connection', () => Response.error()],
  ])('fetches instead after %s', async (_, refuse) => {
    const { log, read } = setUp()
    await read(0)
    log.refuse = refuse
    expect(await read(5)).toMatchObject({ from: 5, to: 10, highWatermark: END })
    expect(log.paths).toEqual(['fetch 0', 'sealed 5', 'fetch 5'])
    log.refuse = undefined
    await read(10)
    expect(log.paths.at(-1)).toBe('sealed 10')
  })

  test('fetches for a while after a small chunk', async () => {
    const { log, read } = setUp()
    log.valueBytes = 100
    await read(0)
    await read(5)
    for (let count = 0; count <= SMALL_CHUNK_FETCHES; count++) await read(10)
    await read(15)
    expect(log.paths.slice(0, 2)).toEqual(['fetch 0', 'sealed 5'])
    expect(log.paths.filter((path) => path === 'fetch 10').length).toBe(SMALL_CHUNK_FETCHES + 1)
    expect(log.paths.at(-1)).toBe('sealed 15')
  })

  test('fetches the same offset again after a chunk that the reader did not take', async () => {
    const { log, read } = setUp()
    await read(0)
    await read(5)
    await read(5)
    expect(log.paths).toEqual(['fetch 0', 'sealed 5', 'fetch 5'])
  })

  test.each([
    ['waits', { waitMs: 1 }],
    ['wants less than a chunk', { maxBytes: FETCH_BYTES - 1 }],
    ['wants undecided records', { isolation: 'uncommitted' }],
    ['starts elsewhere', { from: 20 }],
    ['starts at a time', { from: { timestamp: 0 } }],
  ])('fetches for a reader that %s', async (_, options) => {
    const { log, read } = setUp()
    await read(0)
    await read(5, options)
    expect(log.paths[1]).toContain('fetch')
  })

  test.each([
    'https://foreign.example/x',
    '/v1/topics/id/partitions/0/records',
    '//x',
    `${PATH}../x`,
  ])('does not follow the path %s', async (path) => {
    const { log, read } = setUp()
    log.sealedPath = path
    await read(0)
    await read(5)
    expect(log.paths).toEqual(['fetch 0', 'fetch 5'])
  })

  test('passes on that the reader has stopped', async () => {
    const { log, source } = setUp()
    const abort = new AbortController()
    const options = { maxBytes: FETCH_BYTES, waitMs: 0, signal: abort.signal }
    await source.fetch('t', 0, { ...options, from: 0 })
    log.refuse = () => {
      abort.abort(new EdgelogError('invalid_request', 'stopped'))
      return errorOf(404, 'not_sealed')
    }
    await expect(source.fetch('t', 0, { ...options, from: 5 })).rejects.toThrow('stopped')
    expect(log.paths).toEqual(['fetch 0', 'sealed 5'])
  })
})

describe('a consumer', () => {
  const paths: string[] = []
  let log: Client
  beforeAll(() => {
    log = connect({
      url: sharedServerUrl(),
      fetch: (input, init) => {
        paths.push(new URL(input).pathname)
        return fetch(input, init)
      },
    })
  })
  afterAll(() => log.close())

  test('catches up by sealed chunks, and goes on with new records', async () => {
    const topic = uniqueName('catch-up')
    await log.admin.createTopic(topic)
    const sent: string[] = []
    const send = async (text: string) => {
      sent.push(text)
      await log.send(topic, { value: text })
    }
    // Each is a chunk that is sealed at once, and too large for one fetch with the next.
    for (let index = 0; index < 6; index++) await send(`${index}${'x'.repeat(600_000)}`)
    await send('small')
    const consumer = await log.consumer({ topics: [topic], from: 'earliest' })
    const read: (string | null)[] = []
    for await (const record of consumer.records()) {
      read.push(record.valueText)
      if (read.length === 7) await send('new')
      if (read.length === 8) break
    }
    await consumer.close()
    expect(read).toEqual(sent)
    const sealed = paths.filter((path) => path.includes('/sealed/'))
    expect(new Set(sealed).size).toBe(sealed.length)
    expect(sealed.length).toBeGreaterThanOrEqual(4)
  })
})
