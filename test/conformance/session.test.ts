/** `GET /v1/session`: appends, calls and tails over one WebSocket. */
import { setTimeout as sleep } from 'node:timers/promises'
import fc from 'fast-check'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { WebSocket } from 'ws'
import { encodeBatch, stampProducer } from '../../src/core/batch/batch-builder.ts'
import { readBatchHeaders } from '../../src/core/batch/record-batch.ts'
import {
  REQUEST_BODY_BYTES_MAX,
  SESSION_MARK_BYTES,
  SESSION_PART_BYTES,
  SESSION_REQUESTS_MAX,
  SESSION_WINDOW_BYTES,
} from '../../src/core/limits.ts'
import {
  encodeAppend,
  encodeSessionEntry,
  SESSION_ENTRY,
} from '../../src/core/log/session-protocol.ts'
import { ServerProcess } from '../server/server-process.ts'
import { uniqueName } from '../server/shared-server.ts'
import { runs, SEEDED } from '../support/seed.ts'
import { SessionClient } from './session-client.ts'
import { BATCH, useTarget } from './target.ts'

const target = useTarget()
const { request, topic } = target
const TOKEN = 'a-secret_token.of-some-length'

let closed: ServerProcess
beforeAll(async () => {
  closed = await ServerProcess.start({ token: TOKEN })
})
afterAll(() => closed.stop())

function batchOf(...values: readonly string[]): Uint8Array {
  const records = values.map((value) => ({
    timestamp: Date.now(),
    key: null,
    value: new TextEncoder().encode(value),
    headers: [],
  }))
  return encodeBatch(records)
}

function stamped(value: string, baseSequence: number, producerId = 77n): Uint8Array {
  const batch = batchOf(value)
  stampProducer(batch, { producerId, producerEpoch: 0, baseSequence })
  return batch
}

async function valuesOf(name: string, partition = 0): Promise<string[]> {
  const path = `/v1/topics/${name}/partitions/${partition}/records?offset=0&maxBytes=16777216`
  const response = await request('GET', path, { headers: { Accept: 'application/json' } })
  return (await response.json()).records.map(({ value }) => value)
}

async function opened(name: string): Promise<SessionClient> {
  const session = await SessionClient.open(target.url)
  session.name(0, name)
  return session
}

describe('the upgrade', () => {
  test('needs a WebSocket, the subprotocol, and the token', async () => {
    expect((await request('GET', '/v1/session')).status).toBe(400)
    expect((await fetch(`${closed.url}/v1/session`)).status).toBe(401)
    await expect(SessionClient.open(closed.url)).rejects.toThrow('401')
    const other = new WebSocket(`${closed.url.replace('http', 'ws')}/v1/session`, 'other', {
      headers: { authorization: `Bearer ${TOKEN}` },
    })
    const failed = new Promise((_, reject) => other.once('error', reject))
    await expect(failed).rejects.toThrow('400')
  })

  test('accepts the token as a subprotocol, and uses it for calls', async () => {
    const bearer = `edgelog.bearer.${Buffer.from(TOKEN).toString('base64url')}`
    const session = await SessionClient.open(closed.url, [bearer])
    session.callJson(1, 'GET', '/v1/topics')
    expect((await session.response(1)).status).toBe(200)
    session.terminate()
  })
})

