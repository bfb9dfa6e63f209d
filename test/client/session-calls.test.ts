/** The requests that go over the session of a client, and when `fetch` makes them instead. */
import { expect, test } from 'vitest'
import type { Connection } from '../../client/http/connection.ts'
import { requestJson } from '../../client/http/connection.ts'
import type { WebSocketConstructor } from '../../client/http/web-socket.ts'
import {
  REQUEST_TIMEOUT_MS,
  SESSION_AVOIDED_MS,
  SESSION_FETCHES_MAX,
  SESSION_IDLE_MS,
  SESSION_SILENCE_MS_MAX,
} from '../../client/limits.ts'
import { SessionTransport } from '../../client/session/session-transport.ts'
import { concatenate } from '../../src/core/bytes/concatenate.ts'
import { SESSION_WINDOW_BYTES } from '../../src/core/limits.ts'
import {
  decodeHeadAndBody,
  decodeSessionEntries,
  encodeHeadAndBody,
  encodeSessionEntry,
  SESSION_ENTRY,
} from '../../src/core/log/session-protocol.ts'
import { ManualClock } from './manual-clock.ts'

type Listener = (event: { data: unknown; code: number; reason: string }) => void

/** The server's end of a session or a tail. */
class FakeSocket {
  binaryType = ''
  readonly protocol = ''
  readonly path: string
  readonly texts: string[] = []
  /** Heads of the calls, by id. */
  readonly calls: Array<{ id: number; method: string; path: string; headers: object }> = []
  isClosed = false
  readonly #listeners = new Map<string, Listener>()

  constructor(url: string) {
    this.path = new URL(url).pathname
  }

  addEventListener(type: string, listener: Listener): void {
    this.#listeners.set(type, listener)
  }

  send(message: string | Uint8Array): void {
    if (typeof message === 'string') {
      this.texts.push(message)
      return
    }
    for (const { kind, id, content } of decodeSessionEntries(message)) {
      if (kind !== SESSION_ENTRY.call) continue
      this.calls.push({ id, ...JSON.parse(decodeHeadAndBody(content).head) })
    }
  }

  close(): void {
    this.isClosed = true
    this.emit('close')
  }

  emit(type: string, data?: unknown): void {
    const isBytes = data instanceof Uint8Array
    this.#listeners.get(type)?.({ data: isBytes ? data.buffer : data, code: 1006, reason: '' })
  }

  respond(id: number, body: object, isLast = true): void {
    const bytes = new TextEncoder().encode(JSON.stringify(body))
    const content = concatenate(encodeHeadAndBody({ status: 200, headers: {} }, bytes))
    const kind = isLast ? SESSION_ENTRY.lastPart : SESSION_ENTRY.part
    this.emit('message', encodeSessionEntry(kind, id, content))
  }
}

function setUp(transport: 'auto' | 'session' = 'auto') {
  const clock = new ManualClock()
  const sockets: FakeSocket[] = []
  class Socket extends FakeSocket {
    constructor(url: string) {
      super(url)
      sockets.push(this)
    }
  }
  const fetched: string[] = []
  const connection: Connection = {
    url: 'https://log.test',
    token: 'secret',
    fetch: async (input, init) => {
      fetched.push(`${init?.method} ${new URL(input).pathname}`)
      return Response.json({ by: 'fetch' })
    },
    clock,
    random: () => 0,
  }
  const sessions = new SessionTransport(connection, Socket as WebSocketConstructor, transport)
  const overSession = { ...connection, fetch: sessions.fetch }
  const outcomes: string[] = []
  const ask = (path: string, method: 'GET' | 'POST' = 'GET', call: object = {}) => {
    const number = outcomes.push('open') - 1
    const body = method === 'POST' ? { body: '{}', contentType: 'application/json' } : {}
    requestJson<{ by: string }>(overSession, path, { method, ...body, ...call }).then(
      ({ by }) => {
        outcomes[number] = by
      },
      (error) => {
        outcomes[number] = `${error.code ?? error.message}`
      },
    )
    return settle()
  }
  const socket = () => sockets.at(-1) as FakeSocket
  return { sessions, clock, sockets, socket, fetched, ask, outcomes }
}

/** Opens the session of a member of a group. */
async function withMember() {
  const setup = setUp()
  const end = setup.sessions.holdOpen()
  await setup.ask('/v1/groups/g/heartbeat', 'POST')
  setup.socket().emit('open')
  return { ...setup, end }
}

async function settle(): Promise<void> {
  for (let turn = 0; turn < 10; turn++) await new Promise((resolve) => setImmediate(resolve))
}

