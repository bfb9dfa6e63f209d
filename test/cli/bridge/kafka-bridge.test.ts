/** The bridge between raw sockets and a fake server: what is sent where, and when it closes connections. */
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import { connect, type Socket } from 'node:net'
import { setTimeout as sleep } from 'node:timers/promises'
import { afterEach, describe, expect, test } from 'vitest'
import {
  type BridgeOptions,
  type RunningBridge,
  startBridge,
} from '../../../client/cli/bridge/kafka-bridge.ts'

const METADATA = 3
const FETCH = 1
const PRODUCE = 0
const SASL_AUTHENTICATE = 36

interface Call {
  readonly headers: IncomingMessage['headers']
  /** Correlation ids of its frames. */
  readonly ids: readonly number[]
  readonly isAborted: () => boolean
}

type Answer = (call: Call, response: ServerResponse) => void | Promise<void>

const open: Array<() => Promise<void> | void> = []
afterEach(async () => {
  for (const close of open.splice(0).reverse()) await close()
})

/** Starts a server that gives the test's responses, and records its calls. */
async function stage(answer: Answer, options: Partial<BridgeOptions> = {}) {
  const calls: Call[] = []
  const complaints: string[] = []
  const server = createServer(async (request, response) => {
    const parts: Buffer[] = []
    for await (const part of request) parts.push(part)
    let isAborted = false
    response.on('close', () => {
      isAborted ||= !response.writableEnded
    })
    const call = {
      headers: request.headers,
      ids: idsOf(Buffer.concat(parts)),
      isAborted: () => isAborted,
    }
    calls.push(call)
    await answer(call, response)
  })
  const url = await listening(server)
  const bridge: RunningBridge = await startBridge({
    url,
    host: '127.0.0.1',
    port: 0,
    isOpen: true,
    transport: 'post',
    complain: (why) => complaints.push(why),
    ...options,
  })
  open.push(
    () => void server.close(),
    () => server.closeAllConnections(),
    () => bridge.close(),
  )
  return { calls, complaints, bridge, client: () => dial(bridge.port) }
}

async function listening(server: Server): Promise<string> {
  server.listen(0, '127.0.0.1')
  await new Promise((resolve) => server.once('listening', resolve))
  return `http://127.0.0.1:${(server.address() as { port: number }).port}`
}

interface TestClient {
  readonly socket: Socket
  /** Correlation ids of the responses so far. */
  answers(): number[]
  readonly closed: Promise<void>
}

async function dial(port: number): Promise<TestClient> {
  const socket = connect(port, '127.0.0.1')
  let received = Buffer.alloc(0)
  socket.on('data', (part) => {
    received = Buffer.concat([received, part])
  })
  socket.on('error', () => {})
  const closed = new Promise<void>((resolve) => socket.once('close', () => resolve()))
  await new Promise((resolve) => socket.once('connect', resolve))
  open.push(() => void socket.destroy())
  return { socket, answers: () => idsOf(received, 4), closed }
}

function frame(key: number, id: number, body = Buffer.alloc(2)): Buffer {
  const bytes = Buffer.alloc(12 + body.length)
  bytes.writeInt32BE(bytes.length - 4)
  bytes.writeInt16BE(key, 4)
  bytes.writeInt32BE(id, 8)
  bytes.set(body, 12)
  return bytes
}

function answerTo(ids: readonly number[]): Buffer {
  return Buffer.concat(
    ids.map((id) => {
      const bytes = Buffer.alloc(8)
      bytes.writeInt32BE(4)
      bytes.writeInt32BE(id, 4)
      return bytes
    }),
  )
}

/** Returns the correlation ids of frames, `at` bytes behind their beginning. */
function idsOf(bytes: Buffer, at = 8): number[] {
  const ids: number[] = []
  for (let start = 0; start < bytes.length; start += 4 + bytes.readInt32BE(start)) {
    ids.push(bytes.readInt32BE(start + at))
  }
  return ids
}

const echo: Answer = ({ ids }, response) => void response.end(answerTo(ids))

test('posts where there are no WebSockets, and does not try again at once', async () => {
  const { calls, client } = await stage(
    (call, response) => {
      if (call.headers.upgrade === undefined) return echo(call, response)
      response.writeHead(404).end()
    },
    { transport: 'auto' },
  )
  for (const id of [1, 2]) {
    const { socket, answers } = await client()
    socket.write(frame(METADATA, id))
    await expect.poll(answers).toEqual([id])
  }
  expect(calls.filter(({ headers }) => headers.upgrade !== undefined).length).toBe(1)
})

