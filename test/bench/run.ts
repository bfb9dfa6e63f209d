/**
 * `npm run bench`: edgelog beside the floor, in one run on one machine; prints a table, and with
 * `--write` puts it into docs/BENCHMARKS.md.
 */
import { execFile } from 'node:child_process'
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { cpus, tmpdir } from 'node:os'
import { join } from 'node:path'
import { parseArgs, promisify } from 'node:util'
import { bundleWorker } from '../server/bundle-worker.ts'
import { ServerProcess } from '../server/server-process.ts'
import { type DeliveryFigures, measureDelivery } from './delivery.ts'
import { measureRows, type RowFigures } from './rows.ts'
import { type Comparison, compareThroughput } from './throughput.ts'
import { measureWake, type WakeFigures } from './wake.ts'

const { values } = parseArgs({
  options: {
    rounds: { type: 'string', default: '7' },
    wakeBytes: { type: 'string', default: '1000000000' },
    write: { type: 'boolean', default: false },
  },
})
const rounds = Number(values.rounds)

async function withServer<T>(
  options: { readonly workerPath?: string },
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

type Row = readonly [figure: string, measured: string, ratio: string, target: string]

function tableOf(
  comparisons: readonly Comparison[],
  rows: RowFigures,
  wake: WakeFigures,
  delivery: DeliveryFigures,
  client: Record<string, number>,
): Row[] {
  const added = (ms: number) => ((ms - delivery.appendMs) / delivery.roundTripMs).toFixed(2)
  return [
    ...comparisons.map(
      ({ figure, ours, floor, unit, ratio, target }): Row => [
        figure,
        `${Math.round(ours)} beside ${Math.round(floor)} ${unit}`,
        ratio.toFixed(2),
        target,
      ],
    ),
    ['rows written per 1,000 records in batches of 100', '', rows.atAppend.toFixed(1), '<= 11'],
    ['the same, over the whole life of the records', '', rows.wholeLife.toFixed(1), '<= 25'],
    [
      `wake with ${wake.largeBytes / 1e6} MB of log, beside 1 MB`,
      `${wake.largeMs.toFixed(1)} beside ${wake.smallMs.toFixed(1)} ms`,
      (wake.largeMs / wake.smallMs).toFixed(2),
      '0.8 to 1.2',
    ],
    [
      'append to long-poll reader, added over the append, in round trips',
      `${delivery.longPollMs.toFixed(2)} beside ${delivery.appendMs.toFixed(2)} ms`,
      added(delivery.longPollMs),
      '<= 1',
    ],
    [
      'append to WebSocket reader, added over the append, in round trips',
      `${delivery.webSocketMs.toFixed(2)} beside ${delivery.appendMs.toFixed(2)} ms`,
      added(delivery.webSocketMs),
      '<= 1',
    ],
    [
      "the client's `send()` of 100-byte records, all awaited",
      `${client.recordsPerSecond} records/s, ${client.peakMemoryMb} MB at most`,
      '',
      '',
    ],
  ]
}

const BEGIN = '<!-- bench -->'
const END = '<!-- /bench -->'

async function write(table: string): Promise<void> {
  const path = 'docs/BENCHMARKS.md'
  const text = await readFile(path, 'utf8')
  const [before] = text.split(BEGIN)
  const [, after] = text.split(END)
  await writeFile(path, `${before}${BEGIN}\n${table}\n${END}${after}`)
}

const dir = await mkdtemp(join(tmpdir(), 'edgelog-bench-'))
try {
  const floorPath = await bundleWorker('test/bench/floor-worker.ts', join(dir, 'floor.js'))
  const countingPath = await bundleWorker('test/bench/counting-worker.ts', join(dir, 'counting.js'))
  console.error('throughput and delivery ...')
  const [comparisons, delivery, client] = await withServer({}, async (ours) => {
    return await withServer(
      { workerPath: floorPath },
      async (floor) =>
        [
          await compareThroughput(ours, floor, rounds),
          await measureDelivery(ours, floor),
          await measureClient(ours),
        ] as const,
    )
  })
  console.error('wake ...')
  const wake = await withServer({}, (server) =>
    measureWake(server, Number(values.wakeBytes), rounds),
  )
  console.error('rows ...')
  const rows = await withServer({ workerPath: countingPath }, measureRows)
  const table = [
    '| figure | measured | ratio | target |',
    '| --- | --- | --- | --- |',
    ...tableOf(comparisons, rows, wake, delivery, client).map((row) => `| ${row.join(' | ')} |`),
    '',
    `Median of ${rounds} rounds, ${new Date().toISOString().slice(0, 10)}, ${cpus().length} x ${cpus()[0]?.model}, Node ${process.version}.`,
  ].join('\n')
  console.log(table)
  if (values.write) await write(table)
} finally {
  await rm(dir, { recursive: true, force: true })
}
