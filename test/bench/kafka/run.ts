/**
 * `npm run bench:kafka`: compares Kafka's protocol through the bridge with edgelog's own over HTTP, in one
 * run on one machine. Prints a table; `--write` also writes it to docs/BENCHMARKS.md.
 */
import { cpus } from 'node:os'
import { parseArgs } from 'node:util'
import { provideKcat } from '../../interop/support/find-kcat.ts'
import { type BridgeProcess, startBridgeProcess } from '../../server/bridge-process.ts'
import { ServerProcess } from '../../server/server-process.ts'
import { HttpLoad, median } from '../http-load.ts'
import { type Row, tableOfRows, writeTable } from '../markdown-table.ts'
import { BATCH, batchOf, createTopic } from '../throughput.ts'
import { CLIENTS, type ClientName, measureClient, type RecordLoad } from './client-rates.ts'
import { KafkaLoad, produceFrame } from './kafka-load.ts'

const { values } = parseArgs({
  options: {
    rounds: { type: 'string', default: '5' },
    write: { type: 'boolean', default: false },
  },
})
const rounds = Number(values.rounds)

const BATCH_BYTES = 100_000
const BATCHES = 400
const IN_FLIGHT = 8
const SINGLES = 1_000
const RECORD_LOADS: readonly RecordLoad[] = [
  { recordBytes: 100, count: 500_000 },
  { recordBytes: 1_000, count: 100_000 },
]
const CLIENT_ROUNDS = 3

interface Sides {
  readonly native: number[]
  readonly bridge: number[]
}

/** Sends the same batches both ways, in alternating rounds. @returns the rates. */
async function compareWays(
  server: ServerProcess,
  bridge: BridgeProcess,
  { sizeBytes, count, inFlight }: Record<'sizeBytes' | 'count' | 'inFlight', number>,
): Promise<Sides & { readonly cpuMsPerMb: number }> {
  const batch = batchOf(sizeBytes)
  const http = new HttpLoad(server.url)
  const topic = `ways-${sizeBytes}-${inFlight}`
  await http.call(createTopic(topic, 1))
  const frame = produceFrame(topic, batch)
  const kafka = await KafkaLoad.open(bridge.port, inFlight)
  const sides: Sides = { native: [], bridge: [] }
  const path = `/v1/topics/${topic}/partitions/0/records`
  const headers = { 'Content-Type': BATCH }
  const ways = {
    native: () =>
      http.rate(count, inFlight, () => ({ method: 'POST', path, body: batch, headers })),
    bridge: () => kafka.rate(count, frame),
  }
  let cpuMs = 0
  for (let round = -1; round < rounds; round++) {
    const order =
      round % 2 === 0 ? (['native', 'bridge'] as const) : (['bridge', 'native'] as const)
    for (const way of order) {
      const before = await bridge.cpuMs()
      const rate = await ways[way]()
      if (round < 0) continue
      sides[way].push(rate)
      if (way === 'bridge') cpuMs += (await bridge.cpuMs()) - before
    }
  }
  kafka.close()
  return { ...sides, cpuMsPerMb: cpuMs / ((rounds * count * batch.length) / 1e6) }
}

async function bridgeRows(server: ServerProcess, bridge: BridgeProcess): Promise<Row[]> {
  const megabytes = batchOf(BATCH_BYTES).length / 1e6
  const load = { sizeBytes: BATCH_BYTES, count: BATCHES, inFlight: IN_FLIGHT }
  const batches = await compareWays(server, bridge, load)
  const singles = await compareWays(server, bridge, { sizeBytes: 100, count: SINGLES, inFlight: 1 })
  const times = (sides: Sides) =>
    median(sides.native.map((rate, round) => rate / (sides.bridge[round] ?? Number.NaN)))
  const speeds = [batches.bridge, batches.native].map((rates) =>
    Math.round(median(rates) * megabytes),
  )
  const [bridgeMs = 0, nativeMs = 0] = [singles.bridge, singles.native].map(
    (rates) => 1_000 / median(rates),
  )
  return [
    [
      `produce of 100 kB batches, ${IN_FLIGHT} in flight: time through the bridge, beside native`,
      `${speeds[0]} beside ${speeds[1]} MB/s`,
      times(batches).toFixed(2),
      '<= 1.25',
    ],
    ['CPU of the bridge for that', `${batches.cpuMsPerMb.toFixed(1)} ms a MB`, '', ''],
    [
      'one record, one at a time: time through the bridge, beside native',
      `${bridgeMs.toFixed(2)} beside ${nativeMs.toFixed(2)} ms`,
      times(singles).toFixed(2),
      '',
    ],
  ]
}

async function clientRows(place: { url: string; bootstrap: string }): Promise<Row[]> {
  const rows: Row[] = []
  for (const load of RECORD_LOADS) {
    const native = { produce: 0, consume: 0 }
    for (const name of CLIENTS) {
      const rates = { produce: [] as number[], consume: [] as number[] }
      for (let round = 0; round < CLIENT_ROUNDS; round++) {
        const topic = `${name}-${load.recordBytes}-${round}`
        const measured = await measureClient(name, place, topic, load)
        rates.produce.push(measured.produce)
        rates.consume.push(measured.consume)
      }
      for (const way of ['produce', 'consume'] as const) {
        const rate = median(rates[way])
        if (name === 'native') native[way] = rate
        rows.push(clientRow(name, way, load, rate, rate / native[way]))
      }
    }
  }
  return rows
}

function clientRow(
  name: ClientName,
  way: string,
  { recordBytes }: RecordLoad,
  rate: number,
  ratio: number,
): Row {
  const size = recordBytes >= 1_000 ? `${recordBytes / 1_000} kB` : `${recordBytes} byte`
  const speed = ((rate * recordBytes) / 1e6).toFixed(0)
  const measured = `${Math.round(rate / 1_000)} k records/s, ${speed} MB/s`
  const isNative = name === 'native'
  const figure = `${way} of ${size} records, ${isNative ? 'the native client' : name}`
  return [figure, measured, isNative ? '' : ratio.toFixed(2), '']
}

await provideKcat()
const server = await ServerProcess.start()
const bridge = await startBridgeProcess(server.url)
try {
  console.error('the bridge ...')
  const rows = await bridgeRows(server, bridge)
  console.error('clients ...')
  rows.push(...(await clientRows({ url: server.url, bootstrap: bridge.bootstrap })))
  const table = tableOfRows(
    rows,
    `Median of ${rounds} rounds, of ${CLIENT_ROUNDS} where clients are named, ${new Date().toISOString().slice(0, 10)}, ${cpus().length} x ${cpus()[0]?.model}, Node ${process.version}.`,
  )
  console.log(table)
  if (values.write) await writeTable(table, 'kafka')
} finally {
  await bridge.close()
  await server.stop()
}
