import { describe, expect, test } from 'vitest'
import { readBatchHeaders } from '../../src/core/batch/record-batch.ts'
import { concatenate } from '../../src/core/bytes/concatenate.ts'
import { decodeTailFrame, decodeTailPart } from '../../src/core/log/tail-protocol.ts'
import { expectError, useTarget } from './target.ts'

const target = useTarget()
const { request, topic } = target

async function produce(name: string, values: readonly string[], partition = 0) {
  const records = values.map((value) => ({ value }))
  const path = `/v1/topics/${name}/partitions/${partition}/records`
  expect((await request('POST', path, { json: { records } })).status).toBe(200)
}

interface Event {
  id?: string
  event?: string
  data?: string
}

/** Reads server-sent events like a browser. */
async function openEvents(path: string, headers: Record<string, string> = {}) {
  const abort = new AbortController()
  const response = await fetch(`${target.url}${path}`, {
    headers: { Accept: 'text/event-stream', ...headers },
    signal: abort.signal,
  })
  const reader = response.body?.pipeThrough(new TextDecoderStream()).getReader()
  let text = ''
  return {
    response,
    /** Returns the next events that carry data. */
    next: async (count: number): Promise<Event[]> => {
      const events: Event[] = []
      while (events.length < count) {
        const end = text.indexOf('\n\n')
        if (end < 0) {
          const { done, value } = (await reader?.read()) ?? { done: true }
          if (done) throw new Error(`the stream ended after ${events.length} events`)
          text += value
          continue
        }
        const event: Event = {}
        for (const line of text.slice(0, end).split('\n')) {
          const [field, ...rest] = line.split(': ')
          if (field === 'id' || field === 'event' || field === 'data')
            event[field] = rest.join(': ')
        }
        text = text.slice(end + 2)
        if (event.data !== undefined) events.push(event)
      }
      return events
    },
    close: () => abort.abort(),
  }
}

const textOf = (event: Event | undefined) => JSON.parse(event?.data ?? '{}').value

