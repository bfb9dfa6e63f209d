/** One session of the client against a server that the test plays. */
import { expect, test } from 'vitest'
import type { Connection } from '../../client/http/connection.ts'
import { SESSION_OPEN_TIMEOUT_MS, SESSION_REQUESTS_MAX } from '../../client/limits.ts'
import { SessionConnection } from '../../client/session/session-connection.ts'
import { SESSION_REFS_MAX, SESSION_WINDOW_BYTES } from '../../src/core/limits.ts'
import {
  decodeAppend,
  decodeSessionEntries,
  encodeAppended,
  encodeRefused,
  encodeSessionEntry,
  SESSION_ENTRY,
  type SessionAppend,
} from '../../src/core/log/session-protocol.ts'
import { ManualClock } from './manual-clock.ts'

type Listener = (event: { data: unknown; code: number; reason: string }) => void

/** The server's end of a socket. */
class FakeSocket {
  binaryType = ''
  readonly protocol = ''
  readonly texts: Array<Record<string, unknown>> = []
  readonly appends: Array<SessionAppend & { readonly id: number }> = []
  readonly url: string
  readonly protocols: readonly string[]
  isClosed = false
  readonly #listeners = new Map<string, Listener>()

  constructor(url: string, protocols: string[]) {
    this.url = url
    this.protocols = protocols
  }

  addEventListener(type: string, listener: Listener): void {
    this.#listeners.set(type, listener)
  }

  send(message: string | Uint8Array): void {
    if (typeof message === 'string') this.texts.push(JSON.parse(message))
    else {
      for (const { id, content } of decodeSessionEntries(message)) {
        this.appends.push({ id, ...decodeAppend(content) })
      }
    }
  }

  close(): void {
    this.isClosed = true
  }

  emit(type: string, data?: unknown, code = 1006, reason = ''): void {
    const isBytes = data instanceof Uint8Array
    this.#listeners.get(type)?.({ data: isBytes ? data.buffer : data, code, reason })
  }

  respond(id: number): void {
    const appended = { baseOffsets: [id * 10], nextOffset: id * 10 + 1, logAppendTime: null }
    this.emit('message', encodeAppended(id, appended))
  }
}

function sessionOfTest() {
  const clock = new ManualClock()
  const sockets: FakeSocket[] = []
  class Socket extends FakeSocket {
    constructor(url: string, protocols: string[]) {
      super(url, protocols)
      sockets.push(this)
    }
  }
  const connection: Connection = {
    url: 'https://log.test/base',
    token: 'secret',
    fetch,
    clock,
    random: () => 0,
  }
  const events: string[] = []
  const session = new SessionConnection(connection, Socket, {
    opened: () => events.push('opened'),
    wornOut: () => events.push('wornOut'),
    over: (isUnusable) => events.push(isUnusable ? 'unusable' : 'over'),
  })
  const outcomes: string[] = []
  const abort = new AbortController()
  const append = (partition = 0, sizeBytes = 1, timeoutMs = 1_000) => {
    const number = outcomes.push('open') - 1
    const options = { timeoutMs, signal: abort.signal }
    session.append('t', partition, new Uint8Array(sizeBytes), options).then(
      ({ baseOffsets }) => {
        outcomes[number] = String(baseOffsets)
      },
      (error) => {
        outcomes[number] = `${error.code} ${error.status}`
      },
    )
  }
  const [socket] = sockets as [FakeSocket]
  return { session, socket, clock, events, outcomes, append, abort }
}

const settle = () => new Promise((resolve) => setImmediate(resolve))

test('opens a socket with the token, and reports when it is open', () => {
  const { socket, session, events } = sessionOfTest()
  expect(socket.url).toBe('wss://log.test/base/v1/session')
  expect(socket.protocols).toEqual(['edgelog.session.v1', 'edgelog.bearer.c2VjcmV0'])
  expect(session.isOpen).toBe(false)
  socket.emit('open')
  expect([session.isOpen, events]).toEqual([true, ['opened']])
})

