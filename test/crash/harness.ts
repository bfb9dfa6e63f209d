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
import {
  type LoadOptions,
  runIdempotentProducer,
  runPlainProducer,
  runProbes,
} from './producers.ts'
import {
  checkHang,
  checkObjects,
  countFaults,
  type FaultCounts,
  setFaults,
  sumOf,
} from './remote/bucket-faults.ts'
import { SessionLog } from './session-log.ts'

export interface CrashOptions {
  readonly rounds: number
  readonly seed: number
  readonly workerPath?: string
  /** The config of the topic. With remote storage the kills begin when records are in R2 only. */
  readonly config?: TopicConfigs
  /** True if the Worker is `remote/faulty-worker.ts`: then calls of R2 fail until the last kill. */
  readonly hasFaultyBucket?: boolean
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
  /** Calls of R2 with a fault, by kind. */
  readonly faults: FaultCounts
}

const PARTITIONS = 2
const TOPIC = 'crash'
/** V1: after the last fault, all pending appends are acknowledged within this time. */
const DRAIN_MS_MAX = 60_000
/** Wait of one round for a call of R2; longer waits would make a run too long. */
const FAULT_MS_MAX = 10_000
/** Reads of one offset that fail, one after the other, until its records count as lost. */
const READ_FAILURES_MAX = 20

export async function runCrash(options: CrashOptions): Promise<CrashReport> {
  const { hasFaultyBucket = false, config = {} } = options
  const random = new Random(options.seed)
  const server = await ServerProcess.start(
    options.workerPath === undefined ? {} : { workerPath: options.workerPath },
  )
  let isRunning = true
  let isOver = false
  try {
    const client = new LogClient(server.url, TOPIC)
    const sessions = new SessionLog(server.url, TOPIC)
    await client.createTopic(PARTITIONS, config)
    const appends: AppendEvent[] = []
    const seen: SeenRecord[] = []
    const load = {
      client,
      partitions: PARTITIONS,
      random,
      appends,
      isRunning: () => isRunning,
      isOver: () => isOver,
    }
    const overSession = { ...load, client: sessions }
    const running = [
      ...startProducers(load, overSession),
      ...Array.from({ length: PARTITIONS }, (_, partition) =>
        follow(client, partition, seen, () => isRunning),
      ),
    ]
    if (config['remote.storage.enable'] === true) {
      await until('records are in R2', async () => (await client.tieredOffsets()) > 0)
    }
    const faults = await runRounds(server, options, random)
    await sleep(200)
    isRunning = false
    const drainTimer = setTimeout(() => {
      isOver = true
    }, DRAIN_MS_MAX)
    await Promise.all(running)
    await sessions.close()
    clearTimeout(drainTimer)
    const log = await readPartitions(client)
    const tieredOffsets = await client.tieredOffsets()
    const violations = [...checkHistory({ appends, seen, log })]
    if (hasFaultyBucket && violations.length === 0) {
      violations.push(...(await checkObjects(server.url, TOPIC, PARTITIONS)))
      violations.push(...(await checkHang(server.url, config)))
    }
    return { ...report(options, appends, violations, tieredOffsets), faults }
  } finally {
    isRunning = false
    isOver = true
    await server.stop()
  }
}

function startProducers(load: LoadOptions, overSession: LoadOptions): Promise<void>[] {
  /** Every second producer appends over a session. */
  const loadOf = (index: number) => (index % 2 === 0 ? overSession : load)
  return [
    ...Array.from({ length: 4 }, (_, i) => runIdempotentProducer(`steady${i}`, 1, loadOf(i))),
    ...Array.from({ length: 4 }, (_, i) => runIdempotentProducer(`pipelined${i}`, 4, loadOf(i))),
    ...Array.from({ length: 2 }, (_, i) => runPlainProducer(`plain${i}`, loadOf(i))),
    runProbes('probe', load),
    runProbes('session-probe', overSession),
  ]
}

/** Kills the server once a round. @returns the calls of R2 that failed */
async function runRounds(
  server: ServerProcess,
  { rounds, hasFaultyBucket, onRound }: CrashOptions,
  random: Random,
): Promise<FaultCounts> {
  const faults = { fail: 0, lost: 0, hang: 0, lie: 0 }
  for (let round = 1; round <= rounds; round++) {
    if (hasFaultyBucket) await failFor(server.url, random.between(1_000, 4_000), faults)
    else await sleep(random.between(80, 480))
    await server.kill()
    await server.start()
    onRound?.(round)
  }
  return faults
}

/** Lets calls of R2 fail for a time, and until one has failed: a busy machine makes few calls. */
async function failFor(
  url: string,
  durationMs: number,
  faults: Record<keyof FaultCounts, number>,
): Promise<void> {
  await setFaults(url, 'random')
  await sleep(durationMs)
  const deadlineMs = Date.now() + FAULT_MS_MAX
  let made = await countFaults(url)
  while (sumOf(made) === 0 && Date.now() < deadlineMs) {
    await sleep(100)
    made = await countFaults(url)
  }
  for (const kind of ['fail', 'lost', 'hang', 'lie'] as const) faults[kind] += made[kind]
}

function report(
  { seed, rounds }: CrashOptions,
  appends: readonly AppendEvent[],
  violations: readonly Violation[],
  tieredOffsets: number,
): Omit<CrashReport, 'faults'> {
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

async function readPartitions(client: LogClient): Promise<Map<number, StoredBatch[]>> {
  const log = new Map<number, StoredBatch[]>()
  for (let partition = 0; partition < PARTITIONS; partition++) {
    log.set(partition, await readAll(client, partition))
  }
  return log
}

/** Reads what can be read: what is behind an offset that cannot is lost. */
async function readAll(client: LogClient, partition: number): Promise<StoredBatch[]> {
  const all: StoredBatch[] = []
  let offset = 0
  for (let failures = 0; ; ) {
    const batches = await client.read(partition, offset)
    if (batches === undefined) {
      failures += 1
      if (failures === READ_FAILURES_MAX) return all
      await sleep(100)
      continue
    }
    if (batches.length === 0) return all
    failures = 0
    all.push(...batches)
    const last = batches.at(-1)
    offset = last === undefined ? offset : last.baseOffset + last.values.length
  }
}
