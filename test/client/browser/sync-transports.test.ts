/** The transports with responses that are whole, in pieces, truncated, or not from the log. */
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { openTransport } from '../../../client/browser/sync/open-transport.ts'
import type { TransportListener, TransportName } from '../../../client/browser/sync/transport.ts'
import type { Connection } from '../../../client/http/connection.ts'
import { encodeBase64 } from '../../../src/core/bytes/base64.ts'
import type { EdgelogError } from '../../../src/core/errors.ts'
import {
  encodeTailEntry,
  encodeTailFrame,
  encodeTailMessage,
  TAIL_ENTRY_FRAME,
  TAIL_ENTRY_NOTICE,
} from '../../../src/core/log/tail-protocol.ts'
import { runs, SEEDED } from '../../support/seed.ts'
import { FakeTail } from '../fake-tail.ts'
import { ManualClock } from '../manual-clock.ts'
import { settle } from './fake-sync.ts'

type Message = { readonly notice: object } | { readonly id: number; readonly batches: Uint8Array }

const SUBSCRIBED = {
  op: 'subscribed',
  id: 0,
  topicId: '\u2028é',
  offset: 4,
  highWatermark: 9,
  lastStableOffset: 8,
  logStartOffset: 0,
}
const error = { code: 'offset_out_of_range', message: 'gone', retryable: false }
const MESSAGES: readonly Message[] = [
  { notice: SUBSCRIBED },
  { id: 7, batches: new Uint8Array(1_000).map((_, index) => index) },
  { notice: { op: 'something new' } },
  { id: 7, batches: new Uint8Array() },
  { notice: { op: 'closed', id: 7, error } },
]
const HEARD = [
  `subscribed ${JSON.stringify(SUBSCRIBED)}`,
  'frame 7 of 4 to 7: 9 8 3 1000',
  'frame 7 of 4 to 7: 9 8 3 0',
  'closed 7 offset_out_of_range',
]

function frameOf(batches: Uint8Array): Uint8Array {
  const ends = { highWatermark: 9, lastStableOffset: 8, logStartOffset: 3 }
  return encodeTailFrame({ from: 4, to: 7, ...ends }, [batches], batches.length)
}

function asEvents(messages: readonly Message[], newline = '\n'): Uint8Array {
  const lines = messages.flatMap((message) =>
    'notice' in message
      ? [': a comment', `data: ${JSON.stringify(message.notice)}`, '']
      : [
          'event: frame',
          `data:${encodeBase64(encodeTailMessage(message.id, frameOf(message.batches)))}`,
          'id: 7',
          '',
          'event: of another kind',
          'data: what',
          '',
        ],
  )
  return new TextEncoder().encode([...lines, ''].join(newline))
}

function asEntries(messages: readonly Message[]): Uint8Array {
  const entries = messages.map((message) =>
    'notice' in message
      ? {
          kind: TAIL_ENTRY_NOTICE,
          bytes: new TextEncoder().encode(JSON.stringify(message.notice)),
        }
      : {
          kind: TAIL_ENTRY_FRAME,
          bytes: encodeTailMessage(message.id, frameOf(message.batches)),
        },
  )
  const parts = [...entries, { kind: 9, bytes: new Uint8Array(3) }].map(encodeTailEntry)
  return new Uint8Array(parts.flatMap((part) => [...part]))
}

const KINDS = {
  sse: { type: 'text/event-stream', encode: asEvents },
  'long-poll': { type: 'application/vnd.edgelog.tail', encode: asEntries },
} as const

/** Returns a body in pieces, which end at the given positions. */
function body(bytes: Uint8Array, cuts: readonly number[] = []): ReadableStream<Uint8Array> {
  const ends = [...cuts, bytes.length].toSorted((a, b) => a - b)
  let from = 0
  return new ReadableStream({
    pull: (controller) => {
      const end = ends.shift()
      if (end === undefined) return controller.close()
      // A source that enqueues nothing is not pulled again.
      if (end === from) return controller.enqueue(new Uint8Array())
      controller.enqueue(bytes.slice(from, end))
      from = end
    },
  })
}

function setUp(name: TransportName, response: (init: RequestInit) => Response | Promise<Response>) {
  const calls: { url: string; init: RequestInit }[] = []
  const tail = new FakeTail()
  const connection: Connection = {
    url: 'http://fake',
    token: 'one',
    fetch: async (url, init = {}) => {
      calls.push({ url, init })
      return await response(init)
    },
    clock: new ManualClock(),
    random: () => 0.5,
  }
  const heard: string[] = []
  const ends: (EdgelogError | undefined)[] = []
  const listener: TransportListener = {
    notice: (notice) => {
      if (notice.op === 'subscribed') heard.push(`subscribed ${JSON.stringify(notice)}`)
      else if (heard.at(-1) !== 'ping') heard.push('ping')
    },
    frame: (id, { from, to, highWatermark, lastStableOffset, logStartOffset, batches }) => {
      const ends = `${highWatermark} ${lastStableOffset} ${logStartOffset}`
      heard.push(`frame ${id} of ${from} to ${to}: ${ends} ${batches.length}`)
    },
    closed: (id, { code }) => void heard.push(`closed ${id} ${code}`),
    ended: (end) => void ends.push(end),
  }
  const transport = openTransport(connection, tail.WebSocket)(name, listener, 1_234)
  const said = () => heard.filter((line) => line !== 'ping')
  return { transport, connection, tail, calls, heard, said, ends }
}

