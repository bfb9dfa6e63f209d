/** A browser, a server and pages for all tests of a file; a topic, a proxy and a user for each test. */
import type { Browser, BrowserContext, Page } from 'playwright-core'
import { afterAll, afterEach, beforeAll, expect } from 'vitest'
import type { ServerProcessOptions } from '../../server/server-process.ts'
import { checkDelivery } from './check-delivery.ts'
import { launch } from './chromium.ts'
import { type LogServer, startLogServer } from './log-server.ts'
import { type PageServer, startPageServer } from './page-server.ts'
import { type FaultyProxy, startProxy } from './proxy.ts'
import { openTab, type TabOptions } from './tab.ts'

export interface Scene {
  readonly topic: string
  readonly proxy: FaultyProxy
  /** One user: tabs share the storage. Deleted after the test. */
  readonly context: BrowserContext
  /** Opens a page connected to the server through the proxy. */
  tab(options?: Partial<TabOptions> & { readonly pageUrl?: string }): Promise<Page>
  /** Asserts that all queued records are in the log, once and in order. */
  expectDelivered(queued: Iterable<string>): Promise<void>
}

export interface Stage {
  readonly server: LogServer
  readonly pages: PageServer
  readonly browser: Browser
  scene(options?: { partitions?: number; config?: Record<string, unknown> }): Promise<Scene>
}

let topicsMade = 0

export function useStage(serverOptions: ServerProcessOptions = {}): Stage {
  let server: LogServer | undefined
  let pages: PageServer | undefined
  let browser: Browser | undefined
  let atEnd: Array<() => Promise<unknown>> = []

  beforeAll(async () => {
    // Sequential: parts that have started are closed when the next one fails.
    server = await startLogServer(serverOptions)
    pages = await startPageServer()
    browser = await launch()
  })
  afterEach(async () => {
    for (const end of atEnd.reverse()) await end()
    atEnd = []
  })
  afterAll(async () => {
    await browser?.close()
    await pages?.close()
    await server?.process.stop()
  })

  const stage: Stage = {
    get server() {
      return started(server)
    },
    get pages() {
      return started(pages)
    },
    get browser() {
      return started(browser)
    },
    scene: async ({ partitions = 1, config = {} } = {}) => {
      topicsMade += 1
      const topic = `scene-${topicsMade}`
      await stage.server.createTopic(topic, { partitions, config })
      const proxy = await startProxy(stage.server.url)
      atEnd.push(() => proxy.down())
      const context = await stage.browser.newContext()
      context.setDefaultTimeout(120_000)
      atEnd.push(() => context.close())
      return {
        topic,
        proxy,
        context,
        tab: ({ pageUrl = stage.pages.url, ...options } = {}) =>
          openTab(context, pageUrl, { url: proxy.url, ...options }),
        expectDelivered: async (queued) => {
          const log = await stage.server.readTopic(topic)
          expect(checkDelivery({ queued, log })).toEqual([])
        },
      }
    },
  }
  return stage
}

function started<T>(thing: T | undefined): T {
  if (thing === undefined) throw new Error('the stage stands from beforeAll on')
  return thing
}
