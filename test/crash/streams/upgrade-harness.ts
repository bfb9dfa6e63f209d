/**
 * Upgrades an application to a topology that does not fit its state, while records come and the server is killed at
 * random. At the end the sinks that both topologies write must have each result once and in order, as must the one that
 * only the second writes.
 */
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { type Client, type ConsumerRecord, connect } from '../../../client/index.ts'
import { ServerProcess } from '../../server/server-process.ts'
import { Random } from '../../support/random.ts'
import type { Violation } from '../history.ts'
import { compareLists, numberedOf, readAll, retried, settled, write } from './streams-records.ts'
import { buildUpgradeWorker } from './upgrade-mutants.ts'

export interface UpgradeCrashOptions {
  readonly seed: number
  readonly kills: number
  /** A build of `upgrade-worker.ts`; by default the product's. */
  readonly workerPath?: string
}

export interface UpgradeCrashReport {
  readonly seed: number
  readonly violations: readonly Violation[]
  readonly recordsIn: number
  /** Kills that began before the generations were swapped. */
  readonly killsBefore: number
}

const PARTITIONS = 2
const SWAP_MS_MAX = 120_000

export async function runUpgradeCrash(options: UpgradeCrashOptions): Promise<UpgradeCrashReport> {
  const dir = await mkdtemp(join(tmpdir(), 'edgelog-upgrade-'))
  const stateDir = join(dir, 'state')
  const firstPath = await buildUpgradeWorker(join(dir, 'first.js'), 'first')
  const workerPath =
    options.workerPath ?? (await buildUpgradeWorker(join(dir, 'second.js'), 'second'))
  try {
    const random = new Random(options.seed)
    await fill(random, { workerPath: firstPath, stateDir })
    return await upgrade(options, random, { workerPath, stateDir })
  } finally {
    await rm(dir, { recursive: true, force: true, maxRetries: 5 })
  }
}

interface Place {
  readonly workerPath: string
  readonly stateDir: string
}

/** Runs the first topology over some records. */
async function fill(random: Random, place: Place): Promise<void> {
  const server = await ServerProcess.start(place)
  const log = connect({ url: server.url })
  try {
    await log.admin.createTopic('in', { partitions: PARTITIONS })
    await log.applications.deploy('counts')
    let rounds = 20
    await write(log, random, () => rounds-- > 0, 'early-')
  } finally {
    await log.close()
    await server.kill()
  }
}

async function upgrade(
  { seed, kills }: UpgradeCrashOptions,
  random: Random,
  place: Place,
): Promise<UpgradeCrashReport> {
  const server = await ServerProcess.start(place)
  const log = connect({ url: server.url })
  let isRunning = true
  const writing = write(log, random, () => isRunning)
  const violations: Violation[] = []
  try {
    // The first request after a start deploys the second topology.
    let killsBefore = 0
    for (let kill = 0; kill < kills; kill++) {
      const { generation } = await retried(() => log.applications.describe('counts'))
      if (generation === 1) killsBefore++
      await sleep(random.between(0, 600))
      await server.kill()
      await server.start()
    }
    if (!(await isSwapped(log))) violations.push({ promise: 'V1', what: 'it is not swapped' })
    // Some records come after the swap.
    await sleep(500)
    isRunning = false
    await writing
    const input = await readAll(log, 'in')
    await settled(log, ['counts'], violations)
    await check(log, input, violations)
    return { seed, violations, recordsIn: input.flat().length, killsBefore }
  } finally {
    isRunning = false
    await writing
    await log.close()
    await server.stop()
  }
}

async function isSwapped(log: Client): Promise<boolean> {
  const deadlineMs = Date.now() + SWAP_MS_MAX
  while (Date.now() < deadlineMs) {
    const { generation, status } = await retried(() => log.applications.describe('counts'))
    if (generation === 2 && status === 'running') return true
    await sleep(100)
  }
  return false
}

async function check(
  log: Client,
  input: readonly ConsumerRecord[][],
  violations: Violation[],
): Promise<void> {
  const copied = await readAll(log, 'copied')
  for (const [partition, records] of input.entries()) {
    const wanted = records.map((record) => numberedOf(record).id)
    const found = (copied[partition] ?? []).map((record) => numberedOf(record).id)
    compareLists(`copied/${partition}`, wanted, found, violations)
  }
  const groups = input.flat().map((record) => numberedOf(record).group)
  for (const topic of ['counted', 'counted-again']) {
    const counted = (await readAll(log, topic)).flat()
    for (const group of new Set(groups)) {
      const count = groups.filter((one) => one === group).length
      const wanted = Array.from({ length: count }, (_, index) => String(index + 1))
      const updates = counted.filter((record) => record.keyText === group)
      const found = updates.map((record) => record.valueText as string)
      compareLists(`${topic} of ${group}`, wanted, found, violations)
    }
  }
}