test('a session is opened for a member, and its calls wait for none', async () => {
  const { fetched, ask, outcomes, socket } = await withMember()
  expect(outcomes).toEqual(['fetch'])
  await ask('/v1/groups/g/heartbeat', 'POST')
  expect(socket().calls).toEqual([
    {
      id: 0,
      method: 'POST',
      path: '/v1/groups/g/heartbeat',
      headers: { 'content-type': 'application/json' },
    },
  ])
  socket().respond(0, { by: 'session' })
  await settle()
  expect(outcomes).toEqual(['fetch', 'session'])
  expect(fetched).toEqual(['POST /v1/groups/g/heartbeat'])
})

test('no session is opened for fetches, however many', async () => {
  const { ask, sockets, outcomes } = setUp()
  for (let count = 0; count < 50; count++) await ask('/v1/topics/t/partitions/0/records?offset=0')
  expect([sockets.length, new Set(outcomes)]).toEqual([0, new Set(['fetch'])])
})

test('the first call waits for the session with the transport session', async () => {
  const { ask, outcomes, socket } = setUp('session')
  await ask('/v1/groups/g/offsets')
  socket().emit('open')
  await settle()
  socket().respond(0, { by: 'session' })
  await settle()
  expect(outcomes).toEqual(['session'])
  const refused = setUp('session')
  await refused.ask('/v1/groups/g/offsets')
  refused.socket().emit('error')
  await settle()
  expect(refused.outcomes).toEqual(['fetch'])
})

test('a call that reads is made again by fetch when its session is lost, and another call is not', async () => {
  const { ask, outcomes, fetched, socket } = await withMember()
  await ask('/v1/groups/g/offsets')
  await ask('/v1/groups/g/offsets', 'POST')
  socket().emit('close')
  await settle()
  expect(outcomes).toEqual(['fetch', 'fetch', 'unavailable'])
  expect(fetched.slice(1)).toEqual(['GET /v1/groups/g/offsets'])
})

test('a response that is lost in the middle is an error', async () => {
  const { ask, outcomes, socket } = await withMember()
  await ask('/v1/groups/g/offsets')
  socket().respond(0, { by: 'half' }, false)
  await settle()
  socket().emit('close')
  await settle()
  expect(outcomes).toEqual(['fetch', 'unavailable'])
})

test('a call that fits not into what may be under way is made by fetch', async () => {
  const { ask, outcomes, socket } = await withMember()
  await ask('/v1/groups/g/offsets', 'POST', { body: ' '.repeat(SESSION_WINDOW_BYTES) })
  expect(socket().calls).toHaveLength(1)
  await ask('/v1/groups/g/heartbeat', 'POST')
  expect(outcomes).toEqual(['fetch', 'open', 'fetch'])
  expect(socket().calls).toHaveLength(1)
})

test('a session in which a call got no response in time carries no more calls', async () => {
  const { ask, outcomes, socket, sockets, clock } = await withMember()
  await ask('/v1/groups/g/heartbeat', 'POST', { timeoutMs: 1_000 })
  clock.advance(10)
  socket().emit('message', JSON.stringify({ op: 'ping' }))
  clock.advance(1_000)
  await settle()
  await ask('/v1/groups/g/heartbeat', 'POST')
  expect(outcomes).toEqual(['fetch', 'unavailable', 'fetch'])
  // Another session is opened, and then used.
  expect(sockets.map(({ path, isClosed }) => [path, isClosed])).toEqual([
    ['/v1/session', false],
    ['/v1/session', false],
  ])
  socket().emit('open')
  expect(sockets[0]?.isClosed).toBe(true)
  await ask('/v1/groups/g/heartbeat', 'POST')
  expect(socket().calls).toHaveLength(1)
})

test('a session without any message after a call ends with the time limit of the call', async () => {
  const { ask, outcomes, sockets, clock } = await withMember()
  await ask('/v1/groups/g/heartbeat', 'POST', { timeoutMs: 1_000 })
  clock.advance(1_000)
  await settle()
  expect(sockets[0]?.isClosed).toBe(true)
  await ask('/v1/groups/g/heartbeat', 'POST')
  expect(outcomes).toEqual(['fetch', 'unavailable', 'fetch'])
  // It is avoided for a while.
  expect(sockets).toHaveLength(1)
  clock.advance(SESSION_AVOIDED_MS)
  await ask('/v1/groups/g/heartbeat', 'POST')
  expect(sockets).toHaveLength(2)
})

test('a session without any message is dead', async () => {
  const { socket, clock, outcomes, ask } = await withMember()
  clock.advance(SESSION_SILENCE_MS_MAX - 1)
  socket().emit('message', JSON.stringify({ op: 'ping' }))
  clock.advance(SESSION_SILENCE_MS_MAX - 1)
  expect(socket().isClosed).toBe(false)
  clock.advance(1)
  expect(socket().isClosed).toBe(true)
  await ask('/v1/groups/g/offsets')
  expect(outcomes.at(-1)).toBe('fetch')
})

