import { evictDurableObject, reset } from 'cloudflare:test'
import { afterEach, describe, expect, test, vi } from 'vitest'
import { concatenate } from '../../../src/core/bytes/concatenate.ts'
import { TAIL_CREDIT_BYTES_MAX, TAIL_FRAME_BYTES_MAX } from '../../../src/core/limits.ts'
import { decodeTailFrame, type TailFrame } from '../../../src/core/log/tail-protocol.ts'
import {
  append,
  batch,
  checkAge,
  configure,
  headersOf,
  largeBatch,
  newPartition,
  partition,
  range,
  readAll,
  sameBytes,
  valuesOf,
} from './partition-for-test.ts'

const OLD = 1_000_000_000_000

afterEach(async () => {
  await reset()
})

function ask(name: string, query: Record<string, string | number>): Promise<Response> {
  const search = new URLSearchParams(
    Object.entries({ isolation: 'committed', ...query }).map(([key, value]): [string, string] => [
      key,
      String(value),
    ]),
  )
  const headers = { Upgrade: 'websocket' }
  return partition(name).fetch(`https://partition/tail?${search}`, { headers })
}

interface Tail {
  readonly socket: WebSocket
  readonly response: Response
  readonly frames: TailFrame[]
  readonly closed: Promise<CloseEvent>
}

async function openTail(name: string, offset: number | string, creditBytes: number): Promise<Tail> {
  const response = await ask(name, { offset, creditBytes })
  const socket = response.webSocket
  if (socket === null) throw new Error(`no socket: ${response.status}`)
  const frames: TailFrame[] = []
  socket.binaryType = 'arraybuffer'
  socket.addEventListener('message', ({ data }) => {
    frames.push(decodeTailFrame(new Uint8Array(data as ArrayBuffer), 0))
  })
  const closed = new Promise<CloseEvent>((resolve) => {
    socket.addEventListener('close', resolve, { once: true })
  })
  socket.accept()
  return { socket, response, frames, closed }
}

function bytesOf({ frames }: Tail): Uint8Array {
  return concatenate(frames.map(({ batches }) => batches))
}

async function offsetsIn(tail: Tail, count: number): Promise<number[]> {
  const seen = () => tail.frames.flatMap(({ batches }) => headersOf(batches))
  await vi.waitUntil(() => seen().length >= count, { timeout: 120_000, interval: 5 })
  return seen().map(({ baseOffset }) => baseOffset)
}

/** Waits long enough for unexpected messages to arrive. */
async function quiet(): Promise<void> {
  await scheduler.wait(40)
}

describe('a tail', () => {
  test('receives what the log holds, and then what is appended', async () => {
    const name = await newPartition()
    await append(name, [batch(['a']), batch(['b'])])
    const tail = await openTail(name, 'earliest', 10_000)
    await append(name, batch(['c', 'd']))
    await append(name, batch(['e']))
    expect(await offsetsIn(tail, 4)).toEqual([0, 1, 2, 4])
    expect(tail.frames.map(({ highWatermark }) => highWatermark)).toEqual([2, 4, 5])
    expect(tail.frames.map(({ from, to }) => [from, to])).toEqual([
      [0, 2],
      [2, 4],
      [4, 5],
    ])
    expect(await valuesOf(bytesOf(tail))).toEqual(['a', 'b', 'c', 'd', 'e'])
  })

  test('returns its start offset', async () => {
    const name = await newPartition()
    await append(name, batch(['a', 'b', 'c']))
    const { response } = await openTail(name, 'latest', 10_000)
    expect(Object.fromEntries(response.headers)).toMatchObject({
      'edgelog-offset': '3',
      'edgelog-high-watermark': '3',
      'edgelog-log-start-offset': '0',
    })
  })

  test('begins with the batch that holds the offset', async () => {
    const name = await newPartition()
    await append(name, [batch(['a']), batch(['b', 'c']), batch(['d'])])
    expect(await offsetsIn(await openTail(name, 2, 10_000), 2)).toEqual([1, 3])
  })

  test('receives the same as many others', async () => {
    const name = await newPartition()
    const tails = await Promise.all(range(20).map(() => openTail(name, 0, 10_000)))
    for (const n of range(5)) await append(name, batch([`${n}`]))
    for (const tail of tails) expect(await offsetsIn(tail, 5)).toEqual(range(5))
  })

  test.each([
    ['out of range', { offset: 7, creditBytes: 1 }, 416],
    ['not a number', { offset: 'x', creditBytes: 1 }, 416],
  ])('is rejected for an offset that is %s', async (_, query, status) => {
    const name = await newPartition()
    await append(name, batch(['a']))
    expect((await ask(name, query)).status).toBe(status)
  })

  test.each([-1, 1.5, 'x'])('is rejected for a credit of %s', async (creditBytes) => {
    const name = await newPartition()
    expect((await ask(name, { offset: 0, creditBytes })).status).toBe(400)
  })

  test('is rejected for a partition that does not exist', async () => {
    expect((await ask('none/0', { offset: 0, creditBytes: 1 })).status).toBe(404)
  })
})

