/** `GET /kafka`: a connection of Kafka's wire protocol over a WebSocket, without a bridge. */
import { setTimeout as sleep } from 'node:timers/promises'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { WebSocket } from 'ws'
import { encodeBatch } from '../../src/core/batch/batch-builder.ts'
import { FrameCutter } from '../../src/core/kafka/frame-cutter.ts'
import {
  KAFKA_SESSION_NOTICE_BYTES,
  KAFKA_SESSION_WINDOW_BYTES,
  REQUEST_BODY_BYTES_MAX,
} from '../../src/core/limits.ts'
import { API_VERSIONS } from '../../src/kafka/apis/api-versions.ts'
import { FETCH } from '../../src/kafka/apis/fetch.ts'
import { METADATA } from '../../src/kafka/apis/metadata.ts'
import { PRODUCE } from '../../src/kafka/apis/produce.ts'
import { frameOf, responseOf } from '../kafka/door.ts'
import { ServerProcess } from '../server/server-process.ts'
import { sharedServerUrl } from '../server/shared-server.ts'

const TOKEN = 'a-secret_token.of-some-length'
const PRODUCE_VERSION = 9
const FETCH_VERSION = 12

let closed: ServerProcess
beforeAll(async () => {
  closed = await ServerProcess.start({ token: TOKEN })
})
afterAll(() => closed.stop())

function sized(frame: Uint8Array): Buffer {
  const bytes = Buffer.alloc(4 + frame.length)
  bytes.writeInt32BE(frame.length)
  bytes.set(frame, 4)
  return bytes
}

/** A client that counts the bytes it receives, and consumes them only when the test says so. */
class Session {
  readonly frames: Uint8Array[] = []
  readonly controls: { readonly op: string; readonly bytes?: number }[] = []
  receivedBytes = 0
  readonly closed: Promise<{ readonly code: number; readonly reason: string }>
  readonly #socket: WebSocket

  private constructor(socket: WebSocket) {
    this.#socket = socket
    const cutter = new FrameCutter(2 ** 30)
    socket.on('message', (data: Buffer, isBinary: boolean) => {
      if (!isBinary) {
        this.controls.push(JSON.parse(data.toString()))
        return
      }
      this.receivedBytes += data.length
      this.frames.push(...cutter.push(data))
    })
    this.closed = new Promise((resolve) => {
      socket.once('close', (code, reason) => resolve({ code, reason: reason.toString() }))
    })
  }

  static async open(url = sharedServerUrl()): Promise<Session> {
    const socket = new WebSocket(`${url.replace('http', 'ws')}/kafka`, 'edgelog.kafka.v1')
    const session = new Session(socket)
    await new Promise((resolve, reject) => {
      socket.once('open', resolve)
      socket.once('error', reject)
    })
    expect(socket.protocol).toBe('edgelog.kafka.v1')
    return session
  }

  send(bytes: Uint8Array): void {
    this.#socket.send(bytes)
  }

  control(message: unknown): void {
    this.#socket.send(typeof message === 'string' ? message : JSON.stringify(message))
  }

  terminate(): void {
    this.#socket.terminate()
  }

  async next(count: number): Promise<Uint8Array[]> {
    await expect.poll(() => this.frames.length, { timeout: 20_000 }).toBeGreaterThanOrEqual(count)
    return this.frames.splice(0, count)
  }
}

let topics = 0
async function newTopic(): Promise<string> {
  const name = `session-${process.pid}-${++topics}`
  const response = await fetch(`${sharedServerUrl()}/v1/topics`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ name }),
  })
  expect(response.status).toBe(201)
  return name
}

function produce(topic: string, value: Uint8Array, acks = -1): Buffer {
  const records = encodeBatch([{ timestamp: 1, key: null, value, headers: [] }])
  const partitions = [{ index: 0, records }]
  return sized(
    frameOf(PRODUCE, PRODUCE_VERSION, {
      acks,
      timeoutMs: 1_000,
      topics: [{ name: topic, topicId: '', partitions }],
    }),
  )
}

function fetchAll(topic: string, maxWaitMs = 0, fetchOffset = 0): Buffer {
  const partitions = [{ partition: 0, fetchOffset, partitionMaxBytes: 2 ** 20 }]
  return sized(
    frameOf(FETCH, FETCH_VERSION, { maxWaitMs, minBytes: 1, topics: [{ topic, partitions }] }),
  )
}

function offsetOf(frame: Uint8Array): number | undefined {
  return responseOf(PRODUCE, PRODUCE_VERSION, frame)?.topics[0]?.partitions[0]?.baseOffset
}