describe('an append', () => {
  test('gets its offsets when it is durable', async () => {
    const name = await topic()
    const session = await opened(name)
    session.append(7, batchOf('a', 'b'))
    expect(await session.appended(7)).toEqual({
      baseOffsets: [0],
      nextOffset: 2,
      logAppendTime: null,
    })
    expect(await valuesOf(name)).toEqual(['a', 'b'])
    session.terminate()
  })

  test('comes behind all earlier ones to its partition', async () => {
    const name = await topic()
    const session = await opened(name)
    const count = 500
    for (let id = 0; id < count; id++) session.append(id, batchOf(String(id)))
    for (let id = 0; id < count; id++) {
      expect((await session.appended(id)).baseOffsets).toEqual([id])
    }
    expect(await valuesOf(name)).toEqual(Array.from({ length: count }, (_, id) => String(id)))
    session.terminate()
  })

  test('may share a message with others, also to other partitions', async () => {
    const name = await topic({ partitions: 2 })
    const session = await opened(name)
    session.name(999, name, 1)
    const entries = [0, 1, 2, 3].map((id) =>
      encodeAppend(id, {
        ref: id % 2 === 0 ? 0 : 999,
        expectedOffset: undefined,
        batches: batchOf(`${id}`),
      }),
    )
    session.bytes(Buffer.concat(entries))
    for (const id of [0, 1, 2, 3]) {
      expect((await session.appended(id)).baseOffsets).toEqual([id >> 1])
    }
    expect(await valuesOf(name, 1)).toEqual(['1', '3'])
    session.terminate()
  })

  test('with an expected offset succeeds only at that offset', async () => {
    const name = await topic()
    const session = await opened(name)
    session.append(1, batchOf('a'), 0, 0)
    session.append(2, batchOf('b'), 0, 0)
    session.append(3, batchOf('c'), 0, 1)
    expect((await session.appended(1)).nextOffset).toBe(1)
    expect(await session.refused(2)).toMatchObject({
      status: 412,
      code: 'expected_offset_mismatch',
      details: { nextOffset: 1 },
    })
    expect((await session.appended(3)).nextOffset).toBe(2)
    session.terminate()
  })

  test('of an idempotent producer is stored once, over sessions and requests', async () => {
    const name = await topic()
    const session = await opened(name)
    session.append(1, stamped('a', 0))
    session.append(2, stamped('b', 1))
    await session.appended(2)
    session.terminate()
    const other = await opened(name)
    other.append(1, stamped('b', 1))
    other.append(2, stamped('c', 2))
    expect((await other.appended(1)).baseOffsets).toEqual([1])
    expect((await other.appended(2)).baseOffsets).toEqual([2])
    const path = `/v1/topics/${name}/partitions/0/records`
    const headers = { 'Content-Type': 'application/vnd.edgelog.batch' }
    const repeated = await request('POST', path, { body: stamped('c', 2) as BodyInit, headers })
    expect((await repeated.json()).baseOffset).toBe(2)
    expect(await valuesOf(name)).toEqual(['a', 'b', 'c'])
    other.terminate()
  })

  test('of records gathered anew gets the pieces where they are', async () => {
    const name = await topic()
    const session = await opened(name)
    session.append(1, stamped('a', 0))
    await session.appended(1)
    const both = batchOf('a', 'b')
    stampProducer(both, { producerId: 77n, producerEpoch: 0, baseSequence: 0 })
    session.append(2, batchOf('other'))
    session.append(3, both)
    expect(await session.appended(3)).toEqual({
      baseOffsets: [0],
      nextOffset: 3,
      logAppendTime: null,
      pieces: [
        { recordsCount: 1, baseOffset: 0 },
        { recordsCount: 1, baseOffset: 2 },
      ],
    })
    session.terminate()
  })

  test('gets the error of the API, and the others go on', async () => {
    const name = await topic()
    const session = await opened(name)
    session.name(1, 'no-such-topic')
    session.name(2, name, 5)
    session.name(3, name, 0, { topicId: crypto.randomUUID() })
    const broken = batchOf('x')
    broken[60] = 99
    session.append(1, batchOf('x'), 1)
    session.append(2, batchOf('x'), 2)
    session.append(3, batchOf('x'), 3)
    session.append(4, broken)
    session.append(5, new Uint8Array(0))
    session.append(6, batchOf('x'), 4)
    session.append(7, batchOf('x'), 2 ** 32 - 1)
    session.append(8, stamped('x', 5))
    session.append(9, batchOf('good'))
    expect(await session.refused(1)).toMatchObject({
      status: 404,
      code: 'unknown_topic_or_partition',
    })
    expect(await session.refused(2)).toMatchObject({ code: 'unknown_topic_or_partition' })
    expect(await session.refused(3)).toMatchObject({ code: 'unknown_topic_id' })
    expect(await session.refused(4)).toMatchObject({ status: 400, code: 'corrupt_message' })
    expect(await session.refused(5)).toMatchObject({ code: 'invalid_record' })
    expect(await session.refused(6)).toMatchObject({ message: 'ref: 4 is not open' })
    expect(await session.refused(7)).toMatchObject({ code: 'invalid_request' })
    expect(await session.refused(8)).toMatchObject({ status: 409, code: 'unknown_producer_id' })
    expect((await session.appended(9)).baseOffsets).toEqual([0])
    session.terminate()
  })
})

