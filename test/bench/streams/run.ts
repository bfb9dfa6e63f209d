/**
 * `npm run bench:streams`: measures tasks of streams beside an object that reads the same bytes and stores them. Prints
 * a table; `--write` also writes it to docs/BENCHMARKS.md.
 */
import { mkdtemp, rm } from 'node:fs/promises'
import { cpus, tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { parseArgs } from 'node:util'
import { type Client, connect } from '../../../client/index.ts'
import { runJava } from '../../java/java-process.ts'
import { provideJava, resolveClassPath } from '../../java/toolchain.ts'
import { bundleWorker } from '../../server/bundle-worker.ts'
import { ServerProcess } from '../../server/server-process.ts'
import { HttpLoad, median } from '../http-load.ts'
import { type Row, tableOfRows, writeTable } from '../markdown-table.ts'
import { startKafkaBroker } from '../peer/kafka-broker.ts'

const { values } = parseArgs({
  options: {
    rounds: { type: 'string', default: '5' },
    records: { type: 'string', default: '1000000' },
    stateBytes: { type: 'string', default: '1000000000' },
    skipKafka: { type: 'boolean', default: false },
    write: { type: 'boolean', default: false },
  },
})
const rounds = Number(values.rounds)
const recordsCount = Number(values.records)

const KEYS = [1_000, 10_000, 100_000]
const NOTE = 'x'.repeat(70)
/** Bytes of a record as it is stored, about: those of the floor. */
const STORED_BYTES = 110
const BLOB_BYTES = 1_000_000
const LATENCIES = 300
const LARGE_VALUE_BYTES = 10_000
/** The runtime evicts an object after ten idle seconds. */
const IDLE_MS = 12_000

interface Throughput {
  readonly name: string
  readonly ours: number[]
  readonly floor: number[]
  rowsPerThousand: number
}

// -- throughput ----------------------------------------------------------------------------------

async function fill(log: Client, keys: number): Promise<void> {
  await log.admin.createTopic(`in-${keys}`)
  for (let sent = 0; sent < recordsCount; ) {
    const count = Math.min(10_000, recordsCount - sent)
    await Promise.all(
      Array.from({ length: count }, () => {
        const key = `user-${Math.floor(Math.random() * keys)}`
        return log.send(`in-${keys}`, { key, value: { amount: 3, note: NOTE } })
      }),
    )
    sent += count
  }
}

/** Resets an application, and returns how many records/s it processes until the end. */
async function rateOf(log: Client, name: string): Promise<{ rate: number; rows: number }> {
  const startedAtMs = performance.now()
  await log.applications.reset(name)
  for (;;) {
    const { tasks, recordsCount: done, status } = await log.applications.describe(name)
    if (status === 'failed') throw new Error(JSON.stringify(tasks))
    if (done >= recordsCount) {
      const rate = (recordsCount / (performance.now() - startedAtMs)) * 1_000
      return { rate, rows: tasks.reduce((sum, task) => sum + task.rowsWritten, 0) }
    }
    // A description takes time of the isolate that runs the task.
    await sleep(50)
  }
}

async function floorRate(load: HttpLoad, round: string): Promise<number> {
  const count = Math.ceil((recordsCount * STORED_BYTES) / BLOB_BYTES)
  const startedAtMs = performance.now()
  await load.call({ method: 'POST', path: `/copy?name=copy-${round}&from=source&count=${count}` })
  return (recordsCount / (performance.now() - startedAtMs)) * 1_000
}

async function fillFloor(load: HttpLoad): Promise<void> {
  const body = Buffer.alloc(BLOB_BYTES, 'x')
  const count = Math.ceil((recordsCount * STORED_BYTES) / BLOB_BYTES)
  await load.rate(count, 2, () => ({ method: 'POST', path: '/store?name=source', body }))
}

async function measureThroughput(log: Client, floor: HttpLoad): Promise<Throughput[]> {
  const names = [...KEYS.map((keys) => `sum-${keys}`), 'filter']
  const figures = names.map(
    (name): Throughput => ({ name, ours: [], floor: [], rowsPerThousand: 0 }),
  )
  for (const { name } of figures) await log.applications.deploy(name)
  for (let round = 0; round < rounds; round++) {
    for (const figure of figures) {
      figure.floor.push(await floorRate(floor, `${figure.name}-${round}`))
      const { rate, rows } = await rateOf(log, figure.name)
      figure.ours.push(rate)
      figure.rowsPerThousand = (rows / recordsCount) * 1_000
    }
  }
  return figures
}

// -- latency -------------------------------------------------------------------------------------

interface Latency {
  readonly appendMs: number
  readonly visibleMs: number
  readonly roundTripMs: number
}

/** Measures from the start of an append until a query returns it, with `atLeast`. */
async function measureLatency(log: Client, ours: HttpLoad, floor: HttpLoad): Promise<Latency> {
  const path = '/v1/topics/in-1000/records'
  const append = () => ({
    method: 'POST' as const,
    path,
    headers: { 'Content-Type': 'application/json' },
    body: Buffer.from(JSON.stringify({ records: [{ key: 'latency', value: { amount: 1 } }] })),
  })
  const times = { append: [] as number[], visible: [] as number[], roundTrip: [] as number[] }
  await log.applications.describe('sum-1000')
  for (let index = 0; index < LATENCIES; index++) {
    const noop = { method: 'POST' as const, path: '/noop', body: Buffer.from('x') }
    times.roundTrip.push(await timeOf(() => floor.call(noop)))
    let offset = 0
    const appendMs = await timeOf(async () => {
      const response = JSON.parse((await ours.call(append())).toString())
      offset = response.offsets[0].offset
    })
    const query = `atLeast=in-1000/0/${offset + 1}`
    const get = {
      method: 'GET' as const,
      path: `/v1/streams/sum-1000/stores/sums/latency?${query}`,
    }
    const queryMs = await timeOf(() => ours.call(get))
    times.append.push(appendMs)
    times.visible.push(appendMs + queryMs)
  }
  return {
    appendMs: median(times.append),
    visibleMs: median(times.visible),
    roundTripMs: median(times.roundTrip),
  }
}

async function timeOf(work: () => Promise<unknown>): Promise<number> {
  const startedAtMs = performance.now()
  await work()
  return performance.now() - startedAtMs
}

// -- waking up -----------------------------------------------------------------------------------

interface Wake {
  readonly largeMs: number
  readonly smallMs: number
  readonly largeBytes: number
}

async function measureWake(log: Client, load: HttpLoad): Promise<Wake> {
  const stateBytes = Number(values.stateBytes)
  const value = 'v'.repeat(LARGE_VALUE_BYTES)
  const counts = { 'keep-large': Math.ceil(stateBytes / LARGE_VALUE_BYTES), 'keep-small': 100 }
  const sizes: Record<string, number> = {}
  for (const [name, count] of Object.entries(counts)) {
    await log.admin.createTopic(`${name}-in`)
    for (let sent = 0; sent < count; sent += 1_000) {
      const some = Array.from({ length: Math.min(1_000, count - sent) }, (_, index) =>
        log.send(`${name}-in`, { key: `key-${sent + index}`, value }),
      )
      await Promise.all(some)
    }
    await log.applications.deploy(name)
    for (;;) {
      const { recordsCount: done, tasks } = await log.applications.describe(name)
      sizes[name] = tasks[0]?.stateBytes ?? 0
      if (done >= count) break
      await sleep(100)
    }
  }
  const times = { 'keep-large': [] as number[], 'keep-small': [] as number[] }
  for (let round = 0; round < rounds; round++) {
    await sleep(IDLE_MS)
    // Wakes the Worker, the coordinator and the applications, so that the measured calls wake only the tasks.
    await log.applications.list()
    const order = ['keep-large', 'keep-small'] as const
    for (const name of round % 2 === 0 ? order : order.toReversed()) {
      const path = `/v1/streams/${name}/stores/kept/key-50`
      times[name].push(await timeOf(() => load.call({ method: 'GET', path })))
    }
  }
  return {
    largeMs: median(times['keep-large']),
    smallMs: median(times['keep-small']),
    largeBytes: sizes['keep-large'] ?? 0,
  }
}

// -- Kafka Streams -------------------------------------------------------------------------------

interface Peer {
  readonly keys: number
  readonly rates: number[]
  /** With the cache of Kafka Streams, which forwards one update of a key for each commit, as a task does. */
  readonly cachedRates: number[]
}

const PEER_SECONDS_MAX = 10
const CACHE_BYTES = 10 * 1024 * 1024

/** Runs the same sum in Kafka Streams, on a broker of its own. */
async function measurePeer(): Promise<Peer[]> {
  provideJava()
  const classPath = await resolveClassPath('test/interop/java', ['compile'])
  const broker = await startKafkaBroker(classPath, new AbortController().signal)
  try {
    const peers = [1_000, 100_000].map((keys): Peer => ({ keys, rates: [], cachedRates: [] }))
    const rateFor = async (keys: number, cacheBytes: number) => {
      const args = [broker.bootstrap, keys, recordsCount, cacheBytes, PEER_SECONDS_MAX].map(String)
      const mainClass = 'test/bench/streams/StreamsPeer.java'
      const printed = await runJava({ classPath, mainClass, args, jvm: ['-Xmx1g'] })
      return Number(/records\/s (\d+)/.exec(printed)?.[1])
    }
    for (let round = 0; round < rounds; round++) {
      for (const peer of peers) {
        peer.rates.push(await rateFor(peer.keys, 0))
        peer.cachedRates.push(await rateFor(peer.keys, CACHE_BYTES))
      }
    }
    return peers
  } finally {
    await broker.stop()
  }
}

function peerRows(peers: readonly Peer[], figures: readonly Throughput[]): Row[] {
  return peers.flatMap(({ keys, rates, cachedRates }) => {
    const ours = median(figures.find(({ name }) => name === `sum-${keys}`)?.ours ?? [])
    const row = (cache: string, measured: readonly number[], target: string): Row => [
      `Kafka Streams, exactly_once_v2, ${cache}, ${keys} keys`,
      `${(median(measured) / 1_000).toFixed(1)} k records/s`,
      `the task ${(ours / median(measured)).toFixed(1)} times as many`,
      target,
    ]
    return [row('cache off', rates, '>= 3'), row('cache of 10 MiB', cachedRates, '')]
  })
}

// -- the table -----------------------------------------------------------------------------------

const TARGETS: Record<string, { ratio: string; rows: string }> = {
  'sum-1000': { ratio: '>= 0.25', rows: '<= 2' },
  'sum-10000': { ratio: '>= 0.1', rows: '<= 15' },
  'sum-100000': { ratio: '', rows: '<= 50' },
  filter: { ratio: '>= 0.4', rows: '<= 1' },
}

function rowsOf(figures: readonly Throughput[], latency: Latency, wake: Wake): Row[] {
  const throughput = figures.map(({ name, ours, floor }): Row => {
    const ratio = median(ours) / median(floor)
    const spread = `${k(Math.min(...ours))} to ${k(Math.max(...ours))}`
    const measured = `${k(median(ours))} records/s (${spread}); floor ${k(median(floor))}`
    return [`task ${name}`, measured, ratio.toFixed(2), TARGETS[name]?.ratio ?? '']
  })
  const written = figures.map(({ name, rowsPerThousand }): Row => {
    const target = TARGETS[name]?.rows ?? ''
    return [`rows for 1,000 records, task ${name}`, rowsPerThousand.toFixed(2), '', target]
  })
  const { appendMs, visibleMs, roundTripMs } = latency
  const more = (visibleMs - appendMs) / roundTripMs
  const wakeRatio = wake.largeMs / wake.smallMs
  return [
    ...throughput,
    ...written,
    [
      'append until a query returns it, p50',
      `${visibleMs.toFixed(1)} ms; the append ${appendMs.toFixed(1)} ms`,
      `${more.toFixed(1)} round trips of a no-op object more`,
      '<= 3',
    ],
    [
      `query of an evicted task with ${Math.round(wake.largeBytes / 1e6)} MB of state`,
      `${wake.largeMs.toFixed(1)} ms; with 1 MB ${wake.smallMs.toFixed(1)} ms`,
      wakeRatio.toFixed(2),
      '0.8 to 1.2',
    ],
  ]
}

function k(rate: number): string {
  return `${Math.round(rate / 1_000)} k`
}

const dir = await mkdtemp(join(tmpdir(), 'edgelog-bench-'))
const servers: ServerProcess[] = []
try {
  const start = async (entry: string, name: string) => {
    const workerPath = await bundleWorker(entry, join(dir, `${name}.js`))
    const server = await ServerProcess.start({ workerPath })
    servers.push(server)
    return server
  }
  const ours = await start('test/bench/streams/streams-worker.ts', 'streams')
  const floor = await start('test/bench/floor-worker.ts', 'floor')
  const loads = { ours: new HttpLoad(ours.url), floor: new HttpLoad(floor.url) }
  const log = connect({ url: ours.url })
  await fillFloor(loads.floor)
  for (const keys of KEYS) await fill(log, keys)
  const figures = await measureThroughput(log, loads.floor)
  const latency = await measureLatency(log, loads.ours, loads.floor)
  const wake = await measureWake(log, loads.ours)
  const [cpu] = cpus()
  const footer = `${rounds} rounds of ${recordsCount} records, Node ${process.version}, ${cpus().length} x ${cpu?.model ?? 'unknown'}.`
  const peers = values.skipKafka ? [] : await measurePeer()
  const rows = [...rowsOf(figures, latency, wake), ...peerRows(peers, figures)]
  const table = tableOfRows(rows, footer)
  console.log(table)
  if (values.write) await writeTable(table, 'bench:streams')
  await log.close()
} finally {
  for (const server of servers) await server.stop()
  await rm(dir, { recursive: true, force: true })
}
