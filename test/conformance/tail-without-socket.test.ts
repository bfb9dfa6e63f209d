/** `POST /v1/tail`: the live tail for networks that block WebSockets. */
import { describe, expect, test } from 'vitest'
import { readBatchHeaders } from '../../src/core/batch/record-batch.ts'
import { decodeBase64 } from '../../src/core/bytes/base64.ts'
import { PING_INTERVAL_MS, TAIL_POLL_PING_MS } from '../../src/core/limits.ts'
import {
  decodeTailEntries,
  decodeTailFrame,
  TAIL_ENTRY_FRAME,
  TAIL_ENTRY_NOTICE,
} from '../../src/core/log/tail-protocol.ts'
import { expectError, useTarget } from './target.ts'

const target = useTarget()
const { request, topic } = target

const SSE = 'text/event-stream'
const POLL = 'application/vnd.edgelog.tail'
/** Longer than a test, so that a test that waits for it fails by its own time-out. */
const LONG_WAIT_MS = 25_000

interface Notice {
  readonly op: string
  readonly id?: number
  readonly offset?: number
  readonly highWatermark?: number
  readonly topicId?: string
  readonly error?: { readonly code: string; readonly details?: object }
}

interface Frame {
  readonly id: number
  /** Offsets of the records, from the first batch on. */
  readonly offsets: readonly number[]
  readonly highWatermark: number
  readonly sizeBytes: number
}

type Received = { readonly notice: Notice } | { readonly frame: Frame }

async function produce(name: string, values: readonly string[], partition = 0): Promise<void> {
  const records = values.map((value) => ({ value }))
  const path = `/v1/topics/${name}/partitions/${partition}/records`
  expect((await request('POST', path, { json: { records } })).status).toBe(200)
}

async function idOf(name: string): Promise<string> {
  return (await (await request('GET', `/v1/topics/${name}`)).json()).id
}

function subscription(id: number, name: string, more: object = {}): object {
  return { id, topic: name, partition: 0, offset: 'earliest', ...more }
}

function frameOf(message: Uint8Array): Frame {
  const { batches, highWatermark } = decodeTailFrame(message, 4)
  const offsets = readBatchHeaders(batches).flatMap(({ baseOffset, recordsCount }) =>
    Array.from({ length: recordsCount }, (_, index) => baseOffset + index),
  )
  const id = new DataView(message.buffer, message.byteOffset).getUint32(0)
  return { id, offsets, highWatermark, sizeBytes: batches.length }
}

const noticesIn = (received: readonly Received[]) =>
  received.flatMap((one) => ('notice' in one ? [one.notice] : []))
const framesIn = (received: readonly Received[]) =>
  received.flatMap((one) => ('frame' in one ? [one.frame] : []))
const offsetsIn = (received: readonly Received[], id: number) =>
  framesIn(received).flatMap((frame) => (frame.id === id ? frame.offsets : []))

/** Collects the messages of either form, so that one test runs over both. */
interface Follower {
  readonly received: Received[]
  until(holds: () => boolean): Promise<void>
  close(): void
}

async function openStream(subscriptions: readonly object[]) {
  const abort = new AbortController()
  const token = process.env.EDGELOG_TOKEN
  const response = await fetch(`${target.url}/v1/tail`, {
    method: 'POST',
    headers: {
      Accept: SSE,
      'Content-Type': 'application/json',
      ...(token !== undefined && { Authorization: `Bearer ${token}` }),
    },
    body: JSON.stringify({ subscriptions }),
    signal: abort.signal,
  })
  expect(response.status).toBe(200)
  const reader = response.body?.pipeThrough(new TextDecoderStream()).getReader()
  const received: Received[] = []
  let text = ''
  let hasEnded = false
  const read = async () => {
    const { done, value } = (await reader?.read()) ?? { done: true }
    hasEnded = done
    text += value ?? ''
    for (let end = text.indexOf('\n\n'); end >= 0; end = text.indexOf('\n\n')) {
      received.push(parseEvent(text.slice(0, end)))
      text = text.slice(end + 2)
    }
  }
  return {
    response,
    received,
    until: async (holds: () => boolean) => {
      while (!holds()) {
        if (hasEnded) throw new Error(`the stream ended after ${JSON.stringify(received)}`)
        await read()
      }
    },
    ended: async () => {
      while (!hasEnded) await read()
    },
    close: () => abort.abort(),
  }
}

