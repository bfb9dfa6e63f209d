/** Starts a server, and a browser whose storage is on disk; fills topics. */
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { BrowserContext, Page } from 'playwright-core'
import { launchProfile } from '../../browser/support/chromium.ts'
import { buildClient } from '../../browser/support/client-builds.ts'
import { startPageServer } from '../../browser/support/page-server.ts'
import { load as loadPage } from '../../browser/support/tab.ts'
import { ServerProcess } from '../../server/server-process.ts'
import { HttpLoad } from '../http-load.ts'
import { BATCH, createTopic, randomBatch } from '../throughput.ts'
import type * as baseline from './page.ts'

declare global {
  interface Window {
    /** The baselines that the client is compared with. */
    baseline: typeof baseline
    /** Time of the first request with records. */
    firstRequestAtMs?: number
    /** Time that the outbox took to become empty. */
    emptied: Promise<{ readonly ms: number; readonly fromRequestMs: number }>
  }
}

export interface BenchStage {
  readonly server: ServerProcess
  readonly context: BrowserContext
  readonly browserVersion: string
  /** Opens a page that has loaded the client but has no connection. */
  openPage(): Promise<Page>
  createTopic(topic: string): Promise<void>
  /** Appends records of 100 bytes to partition 0, in batches of 1,000. */
  fill(topic: string, records: number): Promise<void>
}

const BATCH_RECORDS = 1_000
const PRODUCES_IN_FLIGHT = 4

export async function withStage<T>(work: (stage: BenchStage) => Promise<T>): Promise<T> {
  const folder = await mkdtemp(join(tmpdir(), 'edgelog-bench-browser-'))
  const ends = [() => rm(folder, { recursive: true, force: true, maxRetries: 5 })]
  try {
    const build = join(folder, 'baseline')
    await buildClient(build, { entry: join(import.meta.dirname, 'page.ts') })
    const server = await ServerProcess.start()
    ends.push(() => server.stop())
    const pages = await startPageServer()
    ends.push(() => pages.close())
    pages.addBuild('baseline', build)
    const browser = await launchProfile(join(folder, 'profile'))
    ends.push(() => browser.close())
    const { context } = browser
    const load = new HttpLoad(server.url)
    return await work({
      server,
      context,
      browserVersion: `Chromium ${context.browser()?.version()}`,
      openPage: () => openPage(context, pages.url),
      createTopic: async (topic) => void (await load.call(createTopic(topic))),
      fill: (topic, records) => fill(load, topic, records),
    })
  } finally {
    for (const end of ends.reverse()) await end()
  }
}

async function openPage(context: BrowserContext, url: string): Promise<Page> {
  const page = await context.newPage()
  await loadPage(page, url)
  await page.evaluate(async (path) => {
    window.baseline = await import(path)
  }, '/baseline/browser.js')
  return page
}

async function fill(load: HttpLoad, topic: string, records: number): Promise<void> {
  const path = `/v1/topics/${topic}/partitions/0/records`
  const headers = { 'Content-Type': BATCH }
  // Several batches, so that the stored data does not compress better than an application's records.
  const bodies = Array.from({ length: 64 }, () => randomBatch(BATCH_RECORDS))
  await load.rate(records / BATCH_RECORDS, PRODUCES_IN_FLIGHT, (index) => ({
    method: 'POST',
    path,
    headers,
    body: bodies[index % bodies.length] as Uint8Array,
  }))
}