describe('a call', () => {
  test('is served by the routes of the API', async () => {
    const name = await topic()
    const session = await opened(name)
    const records = `/v1/topics/${name}/partitions/0/records`
    session.callJson(1, 'POST', records, { records: [{ value: 'a' }, { value: 'b' }] })
    const produced = await session.response(1)
    expect(produced.status).toBe(200)
    expect(JSON.parse(produced.text).offsets).toHaveLength(2)
    session.call(2, { method: 'GET', path: `${records}?offset=0`, headers: { accept: BATCH } })
    const fetched = await session.response(2)
    expect(fetched.headers['content-type']).toBe(BATCH)
    expect(fetched.headers['edgelog-next-offset']).toBe('2')
    expect(readBatchHeaders(fetched.body).map(({ recordsCount }) => recordsCount)).toEqual([2])
    session.callJson(3, 'GET', `/v1/topics/${name}`)
    expect(JSON.parse((await session.response(3)).text).partitions).toBe(1)
    session.callJson(4, 'GET', '/v1/topics/no-such-topic')
    const missing = await session.response(4)
    expect(missing.status).toBe(404)
    expect(JSON.parse(missing.text).error.code).toBe('unknown_topic_or_partition')
    session.callJson(5, 'POST', `/v1/groups/${uniqueName('g')}/offsets`, {
      offsets: [{ topic: name, partition: 0, offset: 1 }],
    })
    expect((await session.response(5)).status).toBe(204)
    session.call(6, { method: 'HEAD', path: `${records}?offset=0`, headers: { accept: BATCH } })
    expect((await session.response(6)).body.length).toBe(0)
    session.terminate()
  })

  test('has the caller of the session, whatever its head contains', async () => {
    const bearer = `edgelog.bearer.${Buffer.from(TOKEN).toString('base64url')}`
    const session = await SessionClient.open(closed.url, [bearer])
    session.call(1, { method: 'GET', path: '/v1/topics', headers: { authorization: 'Bearer x' } })
    expect(await session.refused(1)).toMatchObject({ status: 400, code: 'invalid_request' })
    session.terminate()
  })

  test.each([
    ['another host', { method: 'GET', path: 'http://example.com/v1/topics' }, 'invalid_request'],
    ['a path outside /v1', { method: 'POST', path: '/kafka' }, 'invalid_request'],
    ['a path that leaves /v1', { method: 'POST', path: '/v1/../kafka' }, 'not_found'],
    ['the tail', { method: 'GET', path: '/v1/tail' }, 'not_found'],
    ['the tail, in another spelling', { method: 'GET', path: '/v1/%74ail' }, 'not_found'],
    ['a session', { method: 'GET', path: '/v1/session' }, 'not_found'],
    ['another method', { method: 'CONNECT', path: '/v1/topics' }, 'invalid_request'],
    ['no path', { method: 'GET' }, 'invalid_request'],
    ['an unknown field', { method: 'GET', path: '/v1/topics', host: 'x' }, 'invalid_request'],
    [
      'a header with a line break',
      { method: 'GET', path: '/v1/topics', headers: { accept: 'a\nb' } },
      'invalid_request',
    ],
  ])('to %s is refused', async (_, head, code) => {
    const session = await SessionClient.open(target.url)
    session.call(1, head)
    expect((await session.refused(1)).code).toBe(code)
    session.callJson(2, 'GET', '/v1/topics?limit=1')
    await session.response(2)
    session.terminate()
  })

  test('for an event stream is refused', async () => {
    const name = await topic()
    const session = await SessionClient.open(target.url)
    session.call(1, { method: 'GET', path: `/v1/topics/${name}/records` })
    expect((await session.refused(1)).code).toBe('not_found')
    session.terminate()
  })

  test('does not wait behind appends and long polls', async () => {
    const name = await topic()
    const session = await opened(name)
    const path = `/v1/topics/${name}/partitions/0/records?offset=0&waitMs=30000`
    for (let id = 1; id <= 100; id++) session.callJson(id, 'GET', path)
    // This one waits for the batch before it.
    session.append(200, stamped('b', 1))
    session.callJson(201, 'GET', `/v1/topics/${name}`)
    expect((await session.response(201)).status).toBe(200)
    session.append(202, stamped('a', 0))
    await session.appended(202)
    for (let id = 1; id <= 100; id++) expect((await session.response(id)).status).toBe(200)
    session.terminate()
  })

  test('with a large response gets it in parts', async () => {
    const name = await topic()
    const session = await opened(name)
    for (let id = 0; id < 8; id++) {
      session.append(id, batchOf('x'.repeat(900_000)))
      await session.appended(id)
    }
    const path = `/v1/topics/${name}/partitions/0/records?offset=0&maxBytes=8000000`
    session.call(10, { method: 'GET', path, headers: { accept: BATCH } })
    expect((await session.response(10)).body.length).toBeGreaterThan(7_000_000)
    const parts = session.entries.filter(({ id }) => id === 10)
    expect(Math.max(...parts.map(({ content }) => content.length))).toBe(SESSION_PART_BYTES)
    session.terminate()
  })
})

