/**
 * Kills a browser (SIGKILL of all its processes) again and again while its pages follow tables that are written all
 * the time, and compares the stored tables with the log after each kill. At the end, what a page reads must be the
 * fold of the log.
 *
 *   `whole`      keeps all records: each stored copy is the fold of the log below its position
 *   `compacted`  loses records and tombstones at once: tables are built again and again, and are killed meanwhile
 */
import assert from 'node:assert/strict'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import type { Page } from 'playwright-core'
import { Random } from '../../support/random.ts'
import { until } from '../../support/until.ts'
import type { Fault } from '../support/faults.ts'
import { type LogServer, startLogServer } from '../support/log-server.ts'
import { startPageServer } from '../support/page-server.ts'
import { type FaultyProxy, startProxy } from '../support/proxy.ts'
import { connectTab } from '../support/tab.ts'
import { checkTable, foldOf, type KeyedRecord } from './check-table.ts'
import { startPages } from './profile-pages.ts'
import { readEntries, readStoredTables, watchTables } from './watch-tables.ts'

export interface TableKillReport {
  readonly violations: readonly string[]
  readonly recordsWritten: number
  /** Stored copies that were compared after a kill, and those of them that were not complete yet. */
  readonly copiesCompared: number
  readonly buildsCompared: number
  /** Largest number of times that a table was built. */
  readonly buildsBegun: number
}

interface Run {
  readonly random: Random
  readonly server: LogServer
  readonly proxy: FaultyProxy
  readonly pageUrl: string
  readonly profileDir: string
  /** All records of each topic. */
  readonly histories: ReadonlyMap<string, KeyedRecord[]>
  readonly violations: string[]
  copiesCompared: number
  buildsCompared: number
  buildsBegun: number
  browsersHung: number
}

const WHOLE = 'whole'
const COMPACTED = 'compacted'
const CONFIGS = new Map<string, Record<string, unknown>>([
  [WHOLE, { 'cleanup.policy': 'compact', 'min.compaction.lag.ms': 86_400_000 }],
  [
    COMPACTED,
    {
      'cleanup.policy': 'compact',
      'segment.ms': 50,
      'min.cleanable.dirty.ratio': 0,
      'delete.retention.ms': 0,
    },
  ],
])
const KEYS = 60
const RECORDS_MAX = 12
const WRITE_PAUSE_MS_MAX = 40
const TABS_MAX = 2
const RUN_MS_MAX = 500
const PADDING = 'x'.repeat(300)

export async function runTableKills(kills: number, seed: number): Promise<TableKillReport> {
  const profileDir = await mkdtemp(join(tmpdir(), 'edgelog-table-kills-'))
  const server = await startLogServer()
  const pages = await startPageServer()
  const proxy = await startProxy(server.url)
  const counts = { copiesCompared: 0, buildsCompared: 0, buildsBegun: 0, browsersHung: 0 }
  const histories = new Map([...CONFIGS.keys()].map((topic) => [topic, [] as KeyedRecord[]]))
  const setting = { random: new Random(seed), server, proxy, pageUrl: pages.url, profileDir }
  const run: Run = { ...setting, histories, violations: [], ...counts }
  const ended = new AbortController()
  try {
    for (const [topic, config] of CONFIGS) await server.createTopic(topic, { config })
    const writing = Promise.all([...CONFIGS.keys()].map((topic) => write(run, topic, ended.signal)))
    const killing = async () => {
      for (let kill = 1; kill <= kills; kill++) await killOnce(run)
      ended.abort()
    }
    // A writer that fails ends the run.
    await Promise.all([killing(), writing])
    await compareAtEnd(run)
    const recordsWritten = [...histories.values()].flat().length
    const { violations, copiesCompared, buildsCompared, buildsBegun } = run
    return { violations, recordsWritten, copiesCompared, buildsCompared, buildsBegun }
  } finally {
    ended.abort()
    await proxy.down()
    await pages.close()
    await server.process.stop()
    await rm(profileDir, { recursive: true, force: true, maxRetries: 5 })
  }
}

/** Writes values and tombstones until `signal`, directly to the server. */
async function write({ random, server, histories }: Run, topic: string, signal: AbortSignal) {
  const history = histories.get(topic) ?? []
  const path = `/v1/topics/${topic}/partitions/0/records`
  while (!signal.aborted) {
    const records = Array.from({ length: random.between(1, RECORDS_MAX) }, (_, index) => ({
      key: `k${random.below(KEYS)}`,
      value: random.below(3) === 0 ? null : `${history.length + index} ${PADDING}`,
    }))
    const body = records.map(({ key, value }) => ({
      ...{ key, value: value === null ? null : JSON.stringify(value) },
    }))
    type Response = { readonly offsets: ReadonlyArray<{ readonly offset: number }> }
    const { offsets } = await server.request<Response>('POST', path, { records: body })
    for (const [index, record] of records.entries()) {
      const offset = offsets[index]?.offset
      assert(offset !== undefined, 'a record has an offset')
      history.push({ ...record, offset })
    }
    await sleep(random.below(WRITE_PAUSE_MS_MAX))
  }
}