describe('the bridge', () => {
  test('returns responses in order, and sends waiting frames together', async () => {
    const { calls, client } = await stage(async (call, response) => {
      await sleep(50)
      echo(call, response)
    })
    const { socket, answers } = await client()
    socket.write(frame(METADATA, 1))
    await expect.poll(() => calls.length).toBe(1)
    for (const id of [2, 3, 4]) socket.write(frame(METADATA, id))
    await expect.poll(answers).toEqual([1, 2, 3, 4])
    expect(calls.map(({ ids }) => ids)).toEqual([[1], [2, 3, 4]])
  })

  test('passes on a response before the next one is complete', async () => {
    const { client } = await stage(async ({ ids }, response) => {
      response.write(answerTo(ids.slice(0, 1)))
      await new Promise((resolve) => open.push(() => resolve(undefined)))
    })
    const { socket, answers } = await client()
    socket.write(Buffer.concat([frame(PRODUCE, 1), frame(FETCH, 2)]))
    await expect.poll(answers).toEqual([1])
  })

  test('serves connections independently of one another', async () => {
    const { client } = await stage(async (call, response) => {
      if (call.ids[0] === 1) await new Promise((resolve) => open.push(() => resolve(undefined)))
      echo(call, response)
    })
    const [slow, quick] = [await client(), await client()]
    slow.socket.write(frame(FETCH, 1))
    quick.socket.write(frame(METADATA, 2))
    await expect.poll(quick.answers).toEqual([2])
  })

  test("sends the client's address, the advertised address, and the token", async () => {
    const { calls, client, bridge } = await stage(echo, { token: 'secret' })
    const { socket } = await client()
    socket.write(frame(METADATA, 1))
    await expect.poll(() => calls.length).toBe(1)
    expect(calls[0]?.headers).toMatchObject({
      authorization: 'Bearer secret',
      'edgelog-kafka-address': `127.0.0.1:${bridge.port}`,
      'edgelog-kafka-client': '127.0.0.1',
    })
  })

  test('numbers the connections in the order of their accept, and the calls of each alike', async () => {
    const { calls, client } = await stage(echo)
    const [first, second] = [await client(), await client()]
    for (const [id, { socket }] of [second, first, second].entries()) {
      socket.write(frame(METADATA, id))
      await expect.poll(() => calls.length).toBe(id + 1)
    }
    const [two, one, again] = calls.map(({ headers }) =>
      Number(headers['edgelog-kafka-connection']),
    ) as [number, number, number]
    expect(two).toBeGreaterThan(one)
    expect(again).toBe(two)
  })
})

describe('closing a connection', () => {
  test('happens when the server requests it, after its responses', async () => {
    const { client } = await stage(({ ids }, response) => {
      response.end(Buffer.concat([answerTo(ids), Buffer.alloc(4, 0xff)]))
    })
    const { socket, answers, closed } = await client()
    socket.write(frame(METADATA, 1))
    await closed
    expect(answers()).toEqual([1])
  })

  test.each([
    [
      'responds with 503',
      (_: Call, response: ServerResponse) => void response.writeHead(503).end('{}'),
    ],
    ['breaks off', (_: Call, response: ServerResponse) => void response.destroy()],
    [
      'truncates a response',
      ({ ids }: Call, response: ServerResponse) => void response.end(answerTo(ids).subarray(1)),
    ],
  ])('happens when the server %s, and is reported', async (_, answer) => {
    const { client, complaints } = await stage(answer)
    const { socket, closed } = await client()
    socket.write(frame(METADATA, 1))
    await closed
    expect(complaints).toHaveLength(1)
  })

  test('happens at bytes that are not frames', async () => {
    const { calls, client } = await stage(echo)
    const { socket, closed } = await client()
    socket.write('GET / HTTP/1.1\r\n\r\n')
    await closed
    expect(calls).toEqual([])
  })
})

