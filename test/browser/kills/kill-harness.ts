/**
 * Kills a browser (SIGKILL of all its processes) again and again while its pages send, and restarts it on
 * the same profile; sometimes the server is killed too, responses are lost, or the network is blocked for
 * a while. At the end every record that a page was told is queued must be in the log, once and in order.
 *
 * Exception: one to three SIGKILLs in a hundred leave Chromium with a database that it cannot open, and
 * it creates a new one. This is detected in Chromium's own log file, independently of the client;
 * only records that were queued in the previous rounds and are not in the log are attributed to it.
 */
import assert from 'node:assert/strict'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import type { Page } from 'playwright-core'
import { Random } from '../../support/random.ts'
import { until } from '../../support/until.ts'
import { checkDelivery, parseRecordId } from '../support/check-delivery.ts'
import type { Fault } from '../support/faults.ts'
import { type LogServer, startLogServer } from '../support/log-server.ts'
import { startPageServer } from '../support/page-server.ts'
import { type FaultyProxy, startProxy } from '../support/proxy.ts'
import { connectTab } from '../support/tab.ts'
import { beganAnew, startPages } from './profile-pages.ts'
import { sendOnAndOn } from './send-on-and-on.ts'

export interface KillOptions {
  readonly kills: number
  readonly seed: number
  /** Folder with a build of the client; the one in dist/ by default. */
  readonly clientFolder?: string
  /** Build of the server; the one in dist/ by default. */
  readonly workerPath?: string
  readonly onKill?: (kill: number) => void
}

export interface KillReport {
  readonly violations: readonly string[]
  /** Records that pages reported as queued before they were killed. */
  readonly recordsQueued: number
  readonly recordsInLog: number
  /** Requests with records whose response did not reach a page. */
  readonly repliesLost: number
  /** Number of times that Chromium could not open its own database after a kill. */
  readonly databasesThrownAway: number
  readonly recordsThrownAway: number
  /** Browsers that loaded no page on the profile of a killed one, and were killed too. */
  readonly browsersHung: number
}

const TOPIC = 'kills'
const PARTITIONS = 3
const TABS_MAX = 2
/** Numbers reserved per round: those of a sender grow over all rounds. */
const NUMBERS_PER_ROUND = 1_000_000
/** Records older than this number of rounds must have been sent. */
const BACKLOG_ROUNDS_MAX = 10
const RUN_MS_MAX = 500
const DRAIN_MS_MAX = 120_000

interface Run {
  readonly random: Random
  readonly server: LogServer
  readonly proxy: FaultyProxy
  readonly pageUrl: string
  readonly profileDir: string
  readonly queued: string[]
  /** Rounds in which Chromium's database was lost. */
  readonly thrownAwayAt: number[]
  browsersHung: number
}

export async function runKills(options: KillOptions): Promise<KillReport> {
  const profileDir = await mkdtemp(join(tmpdir(), 'edgelog-kills-'))
  const { workerPath } = options
  const server = await startLogServer(workerPath === undefined ? {} : { workerPath })
  const pages = await startPageServer()
  const proxy = await startProxy(server.url)
  const pageUrl =
    options.clientFolder === undefined ? pages.url : pages.addBuild('other', options.clientFolder)
  const queued: string[] = []
  const random = new Random(options.seed)
  const thrownAwayAt: number[] = []
  const run: Run = {
    random,
    server,
    proxy,
    pageUrl,
    profileDir,
    queued,
    thrownAwayAt,
    browsersHung: 0,
  }
  try {
    await server.createTopic(TOPIC, { partitions: PARTITIONS })
    for (let kill = 1; kill <= options.kills; kill++) {
      await killOnce(run, kill)
      options.onKill?.(kill)
    }
    const undelivered = await drain(run)
    if (await beganAnew(profileDir)) thrownAwayAt.push(options.kills + 1)
    const log = await server.readTopic(TOPIC)
    const delivered = new Set([...log.values()].flat())
    const thrownAway = new Set(
      queued.filter((id) => !delivered.has(id) && wasInDanger(id, thrownAwayAt)),
    )
    return {
      violations: [
        ...undelivered,
        ...checkDelivery({ queued: queued.filter((id) => !thrownAway.has(id)), log }),
      ],
      databasesThrownAway: thrownAwayAt.length,
      recordsThrownAway: thrownAway.size,
      browsersHung: run.browsersHung,
      recordsQueued: queued.length,
      recordsInLog: delivered.size,
      repliesLost: proxy.exchanges(/records/).filter(({ status }) => status === undefined).length,
    }
  } finally {
    await proxy.down()
    await pages.close()
    await server.process.stop()
    await rm(profileDir, { recursive: true, force: true, maxRetries: 5 })
  }
}