const subscription = { id: 7, topic: 't', partition: 3, offset: 42, topicId: 'id' }

describe.each(['sse', 'long-poll'] as const)('%s', (name) => {
  const { type, encode } = KINDS[name]
  const response = (bytes: Uint8Array, cuts?: readonly number[]) =>
    new Response(body(bytes, cuts), { headers: { 'content-type': `${type}; charset=utf-8` } })

  test('requests all subscriptions at once, with the token', async () => {
    const { transport, calls } = setUp(name, () => response(encode([])))
    transport.subscribe(subscription, 1_000)
    transport.subscribe({ ...subscription, id: 8 }, 1_000)
    await settle()
    expect(calls).toHaveLength(1)
    expect(calls[0]?.url).toBe('http://fake/v1/tail')
    expect(calls[0]?.init).toMatchObject({
      method: 'POST',
      headers: { accept: type, authorization: 'Bearer one', 'content-type': 'application/json' },
    })
    expect(JSON.parse(String(calls[0]?.init.body))).toEqual({
      subscriptions: [
        { ...subscription, creditBytes: 1_000 },
        { ...subscription, id: 8, creditBytes: 1_000 },
      ],
      ...(name === 'long-poll' && { waitMs: 1_234 }),
    })
  })

  test('reads the same frames however the body is split', async () => {
    const bytes = encode(MESSAGES)
    const cuts = fc.array(fc.nat({ max: bytes.length }), { maxLength: 40 })
    await fc.assert(
      fc.asyncProperty(cuts, async (places) => {
        const { transport, said, heard, ends } = setUp(name, () => response(bytes, places))
        transport.subscribe(subscription, 1_000)
        for (let turn = 0; turn < 30 && ends.length === 0; turn++) await settle()
        expect(said()).toEqual(HEARD)
        expect(heard).toContain('ping')
        expect(ends).toEqual([undefined])
      }),
      { ...SEEDED, numRuns: runs(100) },
    )
  })

  test('reads on only when the previous frame is stored', async () => {
    const bytes = encode(MESSAGES.slice(1, 2))
    const { connection } = setUp(name, () => response(bytes))
    let pulled = 0
    const stream = new ReadableStream<Uint8Array>(
      {
        pull: (controller) => {
          pulled += 1
          controller.enqueue(bytes)
        },
      },
      { highWaterMark: 0 },
    )
    const fetch = async () => new Response(stream, { headers: { 'content-type': type } })
    const releases: (() => void)[] = []
    const listener: TransportListener = {
      notice: () => undefined,
      frame: () => new Promise((resolve) => releases.push(resolve)),
      closed: () => undefined,
      ended: () => undefined,
    }
    const open = openTransport({ ...connection, fetch }, undefined)
    const transport = open(name, listener, 0)
    transport.subscribe(subscription, 1_000)
    await settle()
    expect(pulled).toBe(1)
    releases[0]?.()
    await settle()
    expect(pulled).toBe(2)
    transport.close()
  })

  test.each([
    ['the page of a captive portal', 200, 'text/html', '<html>Pay first</html>'],
    ['foreign JSON', 200, 'application/json', '{"op":"subscribed"}'],
    ['a response without a content type', 200, '', 'hello'],
    ['a bad gateway', 502, 'text/html', '<html>502</html>'],
    [
      'an error response',
      400,
      'application/json',
      '{"error":{"code":"invalid_request","message":"no"}}',
    ],
    ['garbage with the right content type', 200, type, `data: 17\n\n${'\0'.repeat(4)}\x02{}`],
    ['a frame too short', 200, type, 'event: frame\ndata: AAAA\n\n'],
    ['a frame that is no base64', 200, type, 'event: frame\ndata: ?\n\n'],
  ])('ends with an error at %s', async (what, status, contentType, text) => {
    if (name === 'long-poll' && what.startsWith('a frame')) return
    const bytes = new TextEncoder().encode(
      name === 'long-poll' && what === 'garbage with the right content type'
        ? '\0\0\0\0\x0217'
        : text,
    )
    let isCancelled = false
    const stream = new ReadableStream({
      start: (controller) => controller.enqueue(bytes),
      cancel: () => {
        isCancelled = true
      },
    })
    // An error response is read to its end.
    const content = status === 200 ? stream : text
    const headers = { 'content-type': contentType }
    const { transport, said, ends } = setUp(name, () => new Response(content, { status, headers }))
    transport.subscribe(subscription, 1_000)
    await settle()
    expect(said()).toEqual([])
    expect(ends).toHaveLength(1)
    expect(ends[0]?.code).toBe(what === 'an error response' ? 'invalid_request' : 'unavailable')
    expect(isCancelled).toBe(status === 200)
  })

  test('ends with an error without a network, and when the body is truncated', async () => {
    const none = setUp(name, () => Promise.reject(new TypeError('no network')))
    none.transport.subscribe(subscription, 1_000)
    const bytes = encode(MESSAGES)
    let isBegun = false
    const stream = new ReadableStream({
      pull: (controller) => {
        if (isBegun) controller.error(new TypeError('cut'))
        else controller.enqueue(bytes.slice(0, -10))
        isBegun = true
      },
    })
    const headers = { 'content-type': type }
    const cut = setUp(name, () => new Response(stream, { headers }))
    cut.transport.subscribe(subscription, 1_000)
    await settle()
    expect(none.ends.map((end) => end?.code)).toEqual(['unavailable'])
    expect(cut.ends.map((end) => end?.code)).toEqual(['unavailable'])
    expect(cut.said().length).toBeGreaterThan(1)
  })

  test('calls no listener once it is closed', async () => {
    let abort: AbortSignal | undefined
    const setup = setUp(name, async ({ signal }) => {
      abort = signal ?? undefined
      await settle()
      return response(encode(MESSAGES))
    })
    setup.transport.subscribe(subscription, 1_000)
    await Promise.resolve()
    setup.transport.close()
    for (let turn = 0; turn < 4; turn++) await settle()
    expect(abort?.aborted).toBe(true)
    expect(setup.heard).toEqual([])
    expect(setup.ends).toEqual([])

    const early = setUp(name, () => response(encode(MESSAGES)))
    early.transport.subscribe(subscription, 1_000)
    early.transport.close()
    await settle()
    expect(early.calls).toEqual([])
    expect(early.ends).toEqual([])
  })
})

