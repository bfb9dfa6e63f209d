/** A consumer on a faulty live tail. Fetches from the log behind it are correct. */
import { describe, expect, test } from 'vitest'
import { TailConnection } from '../../client/consumer/tail-connection.ts'
import { openTailSocket } from '../../client/http/web-socket.ts'
import { type ConsumerBatch, connect } from '../../client/index.ts'
import { encodeBatch } from '../../src/core/batch/batch-builder.ts'
import { BATCH_HEADER_BYTES } from '../../src/core/batch/header-layout.ts'
import { assignOffset } from '../../src/core/batch/record-batch.ts'
import { writeCrc } from '../../src/core/batch/write-crc.ts'
import { encodeTailFrame, encodeTailMessage, tailParts } from '../../src/core/log/tail-protocol.ts'
import { FakeTail } from './fake-tail.ts'
import { ManualClock } from './manual-clock.ts'

const VALUE_BYTES = 1_000

function batchAt(offset: number): Uint8Array {
  const value = new TextEncoder().encode(`${offset}`.padEnd(VALUE_BYTES))
  const batch = encodeBatch([{ timestamp: 0, key: null, value, headers: [] }])
  assignOffset(batch, 0, offset, 0)
  return batch
}

function undecodable(batch: Uint8Array): Uint8Array {
  batch.fill(0xff, BATCH_HEADER_BYTES, BATCH_HEADER_BYTES + 8)
  writeCrc(batch)
  return batch
}

function concat(batches: readonly Uint8Array[]): Uint8Array {
  return new Uint8Array(batches.flatMap((batch) => [...batch]))
}

interface FakeLog {
  endOffset: number
  /** Number of offsets that the log reports, but does not return. */
  missing: number
  /** Offset of a batch with a valid CRC and invalid records. */
  undecodableAt: number
  readonly fetches: number[]
}

/** Sets up a log of one-record batches behind `fetch`, and a tail controlled by the test. */
async function setUp(start: Partial<FakeLog> = {}, options: { bufferBytesMax?: number } = {}) {
  const tail = new FakeTail()
  const clock = new ManualClock()
  const log: FakeLog = { endOffset: 0, missing: 0, undecodableAt: -1, fetches: [], ...start }
  const fetch = async (input: string): Promise<Response> => {
    const from = Number(new URL(input).searchParams.get('offset'))
    log.fetches.push(from)
    const offsets = Array.from({ length: log.endOffset - from }, (_, index) => from + index)
    const batches = offsets.map((offset) =>
      offset === log.undecodableAt ? undecodable(batchAt(offset)) : batchAt(offset),
    )
    return new Response(concat(batches) as Uint8Array<ArrayBuffer>, {
      headers: {
        'edgelog-offset': `${from}`,
        'edgelog-next-offset': `${log.endOffset}`,
        'edgelog-high-watermark': `${log.endOffset + log.missing}`,
        'edgelog-last-stable-offset': `${log.endOffset + log.missing}`,
      },
    })
  }
  const client = connect({
    url: 'https://fake',
    token: 'a?b',
    fetch,
    WebSocket: tail.WebSocket,
    transport: 'fetch',
    clock,
  })
  const consumer = await client.consumer({
    assignments: [{ topic: 't', partition: 0, offset: 0 }],
    ...options,
  })
  const iterator = consumer[Symbol.asyncIterator]()
  return { tail, clock, log, client, consumer, iterator }
}

/** Runs promises without advancing the clock. */
async function settle(): Promise<void> {
  for (let turn = 0; turn < 10; turn++) await new Promise((resolve) => setImmediate(resolve))
}

/** Advances the clock in steps, so that all due work runs. */
async function pass(clock: ManualClock, byMs: number): Promise<void> {
  for (let passedMs = 0; passedMs < byMs; passedMs += 500) {
    clock.advance(500)
    await settle()
  }
}

