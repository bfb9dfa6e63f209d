/**
 * Runs producers, probes and readers against a server, by requests and over sessions, kills the server at random
 * (kill -9 of its process group) and restarts it. At the end reads the whole log and checks the promises.
 */

import { setTimeout as sleep } from 'node:timers/promises'
import { ServerProcess } from '../server/server-process.ts'
import { Random } from '../support/random.ts'
import { until } from '../support/until.ts'
import { checkHistory } from './checkers.ts'
import type { AppendEvent, SeenRecord, StoredBatch, Violation } from './history.ts'
import { LogClient, type TopicConfigs } from './log-client.ts'
import { runIdempotentProducer, runPlainProducer, runProbes } from './producers.ts'
import { SessionLog } from './session-log.ts'

export interface CrashOptions {
  readonly rounds: number
  readonly seed: number
  readonly workerPath?: string
  /** The config of the topic. With remote storage the kills begin when records are in R2 only. */
  readonly config?: TopicConfigs
  readonly onRound?: (round: number) => void
}

export interface CrashReport {
  readonly seed: number
  readonly rounds: number
  readonly violations: readonly Violation[]
  readonly recordsAcknowledged: number
  readonly requestsUnknown: number
  /** Appends that were sent more than once. */
  readonly requestsRepeated: number
  /** Offsets whose records were in R2 only at the end. */
  readonly tieredOffsets: number
}

const PARTITIONS = 2
const TOPIC = 'crash'
/** V1: after the last fault, all pending appends are acknowledged within this time. */
const DRAIN_MS_MAX = 60_000

export async function runCrash(options: CrashOptions): Promise<CrashReport> {
  const random = new Random(options.seed)
  const server = await ServerProcess.start(
    options.workerPath === undefined ? {} : { workerPath: options.workerPath },
  )
  try {
    const client = new LogClient(server.url, TOPIC)
    const sessions = new SessionLog(server.url, TOPIC)
    await client.createTopic(PARTITIONS, options.config)
    const appends: AppendEvent[] = []
    const seen: SeenRecord[] = []
    let isRunning = true
    let isOver = false
    const load = {
      client,
      partitions: PARTITIONS,
      random,
      appends,
      isRunning: () => isRunning,
      isOver: () => isOver,
    }
    const overSession = { ...load, client: sessions }
    /** Every second producer appends over a session. */
    const loadOf = (index: number) => (index % 2 === 0 ? overSession : load)
    const running = [
      ...Array.from({ length: 4 }, (_, i) => runIdempotentProducer(`steady${i}`, 1, loadOf(i))),
      ...Array.from({ length: 4 }, (_, i) => runIdempotentProducer(`pipelined${i}`, 4, loadOf(i))),
      ...Array.from({ length: 2 }, (_, i) => runPlainProducer(`plain${i}`, loadOf(i))),
      runProbes('probe', load),
      runProbes('session-probe', overSession),
      ...Array.from({ length: PARTITIONS }, (_, partition) =>
        follow(client, partition, seen, () => isRunning),
      ),
    ]
    if (options.config?.['remote.storage.enable'] === true) {
      await until('records are in R2', async () => (await client.tieredOffsets()) > 0)
    }
    for (let round = 1; round <= options.rounds; round++) {
      await sleep(random.between(80, 480))
      await server.kill()
      await server.start()
      options.onRound?.(round)
    }
    await sleep(200)
    isRunning = false
    const drainTimer = setTimeout(() => {
      isOver = true
    }, DRAIN_MS_MAX)
    await Promise.all(running)
    await sessions.close()
    clearTimeout(drainTimer)
    const log = new Map<number, StoredBatch[]>()
    for (let partition = 0; partition < PARTITIONS; partition++) {
      log.set(partition, await readAll(client, partition))
    }
    const tieredOffsets = await client.tieredOffsets()
    return report(options, appends, checkHistory({ appends, seen, log }), tieredOffsets)
  } finally {
    await server.stop()
  }
}

function report(
  { seed, rounds }: CrashOptions,
  appends: readonly AppendEvent[],
  violations: readonly Violation[],
  tieredOffsets: number,
): CrashReport {
  const acknowledged = appends.filter(({ outcomes }) => outcomes.some(({ kind }) => kind === 'ok'))
  const outcomes = appends.flatMap((append) => append.outcomes)
  return {
    seed,
    rounds,
    violations,
    recordsAcknowledged: acknowledged.reduce((sum, { batches }) => sum + batches.flat().length, 0),
    requestsUnknown: outcomes.filter(({ kind }) => kind === 'unknown').length,
    requestsRepeated: appends.filter(({ outcomes }) => outcomes.length > 1).length,
    tieredOffsets,
  }
}

/** Reads the partition repeatedly and adds each record to `seen`. */
async function follow(
  client: LogClient,
  partition: number,
  seen: SeenRecord[],
  isRunning: () => boolean,
): Promise<void> {
  let offset = 0
  while (isRunning()) {
    const batches = await client.read(partition, offset)
    if (batches === undefined) await sleep(30)
    for (const { baseOffset, values } of batches ?? []) {
      for (const [delta, value] of values.entries()) {
        seen.push({ partition, offset: baseOffset + delta, value })
      }
      offset = baseOffset + values.length
    }
  }
}

async function readAll(client: LogClient, partition: number): Promise<StoredBatch[]> {
  const all: StoredBatch[] = []
  let offset = 0
  for (;;) {
    const batches = await client.read(partition, offset)
    if (batches === undefined) throw new Error(`partition ${partition} cannot be read at ${offset}`)
    if (batches.length === 0) return all
    all.push(...batches)
    const last = batches.at(-1)
    offset = last === undefined ? offset : last.baseOffset + last.values.length
  }
}