async function killOnce(run: Run): Promise<void> {
  const { random, proxy } = run
  const rule = faultOf(random)
  proxy.setRules({ path: /tail/, ...rule })
  const { browser, pages } = await startPages(run, random.between(1, TABS_MAX))
  try {
    const [first] = pages
    assert(first !== undefined, 'a tab was asked for')
    await compareStored(run, first)
    let readCount = 0
    await browser.context.exposeBinding('reportRead', () => {
      readCount += 1
    })
    for (const page of pages) {
      await connectTab(page, { url: proxy.url })
      await page.evaluate(watchTables, [...CONFIGS.keys()])
    }
    await until(`a page reads an entry: ${JSON.stringify(rule)}`, () => readCount > 0)
    await sleep(random.below(RUN_MS_MAX))
  } finally {
    await browser.kill()
  }
}

/** Returns a random fault of the connection that tables are followed over. */
function faultOf(random: Random): { fault: Fault; times?: number } {
  return random.pick([
    { fault: { kind: 'pass' } },
    { fault: { kind: 'delay', ms: random.below(80) } },
    { fault: { kind: 'refuse' }, times: random.between(1, 3) },
    { fault: { kind: 'cutReply', afterBytes: random.below(20_000) }, times: random.between(1, 3) },
  ])
}

/** Compares what the killed browser has stored with the log. */
async function compareStored(run: Run, page: Page): Promise<void> {
  for (const [topic, table] of await readStored(page)) {
    const history = run.histories.get(topic) ?? []
    const copies = [table.shown, table.build].filter((copy) => copy !== null)
    const endOffset = Math.max(...copies.map(({ position }) => position))
    // A response to the writer may arrive after the record reached the browser.
    await until(
      `the records below ${endOffset} are known`,
      () => (history.at(-1)?.offset ?? -1) + 1 >= endOffset,
    )
    run.copiesCompared += copies.length
    if (table.build !== null) run.buildsCompared += 1
    const begun = Math.max(0, ...copies.map(({ generation }) => generation))
    run.buildsBegun = Math.max(run.buildsBegun, begun)
    const found = checkTable(table, history, topic === WHOLE)
    run.violations.push(...found.map((violation) => `${topic}: ${violation}`))
  }
}

/** Reads the stored tables. On the profile of a killed browser Chromium sometimes fails to open a database at first. */
async function readStored(page: Page): ReturnType<typeof readStoredTables> {
  let stored: Awaited<ReturnType<typeof readStoredTables>> = []
  await until('the database is opened', async () => {
    try {
      stored = await page.evaluate(readStoredTables)
      return true
    } catch (error) {
      if (String(error).includes('Internal error opening backing store')) return false
      throw error
    }
  })
  return stored
}

/** Runs without faults: what the next page reads becomes the fold of the log. */
async function compareAtEnd(run: Run): Promise<void> {
  const { proxy, histories, violations } = run
  await untilCompacted(run)
  proxy.setRules()
  const { browser, pages } = await startPages(run, 1)
  try {
    const [page] = pages
    assert(page !== undefined, 'one tab was asked for')
    await compareStored(run, page)
    await connectTab(page, { url: proxy.url })
    for (const [topic, history] of histories) {
      const wanted = [...foldOf(history).values()].map(textOf).toSorted()
      let found: string[] = []
      const isEqual = async () => {
        found = (await page.evaluate(readEntries, topic)).map(textOf).toSorted()
        return found.join() === wanted.join()
      }
      await until('the table is the fold of the log', isEqual).catch(() => {
        violations.push(`${topic}: a page reads ${found}, and the log is ${wanted}`)
      })
    }
  } finally {
    await browser.close()
  }
}

/** Waits until the last tombstone is gone, so that the next page can miss none while it reads. */
async function untilCompacted({ server, histories }: Run): Promise<void> {
  const history = histories.get(COMPACTED) ?? []
  const latest = new Map(history.map((record) => [record.key, record]))
  const tombstones = [...latest.values()].filter(({ value }) => value === null)
  const goneBelow = Math.max(0, ...tombstones.map(({ offset }) => offset + 1))
  await until(`tombstones below ${goneBelow} are gone`, async () => {
    const path = `/v1/topics/${COMPACTED}/partitions/0/records?offset=latest`
    const { headers } = await fetch(server.url + path)
    return Number(headers.get('edgelog-tombstones-gone-below')) >= goneBelow
  })
}

function textOf({ offset, key, value }: KeyedRecord): string {
  return `${key}@${offset}=${value?.split(' ')[0]}`
}
