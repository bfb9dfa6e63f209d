/** Measures the time from the `online` event until an outbox that was filled offline is empty. */
import type { Page } from 'playwright-core'
import { median } from '../http-load.ts'
import { inPage } from './in-page.ts'
import type { BenchStage } from './stage.ts'

export interface ReconnectFigures {
  readonly recordsCount: number
  /** Records queued per call; these share a row of the outbox. */
  readonly queuedAtOnce: number
  readonly ms: number
  /** Time from the first request; after failed requests the client delays it by up to a second on purpose. */
  readonly fromRequestMs: number
  readonly rowsMs: number
}

export interface ReconnectCounts {
  readonly rounds: number
  readonly records: number
}

const TOPIC = 'reconnect'
const QUEUED_AT_ONCE = [1_000, 1]

export async function measureReconnects(
  stage: BenchStage,
  { rounds, records }: ReconnectCounts,
): Promise<ReconnectFigures[]> {
  await stage.createTopic(TOPIC)
  const figures: ReconnectFigures[] = []
  for (const queuedAtOnce of QUEUED_AT_ONCE) {
    const ours: Reconnected[] = []
    const rows: number[] = []
    for (let round = 0; round < rounds; round++) {
      ours.push(await inPage(stage.openPage, (page) => drain(stage, page, records, queuedAtOnce)))
      rows.push(await inPage(stage.openPage, (page) => drainRows(stage, page, records)))
    }
    figures.push({
      recordsCount: records,
      queuedAtOnce,
      ms: median(ours.map(({ ms }) => ms)),
      fromRequestMs: median(ours.map(({ fromRequestMs }) => fromRequestMs)),
      rowsMs: median(rows),
    })
  }
  return figures
}

interface Reconnected {
  readonly ms: number
  readonly fromRequestMs: number
}

async function drain(
  { server, context }: BenchStage,
  page: Page,
  records: number,
  queuedAtOnce: number,
): Promise<Reconnected> {
  await page.evaluate(
    async ([url, topic]) => {
      const counted: typeof fetch = (input, init) => {
        if (init?.method === 'POST') window.firstRequestAtMs ??= performance.now()
        return fetch(input, init)
      }
      window.log = window.edgelog.connect({ url, principal: 'reconnect', fetch: counted })
      // Loads the topic's metadata.
      await window.log.send(topic, { value: '' })
      await window.log.flush()
    },
    [server.url, TOPIC] as const,
  )
  await context.setOffline(true)
  await page.evaluate(
    async ([topic, total, atOnce]) => {
      delete window.firstRequestAtMs
      const value = 'x'.repeat(100)
      for (let sent = 0; sent < total; sent += atOnce) {
        const some = Array.from({ length: atOnce }, () => ({ value }))
        await window.log.sendBatch(topic, some)
      }
      window.emptied = new Promise((resolve) => {
        addEventListener('online', async () => {
          const onlineAtMs = performance.now()
          await window.log.flush()
          const emptyAtMs = performance.now()
          const requestAtMs = window.firstRequestAtMs ?? Number.NaN
          resolve({ ms: emptyAtMs - onlineAtMs, fromRequestMs: emptyAtMs - requestAtMs })
        })
      })
    },
    [TOPIC, records, queuedAtOnce] as const,
  )
  await context.setOffline(false)
  return await page.evaluate(async () => {
    const reconnected = await window.emptied
    await window.log.close()
    return reconnected
  })
}

async function drainRows({ server }: BenchStage, page: Page, records: number): Promise<number> {
  return await page.evaluate(
    async ([url, topic, total]) => {
      const store = await window.baseline.RowPerRecord.open('reconnect', url, topic)
      const value = 'x'.repeat(100)
      await Promise.all(Array.from({ length: total }, () => store.send(value)))
      const startedAtMs = performance.now()
      await store.drain()
      store.close()
      return performance.now() - startedAtMs
    },
    [server.url, TOPIC, records] as const,
  )
}