describe('server-sent events', () => {
  test('carry every record of every partition, live, in order', async () => {
    const name = await topic({ partitions: 3 })
    await produce(name, ['before'])
    const events = await openEvents(`/v1/topics/${name}/records`)
    expect(events.response.headers.get('content-type')).toBe('text/event-stream')
    await produce(name, ['a', 'b'], 1)
    await produce(name, ['c'], 2)
    const got = await events.next(3)
    expect(got.map(textOf).sort()).toEqual(['a', 'b', 'c'])
    const first = JSON.parse(got[0]?.data ?? '')
    expect(first).toMatchObject({ partition: 1, offset: 0, key: null, headers: {} })
    events.close()
  })

  test('resume after the last id, in every partition', async () => {
    const name = await topic({ partitions: 2 })
    const path = `/v1/topics/${name}/records`
    const events = await openEvents(`${path}?offset=earliest`)
    await produce(name, ['a', 'b', 'c'])
    await produce(name, ['x'], 1)
    const got = await events.next(3)
    events.close()
    const seen = got.map(textOf)
    const resumed = await openEvents(path, { 'Last-Event-ID': got.at(-1)?.id ?? '' })
    await produce(name, ['d'])
    const rest = await resumed.next(2)
    expect([...seen, ...rest.map(textOf)].sort()).toEqual(['a', 'b', 'c', 'd', 'x'])
    resumed.close()
    const byQuery = await openEvents(`${path}?cursor=${got.at(-1)?.id}`)
    expect((await byQuery.next(2)).map(textOf).sort()).toEqual(rest.map(textOf).sort())
    byQuery.close()
  })

  test('name every partition from the first id on', async () => {
    const name = await topic({ partitions: 40 })
    const records = Array.from({ length: 40 }, (_, partition) => ({ value: 'old', partition }))
    await request('POST', `/v1/topics/${name}/records`, { json: { records } })
    const path = `/v1/topics/${name}/records`
    const events = await openEvents(`${path}?offset=earliest`)
    const [first] = await events.next(1)
    events.close()
    expect(first?.id?.split('.')).toHaveLength(41)
    const resumed = await openEvents(path, { 'Last-Event-ID': first?.id ?? '' })
    const rest = await resumed.next(39)
    expect(rest.map(({ id }) => id?.split('.').length)).toEqual(Array(39).fill(41))
    const seen = [first, ...rest].map((event) => JSON.parse(event?.data ?? '').partition)
    expect(new Set(seen).size).toBe(40)
    resumed.close()
  })

  test('are complete if the reader is slow and the log is long', async () => {
    const name = await topic()
    const events = await openEvents(`/v1/topics/${name}/records`)
    for (let i = 0; i < 30; i++) {
      await produce(name, [`${i}:${'x'.repeat(50_000)}`])
    }
    const got = await events.next(30)
    expect(got.map((event) => Number(textOf(event).split(':')[0]))).toEqual([...Array(30).keys()])
    events.close()
  })

  test('are rejected for an invalid cursor, an unknown topic, and a cursor of another topic', async () => {
    const name = await topic()
    const path = `/v1/topics/${name}/records`
    const headers = { Accept: 'text/event-stream' }
    const open = (query: string) => request('GET', `${path}${query}`, { headers })
    await expectError(await open('?cursor=rubbish'), 400, 'invalid_request')
    await expectError(await open('?cursor=0123abcd.0'), 416, 'offset_out_of_range')
    await expectError(await open('?offset=7'), 400, 'invalid_request')
    const { id } = await (await request('GET', `/v1/topics/${name}`)).json()
    await expectError(await open(`?cursor=${id.slice(0, 8)}.99`), 416, 'offset_out_of_range')
    await expectError(
      await request('GET', '/v1/topics/nowhere/records', { headers }),
      404,
      'unknown_topic_or_partition',
    )
    await expectError(
      await request('GET', path, { headers: { Accept: 'application/json' } }),
      406,
      'not_acceptable',
    )
  })

  test('end with an error when the topic is deleted', async () => {
    const name = `sse-gone-${Date.now()}`
    await request('POST', '/v1/topics', { json: { name } })
    const events = await openEvents(`/v1/topics/${name}/records`)
    await request('DELETE', `/v1/topics/${name}`)
    const [event] = await events.next(1)
    expect(event?.event).toBe('error')
    expect(JSON.parse(event?.data ?? '').error.code).toBe('unknown_topic_or_partition')
  })
})

interface Notice {
  readonly op: string
  readonly id?: number
  readonly offset?: number
  readonly highWatermark?: number
  readonly topicId?: string
  readonly error?: {
    readonly code: string
    readonly message: string
    readonly details?: { readonly topicId?: string }
  }
}

async function openTail() {
  const socket = new WebSocket(`${target.url.replace('http', 'ws')}/v1/tail`, 'edgelog.tail.v1')
  socket.binaryType = 'arraybuffer'
  const notices: Notice[] = []
  const frames: Array<{ id: number; highWatermark: number; offsets: number[]; sizeBytes: number }> =
    []
  let wake = () => {}
  socket.addEventListener('message', ({ data }) => {
    if (typeof data === 'string') notices.push(JSON.parse(data))
    else {
      const bytes = new Uint8Array(data as ArrayBuffer)
      const frame = decodeTailFrame(bytes, 4)
      const offsets = readBatchHeaders(frame.batches).map(({ baseOffset }) => baseOffset)
      const id = new DataView(bytes.buffer).getUint32(0)
      frames.push({
        id,
        highWatermark: frame.highWatermark,
        offsets,
        sizeBytes: frame.batches.length,
      })
    }
    wake()
  })
  await new Promise((resolve, reject) => {
    socket.addEventListener('open', resolve)
    socket.addEventListener('error', reject)
  })
  return {
    socket,
    notices,
    frames,
    send: (control: unknown) =>
      socket.send(typeof control === 'string' ? control : JSON.stringify(control)),
    until: async (holds: () => boolean) => {
      while (!holds()) {
        await new Promise<void>((resolve) => {
          wake = resolve
        })
      }
    },
  }
}