describe('the upgrade', () => {
  test('needs a WebSocket, and the token', async () => {
    expect((await fetch(`${sharedServerUrl()}/kafka`)).status).toBe(400)
    expect((await fetch(`${closed.url}/kafka`)).status).toBe(401)
    await expect(Session.open(closed.url)).rejects.toThrow('401')
  })

  test('accepts the token as a subprotocol, for pages', async () => {
    const bearer = `edgelog.bearer.${Buffer.from(TOKEN).toString('base64url')}`
    const url = `${closed.url.replace('http', 'ws')}/kafka`
    const socket = new WebSocket(url, ['edgelog.kafka.v1', bearer])
    await new Promise((resolve, reject) => socket.once('open', resolve).once('error', reject))
    socket.terminate()
  })
})

describe('a session', () => {
  test('reads frames that are cut anywhere', async () => {
    const session = await Session.open()
    const bytes = Buffer.concat([
      sized(frameOf(API_VERSIONS, 0, {})),
      sized(frameOf(METADATA, 1, { topics: [] })),
    ])
    for (let at = 0; at < bytes.length; at += 3) session.send(bytes.subarray(at, at + 3))
    const [versions, metadata] = (await session.next(2)) as [Uint8Array, Uint8Array]
    expect(responseOf(API_VERSIONS, 0, versions)?.apiKeys.length).toBeGreaterThan(30)
    expect(responseOf(METADATA, 1, metadata)?.topics).toEqual([])
    session.terminate()
  })

  test('appends in the order of the frames, and responds in that order', async () => {
    const topic = await newTopic()
    const session = await Session.open()
    for (let number = 0; number < 500; number++)
      session.send(produce(topic, Buffer.from(`${number}`)))
    const offsets = (await session.next(500)).map(offsetOf)
    expect(offsets).toEqual(Array.from({ length: 500 }, (_, number) => number))
    session.send(fetchAll(topic))
    const [fetched] = (await session.next(1)) as [Uint8Array]
    const response = responseOf(FETCH, FETCH_VERSION, fetched)
    expect(response?.topics[0]?.partitions[0]?.highWatermark).toBe(500)
    session.terminate()
  })

  test('serves a request behind appends only when they have their responses', async () => {
    const topic = await newTopic()
    const session = await Session.open()
    session.send(Buffer.concat([produce(topic, Buffer.from('a'), 0), fetchAll(topic, 0)]))
    const [fetched] = (await session.next(1)) as [Uint8Array]
    const response = responseOf(FETCH, FETCH_VERSION, fetched)
    expect(response?.topics[0]?.partitions[0]?.highWatermark).toBe(1)
    session.terminate()
  })

  test('closes with 1000 after the last response when the client ends it', async () => {
    const topic = await newTopic()
    const session = await Session.open()
    session.send(Buffer.concat(Array.from({ length: 20 }, () => produce(topic, Buffer.from('x')))))
    session.control({ op: 'end' })
    expect((await session.closed).code).toBe(1000)
    expect(session.frames.map(offsetOf)).toEqual(Array.from({ length: 20 }, (_, index) => index))
  })

  test('serves the appends of a client that leaves, and does not wait for its fetch', async () => {
    const topic = await newTopic()
    const session = await Session.open()
    session.send(fetchAll(topic, 30_000))
    session.send(Buffer.concat([produce(topic, Buffer.from('x'), 0), fetchAll(topic, 30_000, 1)]))
    session.send(produce(topic, Buffer.from('y'), 0))
    session.control({ op: 'leave' })
    expect((await session.closed).code).toBe(1000)
    const { headers } = await fetch(
      `${sharedServerUrl()}/v1/topics/${topic}/partitions/0/records?offset=0`,
    )
    expect(headers.get('edgelog-high-watermark')).toBe('2')
  })

  test('serves slices one after the other with the ends of now, and no records deleted since', async () => {
    const topic = await newTopic()
    const session = await Session.open()
    const append = async () => {
      session.send(produce(topic, new Uint8Array(400_000)))
      await session.next(1)
    }
    const read = async (offset: number) => {
      session.send(fetchAll(topic, 0, offset))
      const [frame] = (await session.next(1)) as [Uint8Array]
      session.control({ op: 'consumed', bytes: frame.length })
      const one = responseOf(FETCH, FETCH_VERSION, frame)?.topics[0]?.partitions[0]
      return { ...one, sizeBytes: one?.records?.length ?? 0 }
    }
    for (let count = 0; count < 8; count++) await append()
    expect(await read(0)).toMatchObject({ errorCode: 0, highWatermark: 8 })
    await append()
    const second = await read(2)
    expect(second).toMatchObject({ errorCode: 0, highWatermark: 9, logStartOffset: 0 })
    expect(second.sizeBytes).toBeGreaterThan(2 * 400_000)
    const path = `/v1/topics/${topic}/partitions/0/delete-records`
    const { status } = await fetch(`${sharedServerUrl()}${path}`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ beforeOffset: 6 }),
    })
    expect(status).toBe(200)
    expect(await read(4)).toMatchObject({ errorCode: 1, sizeBytes: 0 })
    expect(await read(6)).toMatchObject({ errorCode: 0, highWatermark: 9, logStartOffset: 6 })
    session.terminate()
  })

  test('closes with 4000 where a broker would close the connection', async () => {
    const session = await Session.open()
    const unknown = Buffer.alloc(12)
    unknown.writeInt32BE(8)
    unknown.writeInt16BE(999, 4)
    session.send(Buffer.concat([sized(frameOf(API_VERSIONS, 0, {})), unknown]))
    expect((await session.closed).code).toBe(4000)
    expect(session.frames.length).toBe(1)
  })

  test.each([
    ['a negative size', () => Buffer.from([0xff, 0xff, 0xff, 0xff])],
    ['text that is not JSON', () => '{'],
    ['an unknown operation', () => '{"op":"credit"}'],
    ['a notice without a number', () => '{"op":"consumed","bytes":"all"}'],
  ])('closes with 1008 and the reason after %s', async (_, message) => {
    const session = await Session.open()
    const sent = message()
    if (typeof sent === 'string') session.control(sent)
    else session.send(sent)
    const { code, reason } = await session.closed
    expect(code).toBe(1008)
    expect(reason.length).toBeGreaterThan(10)
  })

  test('closes with 1008 after a frame behind the end', async () => {
    const topic = await newTopic()
    const session = await Session.open()
    session.send(fetchAll(topic, 20_000))
    session.control({ op: 'end' })
    session.send(sized(frameOf(API_VERSIONS, 0, {})))
    expect(await session.closed).toEqual({ code: 1008, reason: 'a frame after the end' })
  })
})