describe('a tail', () => {
  test('follows partitions on the socket of the session', async () => {
    const name = await topic()
    const session = await opened(name)
    session.text({
      op: 'subscribe',
      id: 5,
      topic: name,
      partition: 0,
      offset: 'earliest',
      creditBytes: 1_000_000,
    })
    await session.notice(({ op, id }) => op === 'subscribed' && id === 5)
    session.append(5, batchOf('a'))
    await session.appended(5)
    await expect.poll(() => session.frames(5).length).toBe(1)
    expect(session.frames(5)[0]).toMatchObject({ from: 0, to: 1, highWatermark: 1 })
    session.append(6, batchOf('x'.repeat(900_000)))
    await expect.poll(() => session.frames(5).length).toBe(2)
    expect(readBatchHeaders(session.frames(5)[1]?.batches as Uint8Array)[0]?.baseOffset).toBe(1)
    session.text({ op: 'unsubscribe', id: 5 })
    session.terminate()
  })

  test('is closed with its error, and the session goes on', async () => {
    const session = await opened(await topic())
    session.text({
      op: 'subscribe',
      id: 1,
      topic: 'no-such-topic',
      partition: 0,
      offset: 0,
      creditBytes: 1,
    })
    const notice = await session.notice(({ op, id }) => op === 'closed' && id === 1)
    expect(notice.error?.code).toBe('unknown_topic_or_partition')
    session.append(1, batchOf('a'))
    await session.appended(1)
    session.terminate()
  })
})