function parseEvent(event: string): Received {
  const frame = /^event: frame\ndata: (.*)$/.exec(event)?.[1]
  if (frame !== undefined) return { frame: frameOf(decodeBase64(frame)) }
  return { notice: JSON.parse(/^data: (.*)$/.exec(event)?.[1] ?? '') }
}

async function poll(subscriptions: readonly object[], waitMs = 0): Promise<Received[]> {
  const response = await request('POST', '/v1/tail', {
    json: { subscriptions, waitMs },
    headers: { Accept: POLL },
  })
  expect(response.status, await response.clone().text()).toBe(200)
  expect(response.headers.get('content-type')).toBe(POLL)
  expect(response.headers.get('cache-control')).toBe('no-store')
  return [...decodeTailEntries(new Uint8Array(await response.arrayBuffer()))].map(
    ({ kind, bytes }) => {
      if (kind === TAIL_ENTRY_FRAME) return { frame: frameOf(bytes) }
      expect(kind).toBe(TAIL_ENTRY_NOTICE)
      return { notice: JSON.parse(new TextDecoder().decode(bytes)) }
    },
  )
}

/** Follows like a client: each poll continues where the previous one ended. */
function openPolls(subscriptions: readonly object[]): Follower {
  const received: Received[] = []
  const places = new Map(
    subscriptions.map((one) => [(one as { id: number }).id, one as Record<string, unknown>]),
  )
  return {
    received,
    until: async (holds) => {
      while (!holds()) {
        const answer = await poll([...places.values()], LONG_WAIT_MS)
        received.push(...answer)
        for (const { id, offset } of noticesIn(answer)) {
          if (offset !== undefined) place(id as number, offset)
        }
        for (const { id, offsets } of framesIn(answer)) place(id, (offsets.at(-1) as number) + 1)
        for (const { op, id } of noticesIn(answer)) if (op === 'closed') places.delete(id as number)
      }
    },
    close: () => {},
  }

  function place(id: number, offset: number): void {
    places.set(id, { ...places.get(id), offset })
  }
}

