/** One connection over a fake socket: the time it gives a sender, and the bytes it holds. */
import { EventEmitter } from 'node:events'
import type { Socket } from 'node:net'
import { afterEach, beforeEach, expect, test, vi } from 'vitest'
import { KafkaConnection } from '../../../client/cli/bridge/kafka-connection.ts'
import { FAILURE_PAUSE_MS } from '../../../client/cli/bridge/limits.ts'
import { FRAME_MS_MAX } from '../../../src/core/kafka/connection-limits.ts'
import { MemoryPool } from '../../../src/core/kafka/memory-pool.ts'

class FakeSocket extends EventEmitter {
  isPaused = false
  isDestroyed = false
  setNoDelay() {}
  setTimeout() {}
  pause() {
    this.isPaused = true
  }
  resume() {
    this.isPaused = false
  }
  write() {
    return true
  }
  destroy() {
    if (this.isDestroyed) return
    this.isDestroyed = true
    this.emit('close')
  }

  end(): void {}
  cork(): void {}
  uncork(): void {}
}

beforeEach(() => {
  vi.useFakeTimers()
})
afterEach(() => {
  vi.useRealTimers()
})

function open(carry: () => Promise<boolean> = async () => false) {
  const socket = new FakeSocket()
  const pool = new MemoryPool(1_000_000)
  new KafkaConnection(socket as unknown as Socket, {
    pool,
    carry,
    openSession: async () => undefined,
    token: undefined,
    isOpen: true,
    advertised: 'localhost:9092',
    connection: 1,
    complain: () => {},
    closed: () => {},
  })
  return { socket, pool }
}

/** Returns a Metadata request of 100 bytes. */
function frame(): Buffer {
  const bytes = Buffer.alloc(100)
  bytes.writeInt32BE(96)
  bytes.writeInt16BE(3, 4)
  return bytes
}

test('a sender that never pauses between frames does not count as dead', async () => {
  const { socket, pool } = open()
  const halves = Buffer.concat([frame().subarray(50), frame().subarray(0, 50)])
  socket.emit('data', frame().subarray(0, 50))
  for (let elapsedMs = 0; elapsedMs < 3 * FRAME_MS_MAX; elapsedMs += 1_000) {
    await vi.advanceTimersByTimeAsync(1_000)
    socket.emit('data', halves)
  }
  expect(socket.isDestroyed).toBe(false)
  expect(pool.heldBytes).toBeLessThanOrEqual(150)
})

test('a sender without progress in its frame is closed, and its bytes are released', async () => {
  const { socket, pool } = open()
  for (const byte of frame().subarray(0, 21)) {
    if (!socket.isDestroyed) socket.emit('data', Uint8Array.of(byte))
    await vi.advanceTimersByTimeAsync(FRAME_MS_MAX / 20)
  }
  expect(socket.isDestroyed).toBe(true)
  expect(pool.heldBytes).toBe(0)
})

test('a sender on a slow line gets the time that its frame needs', async () => {
  let calls = 0
  const { socket, pool } = open(async () => {
    calls += 1
    return false
  })
  const large = Buffer.alloc(1_000_000)
  large.writeInt32BE(large.length - 4)
  large.writeInt16BE(3, 4)
  const bytesPerSecond = 2_500
  for (let at = 0; at < large.length; at += bytesPerSecond) {
    socket.emit('data', large.subarray(at, at + bytesPerSecond))
    await vi.advanceTimersByTimeAsync(1_000)
  }
  expect(socket.isDestroyed).toBe(false)
  expect(calls).toBe(1)
  expect(pool.heldBytes).toBe(0)
})

test('a connection whose call failed holds no bytes, whatever arrived meanwhile', async () => {
  const { socket, pool } = open(async () => {
    throw new Error('no server')
  })
  socket.emit('data', Buffer.concat([frame(), frame().subarray(0, 50)]))
  await vi.advanceTimersByTimeAsync(FAILURE_PAUSE_MS / 2)
  expect(socket.isPaused).toBe(true)
  socket.emit('data', Buffer.concat([frame().subarray(50), frame()]))
  await vi.advanceTimersByTimeAsync(FAILURE_PAUSE_MS)
  expect(socket.isDestroyed).toBe(true)
  expect(pool.heldBytes).toBe(0)
})
