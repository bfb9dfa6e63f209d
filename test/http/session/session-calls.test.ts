/** The calls of a session: how many run at a time, for whom, and with how much memory. */
import { expect, test } from 'vitest'
import {
  FETCH_BYTES_MAX,
  SESSION_CALLS_MAX,
  SESSION_FETCH_BYTES_MAX,
  SESSION_WINDOW_BYTES,
  SESSIONS_HELD_BYTES_MAX,
} from '../../../src/core/limits.ts'
import { encodeHeadAndBody } from '../../../src/core/log/session-protocol.ts'
import { SessionCalls } from '../../../src/http/session/session-calls.ts'
import { newSessionsMemory, SessionMemory } from '../../../src/http/session/session-memory.ts'
import { SessionOutput } from '../../../src/http/session/session-output.ts'

const BATCH = 'application/vnd.edgelog.batch'
const FETCH = '/v1/topics/t/partitions/0/records'
const NO_BODY = new Uint8Array(0)

function callsOfTest() {
  const sent: Array<Uint8Array | string> = []
  const socket = { readyState: 1, send: (message: string) => sent.push(message), close: () => {} }
  const all = newSessionsMemory()
  const memory = new SessionMemory(all)
  const output = new SessionOutput(socket as unknown as WebSocket, memory)
  const requests: Request[] = []
  const open: Array<(response: Response) => void> = []
  const upgrade = new Request('http://log.test/v1/session?x=1', {
    headers: { authorization: 'Bearer secret', cookie: 'a=b' },
  })
  const calls = new SessionCalls(upgrade, output, memory, (request) => {
    requests.push(request)
    return new Promise((resolve) => open.push(resolve))
  })
  let id = 0
  const serve = (path: string, accept?: string, method = 'GET') => {
    const head = { method, path, ...(accept !== undefined && { headers: { accept } }) }
    return calls.serve(id++, Buffer.concat(encodeHeadAndBody(head, NO_BODY)))
  }
  return { serve, requests, open, output, all, sent }
}

const settle = () => new Promise((resolve) => setImmediate(resolve))

test('are made for the caller of the upgrade, at its host', async () => {
  const { serve, requests } = callsOfTest()
  void serve('/v1/topics?limit=5')
  await settle()
  const [request] = requests
  expect(request?.url).toBe('http://log.test/v1/topics?limit=5')
  expect([...(request?.headers ?? [])]).toEqual([['authorization', 'Bearer secret']])
})

test('run some at a time, in their order, and fetches beside them', async () => {
  const { serve, requests, open } = callsOfTest()
  for (let number = 0; number < SESSION_CALLS_MAX + 2; number++) void serve(`/v1/topics/t${number}`)
  await settle()
  expect(requests.length).toBe(SESSION_CALLS_MAX)
  void serve(`${FETCH}?maxBytes=1`, BATCH)
  await settle()
  expect(requests.at(-1)?.url).toContain('maxBytes=1')
  open[3]?.(new Response('{}'))
  await settle()
  expect(requests.at(-1)?.url).toContain(`t${SESSION_CALLS_MAX}`)
  expect(requests.length).toBe(SESSION_CALLS_MAX + 2)
})

test.each([
  ['of record batches', FETCH, BATCH, 16],
  ['of large record batches', `${FETCH}?maxBytes=16777216`, BATCH, 2],
  ['with an impossible size', `${FETCH}?maxBytes=x`, BATCH, 16],
  ['of decoded records', `${FETCH}?maxBytes=1`, undefined, 2],
  ['in another spelling', '/v1/topics/t/partitions/0/%72ecords', undefined, 2],
])('that fetch %s run while their responses fit', async (_, path, accept, atATime) => {
  const { serve, requests } = callsOfTest()
  for (let count = 0; count < 20; count++) void serve(path, accept)
  await settle()
  expect(requests.length).toBe(atATime)
  expect(SESSION_FETCH_BYTES_MAX / FETCH_BYTES_MAX).toBe(2)
})

test('begin only while the client has credit', async () => {
  const { serve, requests, output, sent } = callsOfTest()
  void output.sendParts(99, new Uint8Array(SESSION_WINDOW_BYTES + 1))
  await settle()
  void serve('/v1/topics')
  await settle()
  expect(requests.length).toBe(0)
  const marks = sent.flatMap((message) => (typeof message === 'string' ? [message] : []))
  output.consumed(JSON.parse(marks.at(-1) ?? '').mark)
  await settle()
  expect(requests.length).toBe(1)
})

test('give back what a response held, also if there was no room for it', async () => {
  const { serve, open, all } = callsOfTest()
  new SessionMemory(all).hold(SESSIONS_HELD_BYTES_MAX - 1_000)
  const fits = serve('/v1/topics')
  const isTooLarge = serve('/v1/topics')
  await settle()
  open[0]?.(new Response('{}'))
  await fits
  // The share of this session is half of all.
  open[1]?.(new Response(new Uint8Array(SESSIONS_HELD_BYTES_MAX / 2 + 1)))
  await expect(isTooLarge).rejects.toMatchObject({ code: 'throttled' })
  await settle()
  expect(all.heldBytes).toBeLessThan(SESSIONS_HELD_BYTES_MAX)
})