test('fetches over the session are few at a time, and none after a slow one', async () => {
  const { ask, outcomes, socket, clock } = await withMember()
  const path = '/v1/topics/t/partitions/0/records?offset=0&waitMs=0'
  for (let count = 0; count <= SESSION_FETCHES_MAX; count++) await ask(path)
  expect(socket().calls).toHaveLength(SESSION_FETCHES_MAX)
  expect(outcomes.at(-1)).toBe('fetch')
  for (const { id } of socket().calls) socket().respond(id, { by: 'session' })
  await ask(path)
  expect(socket().calls).toHaveLength(SESSION_FETCHES_MAX + 1)
  clock.advance(REQUEST_TIMEOUT_MS / 2)
  socket().respond(SESSION_FETCHES_MAX, { by: 'session' })
  await settle()
  expect(outcomes.at(-1)).toBe('session')
  await ask(path)
  expect(outcomes.at(-1)).toBe('fetch')
  // Heartbeats go on over the session.
  await ask('/v1/groups/g/heartbeat', 'POST')
  expect(socket().calls).toHaveLength(SESSION_FETCHES_MAX + 2)
})

test('long polls are requests of their own', async () => {
  const { ask, outcomes, socket } = await withMember()
  await ask('/v1/topics/t/partitions/0/records?offset=0&waitMs=25000')
  expect([outcomes.at(-1), socket().calls]).toEqual(['fetch', []])
})

test('a session ends a while after the last member has left', async () => {
  const { socket, clock, end } = await withMember()
  clock.advance(2 * SESSION_IDLE_MS)
  expect(socket().isClosed).toBe(false)
  end()
  end()
  clock.advance(SESSION_IDLE_MS)
  expect(socket().isClosed).toBe(true)
  expect(socket().texts.at(-1)).toBe('{"op":"end"}')
})

test('a tail gets its notices and its parts from the session, and ends with it', async () => {
  const { sessions, sockets, socket } = setUp()
  const tail = sessions.openTail()
  const received: unknown[] = []
  tail.addEventListener('open', () => received.push('open'))
  tail.addEventListener('message', ({ data }) => received.push(data))
  tail.addEventListener('close', () => received.push('close'))
  await settle()
  expect(received).toEqual([])
  socket().emit('open')
  await settle()
  tail.send(JSON.stringify({ op: 'subscribe', id: 7 }))
  const subscribed = JSON.stringify({ op: 'subscribed', id: 7 })
  socket().emit('message', subscribed)
  socket().emit('message', JSON.stringify({ op: 'mark', mark: 3 }))
  socket().emit('message', JSON.stringify({ op: 'error', ref: 0, error: {} }))
  socket().emit('message', encodeSessionEntry(SESSION_ENTRY.tail, 7, Uint8Array.of(1, 2)))
  socket().emit('close')
  expect(received).toEqual(['open', subscribed, Uint8Array.of(1, 2).buffer, 'close'])
  expect(socket().texts).toEqual([
    JSON.stringify({ op: 'subscribe', id: 7 }),
    JSON.stringify({ op: 'consumed', mark: 3 }),
  ])
  expect(sockets.map(({ path }) => path)).toEqual(['/v1/session'])
})

test('a tail that is closed ends its subscriptions, and not the session', async () => {
  const { sessions, socket } = setUp()
  const tail = sessions.openTail()
  socket().emit('open')
  await settle()
  for (const id of [1, 2]) tail.send(JSON.stringify({ op: 'subscribe', id }))
  tail.send(JSON.stringify({ op: 'unsubscribe', id: 1 }))
  tail.close()
  expect(socket().texts.slice(3)).toEqual([JSON.stringify({ op: 'unsubscribe', id: 2 })])
  expect(socket().isClosed).toBe(false)
})

test('a tail has a socket of its own while sessions are avoided, and returns with the next session', async () => {
  const { sessions, sockets, socket, clock, ask } = setUp()
  const tail = sessions.openTail()
  const events: string[] = []
  tail.addEventListener('close', () => events.push('close'))
  await settle()
  socket().emit('error')
  await settle()
  expect(events).toEqual(['close'])
  const own = sessions.openTail()
  own.addEventListener('close', () => events.push('own closed'))
  expect(sockets.map(({ path }) => path)).toEqual(['/v1/session', '/v1/tail'])
  clock.advance(SESSION_AVOIDED_MS)
  sessions.holdOpen()
  await ask('/v1/groups/g/heartbeat', 'POST')
  expect(sockets.map(({ path }) => path)).toEqual(['/v1/session', '/v1/tail', '/v1/session'])
  socket().emit('open')
  expect(events).toEqual(['close', 'own closed'])
})