test('is unusable if it does not open in time, or fails', () => {
  const slow = sessionOfTest()
  slow.clock.advance(SESSION_OPEN_TIMEOUT_MS)
  expect(slow.events).toEqual(['unusable'])
  expect(slow.socket.isClosed).toBe(true)
  const failed = sessionOfTest()
  failed.socket.emit('error')
  failed.socket.emit('close')
  expect(failed.events).toEqual(['unusable'])
  const unneeded = sessionOfTest()
  unneeded.session.end()
  expect(unneeded.events).toEqual(['over'])
})

test('names each partition once, and again when all numbers are in use', async () => {
  const { socket, append } = sessionOfTest()
  socket.emit('open')
  for (const partition of [5, 6, 5]) append(partition)
  expect(socket.texts).toEqual([
    { op: 'open', ref: 0, topic: 't', partition: 5 },
    { op: 'open', ref: 1, topic: 't', partition: 6 },
  ])
  expect(socket.appends.map(({ ref }) => ref)).toEqual([0, 1, 0])
  for (let partition = 7; partition < SESSION_REFS_MAX + 6; partition++) {
    append(partition)
    socket.respond(socket.appends.at(-1)?.id ?? -1)
    await settle()
  }
  // The oldest number has a new meaning now.
  expect(socket.texts.at(-1)).toMatchObject({ ref: 0, partition: SESSION_REFS_MAX + 5 })
  append(5)
  expect(socket.texts.at(-1)).toMatchObject({ ref: 1, partition: 5 })
  expect(socket.appends.at(-1)?.ref).toBe(1)
})

test('resolves with the offsets, and rejects with the error of the server', async () => {
  const { socket, append, outcomes, clock } = sessionOfTest()
  socket.emit('open')
  for (let count = 0; count < 3; count++) append()
  const error = { code: 'out_of_order_sequence_number', message: 'gap', retryable: false }
  socket.emit('message', encodeRefused(0, 409, { error }))
  socket.respond(2)
  await settle()
  expect(outcomes).toEqual(['out_of_order_sequence_number 409', 'open', '20'])
  socket.respond(1)
  socket.respond(1)
  await settle()
  expect(outcomes[1]).toBe('10')
  // The check for silence.
  expect(clock.pending).toBe(1)
})

test('sends no more than its limits, and continues with the responses', async () => {
  const { socket, append, outcomes } = sessionOfTest()
  socket.emit('open')
  for (let count = 0; count < SESSION_REQUESTS_MAX + 10; count++) append()
  expect(socket.appends.length).toBe(SESSION_REQUESTS_MAX)
  for (let id = 0; id < 4; id++) socket.respond(id)
  await settle()
  expect(socket.appends.length).toBe(SESSION_REQUESTS_MAX + 4)
  const large = sessionOfTest()
  large.socket.emit('open')
  for (let count = 0; count < 8; count++) large.append(0, SESSION_WINDOW_BYTES / 4)
  expect(large.socket.appends.length).toBe(4)
  large.socket.respond(0)
  await settle()
  expect(large.socket.appends.length).toBe(5)
  socket.emit('close')
  await settle()
  // Those that were sent may be in the log; those that waited are not.
  const counts = Object.entries(Object.groupBy(outcomes, (outcome) => outcome)).map(
    ([outcome, all]) => [outcome, all?.length],
  )
  expect(Object.fromEntries(counts)).toMatchObject({
    'unavailable 0': SESSION_REQUESTS_MAX,
    'throttled 429': 6,
  })
})

test('rejects everything without a response when it is lost', async () => {
  const { socket, append, outcomes, events } = sessionOfTest()
  socket.emit('open')
  append()
  append()
  socket.respond(0)
  socket.emit('close')
  append()
  await settle()
  expect(outcomes).toEqual(['0', 'unavailable 0', 'throttled 429'])
  expect(events).toEqual(['opened', 'over'])
})

