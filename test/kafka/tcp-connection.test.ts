/** The limits of a TCP connection, with a socket and a clock of the test. */
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest'
import type { EdgelogEnv } from '../../src/app/bindings.ts'
import type { AppParts } from '../../src/app/env.ts'
import { newCaches } from '../../src/broker/cluster.ts'
import { allowAll } from '../../src/core/access/authorizer.ts'
import {
  CONNECTIONS_MAX,
  FRAME_MS_MAX,
  FRAME_PROGRESS_BYTES_MIN,
  IDLE_MS_MAX,
  WRITE_SILENCE_MS_MAX,
} from '../../src/core/kafka/connection-limits.ts'
import { frameOf } from '../../src/core/kafka/frame-cutter.ts'
import { MemoryPool } from '../../src/core/kafka/memory-pool.ts'
import { KAFKA_SESSION_WINDOW_BYTES, KAFKA_UNAUTHORIZED_BYTES_MAX } from '../../src/core/limits.ts'
import type { ReportedEvent } from '../../src/events/event.ts'
import { logEvent, setEventSink } from '../../src/events/report.ts'
import { ResponseMemory } from '../../src/kafka/response-memory.ts'
import { TcpConnection } from '../../src/kafka/tcp-connection.ts'
import { newTcpPort } from '../../src/kafka/tcp-port.ts'
import { fromHex } from '../core/kafka/hex.ts'

const MIB = 1024 * 1024
/** ApiVersions v0 without a client id. */
const PING = fromHex('0012 0000 00000309 ffff')
const INFO = { localAddress: '127.0.0.1:9092', remoteAddress: '127.0.0.1:40000' }

/** The runtime's end of a connection, and the client's. */
class FakeSocket {
  readonly readable: ReadableStream<Uint8Array>
  readonly writable: WritableStream<Uint8Array>
  readonly opened = Promise.resolve(INFO)
  isClosed = false
  /** True once the server has given up the write that the client does not take, which would keep the socket open. */
  isWriteAborted = false
  /** Bytes that the server has taken. */
  readBytes = 0
  writtenBytes = 0
  #unread: Uint8Array[] = []
  #hasEnded = false
  #wake: () => void = () => {}

  /** @param takes false: the client takes no response. */
  constructor(takes = true) {
    this.readable = new ReadableStream({
      type: 'bytes',
      pull: async (controller) => {
        while (this.#unread.length === 0 && !this.#hasEnded) {
          await new Promise<void>((wake) => {
            this.#wake = wake
          })
        }
        const bytes = this.#unread.shift()
        if (bytes !== undefined) {
          this.readBytes += bytes.length
          controller.enqueue(new Uint8Array(bytes))
          return
        }
        controller.close()
        controller.byobRequest?.respond(0)
      },
    })
    this.writable = new WritableStream({
      start: ({ signal }) => {
        signal.addEventListener('abort', () => {
          this.isWriteAborted = true
        })
      },
      write: (bytes) => {
        this.writtenBytes += bytes.length
        return takes ? undefined : new Promise(() => {})
      },
    })
  }

  send(...chunks: Uint8Array[]): void {
    this.#unread.push(...chunks)
    this.#wake()
  }

  end(): void {
    this.#hasEnded = true
    this.#wake()
  }

  async close(): Promise<void> {
    this.isClosed = true
    this.end()
  }
}

function partsOf(token?: string): AppParts {
  const env = { EDGELOG_TOKEN: token } as unknown as EdgelogEnv
  return { env, caches: newCaches(), authorizer: allowAll }
}

interface ServeOptions {
  readonly socket?: FakeSocket
  readonly pool?: MemoryPool
  readonly token?: string
}

function serve({
  socket = new FakeSocket(),
  pool = new MemoryPool(64 * MIB),
  token,
}: ServeOptions) {
  const memory = { requests: pool, responses: new ResponseMemory() }
  const connection = new TcpConnection(socket as unknown as Socket, INFO, partsOf(token), memory, 1)
  void connection.serve()
  return socket
}

/** Runs what is due, without passing time. */
async function settle(): Promise<void> {
  await vi.advanceTimersByTimeAsync(0)
}

const events: ReportedEvent[] = []

let day = 0

beforeEach(() => {
  // Each test has a day of its own, because a repeated event is left out for a while.
  vi.useFakeTimers({ now: Date.UTC(2026, 0, ++day) })
  setEventSink((event) => events.push(event))
})
afterEach(() => {
  vi.useRealTimers()
  setEventSink(logEvent)
  events.length = 0
})