function offsetsOf(result: IteratorResult<ConsumerBatch, void>): number[] {
  return result.value?.records.map(({ offset }) => offset) ?? []
}

async function connected(setup: Awaited<ReturnType<typeof setUp>>) {
  await settle()
  setup.clock.advance(0)
  await settle()
  const socket = setup.tail.socket
  if (socket === undefined) throw new Error('not connected')
  const subscribe = socket.sent.findLast(({ op }) => op === 'subscribe')
  if (subscribe === undefined) throw new Error('not subscribed')
  socket.say({ op: 'subscribed', id: subscribe.id })
  return { socket, subscribe }
}

describe('a live tail', () => {
  test('opens with the token, at the end of the fetches, and delivers frames', async () => {
    const setup = await setUp({ endOffset: 2 })
    expect(offsetsOf(await setup.iterator.next())).toEqual([0, 1])
    const { socket, subscribe } = await connected(setup)
    expect(socket.url).toBe('wss://fake/v1/tail')
    const protocols = ['edgelog.tail.v2', 'edgelog.tail.v1', 'edgelog.bearer.YT9i']
    expect(socket.protocols).toEqual(protocols)
    expect(subscribe).toMatchObject({ topic: 't', partition: 0, offset: 2 })
    socket.frame(subscribe.id, 4, concat([batchAt(2), batchAt(3)]))
    const { value } = await setup.iterator.next()
    expect(value).toMatchObject({ nextOffset: 4, highWatermark: 4, lag: 0 })
    await setup.client.close()
    expect(socket.isClosed).toBe(true)
    expect(setup.clock.pending).toBe(0)
  })

  test('skips duplicates, and fetches the records of a gap', async () => {
    const setup = await setUp({ endOffset: 2 })
    await setup.iterator.next()
    const { socket, subscribe } = await connected(setup)
    socket.frame(subscribe.id, 3, concat([batchAt(0), batchAt(1), batchAt(2)]))
    expect(offsetsOf(await setup.iterator.next())).toEqual([2])
    setup.log.endOffset = 6
    socket.frame(subscribe.id, 6, batchAt(5))
    expect(offsetsOf(await setup.iterator.next())).toEqual([3, 4, 5])
    expect(setup.log.fetches.at(-1)).toBe(3)
    await setup.client.close()
  })

  test('passes over offsets without a record, without a fetch', async () => {
    const setup = await setUp({ endOffset: 2 })
    await setup.iterator.next()
    const { socket, subscribe } = await connected(setup)
    const fetches = setup.log.fetches.length
    socket.frame(subscribe.id, 9, new Uint8Array(), { from: 2, to: 5 })
    socket.frame(subscribe.id, 9, batchAt(7), { from: 5, to: 8 })
    const next = setup.iterator.next()
    expect((await next).value).toMatchObject({ nextOffset: 8, lag: 1 })
    socket.frame(subscribe.id, 9, new Uint8Array(), { from: 8, to: 9 })
    const idle = setup.iterator.next()
    await settle()
    expect(setup.consumer.position('t', 0)).toBe(9)
    expect(setup.log.fetches.length).toBe(fetches)
    await setup.client.close()
    await idle
  })

  test('rejects damaged bytes', async () => {
    const setup = await setUp({ endOffset: 1 })
    await setup.iterator.next()
    const { socket, subscribe } = await connected(setup)
    const damaged = batchAt(1)
    damaged[100] = 0
    setup.log.endOffset = 2
    socket.frame(subscribe.id, 2, damaged)
    const next = setup.iterator.next()
    await settle()
    setup.clock.advance(1_000)
    expect(offsetsOf(await next)).toEqual([1])
    await setup.client.close()
  })

  test('is dead after 40 s of silence, and resumes at the next offset', async () => {
    const setup = await setUp()
    const first = await connected(setup)
    first.socket.frame(first.subscribe.id, 1, batchAt(0))
    await setup.iterator.next()
    setup.clock.advance(30_000)
    first.socket.say({ op: 'ping' })
    setup.clock.advance(30_000)
    expect(first.socket.isClosed).toBe(false)
    setup.clock.advance(10_001)
    expect(first.socket.isClosed).toBe(true)
    await settle()
    await pass(setup.clock, 500)
    const second = await connected(setup)
    expect(second.socket).not.toBe(first.socket)
    expect(second.subscribe).toMatchObject({ offset: 1 })
    await setup.client.close()
  })

  test('ends one subscription after an error about it, and the connection after one about none', async () => {
    const setup = await setUp()
    const { socket, subscribe } = await connected(setup)
    const other = await setup.client.consumer({
      assignments: [{ topic: 'u', partition: 0, offset: 0 }],
    })
    await settle()
    const second = socket.sent.findLast(({ op }) => op === 'subscribe')
    expect(second?.id).not.toBe(subscribe.id)
    const error = { code: 'invalid_request', message: 'no', retryable: false }
    socket.say({ op: 'error', id: second?.id, error })
    await expect(other[Symbol.asyncIterator]().next()).rejects.toMatchObject({ message: 'no' })
    expect(socket.sent.at(-1)).toEqual({ op: 'unsubscribe', id: second?.id })
    socket.frame(subscribe.id, 1, batchAt(0))
    expect(offsetsOf(await setup.iterator.next())).toEqual([0])
    expect(socket.isClosed).toBe(false)
    socket.say({ op: 'error', error })
    expect(socket.isClosed).toBe(true)
    await setup.client.close()
  })

  test.each(['null', '7', '[]', '{', '{"op":"closed","id":0}', '{"op":"error","error":null}'])(
    'is closed when it sends %s',
    async (text) => {
      const setup = await setUp()
      const { socket } = await connected(setup)
      socket.say({ op: 'something new' })
      expect(socket.isClosed).toBe(false)
      socket.emit('message', text)
      expect(socket.isClosed).toBe(true)
      await setup.client.close()
    },
  )

  test('is dead when it answers no subscription, whatever else it sends', async () => {
    const setup = await setUp()
    await settle()
    setup.clock.advance(0)
    await settle()
    const { socket } = setup.tail
    setup.clock.advance(9_000)
    socket?.say({ op: 'ping' })
    setup.clock.advance(999)
    expect(socket?.isClosed).toBe(false)
    setup.clock.advance(1)
    expect(socket?.isClosed).toBe(true)
    await setup.client.close()
    expect(setup.clock.pending).toBe(0)
  })

  test('ends only the subscription of a partition that does not respond', async () => {
    const setup = await setUp()
    const { socket, subscribe } = await connected(setup)
    const silent = await setup.client.consumer({
      assignments: [{ topic: 'u', partition: 0, offset: 0 }],
    })
    await settle()
    const asked = () =>
      socket.sent.filter(({ op, id }) => op === 'subscribe' && id !== subscribe.id)
    expect(asked().length).toBe(1)
    setup.clock.advance(9_999)
    expect(socket.sent.at(-1)).toEqual(asked()[0])
    setup.clock.advance(1)
    expect(socket.sent.at(-1)).toEqual({ op: 'unsubscribe', id: asked()[0]?.id })
    await pass(setup.clock, 25_000)
    // It is retried, and again alone.
    expect(asked().length).toBeGreaterThan(1)
    expect(setup.tail.sockets.length).toBe(1)
    socket.frame(subscribe.id, 1, batchAt(0))
    expect(offsetsOf(await setup.iterator.next())).toEqual([0])
    await silent.close()
    await setup.client.close()
    expect(setup.clock.pending).toBe(0)
  })

  test('sends nothing about subscriptions that the log has closed', async () => {
    const setup = await setUp()
    const { socket, subscribe } = await connected(setup)
    const error = { code: 'unavailable', message: 'gone for a moment', retryable: true }
    socket.say({ op: 'closed', id: subscribe.id, error })
    await settle()
    expect(socket.sent.filter(({ op }) => op === 'unsubscribe')).toEqual([])
    await setup.client.close()
  })

  test('is dead when sending fails', async () => {
    const setup = await setUp()
    const { socket } = await connected(setup)
    socket.send = () => {
      throw new DOMException('closing', 'InvalidStateError')
    }
    const other = await setup.client.consumer({
      assignments: [{ topic: 'u', partition: 0, offset: 0 }],
    })
    await settle()
    expect(socket.isClosed).toBe(true)
    await other.close()
    await setup.client.close()
  })

  test('is not subscribed in a loop when it skips offsets that are not in the log', async () => {
    const setup = await setUp()
    const { socket } = await connected(setup)
    const subscribed = () => setup.tail.sockets.flatMap(({ sent }) => sent)
    for (let round = 0; round < 20; round++) {
      const latest = setup.tail.socket ?? socket
      const id = latest.sent.findLast(({ op }) => op === 'subscribe')?.id
      if (id !== undefined && !latest.isClosed) latest.frame(id, 9, batchAt(8))
      await settle()
      setup.clock.advance(0)
      await settle()
    }
    expect(subscribed().filter(({ op }) => op === 'subscribe').length).toBeLessThan(4)
    await setup.client.close()
    expect(setup.clock.pending).toBe(0)
  })

  test('is replaced by long polls after repeated failures, and retried later', async () => {
    const setup = await setUp()
    setup.tail.isRefusing = true
    await pass(setup.clock, 10_000)
    expect(setup.tail.sockets).toHaveLength(3)
    const fetches = setup.log.fetches.length
    expect(fetches).toBeGreaterThan(1)
    setup.log.endOffset = 1
    setup.clock.advance(1_000)
    expect(offsetsOf(await setup.iterator.next())).toEqual([0])
    setup.tail.isRefusing = false
    await pass(setup.clock, 60_000)
    const { subscribe } = await connected(setup)
    expect(subscribe).toMatchObject({ offset: 1 })
    await setup.client.close()
  })

  test('grants only bytes that the application has taken', async () => {
    const setup = await setUp({}, { bufferBytesMax: 20_000 })
    const { socket, subscribe } = await connected(setup)
    expect(subscribe.creditBytes).toBe(16_384)
    for (let offset = 0; offset < 20; offset++) {
      socket.frame(subscribe.id, 20, batchAt(offset))
    }
    const granted = () =>
      socket.sent.reduce((sum, { op, bytes = 0 }) => sum + (op === 'credit' ? bytes : 0), 0)
    await settle()
    expect(granted()).toBe(0)
    for (let count = 0; count < 12; count++) await setup.iterator.next()
    expect(granted()).toBeGreaterThan(8_000)
    const heldBytes = 16_384 + granted() - 12 * batchAt(0).length
    expect(heldBytes).toBeLessThanOrEqual(20_000)
    await setup.client.close()
  })
})