async function killOnce(run: Run, round: number): Promise<void> {
  const { random, server, proxy, queued } = run
  proxy.setRules({ path: /records/, method: 'POST', ...faultOf(random) })
  const killsServer = random.below(10) === 0
  const { browser, pages } = await startPages(run, random.between(1, TABS_MAX))
  try {
    await browser.context.exposeBinding('reportQueued', (_, ids: string[]) => {
      queued.push(...ids)
    })
    const before = queued.length
    for (const [tab, page] of pages.entries()) await startSending(page, run, tab, round)
    await until(`a record is queued in round ${round}`, () => queued.length > before)
    await sleep(random.below(RUN_MS_MAX))
    if (killsServer) await server.process.kill()
  } finally {
    await browser.kill()
    if (round > 1 && (await beganAnew(run.profileDir))) run.thrownAwayAt.push(round)
    if (killsServer) await server.process.start()
  }
}

function wasInDanger(id: string, thrownAwayAt: readonly number[]): boolean {
  const round = Math.floor((parseRecordId(id)?.number ?? 0) / NUMBERS_PER_ROUND)
  return thrownAwayAt.some((at) => round < at && round >= at - BACKLOG_ROUNDS_MAX)
}

/** Returns a random fault, so that kills happen during requests, after they took effect, and with a backlog. */
function faultOf(random: Random): { fault: Fault; times?: number } {
  const delay: Fault = { kind: 'delay', ms: random.below(80) }
  return random.pick([
    { fault: delay },
    { fault: delay },
    { fault: { kind: 'dropReply' }, times: random.between(1, 3) },
    { fault: { kind: 'slow', bytesPerSecond: 500 } },
    { fault: { kind: 'refuse' } },
  ])
}

async function startSending(
  page: Page,
  { proxy, random }: Run,
  tab: number,
  round: number,
): Promise<void> {
  await connectTab(page, { url: proxy.url })
  await page.evaluate(sendOnAndOn, {
    topic: TOPIC,
    partitions: PARTITIONS,
    sender: `tab${tab}`,
    firstNumber: round * NUMBERS_PER_ROUND,
    burstMax: random.between(1, 20),
    pauseMsMax: random.between(0, 30),
  })
}

/** Runs without faults, so that the next browser delivers the remaining records. */
async function drain(run: Run): Promise<string[]> {
  run.proxy.setRules()
  const { browser, pages } = await startPages(run, 1)
  try {
    const [page] = pages
    assert(page !== undefined, 'one tab was asked for')
    await connectTab(page, { url: run.proxy.url })
    const flushed = page.evaluate(async (timeoutMs) => {
      await window.log.flush({ signal: AbortSignal.timeout(timeoutMs) })
      const parked = await window.log.outbox?.parked()
      return (parked ?? []).map(({ record, error }) => `${record.valueText}: ${error.message}`)
    }, DRAIN_MS_MAX)
    return (await flushed).map((refused) => `parked: ${refused}`)
  } catch (error) {
    return [`after the last fault not all was delivered within ${DRAIN_MS_MAX} ms: ${error}`]
  } finally {
    await browser.close()
  }
}