describe.each([
  ['an event stream', openStream],
  ['long polls', async (subscriptions: readonly object[]) => openPolls(subscriptions)],
])('POST /v1/tail by %s', (_, open: (subscriptions: readonly object[]) => Promise<Follower>) => {
  test('follows several partitions from their requested offsets', async () => {
    const [one, two] = [await topic({ partitions: 2 }), await topic()]
    await produce(one, ['a', 'b', 'c'])
    await produce(two, ['x'])
    const tail = await open([
      subscription(1, one),
      subscription(2, one, { partition: 1, offset: 'latest' }),
      subscription(0xffff_ffff, two, { offset: 1 }),
    ])
    await tail.until(() => offsetsIn(tail.received, 1).length === 3)
    const notices = noticesIn(tail.received)
    expect(new Set(notices.map(({ op }) => op))).toEqual(new Set(['subscribed']))
    expect(notices.find(({ id }) => id === 1)).toEqual({
      op: 'subscribed',
      id: 1,
      topicId: await idOf(one),
      offset: 0,
      lastStableOffset: 3,
      highWatermark: 3,
      logStartOffset: 0,
    })
    const live = tail.until(() => framesIn(tail.received).length >= 3)
    await produce(one, ['d'], 1)
    await produce(two, ['y', 'z'])
    await live
    expect(offsetsIn(tail.received, 2)).toEqual([0])
    expect(offsetsIn(tail.received, 0xffff_ffff)).toEqual([1, 2])
    expect(offsetsIn(tail.received, 1)).toEqual([0, 1, 2])
    tail.close()
  })

  test('catches up with a log that is longer than its credit, to the last record', async () => {
    const name = await topic()
    for (let i = 0; i < 12; i++) await produce(name, ['x'.repeat(100_000)])
    const tail = await open([subscription(1, name, { creditBytes: 1 })])
    await tail.until(() => offsetsIn(tail.received, 1).length === 12)
    expect(offsetsIn(tail.received, 1)).toEqual([...Array(12).keys()])
    expect(framesIn(tail.received).length).toBeGreaterThan(3)
    tail.close()
  })

  test('continues with the others if some cannot be followed', async () => {
    const name = await topic()
    await produce(name, ['a'])
    const tail = await open([
      subscription(1, name),
      subscription(2, 'nowhere'),
      subscription(3, 'a b'),
      subscription(4, name, { partition: 5 }),
      subscription(5, name, { offset: 5 }),
      subscription(6, name, { topicId: crypto.randomUUID() }),
    ])
    await tail.until(
      () => framesIn(tail.received).length === 1 && noticesIn(tail.received).length >= 6,
    )
    const closed = noticesIn(tail.received).filter(({ op }) => op === 'closed')
    expect(Object.fromEntries(closed.map(({ id, error }) => [id, error?.code]))).toEqual({
      2: 'unknown_topic_or_partition',
      3: 'invalid_topic',
      4: 'unknown_topic_or_partition',
      5: 'offset_out_of_range',
      6: 'unknown_topic_id',
    })
    const wrongId = closed.find(({ id }) => id === 6)
    expect(wrongId?.error?.details).toEqual({ topicId: await idOf(name) })
    expect(offsetsIn(tail.received, 1)).toEqual([0])
    tail.close()
  })

  test('reports a topic that was deleted and recreated', async () => {
    const name = `post-gone-${process.pid}-${Date.now()}`
    const other = await topic()
    await topic({ name })
    const topicId = (await idOf(name)).toUpperCase()
    const tail = await open([subscription(1, name, { topicId }), subscription(2, other)])
    const gone = tail.until(() => noticesIn(tail.received).some(({ op }) => op === 'closed'))
    // Also without any new record.
    await produce(other, ['a'])
    await request('DELETE', `/v1/topics/${name}`)
    await topic({ name })
    await gone
    const error = noticesIn(tail.received).find(({ op }) => op === 'closed')?.error
    expect(['unknown_topic_or_partition', 'unknown_topic_id']).toContain(error?.code)
    tail.close()
    const again = await open([subscription(1, name, { topicId }), subscription(2, other)])
    await again.until(() => noticesIn(again.received).some(({ op }) => op === 'closed'))
    expect(noticesIn(again.received).find(({ op }) => op === 'closed')).toMatchObject({
      id: 1,
      error: { code: 'unknown_topic_id', details: { topicId: await idOf(name) } },
    })
    again.close()
  })
})

