/**
 * Sends records to the topic of three applications, kills the server at random and restarts it, resets nothing. At the
 * end the sinks and the stores must be what the input makes: nothing lost, doubled or reordered.
 */
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { type Client, type ConsumerRecord, connect } from '../../../client/index.ts'
import { ServerProcess } from '../../server/server-process.ts'
import { Random } from '../../support/random.ts'
import type { Violation } from '../history.ts'
import { buildStreamsWorker } from './streams-mutants.ts'
import { compareLists, numberedOf, readAll, retried, settled, write } from './streams-records.ts'

export interface StreamsCrashOptions {
  readonly rounds: number
  readonly seed: number
  /** A build of `streams-worker.ts`; by default the product's. */
  readonly workerPath?: string
  readonly onRound?: (round: number) => void
}

export interface StreamsCrashReport {
  readonly seed: number
  readonly rounds: number
  readonly violations: readonly Violation[]
  readonly recordsIn: number
  readonly resets: number
}

const APPLICATIONS = ['copy', 'counts', 'sums']
const PARTITIONS = 2

export async function runStreamsCrash(options: StreamsCrashOptions): Promise<StreamsCrashReport> {
  const dir = await mkdtemp(join(tmpdir(), 'edgelog-streams-'))
  const workerPath = options.workerPath ?? (await buildStreamsWorker(join(dir, 'worker.js')))
  const server = await ServerProcess.start({ workerPath })
  const log = connect({ url: server.url })
  try {
    return await run(options, server, log)
  } finally {
    await log.close()
    await server.stop()
    await rm(dir, { recursive: true, force: true })
  }
}

async function run(
  { rounds, seed, onRound }: StreamsCrashOptions,
  server: ServerProcess,
  log: Client,
): Promise<StreamsCrashReport> {
  const random = new Random(seed)
  await log.admin.createTopic('in', { partitions: PARTITIONS })
  for (const name of APPLICATIONS) await log.applications.deploy(name)
  let isRunning = true
  const writing = write(log, random, () => isRunning)
  let resets = 0
  for (let round = 1; round <= rounds; round++) {
    await sleep(random.between(200, 1_200))
    await server.kill()
    await server.start()
    // A reset begins anew, so its sink gets all records again: `sums` only promises its last values.
    if (random.between(1, 5) === 1) {
      await retried(() => log.applications.reset('sums'))
      resets++
    }
    onRound?.(round)
  }
  isRunning = false
  await writing
  const violations: Violation[] = []
  const input = await readAll(log, 'in')
  await settled(log, APPLICATIONS, violations)
  checkCopy(input, await readAll(log, 'copied'), violations)
  await checkCounts(log, input, await readAll(log, 'counted'), violations)
  await checkSums(log, input, await readAll(log, 'summed'), violations)
  return { seed, rounds, violations, recordsIn: input.flat().length, resets }
}

// -- the promises --------------------------------------------------------------------------------

function int64Of({ value }: ConsumerRecord): number {
  const bytes = value as Uint8Array
  return Number(new DataView(bytes.buffer, bytes.byteOffset, 8).getBigInt64(0))
}

/** Each record once, in its order: S1 to S3. */
function checkCopy(
  input: readonly ConsumerRecord[][],
  copied: readonly ConsumerRecord[][],
  violations: Violation[],
): void {
  for (const [partition, records] of input.entries()) {
    const wanted = records.map((record) => numberedOf(record).id)
    const found = (copied[partition] ?? []).map((record) => numberedOf(record).id)
    compareLists(`copied/${partition}`, wanted, found, violations)
  }
}

/** The sink has 1, 2, 3, ... for each group, and the store the last one: S4. */
async function checkCounts(
  log: Client,
  input: readonly ConsumerRecord[][],
  counted: readonly ConsumerRecord[][],
  violations: Violation[],
): Promise<void> {
  const counts = new Map<string, number>()
  for (const record of input.flat()) {
    const { group } = numberedOf(record)
    counts.set(group, (counts.get(group) ?? 0) + 1)
  }
  for (const [group, count] of counts) {
    const updates = counted.flat().filter((record) => record.keyText === group)
    const found = updates.map((record) => String(int64Of(record)))
    const wanted = Array.from({ length: count }, (_, index) => String(index + 1))
    compareLists(`counted of ${group}`, wanted, found, violations)
    const row = await log.applications.store('counts', 'counts').get(group)
    if (row?.value !== count) {
      violations.push({
        promise: 'S4',
        what: `the count of ${group} is ${row?.value}, not ${count}`,
      })
    }
  }
}

/** Store and last update of each key are the sum of its input: S4. */
async function checkSums(
  log: Client,
  input: readonly ConsumerRecord[][],
  summed: readonly ConsumerRecord[][],
  violations: Violation[],
): Promise<void> {
  const sums = new Map<string, number>()
  for (const record of input.flat()) {
    const key = record.keyText as string
    sums.set(key, (sums.get(key) ?? 0) + numberedOf(record).amount)
  }
  const last = new Map(summed.flat().map((record) => [record.keyText, int64Of(record)]))
  for (const [key, sum] of sums) {
    const row = await log.applications.store('sums', 'sums').get(key)
    if (row?.value !== sum) {
      violations.push({ promise: 'S4', what: `the sum of ${key} is ${row?.value}, not ${sum}` })
    }
    if (last.get(key) !== sum) {
      const what = `the last update of ${key} is ${last.get(key)}, not ${sum}`
      violations.push({ promise: 'S4', what })
    }
  }
}