describe('credit', () => {
  /** Limits what is sent beyond the window: a part of each call, and a message. */
  const BEYOND_BYTES = 2 * SESSION_PART_BYTES + 2 * SESSION_MARK_BYTES

  async function withLargeLog(): Promise<{ session: SessionClient; path: string }> {
    const name = await topic()
    const session = await opened(name)
    for (let id = 0; id < 8; id++) {
      session.append(id, batchOf('x'.repeat(900_000)))
      await session.appended(id)
    }
    const path = `/v1/topics/${name}/partitions/0/records?offset=0&maxBytes=2000000`
    return { session, path }
  }

  test('bounds what is sent to a reader that has paused', async () => {
    const { session, path } = await withLargeLog()
    const before = session.receivedBytes
    session.socket.pause()
    session.consumes = false
    for (let id = 100; id < 120; id++) {
      session.call(id, { method: 'GET', path, headers: { accept: BATCH } })
    }
    for (let id = 200; id < 300; id++) session.append(id, batchOf('y'))
    session.socket.resume()
    await expect.poll(() => session.receivedBytes - before).toBeGreaterThan(SESSION_WINDOW_BYTES)
    await sleep(500)
    const held = session.receivedBytes - before
    expect(held).toBeLessThan(SESSION_WINDOW_BYTES + BEYOND_BYTES)
    session.consume()
    for (let id = 100; id < 120; id++) expect((await session.response(id)).status).toBe(200)
    for (let id = 200; id < 300; id++) await session.appended(id)
    session.terminate()
  })

  test('is not given for marks that were not sent', async () => {
    const session = await opened(await topic())
    session.text({ op: 'consumed', mark: 12345 })
    expect(await session.closed).toEqual({ code: 1008, reason: expect.stringContaining('mark') })
  })

  test('closes the session of a client with too many requests without a response', async () => {
    const name = await topic()
    const session = await opened(name)
    const path = `/v1/topics/${name}/partitions/0/records?waitMs=30000`
    for (let id = 0; id <= SESSION_REQUESTS_MAX; id++) session.callJson(id, 'GET', path)
    expect(await session.closed).toEqual({
      code: 1008,
      reason: expect.stringContaining('requests'),
    })
  })

  test('closes the session of a client with too many bytes without a response', async () => {
    const name = await topic()
    const session = await opened(name)
    const path = `/v1/topics/${name}/partitions/0/records?waitMs=30000`
    const body = new Uint8Array(2 ** 20)
    const allowed = SESSION_WINDOW_BYTES + REQUEST_BODY_BYTES_MAX
    for (let sent = 0, id = 0; sent <= allowed; sent += body.length) {
      session.call(id++, { method: 'GET', path }, body)
    }
    expect((await session.closed).code).toBe(1008)
  })
})

describe('the end', () => {
  test('comes after the last response when the client asks for it', async () => {
    const name = await topic()
    const session = await opened(name)
    for (let id = 0; id < 100; id++) session.append(id, batchOf(`${id}`))
    session.text({ op: 'end' })
    expect((await session.closed).code).toBe(1000)
    expect(session.entries.length).toBe(100)
    expect((await valuesOf(name)).length).toBe(100)
  })

  test('comes at once without requests', async () => {
    const session = await SessionClient.open(target.url)
    session.text({ op: 'end' })
    expect((await session.closed).code).toBe(1000)
  })

  test('is final: a request behind it closes the session', async () => {
    const name = await topic()
    const session = await opened(name)
    session.callJson(1, 'GET', `/v1/topics/${name}/partitions/0/records?waitMs=20000`)
    session.text({ op: 'end' })
    session.append(2, batchOf('x'))
    expect(await session.closed).toEqual({ code: 1008, reason: expect.stringContaining('end') })
  })

  test('is asked for by the server after its calls to objects, also those of calls', async () => {
    const server = await ServerProcess.start({ sessionCallsMax: 10 })
    try {
      const session = await SessionClient.open(server.url)
      session.callJson(1, 'POST', '/v1/topics', { name: 't' })
      await session.response(1)
      for (let id = 2; id < 12; id++) {
        session.callJson(id, 'GET', '/v1/topics/t/partitions/0/records?offset=0')
        await session.response(id)
      }
      await session.notice(({ op }) => op === 'end')
      // It still serves what comes before the client ends it.
      session.name(0, 't')
      session.append(20, batchOf('x'))
      await session.appended(20)
      session.terminate()
    } finally {
      await server.stop()
    }
  })
})

