/** A line of 50 kbit/s in the page's time: everything gets through, and few bytes twice. */
import { randomBytes } from 'node:crypto'
import type { Page } from 'playwright-core'
import { describe, expect, test } from 'vitest'
import { SharedLine } from './support/faults.ts'
import { useStage } from './support/stage.ts'
import { flush, readOn, seenBy, waitForStatus } from './support/tab.ts'

const stage = useStage()
/** The page's silence limits pass in a sixth of their time: a busy machine must not stall for so long. */
const RATE = 6
const BYTES_PER_SECOND = 6_250
const RECORDS = 300
const RECORD_BYTES = 1_000
const TOTAL_BYTES = RECORDS * RECORD_BYTES

/** Text that WebSockets cannot compress well. */
function noise(chars: number): string {
  return randomBytes(chars).toString('base64').slice(0, chars)
}

/** Returns the bytes on the wire: an event stream carries base64. */
function asSent(transport: string): number {
  return transport === 'sse' ? (TOTAL_BYTES * 4) / 3 : TOTAL_BYTES
}

const newLine = () => new SharedLine(BYTES_PER_SECOND * RATE)

async function queueRecords(page: Page, topic: string): Promise<void> {
  await page.evaluate(
    async ([name, count, bytes]) => {
      const values = Array.from({ length: count }, (_, index) => `${index}`.padEnd(bytes, 'x'))
      await Promise.all(values.map((value) => window.log.send(name, { value })))
    },
    [topic, RECORDS, RECORD_BYTES] as const,
  )
}

test('a slow line carries a backlog to the log', async () => {
  const { topic, proxy, tab } = await stage.scene()
  const line = newLine()
  const page = await tab({ clockRate: RATE })
  proxy.setFault({ kind: 'slowLine', line })
  proxy.cut()
  await queueRecords(page, topic)
  await flush(page)
  const stored = await stage.server.readTopic(topic)
  expect(stored.get(0)).toHaveLength(RECORDS)
  expect(line.passedBytes.toServer).toBeLessThan(1.3 * TOTAL_BYTES)
})

describe('a slow line carries the log to a page', () => {
  test.each(['websocket', 'sse', 'long-poll'] as const)('by %s', async (transport) => {
    const { topic, proxy, tab } = await stage.scene()
    const large = noise(TOTAL_BYTES)
    const line = newLine()
    const page = await tab({ clockRate: RATE, transports: [transport] })
    await readOn(page, topic)
    await waitForStatus(page, 'link', ['live'])
    proxy.setFault({ kind: 'slowLine', line })
    proxy.cut()
    await stage.server.produce(topic, [large])
    const values = Array.from({ length: 20 }, (_, index) => `${index}`)
    for (const value of values) await stage.server.produce(topic, [value])
    const seen = () => seenBy(page, topic)
    await expect.poll(async () => (await seen()).length).toBe(21)
    expect((await seen()).slice(1)).toEqual(values)
    expect(line.passedBytes.toPage).toBeLessThan(1.3 * asSent(transport))
  })

  test.each(['websocket', 'sse', 'long-poll'] as const)(
    'that is new to it, by %s',
    async (transport) => {
      const { topic, proxy, tab } = await stage.scene()
      const values = Array.from({ length: TOTAL_BYTES / 4_000 }, () => noise(4_000))
      for (const value of values) await stage.server.produce(topic, [value])
      const line = newLine()
      proxy.setFault({ kind: 'slowLine', line })
      const page = await tab({ clockRate: RATE, transports: [transport] })
      await readOn(page, topic)
      await expect.poll(() => seenBy(page, topic)).toEqual(values)
      await waitForStatus(page, 'link', ['live'])
      expect(line.passedBytes.toPage).toBeLessThan(1.3 * asSent(transport))
    },
  )
})