const subscribe = (id: number, name: string, more: object = {}) => ({
  op: 'subscribe',
  id,
  topic: name,
  partition: 0,
  offset: 'earliest',
  creditBytes: 1_000_000,
  ...more,
})

describe('GET /v1/tail', () => {
  test('follows several partitions over one connection', async () => {
    const [one, two] = [await topic({ partitions: 2 }), await topic()]
    await produce(one, ['a'])
    const tail = await openTail()
    expect(tail.socket.protocol).toBe('edgelog.tail.v1')
    tail.send(subscribe(1, one))
    tail.send(subscribe(2, one, { partition: 1, offset: 'latest' }))
    tail.send(subscribe(3, two, { offset: 0 }))
    await tail.until(() => tail.notices.length === 3)
    expect(tail.notices.map(({ op }) => op)).toEqual(Array(3).fill('subscribed'))
    await produce(two, ['b', 'c'])
    await produce(one, ['d'], 1)
    await tail.until(() => tail.frames.length === 3)
    const byId = Object.fromEntries(tail.frames.map((frame) => [frame.id, frame]))
    expect(byId[1]).toMatchObject({ offsets: [0], highWatermark: 1 })
    expect(byId[2]).toMatchObject({ offsets: [0], highWatermark: 1 })
    expect(byId[3]).toMatchObject({ offsets: [0], highWatermark: 2 })
    tail.send({ op: 'unsubscribe', id: 3 })
    await produce(two, ['e'])
    await produce(one, ['f'])
    await tail.until(() => tail.frames.length === 4)
    expect(tail.frames.at(-1)?.id).toBe(1)
    tail.socket.close()
  })

  test('sends messages in parts to a client that offers edgelog.tail.v2', async () => {
    const name = await topic()
    await produce(name, ['x'.repeat(100_000)])
    const url = `${target.url.replace('http', 'ws')}/v1/tail`
    const socket = new WebSocket(url, ['edgelog.tail.v1', 'edgelog.tail.v2'])
    socket.binaryType = 'arraybuffer'
    const parts: Uint8Array[] = []
    const whole = Promise.withResolvers<void>()
    socket.addEventListener('open', () =>
      socket.send(JSON.stringify(subscribe(7, name, { creditBytes: 20_000 }))),
    )
    socket.addEventListener('message', ({ data }) => {
      if (typeof data === 'string') return
      const { leftBytes, bytes } = decodeTailPart(new Uint8Array(data as ArrayBuffer))
      parts.push(bytes)
      if (leftBytes === 0) whole.resolve()
    })
    await whole.promise
    expect(socket.protocol).toBe('edgelog.tail.v2')
    expect(parts.length).toBeGreaterThan(5)
    expect(Math.max(...parts.map(({ length }) => length))).toBeLessThanOrEqual(16_384)
    const message = concatenate(parts)
    expect(new DataView(message.buffer).getUint32(0)).toBe(7)
    const { batches, ...position } = decodeTailFrame(message, 4)
    const ends = { logStartOffset: 0, lastStableOffset: 1, highWatermark: 1 }
    expect(position).toEqual({ from: 0, to: 1, ...ends })
    expect(readBatchHeaders(batches)).toHaveLength(1)
    socket.close()
  })

  test('sends no more than its credit', async () => {
    const name = await topic()
    for (let i = 0; i < 6; i++) await produce(name, ['x'.repeat(100_000)])
    const tail = await openTail()
    tail.send(subscribe(1, name, { creditBytes: 1 }))
    await tail.until(() => tail.frames.length > 0)
    await new Promise((resolve) => setTimeout(resolve, 150))
    const offsets = () => tail.frames.flatMap((frame) => frame.offsets)
    const before = offsets().length
    expect(before).toBeLessThan(4)
    tail.send({ op: 'credit', id: 1, bytes: 1_000_000 })
    await tail.until(() => offsets().length === 6)
    expect(offsets()).toEqual([0, 1, 2, 3, 4, 5])
    tail.socket.close()
  })

  test('reports errors, and continues with the rest', async () => {
    const name = await topic()
    const tail = await openTail()
    const bad: Array<[unknown, string, string]> = [
      ['{', 'error', 'invalid_request'],
      [{ op: 'dance' }, 'error', 'invalid_request'],
      [subscribe(-1, name), 'error', 'invalid_request'],
      [subscribe(1, name, { creditBytes: 0 }), 'error', 'invalid_request'],
      [subscribe(1, name, { extra: 1 }), 'error', 'invalid_request'],
      ['x'.repeat(5_000), 'error', 'invalid_request'],
      [subscribe(1, 'nowhere'), 'closed', 'unknown_topic_or_partition'],
      [subscribe(1, 'a b'), 'closed', 'invalid_topic'],
      [subscribe(1, name, { partition: 5 }), 'closed', 'unknown_topic_or_partition'],
      [subscribe(1, name, { offset: 5 }), 'closed', 'offset_out_of_range'],
    ]
    for (const [control, op, code] of bad) {
      const count = tail.notices.length
      tail.send(control)
      await tail.until(() => tail.notices.length > count)
      expect(tail.notices.at(-1)?.op).toBe(op)
      expect(tail.notices.at(-1)?.error?.code).toBe(code)
      const id = typeof control === 'string' ? undefined : (control as { id?: number }).id
      expect(tail.notices.at(-1)?.id).toBe(id)
    }
    tail.send(subscribe(1, name))
    await tail.until(() => tail.notices.at(-1)?.op === 'subscribed')
    tail.socket.close()
  })

  test('reports a deleted topic', async () => {
    const name = `tail-gone-${Date.now()}`
    await request('POST', '/v1/topics', { json: { name } })
    const tail = await openTail()
    tail.send(subscribe(1, name))
    await tail.until(() => tail.notices.length === 1)
    await request('DELETE', `/v1/topics/${name}`)
    await tail.until(() => tail.notices.length === 2)
    expect(tail.notices[1]).toMatchObject({
      op: 'closed',
      id: 1,
      error: { code: 'unknown_topic_or_partition' },
    })
    tail.socket.close()
  })

  test('follows only the topic with the given id, not another one with its name', async () => {
    const name = `tail-anew-${process.pid}-${Date.now()}`
    const idOf = async () => (await (await request('GET', `/v1/topics/${name}`)).json()).id
    await topic({ name, partitions: 2 })
    const topicId = await idOf()
    const tail = await openTail()
    tail.send(subscribe(1, name, { topicId }))
    tail.send(subscribe(2, name, { partition: 1 }))
    await tail.until(() => tail.notices.length === 2)
    expect(tail.notices.map((notice) => notice.topicId)).toEqual([topicId, topicId])
    await request('DELETE', `/v1/topics/${name}`)
    await request('POST', '/v1/topics', { json: { name } })
    await tail.until(() => tail.notices.length === 4)
    expect(tail.notices.slice(2).map(({ op }) => op)).toEqual(['closed', 'closed'])
    const newId = await idOf()
    // The second partition no longer exists, but the error must be the topic id.
    for (const partition of [0, 1]) {
      const count = tail.notices.length
      tail.send(subscribe(3 + partition, name, { topicId, partition }))
      await tail.until(() => tail.notices.length > count)
      expect(tail.notices.at(-1)).toMatchObject({
        op: 'closed',
        error: { code: 'unknown_topic_id', details: { topicId: newId } },
      })
    }
    tail.send(subscribe(5, name, { topicId: newId }))
    await tail.until(() => tail.notices.length === 7)
    expect(tail.notices.at(-1)).toMatchObject({ op: 'subscribed', topicId: newId })
    tail.send(subscribe(6, name, { topicId: 'none' }))
    await tail.until(() => tail.notices.length === 8)
    expect(tail.notices.at(-1)).toMatchObject({ op: 'error', error: { code: 'invalid_request' } })
    tail.socket.close()
  })

  test('requires an upgrade', async () => {
    await expectError(await request('GET', '/v1/tail'), 400, 'invalid_request')
  })
})
