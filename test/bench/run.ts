/**
 * `npm run bench`: compares edgelog with the floor in one run on one machine. Prints a table; `--write` also
 * writes it to docs/BENCHMARKS.md.
 */
import { execFile } from 'node:child_process'
import { mkdtemp, rm } from 'node:fs/promises'
import { cpus, tmpdir } from 'node:os'
import { join } from 'node:path'
import { parseArgs, promisify } from 'node:util'
import { bundleWorker } from '../server/bundle-worker.ts'
import { ServerProcess, type ServerProcessOptions } from '../server/server-process.ts'
import { measureAppendCost } from './append-cost.ts'
import { measureCompaction, measureCompactionCost } from './compaction.ts'
import { measureDelivery } from './delivery.ts'
import { compareGroupRates } from './group-rates.ts'
import { measureGroupRows } from './group-rows.ts'
import { HttpLoad } from './http-load.ts'
import { measureManyTopics } from './many-topics.ts'
import { writeTable } from './markdown-table.ts'
import { measureRebalances } from './rebalance.ts'
import { compareRemote, measureRemoteCost } from './remote.ts'
import { measureRows } from './rows.ts'
import { measureSealedReads } from './sealed-reads.ts'
import { compareSessionRates } from './session-rates.ts'
import { tableOf } from './table.ts'
import { compareThroughput, createTopic } from './throughput.ts'
import { measureTransactionCost } from './transaction-cost.ts'
import { measureTransactions } from './transaction-rates.ts'
import { measureWake } from './wake.ts'

const { values } = parseArgs({
  options: {
    rounds: { type: 'string', default: '7' },
    wakeBytes: { type: 'string', default: '1000000000' },
    compactBytes: { type: 'string', default: '1000000000' },
    idleSeconds: { type: 'string', default: '60' },
    write: { type: 'boolean', default: false },
  },
})
const rounds = Number(values.rounds)

async function withServer<T>(
  options: ServerProcessOptions,
  work: (server: ServerProcess) => Promise<T>,
): Promise<T> {
  const server = await ServerProcess.start(options)
  try {
    return await work(server)
  } finally {
    await server.stop()
  }
}

async function measureClient(server: ServerProcess): Promise<Record<string, number>> {
  const script = new URL('./client-send.ts', import.meta.url).pathname
  const args = ['--disable-warning=ExperimentalWarning', script, server.url]
  const { stdout } = await promisify(execFile)(process.execPath, args)
  return JSON.parse(stdout)
}

async function measureLog(ours: ServerProcess, floor: ServerProcess) {
  return {
    throughput: await compareThroughput(ours, floor, rounds),
    sessions: await compareSessionRates(ours, floor, rounds),
    delivery: await measureDelivery(ours, floor),
    client: await measureClient(ours),
  }
}

async function measureGroups(ours: ServerProcess, floor: ServerProcess) {
  const loads = { ours: new HttpLoad(ours.url), floor: new HttpLoad(floor.url) }
  const topic = 'shared'
  const partitions = 1_000
  await loads.ours.call(createTopic(topic, partitions))
  return {
    rebalances: await measureRebalances(loads.ours, topic, partitions),
    groupRates: await compareGroupRates(loads, topic, partitions, rounds),
  }
}

const dir = await mkdtemp(join(tmpdir(), 'edgelog-bench-'))
try {
  const floorPath = await bundleWorker('test/bench/floor-worker.ts', join(dir, 'floor.js'))
  const countingPath = await bundleWorker('test/bench/counting-worker.ts', join(dir, 'counting.js'))
  const withFloor = <T>(work: (ours: ServerProcess, floor: ServerProcess) => Promise<T>) =>
    withServer({}, (ours) => withServer({ workerPath: floorPath }, (floor) => work(ours, floor)))
  console.error('throughput and delivery ...')
  const log = await withFloor(measureLog)
  console.error('groups ...')
  const groups = await withFloor(measureGroups)
  console.error('topics ...')
  const manyTopics = await withFloor((ours, floor) => measureManyTopics(ours, floor, rounds))
  console.error('transactions ...')
  const transactions = await withFloor(measureTransactions)
  console.error('R2 ...')
  const remote = await withFloor((ours, floor) => compareRemote(ours, floor, rounds))
  console.error('compaction ...')
  const compaction = await withFloor((ours, floor) =>
    measureCompaction(ours, floor, Number(values.compactBytes)),
  )
  console.error('wake ...')
  const wake = await withServer({}, (server) =>
    measureWake(server, Number(values.wakeBytes), rounds),
  )
  console.error('rows ...')
  // Both count rows instead of measuring time, and mostly wait, so they can run at once.
  const [rows, groupRows] = await Promise.all([
    withServer({ workerPath: countingPath, retentionCheckIntervalMs: 1_000 }, measureRows),
    withServer({ workerPath: countingPath }, (server) =>
      measureGroupRows(server, Number(values.idleSeconds)),
    ),
  ])
  const appendCosts = await withServer({ workerPath: countingPath }, measureAppendCost)
  const remoteCost = await withServer({ workerPath: countingPath }, measureRemoteCost)
  const compactionCost = await withServer({ workerPath: countingPath }, measureCompactionCost)
  const transactionCosts = await withServer({ workerPath: countingPath }, measureTransactionCost)
  console.error('sealed reads ...')
  const sealedReads = await withServer({ workerPath: countingPath }, (server) =>
    measureSealedReads(server, rounds),
  )
  const counts = {
    rows,
    appendCosts,
    transactionCosts,
    groupRows,
    sealedReads,
    remoteCost,
    compactionCost,
  }
  const table = tableOf(
    { ...log, ...groups, manyTopics, transactions, remote, compaction, wake, ...counts },
    `Median of ${rounds} rounds, ${new Date().toISOString().slice(0, 10)}, ${cpus().length} x ${cpus()[0]?.model}, Node ${process.version}.`,
  )
  console.log(table)
  if (values.write) await writeTable(table)
} finally {
  await rm(dir, { recursive: true, force: true })
}