test('is unusable if the server rejects it', async () => {
  const { socket, append, events, outcomes } = sessionOfTest()
  socket.emit('open')
  append()
  socket.respond(0)
  append()
  socket.emit('close', undefined, 4429, 'the sessions of this server hold too many bytes')
  await settle()
  expect(events).toEqual(['opened', 'unusable'])
  expect(outcomes).toEqual(['0', 'unavailable 0'])
})

test('is unusable if it is lost without a response to any request', () => {
  const { socket, append, events } = sessionOfTest()
  socket.emit('open')
  append()
  socket.emit('close')
  expect(events).toEqual(['opened', 'unusable'])
})

test('ends when a request has no response in time and nothing else arrives', async () => {
  const { socket, append, outcomes, events, clock } = sessionOfTest()
  socket.emit('open')
  append(0, 1, 1_000)
  append(0, 1, 5_000)
  clock.advance(1_000)
  await settle()
  expect(outcomes).toEqual(['unavailable 0', 'unavailable 0'])
  expect(events).toEqual(['opened', 'unusable'])
})

test('gives up one request without a response, and should be replaced, while others have theirs', async () => {
  const { socket, append, outcomes, events, clock } = sessionOfTest()
  socket.emit('open')
  append(0, 1, 1_000)
  append(1, 1, 5_000)
  clock.advance(500)
  socket.respond(1)
  clock.advance(500)
  await settle()
  expect(outcomes).toEqual(['unavailable 0', '10'])
  socket.respond(0)
  expect(events).toEqual(['opened', 'wornOut'])
})

test('forgets a request that was given up', async () => {
  const { socket, append, outcomes, abort, clock } = sessionOfTest()
  socket.emit('open')
  append()
  abort.abort()
  append()
  await settle()
  expect(outcomes).toEqual(['unavailable 0', 'throttled 429'])
  socket.respond(0)
  // The check for silence.
  expect(clock.pending).toBe(1)
})

test('echoes marks, and reports that the server wants another session', () => {
  const { socket, events } = sessionOfTest()
  socket.emit('open')
  socket.emit('message', '{"op":"mark","mark":77}')
  socket.emit('message', '{"op":"ping"}')
  socket.emit('message', '{"op":"later"}')
  socket.emit('message', '{"op":"end"}')
  expect(socket.texts).toEqual([{ op: 'consumed', mark: 77 }])
  expect(events).toEqual(['opened', 'wornOut'])
})

test('waits for its responses when it ends', async () => {
  const { session, socket, append, outcomes, events } = sessionOfTest()
  socket.emit('open')
  append()
  session.end()
  append()
  expect(socket.texts.at(-1)).toEqual({ op: 'end' })
  expect([socket.isClosed, session.isOpen]).toEqual([false, false])
  socket.respond(0)
  expect(socket.isClosed).toBe(true)
  await settle()
  expect(outcomes).toEqual(['0', 'throttled 429'])
  expect(events).toEqual(['opened', 'over'])
})

test.each([
  ['an entry cut short', Uint8Array.of(1, 2, 3)],
  ['a kind that it did not ask for', encodeSessionEntry(SESSION_ENTRY.tail, 0)],
  ['a truncated result', encodeSessionEntry(SESSION_ENTRY.appended, 0, Uint8Array.of(1))],
  ['an impossible status', encodeRefused(0, 20, {})],
  ['text that is no JSON', '{'],
])('ends after %s', async (_, message) => {
  const { socket, append, outcomes, events } = sessionOfTest()
  socket.emit('open')
  append()
  socket.emit('message', message)
  await settle()
  expect(outcomes).toEqual(['unavailable 0'])
  expect(events).toEqual(['opened', 'unusable'])
  expect(socket.isClosed).toBe(true)
})
