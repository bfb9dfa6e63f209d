/**
 * `npm run bench:sql`: measures statements, queries of one task beside the same topology written by hand, pull queries
 * beside a no-op object, and many push queries. Prints a table; `--write` also writes it to docs/BENCHMARKS.md.
 */
import { execFile } from 'node:child_process'
import { mkdtemp, readFile, rm } from 'node:fs/promises'
import { cpus, tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { parseArgs, promisify } from 'node:util'
import { bytes, type Topology } from '../../../client/streams/node/index.ts'
import { testDriver } from '../../../client/streams/test-driver.ts'
import { bundleWorker } from '../../server/bundle-worker.ts'
import { ServerProcess } from '../../server/server-process.ts'
import { HttpLoad, median } from '../http-load.ts'
import { type Row, tableOfRows, writeTable } from '../markdown-table.ts'
import { COMPARED, compileStatements } from './topologies.ts'

const { values } = parseArgs({
  options: {
    rounds: { type: 'string', default: '5' },
    records: { type: 'string', default: '100000' },
    readers: { type: 'string', default: '1000' },
    write: { type: 'boolean', default: false },
  },
})
const rounds = Number(values.rounds)
const recordsCount = Number(values.records)
const readersCount = Number(values.readers)
const TURN_RECORDS = 5_000
const LATENCIES = 300
const IDLE_MS = 10_000

const encoder = new TextEncoder()
const records = Array.from({ length: recordsCount }, (_, index) => ({
  key: encoder.encode(`order-${index}`),
  value: encoder.encode(
    JSON.stringify({
      USER: `user-${(index * 7_919) % 1_000}`,
      AMOUNT: (index % 100) + 0.5,
      ITEM: `a thing that somebody buys, number ${index % 50}`,
    }),
  ),
  timestamp: 1_796_000_000_000 + index,
}))

/** Returns the records/s of a topology in the memory of this process. */
function rateOf(topology: Topology): number {
  const driver = testDriver(topology, {
    ...{ isImmediate: false, turnRecordsMax: TURN_RECORDS, coalesces: true },
  })
  driver.input('orders', { key: bytes, value: bytes }).pipe(...records)
  const startedAtMs = performance.now()
  driver.run()
  return recordsCount / ((performance.now() - startedAtMs) / 1_000)
}

function measureRows(): Row[] {
  return COMPARED.map(({ name, statement, byHand }): Row => {
    const ours: number[] = []
    const hand: number[] = []
    for (let round = 0; round <= rounds; round++) {
      const rate = rateOf(compileStatements(statement))
      const handRate = rateOf(byHand)
      // The first round warms up.
      if (round > 0) ours.push(rate)
      if (round > 0) hand.push(handRate)
    }
    const measured = `${k(median(ours))} records/s; by hand ${k(median(hand))}`
    return [name, measured, (median(ours) / median(hand)).toFixed(2), '>= 0.8']
  })
}

function measureStatements(): Row {
  const [, grouped] = COMPARED
  const statement = grouped?.statement ?? ''
  const rates: number[] = []
  for (let round = 0; round <= rounds; round++) {
    const startedAtMs = performance.now()
    let count = 0
    while (performance.now() - startedAtMs < 1_000) {
      compileStatements(statement)
      // Two statements, of which the query is planned twice: to decide about it, and to run it.
      count += 2
    }
    if (round > 0) rates.push(count / ((performance.now() - startedAtMs) / 1_000))
  }
  return ['statements parsed, decided and planned', `${median(rates).toFixed(0)} /s`, '', '']
}

// -- on the server -------------------------------------------------------------------------------

async function run(load: HttpLoad, sql: string): Promise<void> {
  const properties = { 'auto.offset.reset': 'earliest' }
  await load.call({
    ...{
      method: 'POST',
      path: '/v1/sql',
      body: encoder.encode(JSON.stringify({ sql, properties })),
    },
    headers: { 'Content-Type': 'application/json' },
  })
}

async function latencyOf(call: () => Promise<unknown>): Promise<number> {
  const times: number[] = []
  for (let index = 0; index < LATENCIES; index++) {
    const startedAtMs = performance.now()
    await call()
    times.push(performance.now() - startedAtMs)
  }
  return median(times)
}

async function measurePull(ours: HttpLoad, floor: HttpLoad): Promise<Row> {
  await run(
    ours,
    `CREATE STREAM clicks (id STRING KEY, page STRING) WITH (KAFKA_TOPIC='clicks', PARTITIONS=1, VALUE_FORMAT='JSON');
     CREATE TABLE pages AS SELECT page, COUNT(*) AS n FROM clicks GROUP BY page;
     INSERT INTO clicks VALUES ('a', '/home');`,
  )
  const query = "SELECT n FROM pages WHERE page = '/home';"
  const body = encoder.encode(JSON.stringify({ sql: query }))
  const headers = { 'Content-Type': 'application/json', Accept: 'application/json' }
  const pull = () => ours.call({ method: 'POST', path: '/v1/sql', body, headers })
  for (let tries = 0; !String(await pull()).includes('[1]'); tries++) {
    if (tries === 100) throw new Error('the table has no row')
    await sleep(50)
  }
  const noop = () => floor.call({ method: 'POST', path: '/noop', body: new Uint8Array(1) })
  const pulls: number[] = []
  const noops: number[] = []
  for (let round = 0; round < rounds; round++) {
    pulls.push(await latencyOf(pull))
    noops.push(await latencyOf(noop))
  }
  const ratio = median(pulls) / median(noops)
  const measured = `${median(pulls).toFixed(2)} ms; a no-op object ${median(noops).toFixed(2)} ms`
  return ['pull query by key, p50', measured, ratio.toFixed(2), '<= 1.5']
}

interface Usage {
  readonly cpuMs: number
  readonly memoryMb: number
}

/** Returns how much the runtime of a server has used. */
async function usageOf({ pid }: ServerProcess): Promise<Usage> {
  const { stdout } = await promisify(execFile)('ps', ['-o', 'pid=,comm=', '--ppid', String(pid)])
  const runtime = /(\d+) workerd/.exec(stdout)?.[1]
  if (runtime === undefined) throw new Error(`no workerd below ${pid}`)
  const stat = (await readFile(`/proc/${runtime}/stat`, 'utf8')).split(' ')
  const status = await readFile(`/proc/${runtime}/status`, 'utf8')
  const cpuMs = (Number(stat[13]) + Number(stat[14])) * 10
  return { cpuMs, memoryMb: Number(/VmRSS:\s+(\d+)/.exec(status)?.[1]) / 1_024 }
}

async function measurePush(server: ServerProcess, load: HttpLoad): Promise<Row[]> {
  await run(
    load,
    "CREATE STREAM pushed (id STRING KEY, v INT) WITH (KAFKA_TOPIC='pushed', PARTITIONS=1, VALUE_FORMAT='JSON');",
  )
  const leave = new AbortController()
  const counts = { opened: 0, rows: 0 }
  const before = await usageOf(server)
  const readers = Array.from({ length: readersCount }, (_, index) =>
    readPush(
      server.url,
      `SELECT * FROM pushed WHERE v > ${index % 3} EMIT CHANGES;`,
      counts,
      leave,
    ),
  )
  while (counts.opened < readersCount) await sleep(100)
  const opened = await usageOf(server)
  await sleep(IDLE_MS)
  const idle = await usageOf(server)
  for (let index = 0; index < rounds; index++)
    await run(load, "INSERT INTO pushed VALUES ('a', 9);")
  while (counts.rows < rounds * readersCount) await sleep(20)
  const end = await usageOf(server)
  leave.abort()
  await Promise.all(readers)
  const memory = (opened.memoryMb - before.memoryMb) / readersCount
  const perRow = (end.cpuMs - idle.cpuMs) / (rounds * readersCount)
  return [
    [
      `${readersCount} push queries of one topic: memory`,
      `${(memory * 1_024).toFixed(0)} kB each`,
      '',
      '',
    ],
    [
      'the same, idle: CPU',
      `${((idle.cpuMs - opened.cpuMs) / (IDLE_MS / 1_000)).toFixed(1)} ms/s`,
      '',
      '',
    ],
    ['the same, a record for all: CPU', `${perRow.toFixed(2)} ms for each row`, '', ''],
  ]
}

async function readPush(
  url: string,
  sql: string,
  counts: { opened: number; rows: number },
  { signal }: AbortController,
): Promise<void> {
  try {
    const response = await fetch(`${url}/v1/sql`, {
      method: 'POST',
      headers: { 'Content-Type': 'application/json', Accept: 'application/x-ndjson' },
      body: JSON.stringify({ sql }),
      signal,
    })
    const decoder = new TextDecoder()
    for await (const part of response.body ?? []) {
      for (const line of decoder.decode(part).split('\n')) {
        if (line.startsWith('{"queryId"')) counts.opened++
        if (line.startsWith('[')) counts.rows++
      }
    }
  } catch (error) {
    if (!signal.aborted) throw error
  }
}

function k(rate: number): string {
  return `${Math.round(rate / 1_000)} k`
}

const dir = await mkdtemp(join(tmpdir(), 'edgelog-bench-'))
const servers: ServerProcess[] = []
try {
  const rows = [measureStatements(), ...measureRows()]
  const ours = await ServerProcess.start({})
  servers.push(ours)
  const workerPath = await bundleWorker('test/bench/floor-worker.ts', join(dir, 'floor.js'))
  const floor = await ServerProcess.start({ workerPath })
  servers.push(floor)
  const loads = { ours: new HttpLoad(ours.url), floor: new HttpLoad(floor.url) }
  rows.push(await measurePull(loads.ours, loads.floor))
  rows.push(...(await measurePush(ours, loads.ours)))
  const [cpu] = cpus()
  const footer = `${rounds} rounds of ${recordsCount} records, Node ${process.version}, ${cpus().length} x ${cpu?.model ?? 'unknown'}.`
  const table = tableOfRows(rows, footer)
  console.log(table)
  if (values.write) await writeTable(table, 'bench:sql')
} finally {
  for (const server of servers) await server.stop()
  await rm(dir, { recursive: true, force: true })
}