describe('POST /v1/tail', () => {
  const tail = (json: unknown, accept = SSE) =>
    request('POST', '/v1/tail', { json, headers: { Accept: accept } })

  test('offers exactly an event stream and long polls', async () => {
    const body = { subscriptions: [subscription(1, 'nowhere')] }
    await expectError(await tail(body, 'application/json'), 406, 'not_acceptable')
    await expectError(await tail(body, 'application/vnd.edgelog.batch'), 406, 'not_acceptable')
    for (const [accept, type] of [
      [SSE, SSE],
      [POLL, POLL],
      ['*/*', SSE],
      [`application/json, ${POLL};q=0.5`, POLL],
    ] as const) {
      const response = await tail(body, accept)
      expect(response.status).toBe(200)
      expect(response.headers.get('content-type')).toBe(type)
      expect(await response.text()).toContain('unknown_topic_or_partition')
    }
  })

  test.each<[string, unknown, string]>([
    ['no list', {}, 'subscriptions: a list of subscriptions is needed'],
    ['an empty list', { subscriptions: [] }, 'subscriptions: at least one'],
    [
      'too many',
      { subscriptions: Array.from({ length: 1_001 }, (_, id) => subscription(id, 'a')) },
      'subscriptions: at most 1000',
    ],
    [
      'a repeated id',
      { subscriptions: [subscription(1, 'a'), subscription(1, 'b')] },
      'subscriptions[1].id: 1 is in use',
    ],
    ['an id below 0', { subscriptions: [subscription(-1, 'a')] }, 'subscriptions[0].id: '],
    [
      'an invalid offset',
      { subscriptions: [subscription(1, 'a', { offset: 'first' })] },
      'subscriptions[0].offset: a whole number',
    ],
    [
      'an invalid partition',
      { subscriptions: [subscription(1, 'a', { partition: 1_000 })] },
      'subscriptions[0].partition: ',
    ],
    [
      'no credit',
      { subscriptions: [subscription(1, 'a', { creditBytes: 0 })] },
      'subscriptions[0].creditBytes: ',
    ],
    [
      'an invalid topic id',
      { subscriptions: [subscription(1, 'a', { topicId: '7' })] },
      'subscriptions[0].topicId: ',
    ],
    ['an unknown field', { subscriptions: [subscription(1, 'a', { op: 'subscribe' })] }, 'op'],
    ['a too long wait', { subscriptions: [subscription(1, 'a')], waitMs: 30_001 }, 'waitMs: '],
    ['a wait below 0', { subscriptions: [subscription(1, 'a')], waitMs: -1 }, 'waitMs: '],
  ])('rejects %s', async (_, json, message) => {
    const error = await expectError(await tail(json), 400, 'invalid_request')
    expect(error.message).toContain(message)
  })

  test('rejects a body that is not JSON, and one that is too long', async () => {
    const headers = { Accept: SSE, 'Content-Type': 'text/plain' }
    const asText = await request('POST', '/v1/tail', { body: '{}', headers })
    await expectError(asText, 415, 'unsupported_media_type')
    const long = { subscriptions: [subscription(1, 'x'.repeat(1_100_000))] }
    await expectError(await tail(long), 413, 'request_too_large')
  })

  test('may be called from allowed origins, and from no others', async () => {
    const body = { subscriptions: [subscription(1, 'nowhere')] }
    const { origin } = new URL(target.url)
    for (const accept of [SSE, POLL]) {
      const answer = await request('POST', '/v1/tail', {
        json: body,
        headers: { Accept: accept, Origin: origin },
      })
      expect(answer.headers.get('access-control-allow-origin')).toBe(origin)
      expect(await answer.text()).toContain('unknown_topic_or_partition')
    }
    const foreign = await request('POST', '/v1/tail', {
      json: body,
      headers: { Accept: SSE, Origin: 'https://example.com' },
    })
    await expectError(foreign, 403, 'forbidden')
  })

  test('is described in OpenAPI', async () => {
    const { paths } = await (await request('GET', '/v1/openapi.json')).json()
    const described = paths['/v1/tail']?.post as unknown as {
      requestBody: { content: object }
      responses: Record<string, { content: object }>
    }
    expect(Object.keys(described.requestBody.content)).toEqual(['application/json'])
    expect(Object.keys(described.responses['200']?.content ?? {})).toEqual([SSE, POLL])
  })

  test('accepts the maximum number of subscriptions', async () => {
    const name = await topic()
    await produce(name, ['a'])
    const received = await poll(
      Array.from({ length: 1_000 }, (_, id) => subscription(id, name)),
      LONG_WAIT_MS,
    )
    expect(new Set(framesIn(received).map(({ id }) => id)).size).toBe(1_000)
  })
})