test('an event stream may end its lines with LF or CRLF', async () => {
  const bytes = asEvents(MESSAGES, '\r\n')
  const headers = { 'content-type': 'text/event-stream' }
  const { transport, said } = setUp('sse', () => new Response(body(bytes), { headers }))
  transport.subscribe(subscription, 1_000)
  await settle()
  expect(said()).toEqual(HEARD)
})

describe('a WebSocket', () => {
  test('subscribes when it is open, and passes on messages', async () => {
    const { transport, tail, said, ends } = setUp('websocket', () => Response.error())
    transport.subscribe(subscription, 1_000)
    expect(tail.socket?.url).toBe('ws://fake/v1/tail')
    expect(tail.socket?.sent).toEqual([])
    await settle()
    expect(tail.socket?.sent).toEqual([{ op: 'subscribe', ...subscription, creditBytes: 1_000 }])
    tail.socket?.say(SUBSCRIBED)
    tail.socket?.frame(7, 9, new Uint8Array(5), { from: 1, to: 2 })
    transport.grant(7, 5)
    transport.unsubscribe(7)
    expect(tail.socket?.sent.slice(1)).toEqual([
      { op: 'credit', id: 7, bytes: 5 },
      { op: 'unsubscribe', id: 7 },
    ])
    expect(said()).toEqual([HEARD[0], 'frame 7 of 1 to 2: 9 9 0 5'])
    tail.socket?.emit('close')
    tail.socket?.emit('error')
    expect(ends.map((end) => end?.code)).toEqual(['unavailable'])
  })

  test.each(['{', '7', '{"op":"closed","id":1}', '{"op":"error","error":{"code":"internal"}}'])(
    'ends when it receives %s',
    async (text) => {
      const { transport, tail, ends } = setUp('websocket', () => Response.error())
      transport.subscribe(subscription, 1_000)
      await settle()
      tail.socket?.emit('message', text)
      tail.socket?.say(SUBSCRIBED)
      expect(ends).toHaveLength(1)
      expect(tail.socket?.isClosed).toBe(true)
    },
  )

  test('ends with an error when it cannot be created, as when it is rejected', async () => {
    const { connection } = setUp('websocket', () => Response.error())
    const ends: unknown[] = []
    const listener: TransportListener = {
      notice: () => undefined,
      frame: () => undefined,
      closed: () => undefined,
      ended: (end) => void ends.push(end?.code),
    }
    const WebSocket = class {
      constructor() {
        throw new DOMException('insecure', 'SecurityError')
      }
    } as never
    const transport = openTransport(connection, WebSocket)('websocket', listener, 0)
    transport.subscribe(subscription, 1_000)
    expect(ends).toEqual([])
    await settle()
    expect(ends).toEqual(['unavailable'])
    expect((connection.clock as ManualClock).pending).toBe(0)
  })
})