describe('a live tail on a slow line', () => {
  /** Returns the parts of a frame with one large batch, 16 KiB each. */
  function largeFrame(id: number) {
    const value = new Uint8Array(1_000_000)
    const batch = encodeBatch([{ timestamp: 0, key: null, value, headers: [] }])
    const ends = { highWatermark: 1, lastStableOffset: 1, logStartOffset: 0 }
    const frame = encodeTailFrame({ from: 0, to: 1, ...ends }, [batch], batch.length)
    return [...tailParts(encodeTailMessage(id, frame), 16_384)]
  }

  test('accepts a large batch in parts, however long that takes', async () => {
    const setup = await setUp()
    const { socket, subscribe } = await connected(setup)
    socket.protocol = 'edgelog.tail.v2'
    for (const part of largeFrame(subscribe.id)) {
      // 16 KiB at 20 kbit/s.
      await pass(setup.clock, 7_000)
      socket.emit('message', part.buffer)
    }
    expect(offsetsOf(await setup.iterator.next())).toEqual([0])
    expect(setup.tail.sockets).toHaveLength(1)
    await setup.client.close()
  })

  test('ends at a missing part', async () => {
    const setup = await setUp()
    const { socket, subscribe } = await connected(setup)
    socket.protocol = 'edgelog.tail.v2'
    const [first, , third] = largeFrame(subscribe.id)
    socket.emit('message', first?.buffer)
    expect(socket.isClosed).toBe(false)
    socket.emit('message', third?.buffer)
    expect(socket.isClosed).toBe(true)
    await setup.client.close()
  })

  test('fails after 40 s without another part', async () => {
    const setup = await setUp()
    const { socket, subscribe } = await connected(setup)
    socket.protocol = 'edgelog.tail.v2'
    const [first] = largeFrame(subscribe.id)
    socket.emit('message', first?.buffer)
    await pass(setup.clock, 39_000)
    expect(socket.isClosed).toBe(false)
    await pass(setup.clock, 2_000)
    expect(socket.isClosed).toBe(true)
    await setup.client.close()
  })

  test('waits for the response about one partition while frames of another arrive', async () => {
    const { clock, sockets, closings, tail } = await twoSubscriptions()
    const [socket] = sockets
    for (let elapsedMs = 0; elapsedMs < 100_000; elapsedMs += 5_000) {
      await pass(clock, 5_000)
      socket?.frame(1, 1, batchAt(0))
    }
    expect(closings).toEqual([])
    await pass(clock, 9_000)
    expect(closings).toEqual([])
    await pass(clock, 2_000)
    expect(closings).toEqual([2])
    tail.close()
  })

  test('gives up one partition eventually, even if frames of another arrive', async () => {
    const { clock, sockets, closings, tail } = await twoSubscriptions()
    const [socket] = sockets
    for (let elapsedMs = 0; elapsedMs < 125_000; elapsedMs += 5_000) {
      await pass(clock, 5_000)
      socket?.frame(1, 1, batchAt(0))
    }
    expect(closings).toEqual([2])
    tail.close()
  })

  /** Sets up two subscriptions, of which only the first is answered. */
  async function twoSubscriptions() {
    const { sockets, WebSocket } = new FakeTail()
    const clock = new ManualClock()
    const connection = { url: 'http://fake', token: undefined, fetch, clock, random: () => 0.5 }
    const closings: number[] = []
    const tail = new TailConnection(connection, () => openTailSocket(connection, WebSocket), {
      notice: () => undefined,
      frame: () => undefined,
      closed: (id) => closings.push(id),
      ended: () => closings.push(-1),
    })
    await settle()
    tail.subscribe(1, {})
    tail.subscribe(2, {})
    sockets[0]?.say({ op: 'subscribed', id: 1 })
    return { clock, sockets, closings, tail }
  }
})

describe('a fetch', () => {
  test('that makes no progress is not repeated at once', async () => {
    const setup = await setUp({ missing: 5 })
    await settle()
    await settle()
    expect(setup.log.fetches.length).toBe(1)
    await pass(setup.clock, 10_000)
    expect(setup.log.fetches.length).toBeGreaterThan(5)
    expect(setup.log.fetches.length).toBeLessThan(60)
    await setup.client.close()
    expect(setup.clock.pending).toBe(0)
  })

  test('delivers whole batches before one that cannot be decoded', async () => {
    const setup = await setUp({ undecodableAt: 2, endOffset: 4 })
    expect(offsetsOf(await setup.iterator.next())).toEqual([0, 1])
    expect(setup.consumer.position('t', 0)).toBe(2)
    await expect(setup.iterator.next()).rejects.toMatchObject({ code: 'corrupt_message' })
    expect(setup.consumer.position('t', 0)).toBe(2)
    setup.consumer.seek('t', 0, 3)
    expect(offsetsOf(await setup.consumer[Symbol.asyncIterator]().next())).toEqual([3])
    await setup.client.close()
  })
})