describe('credit', () => {
  test('limits what is sent ahead to itself plus one frame', async () => {
    const name = await newPartition()
    const size = 100_000
    for (const _ of range(20)) await append(name, largeBatch(size))
    const creditBytes = 550_000
    const tail = await openTail(name, 0, creditBytes)
    await quiet()
    const sent = bytesOf(tail).length
    expect(sent).toBeGreaterThanOrEqual(creditBytes)
    expect(sent).toBeLessThan(creditBytes + TAIL_FRAME_BYTES_MAX)
    expect(tail.frames.every(({ batches }) => batches.length <= TAIL_FRAME_BYTES_MAX)).toBe(true)
    await append(name, batch(['more']))
    await quiet()
    expect(bytesOf(tail).length).toBe(sent)
    // An overdraft is paid back first.
    tail.socket.send('1')
    await quiet()
    expect(bytesOf(tail).length).toBe(sent)
    tail.socket.send(String(3_000_000))
    expect(await offsetsIn(tail, 21)).toEqual(range(21))
    expect(sameBytes(bytesOf(tail), await readAll(name))).toBe(true)
  })

  test('makes frames small if it is small', async () => {
    const name = await newPartition()
    for (const _ of range(20)) await append(name, largeBatch(5_000))
    const tail = await openTail(name, 0, 40_000)
    await quiet()
    expect(bytesOf(tail).length).toBeGreaterThanOrEqual(40_000)
    expect(tail.frames.every(({ batches }) => batches.length <= 32_768)).toBe(true)
  })

  test('opens a waiting tail if it is zero', async () => {
    const name = await newPartition()
    await append(name, batch(['a']))
    const tail = await openTail(name, 0, 0)
    await quiet()
    expect(tail.frames).toEqual([])
    tail.socket.send('1')
    expect(await offsetsIn(tail, 1)).toEqual([0])
  })

  test('is capped at TAIL_CREDIT_BYTES_MAX', async () => {
    const name = await newPartition()
    const size = 1_000_000
    for (const _ of range(11)) await append(name, largeBatch(size))
    const tail = await openTail(name, 0, 1e15)
    await quiet()
    expect(bytesOf(tail).length).toBeLessThan(TAIL_CREDIT_BYTES_MAX + size + 200)
  })

  test('allows a batch larger than a frame alone', async () => {
    const name = await newPartition()
    await append(name, [batch(['a']), largeBatch(500_000), batch(['b'])])
    const tail = await openTail(name, 0, 1_000_000)
    expect(await offsetsIn(tail, 3)).toEqual([0, 1, 2])
    expect(tail.frames.length).toBe(3)
  })

  test.each(['0', '-5', '1.5', 'x', '', '9007199254740993'])(
    'closes the tail with 4400 for "%s"',
    async (credit) => {
      const name = await newPartition()
      const tail = await openTail(name, 0, 10)
      tail.socket.send(credit)
      expect((await tail.closed).code).toBe(4400)
      await append(name, batch(['the log goes on']))
    },
  )

  test('closes the tail with 4400 for bytes instead of text', async () => {
    const name = await newPartition()
    const tail = await openTail(name, 0, 10)
    tail.socket.send(new Uint8Array([49]))
    expect((await tail.closed).code).toBe(4400)
  })
})

describe('a sleeping partition', () => {
  test('continues its tails at their positions', async () => {
    const name = await newPartition()
    const tail = await openTail(name, 'latest', 10_000)
    for (const n of range(4)) {
      await append(name, batch([`${n}`]))
      await evictDurableObject(partition(name), { webSockets: 'hibernate' })
    }
    expect(await offsetsIn(tail, 4)).toEqual(range(4))
  })

  test('keeps their credit', async () => {
    const name = await newPartition()
    const tail = await openTail(name, 0, 1)
    await append(name, batch(['a']))
    await evictDurableObject(partition(name))
    await append(name, batch(['b']))
    await quiet()
    expect(tail.frames.length).toBe(1)
    tail.socket.send('5000')
    expect(await offsetsIn(tail, 2)).toEqual([0, 1])
  })

  test('is woken by credit', async () => {
    const name = await newPartition()
    for (const n of range(3)) await append(name, batch([`${n}`]))
    const tail = await openTail(name, 0, 0)
    await evictDurableObject(partition(name))
    tail.socket.send('5000')
    expect(await offsetsIn(tail, 3)).toEqual(range(3))
  })
})

describe('the end of a tail', () => {
  test('has the code 4416 if retention overtook it', async () => {
    const name = await newPartition({ 'retention.ms': '60000' })
    await append(name, batch(['a'], { timestamp: OLD }))
    const tail = await openTail(name, 0, 0)
    await checkAge(name)
    await append(name, batch(['b']))
    tail.socket.send('1000')
    expect((await tail.closed).code).toBe(4416)
  })

  test('has the code 4404 if the partition is deleted, awake or asleep', async () => {
    for (const isAsleep of [false, true]) {
      const name = await newPartition()
      const tail = await openTail(name, 0, 1_000)
      if (isAsleep) await evictDurableObject(partition(name))
      await partition(name).destroy()
      expect((await tail.closed).code).toBe(4404)
    }
  })

  test('does not affect the tails of other readers', async () => {
    const name = await newPartition()
    const leaving = await openTail(name, 0, 1_000)
    const staying = await openTail(name, 0, 1_000)
    leaving.socket.close(1000, 'bye')
    for (const n of range(3)) await append(name, batch([`${n}`]))
    expect(await offsetsIn(staying, 3)).toEqual(range(3))
    await partition(name).destroy()
    await configure(name)
  })
})