describe('bad input', () => {
  const entry = (kind: number, content: number[]) =>
    encodeSessionEntry(kind, 1, Uint8Array.from(content))

  test.each([
    ['an entry cut short', () => Uint8Array.from([1, 0, 0])],
    ['a length beyond the message', () => Uint8Array.from([1, 0, 0, 0, 1, 0xff, 0xff, 0xff, 0xff])],
    ['an unknown kind', () => entry(99, [])],
    ['a kind of the server', () => entry(SESSION_ENTRY.appended, [])],
    ['an append without a header', () => entry(SESSION_ENTRY.append, [0, 0])],
    [
      'an impossible expected offset',
      () => entry(SESSION_ENTRY.append, [0, 0, 0, 0, 0x80, 0, 0, 0, 0, 0, 0, 0]),
    ],
  ])('such as %s closes the session with 1008 and the reason', async (_, message) => {
    const session = await opened(await topic())
    session.bytes(message())
    const { code, reason } = await session.closed
    expect(code).toBe(1008)
    expect(reason.length).toBeGreaterThan(5)
  })

  test.each([
    ['text that is no JSON', '{'],
    ['text that is too long', `"${'x'.repeat(5_000)}"`],
    ['an unknown operation', '{"op":"fly"}'],
    ['a ref beyond the last one', '{"op":"open","ref":1000,"topic":"t","partition":0}'],
    ['an invalid topic', '{"op":"open","ref":1,"topic":"..","partition":0}'],
    ['an invalid partition', '{"op":"open","ref":1,"topic":"t","partition":1000}'],
    ['credit of a wrong form', '{"op":"credit","id":1,"bytes":-1}'],
  ])('such as %s gets an error, and the session goes on', async (_, text) => {
    const name = await topic()
    const session = await opened(name)
    session.text(text)
    const { error } = await session.notice(({ op }) => op === 'error')
    expect(error?.message).not.toBe('')
    session.append(1, batchOf('x'))
    await session.appended(1)
    session.terminate()
  })

  test('such as a head that is no head gets an error, and the session goes on', async () => {
    const session = await SessionClient.open(target.url)
    const contents = [
      [],
      [0, 0, 0, 9, 1],
      [0xff, 0xff, 0xff, 0xff],
      [0, 0, 0, 1, 0xff],
      [0, 0, 0, 1, 0x31],
    ]
    for (const [id, content] of contents.entries()) {
      session.bytes(encodeSessionEntry(SESSION_ENTRY.call, id, Uint8Array.from(content)))
      expect(await session.refused(id)).toMatchObject({ status: 400, code: 'invalid_request' })
    }
    session.call(50, { method: 'GET', path: `/v1/topics?after=${'x'.repeat(20_000)}` })
    expect((await session.refused(50)).message).toContain('head')
    session.terminate()
  })

  test('of one session has no effect on another', async () => {
    const name = await topic()
    const good = await opened(name)
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.oneof(fc.uint8Array({ maxLength: 200 }), fc.json()), {
          minLength: 1,
          maxLength: 20,
        }),
        async (messages) => {
          const bad = await SessionClient.open(target.url)
          for (const message of messages) {
            if (typeof message === 'string') bad.text(message)
            else bad.bytes(message)
          }
          bad.text({ op: 'end' })
          expect([1000, 1008]).toContain((await bad.closed).code)
        },
      ),
      { ...SEEDED, numRuns: runs(100) },
    )
    good.append(1, batchOf('x'))
    expect((await good.appended(1)).baseOffsets).toEqual([0])
    good.terminate()
  })
})
