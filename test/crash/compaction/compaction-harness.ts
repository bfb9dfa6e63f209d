/**
 * Writes versions of keys to a compacted topic with a table, some in transactions, reads log and table meanwhile, kills
 * the server at random and restarts it. At the end the log, the table and a follower must agree with the writers, and
 * the log must be as small as its keys.
 */
import { setTimeout as sleep } from 'node:timers/promises'
import { ServerProcess } from '../../server/server-process.ts'
import { Random } from '../../support/random.ts'
import type { Violation } from '../history.ts'
import { TransactionClient } from '../transactions/transaction-client.ts'
import {
  follow,
  type ReaderContext,
  type ReadRecord,
  readAll,
  runWholeReads,
} from './keyed-readers.ts'
import { type KeyHistory, runWriter, type TransactionCounts, tryFetch } from './keyed-writers.ts'

export interface CompactionCrashOptions {
  readonly rounds: number
  readonly seed: number
  readonly workerPath?: string
  readonly onRound?: (round: number) => void
}

export interface CompactionCrashReport {
  readonly seed: number
  readonly rounds: number
  readonly violations: readonly Violation[]
  readonly versionsAcknowledged: number
  readonly recordsAtEnd: number
  readonly transactions: TransactionCounts
}

const TOPIC = 'compacted'
const WRITERS = 4
const DELETE_RETENTION_MS = 2_000
/** A round lasts until so many versions were acknowledged: a slow machine must test as much as a fast one. */
const VERSIONS_PER_ROUND_MIN = 20
/** A broken server may acknowledge nothing any more. */
const ROUND_MS_MAX = 20_000
/** Compaction ends within this time after the last append. */
const SETTLE_MS_MAX = 60_000

export async function runCompactionCrash(
  options: CompactionCrashOptions,
): Promise<CompactionCrashReport> {
  const random = new Random(options.seed)
  const { workerPath } = options
  const server = await ServerProcess.start(workerPath === undefined ? {} : { workerPath })
  let isRunning = true
  try {
    await createTopic(server.url)
    const violations: Violation[] = []
    const keys = new Map<string, KeyHistory>()
    let endOffset: number | undefined
    const shared = { url: server.url, topic: TOPIC, keys, violations, isRunning: () => isRunning }
    const readers: ReaderContext = { ...shared, random, deleteRetentionMs: DELETE_RETENTION_MS }
    const client = new TransactionClient(server.url)
    const transactions: TransactionCounts = { committed: 0, aborted: 0 }
    const writers = { ...shared, random, client, counts: transactions }
    const writing = Promise.all(
      Array.from({ length: WRITERS }, (_, index) => runWriter(`w${index}`, writers)),
    )
    const reading = runWholeReads(readers)
    const following = follow(readers, () => endOffset)
    for (let round = 1; round <= options.rounds; round++) {
      const versions = acknowledged(keys) + VERSIONS_PER_ROUND_MIN
      await sleep(random.between(300, 1_500))
      const deadlineMs = Date.now() + ROUND_MS_MAX
      while (acknowledged(keys) < versions && Date.now() < deadlineMs) await sleep(20)
      await server.kill()
      await server.start()
      options.onRound?.(round)
    }
    isRunning = false
    await Promise.all([writing, reading])
    endOffset = await endOf(server.url)
    const view = await following
    const left = await settledLog(readers, keys)
    checkView('the follower', 'K3', keys, view, violations)
    checkView('the log', 'K1', keys, viewOf(left), violations)
    checkView('the table', 'K6', keys, await scanTable(server.url), violations)
    return {
      seed: options.seed,
      rounds: options.rounds,
      violations,
      versionsAcknowledged: acknowledged(keys),
      recordsAtEnd: left.length,
      transactions,
    }
  } finally {
    isRunning = false
    await server.stop()
  }
}

function acknowledged(keys: ReadonlyMap<string, KeyHistory>): number {
  return [...keys.values()].reduce((sum, one) => sum + one.acknowledged, 0)
}

async function createTopic(url: string): Promise<void> {
  const config = {
    'cleanup.policy': 'compact',
    'segment.ms': 50,
    'min.cleanable.dirty.ratio': 0,
    'delete.retention.ms': DELETE_RETENTION_MS,
    'edgelog.table.enable': true,
  }
  const response = await fetch(`${url}/v1/topics`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ name: TOPIC, config }),
  })
  if (!response.ok) throw new Error(await response.text())
}

async function endOf(url: string): Promise<number> {
  const response = await fetch(`${url}/v1/topics/${TOPIC}`)
  const topic = (await response.json()) as { partitionDetails: Array<{ highWatermark: number }> }
  return topic.partitionDetails[0]?.highWatermark ?? 0
}

/** Waits until only the latest values are left, as far as they ever are. */
async function settledLog(
  readers: ReaderContext,
  keys: ReadonlyMap<string, KeyHistory>,
): Promise<ReadRecord[]> {
  const deadlineMs = Date.now() + SETTLE_MS_MAX
  const valuesCount = [...keys.values()].filter((one) => !one.isDelete[one.acknowledged]).length
  for (;;) {
    const left = await readAll(readers)
    if (left.length === valuesCount) return left
    if (Date.now() > deadlineMs) {
      const what = `${left.length} records are left of ${valuesCount} keys with a value`
      readers.violations.push({ promise: 'K1', what })
      return left
    }
    await sleep(200)
  }
}

function viewOf(records: readonly ReadRecord[]): Map<string, number> {
  const view = new Map<string, number>()
  for (const { key, version, isDelete } of records) {
    if (isDelete) view.delete(key)
    else view.set(key, version)
  }
  return view
}

async function scanTable(url: string): Promise<Map<string, number>> {
  const response = await tryFetch(`${url}/v1/topics/${TOPIC}/table?limit=1000`)
  const page = (await response?.json()) as {
    entries: Array<{ key: string; headers: { v: string } }>
  }
  return new Map(page.entries.map(({ key, headers }) => [key, Number(headers.v)]))
}

function checkView(
  name: string,
  promise: string,
  keys: ReadonlyMap<string, KeyHistory>,
  view: ReadonlyMap<string, number>,
  violations: Violation[],
): void {
  for (const [key, { isDelete, acknowledged }] of keys) {
    const expected = isDelete[acknowledged] ? undefined : acknowledged
    const found = view.get(key)
    if (found !== expected) {
      violations.push({ promise, what: `${name} has version ${found} of ${key}, not ${expected}` })
    }
  }
}
