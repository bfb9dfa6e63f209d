/** Actions of the tests in a page: connect, send numbered records, wait. */
import type { BrowserContext, Page } from 'playwright-core'
import type { ConnectOptions, Log } from './page-globals.ts'

/** The options that can be passed to a page. */
export interface TabOptions
  extends Pick<ConnectOptions, 'url' | 'principal' | 'cache' | 'transports' | 'backgroundSync'> {
  readonly token?: string
  /** Speed of the client's clock, which can also be set: `setClock`. */
  readonly clockRate?: number
}

/** Opens a page in which `window.log` is connected. */
export async function openTab(
  context: BrowserContext,
  pageUrl: string,
  options: TabOptions,
): Promise<Page> {
  const page = await context.newPage()
  await load(page, pageUrl)
  await connectTab(page, options)
  return page
}

/** Time of one attempt. */
const LOAD_MS_MAX = 10_000
/** Long, for a busy machine. */
const WAIT_MS_MAX = 120_000

const LOAD_TRIES_MAX = 12

/** Loads or reloads the page, without connecting. */
export async function load(page: Page, pageUrl: string, triesMax = LOAD_TRIES_MAX): Promise<void> {
  for (let triesLeft = triesMax - 1; ; triesLeft--) {
    try {
      await page.goto(pageUrl, { timeout: LOAD_MS_MAX })
      await page.waitForFunction(() => window.edgelog !== undefined, undefined, {
        timeout: LOAD_MS_MAX,
      })
      return
    } catch (error) {
      if (triesLeft === 0) throw error
    }
  }
}

const EVENTS = ['topicReset', 'storageLost', 'reloadNeeded', 'parked', 'otherPrincipal'] as const

/** Connects, and records the client's events in `window.events`. */
export async function connectTab(page: Page, options: TabOptions): Promise<void> {
  await page.evaluate(
    ([{ clockRate, ...given }, events]) => {
      const startedAtMs = Date.now()
      window.testClock = {
        offsetMs: 0,
        rate: clockRate ?? 1,
        now() {
          const passedMs = Math.floor((Date.now() - startedAtMs) * this.rate)
          return startedAtMs + passedMs + this.offsetMs
        },
        setTimeout(work, delayMs) {
          return setTimeout(work, Math.min(delayMs, 2 ** 31 - 1) / this.rate)
        },
        clearTimeout: (timer) => clearTimeout(timer as number),
      }
      const clock = clockRate === undefined ? {} : { clock: window.testClock }
      window.log = window.edgelog.connect({ ...given, ...clock })
      window.events = []
      for (const name of events) {
        window.log.on(name, (value) => window.events.push({ name, value }))
      }
    },
    [options, EVENTS] as const,
  )
}

export interface NumberedRecords {
  readonly topic: string
  readonly sender: string
  readonly count: number
  /** Distributed over this number of partitions; 1 by default. */
  readonly partitions?: number
}

/**
 * Sends records with the values `sender#0`, `sender#1`, ..., continuing where
 * the page's last call ended. Resolves to their ids when all are queued.
 */
export function sendNumbered(page: Page, records: NumberedRecords): Promise<string[]> {
  return page.evaluate(async ({ topic, sender, count, partitions = 1 }) => {
    window.nextNumbers ??= {}
    const first = window.nextNumbers[sender] ?? 0
    window.nextNumbers[sender] = first + count
    const ids = Array.from({ length: count }, (_, index) => `${sender}#${first + index}`)
    await Promise.all(
      ids.map((value, index) =>
        window.log.send(topic, { value, partition: (first + index) % partitions }),
      ),
    )
    return ids
  }, records)
}

/** Waits until all queued records are settled. */
export async function flush(page: Page): Promise<void> {
  await page.evaluate(async (timeoutMs) => {
    await window.log.flush({ signal: AbortSignal.timeout(timeoutMs) })
  }, WAIT_MS_MAX)
}

export type Status = Log['status']

export function statusOf(page: Page): Promise<Status> {
  return page.evaluate(() => window.log.status)
}

/** Waits until a field of the status has one of the given values. */
export async function waitForStatus<Field extends keyof Status>(
  page: Page,
  field: Field,
  values: ReadonlyArray<Status[Field]>,
): Promise<void> {
  await page.waitForFunction(
    ([name, wanted]) => (wanted as unknown[]).includes(window.log.status[name as keyof Status]),
    [field, values] as const,
    { timeout: WAIT_MS_MAX, polling: 20 },
  )
}

/** Returns the addresses of the scripts that a page has loaded. */
export async function scriptsOf(page: Page): Promise<string[]> {
  return await page.evaluate(() => {
    const names = performance.getEntriesByType('resource').map(({ name }) => name)
    return names.filter((name) => name.endsWith('.js')).sort()
  })
}

/** Reads a topic from its start into `window.seen`; an error ends it with `failed: ...`. */
export async function readOn(page: Page, topic: string): Promise<void> {
  await page.evaluate(async (name) => {
    window.seen ??= {}
    const values: string[] = []
    window.seen[name] = values
    const consumer = await window.log.consumer({ topics: [name], from: 'earliest' })
    const read = async () => {
      for await (const { records } of consumer) {
        values.push(...records.map(({ valueText }) => valueText ?? ''))
      }
    }
    read().catch((error: unknown) => values.push(`failed: ${String(error)}`))
  }, topic)
}

/** Returns the values that `readOn` has read so far. */
export function seenBy(page: Page, topic: string): Promise<string[]> {
  return page.evaluate((name) => window.seen[name] ?? [], topic)
}