describe('a TCP connection is closed', () => {
  test('if a frame makes no progress', async () => {
    const socket = serve({})
    socket.send(frameOf(new Uint8Array(1_000)).subarray(0, 100))
    await vi.advanceTimersByTimeAsync(2 * FRAME_MS_MAX)
    expect(socket.isClosed).toBe(true)
    expect(events).toMatchObject([
      { type: 'kafka_connection_closed', reason: 'a frame that does not arrive' },
    ])
  })

  test('if the client takes no response', async () => {
    const socket = serve({ socket: new FakeSocket(false) })
    socket.send(frameOf(PING))
    await vi.advanceTimersByTimeAsync(WRITE_SILENCE_MS_MAX + 2 * FRAME_MS_MAX)
    expect([socket.isClosed, socket.isWriteAborted]).toEqual([true, true])
  })

  test('after ten minutes without a frame', async () => {
    const socket = serve({})
    socket.send(frameOf(PING))
    await vi.advanceTimersByTimeAsync(IDLE_MS_MAX)
    expect(socket.isClosed).toBe(false)
    await vi.advanceTimersByTimeAsync(FRAME_MS_MAX)
    expect(socket.isClosed).toBe(true)
    expect(events).toEqual([])
  })

  test('after the responses to a client that has ended it', async () => {
    const socket = serve({})
    socket.send(frameOf(PING), frameOf(PING))
    socket.end()
    await settle()
    expect(socket.isClosed).toBe(true)
    expect(socket.writtenBytes).toBeGreaterThan(0)
  })

  test('after a large frame without authentication', async () => {
    const socket = serve({ token: 'secret' })
    socket.send(frameOf(new Uint8Array(KAFKA_UNAUTHORIZED_BYTES_MAX)))
    await settle()
    expect(socket.isClosed).toBe(true)
  })
})

describe('a TCP connection', () => {
  test('stays open while a frame makes progress', async () => {
    const socket = serve({})
    socket.send(frameOf(new Uint8Array(MIB)).subarray(0, 100))
    for (let minute = 0; minute < 5; minute++) {
      await vi.advanceTimersByTimeAsync(FRAME_MS_MAX)
      socket.send(new Uint8Array(FRAME_PROGRESS_BYTES_MIN))
    }
    await settle()
    expect(socket.isClosed).toBe(false)
  })

  test('is not read while a window of frames waits for responses', async () => {
    const socket = serve({ socket: new FakeSocket(false) })
    const large = new Uint8Array(MIB)
    large.set(PING)
    for (let count = 0; count < 32; count++) socket.send(frameOf(large))
    await settle()
    expect(socket.readBytes).toBeGreaterThanOrEqual(KAFKA_SESSION_WINDOW_BYTES)
    expect(socket.readBytes).toBeLessThan(KAFKA_SESSION_WINDOW_BYTES + 2 * MIB)
  })

  test('is not read while others fill the memory, and then goes on', async () => {
    const pool = new MemoryPool(100)
    const half = frameOf(PING).subarray(0, 8)
    const rest = frameOf(PING).subarray(8)
    pool.hold(100)
    const [first, second] = [serve({ pool }), serve({ pool })]
    first.send(half)
    second.send(half)
    await settle()
    // The one that is let through reads, until its frame is complete.
    expect([first.readBytes, second.readBytes]).toEqual([8, 0])
    first.send(rest)
    await settle()
    expect(first.writtenBytes).toBeGreaterThan(0)
    pool.release(100)
    second.send(rest)
    await settle()
    expect(second.writtenBytes).toBe(first.writtenBytes)
  })

  test('returns its memory to the others when it ends in the middle of a frame', async () => {
    const pool = new MemoryPool(64 * MIB)
    const socket = serve({ pool })
    socket.send(frameOf(new Uint8Array(1_000)).subarray(0, 100))
    await settle()
    expect(pool.heldBytes).toBe(100)
    socket.end()
    await settle()
    expect(pool.heldBytes).toBe(0)
  })
})

test(`a port closes connections beyond ${CONNECTIONS_MAX}, until others end`, async () => {
  const connect = newTcpPort(new ResponseMemory())
  const open = () => {
    const socket = new FakeSocket()
    void connect(socket as unknown as Socket, partsOf())
    return socket
  }
  const sockets = Array.from({ length: CONNECTIONS_MAX }, open)
  await settle()
  const [first] = sockets as [FakeSocket]
  expect(open().isClosed).toBe(true)
  expect(events).toMatchObject([{ type: 'kafka_connection_closed' }])
  first.end()
  await settle()
  const next = open()
  next.send(frameOf(PING))
  await settle()
  expect([next.isClosed, next.writtenBytes > 0]).toEqual([false, true])
})
