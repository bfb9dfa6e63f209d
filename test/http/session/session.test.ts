/** The ends of a session that its client does not cause, and errors that no client should see. */
import { afterEach, beforeEach, expect, test, vi } from 'vitest'
import type { Broker } from '../../../src/broker/broker.ts'
import { EdgelogError } from '../../../src/core/errors.ts'
import {
  PING_INTERVAL_MS,
  SESSION_STALLED_PINGS_MAX,
  SESSION_WINDOW_BYTES,
  SESSIONS_HELD_BYTES_MAX,
} from '../../../src/core/limits.ts'
import {
  decodeRefused,
  decodeSessionEntries,
  encodeAppend,
} from '../../../src/core/log/session-protocol.ts'
import { logEvent, setEventSink } from '../../../src/events/report.ts'
import { Session } from '../../../src/http/session/session.ts'
import type { SessionCalls } from '../../../src/http/session/session-calls.ts'
import { newSessionsMemory, SessionMemory } from '../../../src/http/session/session-memory.ts'
import { SessionOutput } from '../../../src/http/session/session-output.ts'

beforeEach(() => {
  vi.useFakeTimers({ toFake: ['setInterval', 'clearInterval'] })
})
afterEach(() => {
  vi.useRealTimers()
  setEventSink(logEvent)
})

function sessionOfTest(startAppend: () => Promise<unknown> = async () => ({ appended: NEVER })) {
  const sent: Array<string | Uint8Array> = []
  const closes: Array<[number, string]> = []
  let receive: (event: { data: unknown }) => void = () => {}
  const socket = {
    readyState: 1,
    binaryType: '',
    accept: () => {},
    addEventListener: (type: string, listener: typeof receive) => {
      if (type === 'message') receive = listener
    },
    send: (message: string | Uint8Array) => sent.push(message),
    close: (code: number, reason: string) => {
      closes.push([code, reason])
      socket.readyState = 3
    },
  } as unknown as WebSocket & { readyState: number }
  const all = newSessionsMemory()
  const memory = new SessionMemory(all)
  const output = new SessionOutput(socket, memory)
  const caller: { error: EdgelogError | undefined } = { error: undefined }
  new Session({
    socket,
    output,
    memory,
    calls: {} as SessionCalls,
    broker: { records: { startAppend }, isWornOut: () => false } as unknown as Broker,
    callsMax: 1,
    callerError: () => caller.error,
  }).open()
  const text = (message: object) => receive({ data: JSON.stringify(message) })
  const bytes = (message: Uint8Array<ArrayBuffer>) => receive({ data: message.buffer })
  return { sent, closes, text, bytes, all, output, caller }
}

const NEVER = new Promise<never>(() => {})
const settle = () => new Promise((resolve) => setImmediate(resolve))

test('ends with the reason when its caller is no longer accepted', () => {
  const { closes, caller, all, sent } = sessionOfTest()
  vi.advanceTimersByTime(PING_INTERVAL_MS)
  expect(sent).toEqual(['{"op":"ping"}'])
  caller.error = new EdgelogError('unauthorized', 'Authorization: the bearer token is wrong')
  vi.advanceTimersByTime(PING_INTERVAL_MS)
  expect(closes).toEqual([[4401, 'Authorization: the bearer token is wrong']])
  expect(all).toEqual({ sessionsCount: 0, heldBytes: 0 })
  vi.advanceTimersByTime(10 * PING_INTERVAL_MS)
  expect(sent.length).toBe(1)
})

test('ends when its client has had no credit for too long', async () => {
  const { closes, output, all } = sessionOfTest()
  void output.sendParts(1, new Uint8Array(2 * SESSION_WINDOW_BYTES))
  await settle()
  vi.advanceTimersByTime((SESSION_STALLED_PINGS_MAX - 1) * PING_INTERVAL_MS)
  expect(closes).toEqual([])
  vi.advanceTimersByTime(PING_INTERVAL_MS)
  expect(closes).toEqual([[1008, 'the client consumes nothing']])
  expect(all).toEqual({ sessionsCount: 0, heldBytes: 0 })
})

test('ends when the sessions hold too much, and it more than its share', () => {
  const { closes, text, bytes, all } = sessionOfTest()
  new SessionMemory(all)
  new SessionMemory(all).hold(SESSIONS_HELD_BYTES_MAX - 15_000_000)
  text({ op: 'open', ref: 0, topic: 't', partition: 0 })
  const append = { ref: 0, expectedOffset: undefined, batches: new Uint8Array(9_000_000) }
  bytes(encodeAppend(1, append))
  expect(closes).toEqual([])
  bytes(encodeAppend(2, append))
  expect(closes).toEqual([[4429, 'the sessions of this server hold too many bytes']])
  expect(all).toEqual({ sessionsCount: 2, heldBytes: SESSIONS_HELD_BYTES_MAX - 15_000_000 })
})

test('hides an unexpected error, and reports it under the id in the response', async () => {
  const events: object[] = []
  setEventSink((event) => events.push(event))
  const { sent, text, bytes } = sessionOfTest(async () => {
    throw new TypeError('secret detail')
  })
  text({ op: 'open', ref: 0, topic: 't', partition: 0 })
  bytes(encodeAppend(1, { ref: 0, expectedOffset: undefined, batches: new Uint8Array(9) }))
  await settle()
  const [entry] = decodeSessionEntries(sent[0] as Uint8Array)
  const { status, text: body } = decodeRefused(entry?.content as Uint8Array)
  expect(status).toBe(500)
  expect(body).not.toContain('secret')
  expect(events).toMatchObject([{ type: 'unexpected_error', path: '/v1/session' }])
  expect(body).toContain((events[0] as { requestId: string }).requestId)
})

test('serves appends in their order, and waits with them for credit', async () => {
  const started: number[] = []
  const { text, bytes, output, sent } = sessionOfTest(async (...append: unknown[]) => {
    started.push((append[2] as Uint8Array)[0] as number)
    return { appended: NEVER }
  })
  text({ op: 'open', ref: 0, topic: 't', partition: 0 })
  const push = (number: number) =>
    bytes(
      encodeAppend(number, { ref: 0, expectedOffset: undefined, batches: Uint8Array.of(number) }),
    )
  for (const number of [1, 2, 3]) push(number)
  await settle()
  expect(started).toEqual([1, 2, 3])
  void output.sendParts(9, new Uint8Array(SESSION_WINDOW_BYTES + 1))
  await settle()
  for (const number of [4, 5]) push(number)
  await settle()
  expect(started).toEqual([1, 2, 3])
  const marks = sent.flatMap((message) =>
    typeof message === 'string' ? [JSON.parse(message)] : [],
  )
  text({ op: 'consumed', mark: marks.findLast(({ op }) => op === 'mark').mark })
  await settle()
  expect(started).toEqual([1, 2, 3, 4, 5])
})