describe('the buffer of the bridge', () => {
  test('drops all frames behind a request to close', async () => {
    const { calls, client } = await stage(async ({ ids }, response) => {
      await sleep(50)
      response.end(Buffer.concat([answerTo(ids), Buffer.alloc(4, 0xff)]))
    })
    const { socket, closed } = await client()
    socket.write(frame(PRODUCE, 1))
    await expect.poll(() => calls.length).toBe(1)
    socket.write(frame(PRODUCE, 2))
    await closed
    await sleep(100)
    expect(calls.map(({ ids }) => ids)).toEqual([[1]])
  })

  test('accepts only small frames of an unauthenticated client', async () => {
    const { calls, client } = await stage(echo, { isOpen: false })
    const large = frame(PRODUCE, 1, Buffer.alloc(100_000))
    const stranger = await client()
    stranger.socket.write(large.subarray(0, 20))
    await stranger.closed
    const known = await client()
    known.socket.write(frame(SASL_AUTHENTICATE, 1, Buffer.from('ffff00000000', 'hex')))
    await expect.poll(known.answers).toEqual([1])
    known.socket.write(large)
    await expect.poll(() => calls.map(({ ids }) => ids)).toEqual([[1], [1]])
  })
})

describe('a disconnected client', () => {
  test('still has its produce requests sent', async () => {
    const { calls, client } = await stage(async (call, response) => {
      await sleep(30)
      echo(call, response)
    })
    const { socket } = await client()
    socket.write(Buffer.concat([frame(PRODUCE, 1)]))
    await expect.poll(() => calls.length).toBe(1)
    socket.write(frame(PRODUCE, 2), () => socket.end())
    await expect.poll(() => calls.map(({ ids }) => ids)).toEqual([[1], [2]])
    expect(calls.map(({ isAborted }) => isAborted())).toEqual([false, false])
  })

  test('still has the frames behind an aborted call sent', async () => {
    const { calls, client } = await stage((call, response) => {
      if (call.ids[0] !== 1) echo(call, response)
    })
    const { socket } = await client()
    socket.write(frame(FETCH, 1))
    await expect.poll(() => calls.length).toBe(1)
    socket.write(frame(PRODUCE, 2), () => setTimeout(() => socket.destroy(), 50))
    await expect.poll(() => calls.map(({ ids }) => ids)).toEqual([[1], [2]])
  })

  test('has its waiting calls aborted', async () => {
    const { calls, client } = await stage(() => {})
    const { socket } = await client()
    socket.write(frame(FETCH, 1))
    await expect.poll(() => calls.length).toBe(1)
    socket.destroy()
    await expect.poll(() => calls[0]?.isAborted()).toBe(true)
  })

  test('a slow sender is read byte by byte', async () => {
    const { client } = await stage(echo)
    const { socket, answers } = await client()
    for (const byte of frame(METADATA, 1)) {
      socket.write(Uint8Array.of(byte))
      await sleep(1)
    }
    await expect.poll(answers).toEqual([1])
  })
})

test('a bridge that stops answers calls in flight, aborts waiting ones, and accepts no more', async () => {
  const { calls, bridge, client } = await stage(async (call, response) => {
    if (call.ids[0] === 2) return
    await sleep(50)
    echo(call, response)
  })
  const [busy, waiting] = [await client(), await client()]
  busy.socket.write(frame(PRODUCE, 1))
  waiting.socket.write(frame(FETCH, 2))
  await expect.poll(() => calls.length).toBe(2)
  await bridge.close()
  await Promise.all([busy.closed, waiting.closed])
  expect(busy.answers()).toEqual([1])
  expect(waiting.answers()).toEqual([])
  await expect(
    new Promise((resolve, reject) => {
      connect(bridge.port, '127.0.0.1').on('connect', resolve).on('error', reject)
    }),
  ).rejects.toThrow('ECONNREFUSED')
})

test('a client that uses SASL is not given the token of the bridge', async () => {
  const { calls, client } = await stage(echo, { token: 'secret' })
  const { socket } = await client()
  // It contains no password.
  socket.write(frame(SASL_AUTHENTICATE, 1, Buffer.from('ffff0000000161', 'hex')))
  await expect.poll(() => calls.length).toBe(1)
  expect(calls[0]?.headers.authorization).not.toContain('secret')
})

test('endless errors print a few lines', async () => {
  const { client, complaints } = await stage((_, response) => void response.destroy())
  for (let i = 0; i < 20; i++) {
    const { socket, closed } = await client()
    socket.write('GET / HTTP/1.1\r\n\r\n')
    await closed
  }
  expect(complaints).toHaveLength(11)
})