describe('credit', () => {
  const VALUE_BYTES = 500_000

  test('stops responses to a client that does not consume, and continues when it does', async () => {
    const topic = await newTopic()
    const session = await Session.open()
    for (let count = 0; count < 4; count++) {
      session.send(produce(topic, new Uint8Array(VALUE_BYTES)))
      await session.next(1)
    }
    const before = session.receivedBytes
    for (let count = 0; count < 20; count++) session.send(fetchAll(topic))
    const held = () => session.receivedBytes - before
    await expect.poll(held).toBeGreaterThan(KAFKA_SESSION_WINDOW_BYTES)
    await sleep(500)
    expect(held()).toBeLessThan(KAFKA_SESSION_WINDOW_BYTES + 2 * 2 ** 20)
    expect(session.frames.length).toBeLessThan(20)
    let consumed = 0
    await expect
      .poll(
        () => {
          session.control({ op: 'consumed', bytes: session.receivedBytes - consumed })
          consumed = session.receivedBytes
          return session.frames.length
        },
        { timeout: 20_000 },
      )
      .toBe(20)
    session.terminate()
  })

  test('returns what was consumed, also of frames without a response', async () => {
    const topic = await newTopic()
    const session = await Session.open()
    const frame = produce(topic, new Uint8Array(100_000), 0)
    let sent = 0
    while (sent < 4 * KAFKA_SESSION_NOTICE_BYTES) {
      session.send(frame)
      sent += frame.length
    }
    const noticed = () =>
      session.controls.reduce(
        (sum, { op, bytes = 0 }) => (op === 'consumed' ? sum + bytes : sum),
        0,
      )
    await expect
      .poll(noticed, { timeout: 20_000 })
      .toBeGreaterThan(sent - KAFKA_SESSION_NOTICE_BYTES)
    session.terminate()
  })

  test('closes the session of a client that sends beyond its credit', async () => {
    const session = await Session.open()
    const topic = await newTopic()
    session.send(fetchAll(topic, 30_000))
    const part = Buffer.alloc(2 ** 20)
    part.writeInt32BE(part.length - 4)
    const allowed = KAFKA_SESSION_WINDOW_BYTES + REQUEST_BODY_BYTES_MAX
    for (let sent = 0; sent <= allowed; sent += part.length) session.send(part)
    expect((await session.closed).code).toBe(1008)
  })
})
