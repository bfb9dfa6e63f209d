/**
 * Kills a browser (SIGKILL of all its processes) again and again while its pages run a topology over a topic that is
 * written all the time, partly without a network. At the end its sinks must be the results of the whole topic, each
 * once and in order.
 *
 * Exception: a database that Chromium loses over a kill (`beganAnew`) has the state of the topology, which then begins
 * at the first record again.
 */
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import type { Page } from 'playwright-core'
import { Random } from '../../support/random.ts'
import { until } from '../../support/until.ts'
import { type LogServer, startLogServer } from '../support/log-server.ts'
import { startPageServer } from '../support/page-server.ts'
import { countsIn, runInPage } from '../support/page-topology.ts'
import { type FaultyProxy, startProxy } from '../support/proxy.ts'
import { connectTab, flush } from '../support/tab.ts'
import { checkCopies } from './check-copies.ts'
import { beganAnew, startPages } from './profile-pages.ts'

export interface StreamsKillReport {
  readonly violations: readonly string[]
  readonly recordsWritten: number
  /** Browsers that were killed after they had processed something. */
  readonly killsAtWork: number
  /** Number of times that Chromium could not open its own database after a kill. */
  readonly databasesLost: number
}

interface Run {
  readonly random: Random
  readonly server: LogServer
  readonly proxy: FaultyProxy
  readonly pageUrl: string
  readonly profileDir: string
  readonly written: Map<string, number>
  browsersHung: number
  killsAtWork: number
  databasesLost: number
}

const TOPIC = 'numbers'
const PARTITIONS = 2
const KINDS = 3
const RECORDS_MAX = 20
const WRITE_PAUSE_MS_MAX = 60
const TABS_MAX = 2
const RUN_MS_MAX = 1_500
/** Most browsers work before they are killed, for which a busy machine needs time. */
const WORK_MS_MAX = 30_000

export async function runStreamsKills(kills: number, seed: number): Promise<StreamsKillReport> {
  const profileDir = await mkdtemp(join(tmpdir(), 'edgelog-streams-kills-'))
  const server = await startLogServer()
  const pages = await startPageServer()
  const proxy = await startProxy(server.url)
  const run: Run = {
    ...{ random: new Random(seed), server, proxy, pageUrl: pages.url, profileDir },
    ...{ written: new Map(), browsersHung: 0, killsAtWork: 0, databasesLost: 0 },
  }
  const ended = new AbortController()
  try {
    for (const topic of [TOPIC, `${TOPIC}-copies`, `${TOPIC}-counts`]) {
      await server.createTopic(topic, { partitions: PARTITIONS })
    }
    const killing = async () => {
      for (let kill = 1; kill <= kills; kill++) await killOnce(run, kill)
      ended.abort()
    }
    // A writer that fails ends the run.
    await Promise.all([killing(), write(run, ended.signal)])
    await finish(run)
    const recordsWritten = [...run.written.values()].reduce((sum, count) => sum + count, 0)
    const { killsAtWork, databasesLost } = run
    return { violations: await compare(run), recordsWritten, killsAtWork, databasesLost }
  } finally {
    ended.abort()
    await proxy.down()
    await pages.close()
    await server.process.stop()
    await rm(profileDir, { recursive: true, force: true, maxRetries: 5 })
  }
}

/** Writes numbered records until `signal`, directly to the server. */
async function write({ random, server, written }: Run, signal: AbortSignal): Promise<void> {
  while (!signal.aborted) {
    const records = Array.from({ length: random.between(1, RECORDS_MAX) }, () => {
      const kind = `kind${random.below(KINDS)}`
      const number = written.get(kind) ?? 0
      written.set(kind, number + 1)
      return { key: `k${random.below(5)}`, value: `${kind}#${number}` }
    })
    await server.request('POST', `/v1/topics/${TOPIC}/records`, { records })
    await sleep(random.below(WRITE_PAUSE_MS_MAX))
  }
}

async function killOnce(run: Run, round: number): Promise<void> {
  const { random, proxy } = run
  // A topology is planned with a network, and goes on without.
  const isOffline = random.below(3) === 0
  proxy.setFault({ kind: isOffline ? 'refuse' : 'pass' })
  const { browser, pages } = await startPages(run, random.between(1, TABS_MAX))
  try {
    for (const page of pages) {
      await connectTab(page, { url: proxy.url })
      void runInPage(page, TOPIC).catch(() => undefined)
    }
    const [page] = pages
    if (!isOffline && random.below(4) > 0) {
      const deadlineMs = Date.now() + WORK_MS_MAX
      while (!(await isAtWork(page)) && Date.now() < deadlineMs) await sleep(50)
    }
    await sleep(random.below(RUN_MS_MAX))
    if (await isAtWork(page)) run.killsAtWork++
  } finally {
    await browser.kill()
    if (round > 1 && (await beganAnew(run.profileDir))) run.databasesLost++
  }
}

/** Returns whether a page has processed records. */
async function isAtWork(page: Page | undefined): Promise<boolean> {
  const counts = page && (await Promise.race([countsIn(page).catch(() => ({})), sleep(500, {})]))
  return counts !== undefined && Object.keys(counts).length > 0
}

/** Lets a browser process the rest, and send everything. */
async function finish(run: Run): Promise<void> {
  run.proxy.setFault({ kind: 'pass' })
  const { browser, pages } = await startPages(run, 1)
  const [page] = pages
  if (page === undefined) throw new Error('a tab was asked for')
  await connectTab(page, { url: run.proxy.url })
  await runInPage(page, TOPIC)
  const wanted = Object.fromEntries([...run.written].toSorted())
  let found: Record<string, number> = {}
  const what = () => `counts of ${JSON.stringify(wanted)}, found ${JSON.stringify(found)}`
  await until(what, async () => {
    found = await countsIn(page)
    return (
      JSON.stringify(Object.fromEntries(Object.entries(found).toSorted())) ===
      JSON.stringify(wanted)
    )
  })
  await flush(page)
  await browser.close()
  if (await beganAnew(run.profileDir)) run.databasesLost++
}

/** Returns what is wrong with the sinks. */
async function compare({ server, written, databasesLost }: Run): Promise<string[]> {
  const violations: string[] = []
  const input = await server.readTopic(TOPIC)
  for (const [partition, copies] of await server.readTopic(`${TOPIC}-copies`)) {
    const found = checkCopies(copies, input.get(partition) ?? [], databasesLost)
    violations.push(...found.map((violation) => `partition ${partition}: ${violation}`))
  }
  const counts = [...(await server.readTopic(`${TOPIC}-counts`)).values()].flat().map(Number)
  const total = [...written.values()].reduce((sum, count) => sum + count, 0)
  for (const count of written.values()) {
    if (!counts.includes(count)) violations.push(`the last count ${count} is missing`)
  }
  if (counts.length > total * (1 + databasesLost)) {
    violations.push(`${counts.length} counts of ${total} records`)
  }
  return violations
}
