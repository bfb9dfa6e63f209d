/** Responses that arrive slowly, or stop. With a manual clock. */
import { setImmediate as turn } from 'node:timers/promises'
import { describe, expect, test } from 'vitest'
import { connect } from '../../client/index.ts'
import { encodeBatch } from '../../src/core/batch/batch-builder.ts'
import { ManualClock } from './manual-clock.ts'

const CHUNK_EVERY_MS = 20_000

/** Returns a body with a part every 20 s, `chunks` of them, which then stops. */
function slowBody(bytes: Uint8Array, clock: ManualClock, signal: AbortSignal, chunks: number) {
  const partBytes = Math.ceil(bytes.length / 10)
  return new ReadableStream<Uint8Array>({
    start(controller) {
      signal.addEventListener('abort', () => controller.error(signal.reason))
      const next = (index: number) => {
        if (index === 10) return controller.close()
        if (index === chunks) return
        clock.setTimeout(() => {
          if (signal.aborted) return
          controller.enqueue(bytes.subarray(index * partBytes, (index + 1) * partBytes))
          next(index + 1)
        }, CHUNK_EVERY_MS)
      }
      next(0)
    },
  })
}

function setUp(response: { readonly bytes: Uint8Array; readonly headers?: HeadersInit }) {
  const clock = new ManualClock()
  const server = { chunks: 10, calls: 0 }
  const fetch = async (_: string, init: RequestInit = {}) => {
    server.calls += 1
    const body = slowBody(response.bytes, clock, init.signal as AbortSignal, server.chunks)
    return new Response(body, response.headers === undefined ? {} : { headers: response.headers })
  }
  const log = connect({ url: 'http://fake', fetch, clock, WebSocket: null })
  const pass = async (ms: number) => {
    for (let passedMs = 0; passedMs < ms; passedMs += 1_000) {
      clock.advance(1_000)
      for (let turns = 0; turns < 3; turns++) await turn()
    }
  }
  return { log, server, pass }
}

const value = new Uint8Array(10_000)
const BATCH = encodeBatch([{ timestamp: 1, key: null, value, headers: [] }])
const POSITION = {
  'edgelog-offset': '0',
  'edgelog-next-offset': '1',
  'edgelog-high-watermark': '1',
  'edgelog-last-stable-offset': '1',
}

describe('a slow response', { timeout: 240_000 }, () => {
  test('is read to its end, however long that takes', async () => {
    const { log, server, pass } = setUp({ bytes: BATCH, headers: POSITION })
    const consumer = log.consumer({ assignments: [{ topic: 't', partition: 0, offset: 0 }] })
    const next = consumer[Symbol.asyncIterator]().next()
    await pass(10 * CHUNK_EVERY_MS + 2_000)
    expect((await next).value?.records).toHaveLength(1)
    await pass(1_000)
    expect(server.calls).toBe(2)
    await log.close()
  })

  test('fails after 30 s without another part', async () => {
    const bytes = new TextEncoder().encode(JSON.stringify({ topics: [], name: 'x'.repeat(100) }))
    const { log, server, pass } = setUp({ bytes })
    server.chunks = 3
    const described = log.admin.describeTopic('t')
    let isSettled = false
    const settle = () => {
      isSettled = true
    }
    described.then(settle, settle)
    await pass(3 * CHUNK_EVERY_MS + 29_000)
    expect(isSettled).toBe(false)
    await pass(2_000)
    await expect(described).rejects.toMatchObject({ code: 'unavailable' })
  })

  test('is read to its end if it is JSON', async () => {
    const bytes = new TextEncoder().encode(JSON.stringify({ name: 't', partitions: 1 }))
    const { log, pass } = setUp({ bytes })
    const described = log.admin.describeTopic('t')
    await pass(10 * CHUNK_EVERY_MS + 2_000)
    expect(await described).toMatchObject({ name: 't' })
  })
})