describe('an event stream of POST /v1/tail', () => {
  test(
    'sends an event at once, and pings later',
    async () => {
      const name = await topic()
      const tail = await openStream([subscription(7, name, { offset: 'latest' })])
      expect(tail.response.headers.get('cache-control')).toBe('no-store')
      expect(tail.response.headers.get('x-accel-buffering')).toBe('no')
      await tail.until(() => tail.received.length === 1)
      expect(noticesIn(tail.received)[0]).toMatchObject({ op: 'subscribed', id: 7 })
      await tail.until(() => tail.received.length === 2)
      expect(noticesIn(tail.received)[1]).toEqual({ op: 'ping' })
      tail.close()
    },
    PING_INTERVAL_MS + 10_000,
  )

  test('ends when no subscription is left', async () => {
    const name = `post-end-${process.pid}-${Date.now()}`
    await topic({ name })
    const tail = await openStream([subscription(1, name), subscription(2, 'nowhere')])
    await tail.until(() => tail.received.length === 2)
    await request('DELETE', `/v1/topics/${name}`)
    await tail.ended()
    expect(noticesIn(tail.received).at(-1)).toMatchObject({ op: 'closed', id: 1 })
  })

  test('loses nothing that was appended before its reader consumed anything', async () => {
    const name = await topic()
    const tail = await openStream([subscription(1, name)])
    for (let i = 0; i < 30; i++) await produce(name, ['x'.repeat(50_000)])
    await tail.until(() => offsetsIn(tail.received, 1).length === 30)
    expect(offsetsIn(tail.received, 1)).toEqual([...Array(30).keys()])
    tail.close()
  })
})

describe('a long poll of POST /v1/tail', () => {
  test('returns what is there, without waiting for more', async () => {
    const name = await topic({ partitions: 2 })
    await produce(name, ['a', 'b'])
    const subscriptions = [subscription(1, name), subscription(2, name, { partition: 1 })]
    // A poll that waited would run into the time-out of the test.
    for (const waitMs of [0, 1, LONG_WAIT_MS]) {
      const received = await poll(subscriptions, waitMs)
      expect(noticesIn(received).map(({ op }) => op)).toEqual(['subscribed', 'subscribed'])
      expect(offsetsIn(received, 1)).toEqual([0, 1])
    }
  }, 10_000)

  test('returns without frames at the end of its time', async () => {
    const name = await topic()
    for (const waitMs of [0, 200]) {
      const received = await poll([subscription(1, name)], waitMs)
      expect(noticesIn(received)).toMatchObject([{ op: 'subscribed', offset: 0, highWatermark: 0 }])
      expect(framesIn(received)).toEqual([])
    }
  })

  test('sends pings while it waits', async () => {
    const received = await poll([subscription(1, await topic())], TAIL_POLL_PING_MS + 500)
    expect(noticesIn(received).map(({ op }) => op)).toEqual(['ping', 'subscribed'])
  })

  test('returns as soon as something is appended', async () => {
    const name = await topic()
    const answer = poll([subscription(1, name)], LONG_WAIT_MS)
    await new Promise((resolve) => setTimeout(resolve, 100))
    await produce(name, ['a'])
    expect(offsetsIn(await answer, 1)).toEqual([0])
  }, 10_000)

  test('returns as soon as a subscription is closed', async () => {
    const received = await poll([subscription(1, 'nowhere')], LONG_WAIT_MS)
    expect(noticesIn(received)).toMatchObject([{ op: 'closed', id: 1 }])
  }, 10_000)

  test('returns as much as its credit allows, plus a frame at most', async () => {
    const name = await topic()
    for (let i = 0; i < 20; i++) await produce(name, ['x'.repeat(100_000)])
    const sizeOf = async (creditBytes: number) => {
      const received = await poll([subscription(1, name, { creditBytes })], LONG_WAIT_MS)
      return framesIn(received).reduce((sum, { sizeBytes }) => sum + sizeBytes, 0)
    }
    for (const creditBytes of [1, 300_000, 1_000_000]) {
      const sizeBytes = await sizeOf(creditBytes)
      expect(sizeBytes).toBeGreaterThanOrEqual(creditBytes)
      expect(sizeBytes).toBeLessThan(creditBytes + 256 * 1_024)
    }
    expect(await sizeOf(8_000_000)).toBeGreaterThan(2_000_000)
  }, 20_000)
})
