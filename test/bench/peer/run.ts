/**
 * `npm run bench:peer`: compares edgelog, through its bridge, with a real Apache Kafka broker, in one run on one
 * machine. Prints a table; `--write` also writes it to docs/BENCHMARKS.md.
 */
import { spawnSync } from 'node:child_process'
import { cpus } from 'node:os'
import { parseArgs } from 'node:util'
import { kafkaClassPath, provideJava } from '../../java/toolchain.ts'
import { writeTable } from '../markdown-table.ts'
import { Bench } from './bench.ts'
import { HEAP_MB } from './kafka-broker.ts'
import { type Figure, MEMORY, type Measurement, measurementsOf } from './measurements.ts'
import { type FigureResult, peerTable } from './peer-table.ts'
import { residentMb } from './resident-memory.ts'
import { type Side, withSides } from './sides.ts'

/** Length of the measurements that only warm up a side. */
const WARM_UP_SECONDS = 2

const { values: options } = parseArgs({
  options: {
    rounds: { type: 'string', default: '3' },
    seconds: { type: 'string', default: '8' },
    only: { type: 'string', default: '' },
    write: { type: 'boolean', default: false },
  },
})

const stop = new AbortController()
for (const name of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) {
  process.on(name, () => stop.abort(new Error(`stopped by ${name}`)))
}

async function main(): Promise<void> {
  const rounds = wholeNumber('rounds', options.rounds, 20)
  const seconds = wholeNumber('seconds', options.seconds, 60)
  if (options.write && options.only !== '') {
    throw new Error('write: cannot be combined with --only, which measures a part of the table')
  }
  provideJava()
  const classPath = await kafkaClassPath()
  const results = await withSides(classPath, stop.signal, (sides) =>
    measureAll(new Bench(classPath, stop.signal), sides, rounds, seconds),
  )
  const table = `${description(classPath)}\n\n${peerTable(results)}\n\n${footer(rounds, seconds)}`
  console.log(table)
  if (options.write) await writeTable(table, 'bench:peer')
}

function wholeNumber(name: string, text: string, max: number): number {
  const value = Number(text)
  if (Number.isInteger(value) && value >= 1 && value <= max) return value
  throw new Error(`${name}: is ${text}; a whole number from 1 to ${max} is allowed`)
}

/** Measures all sides in turn, figure by figure; the first round warms up and does not count. */
async function measureAll(
  bench: Bench,
  sides: readonly Side[],
  rounds: number,
  seconds: number,
): Promise<FigureResult[]> {
  const isWanted = ({ name }: Figure) => new RegExp(options.only).test(name)
  const measurements = measurementsOf(bench).filter(({ figures }) => figures.some(isWanted))
  const results = new Results()
  for (let round = 0; round <= rounds; round++) {
    for (const measurement of measurements) {
      for (const side of inOrder(sides, round)) {
        const isWarmUp = round === 0
        const startedAtMs = performance.now()
        const values = await measurement.measure(side, isWarmUp ? WARM_UP_SECONDS : seconds)
        const tookMs = performance.now() - startedAtMs
        report(isWarmUp ? 'warm-up' : `round ${round}`, side, measurement, values, tookMs)
        for (const [index, figure] of measurement.figures.entries()) {
          if (!isWarmUp) results.add(figure, side, values[index] ?? Number.NaN)
        }
        await bench.settle()
      }
    }
  }
  for (const side of sides.filter(() => isWanted(MEMORY))) {
    results.add(MEMORY, side, await residentMb(side.pids()))
  }
  return results.list()
}

/** Returns the sides in another order in each round, so that each side is first in turn. */
function inOrder(sides: readonly Side[], round: number): Side[] {
  const first = round % sides.length
  return [...sides.slice(first), ...sides.slice(0, first)]
}

class Results {
  readonly #results = new Map<Figure, Record<Side['name'], number[]>>()

  add(figure: Figure, side: Side, value: number): void {
    const values = this.#results.get(figure) ?? { kafka: [], 'kafka-flushed': [], edgelog: [] }
    values[side.name].push(value)
    this.#results.set(figure, values)
  }

  list(): FigureResult[] {
    return [...this.#results].map(([figure, values]) => ({ figure, values }))
  }
}

function report(
  round: string,
  side: Side,
  { figures }: Measurement,
  values: readonly number[],
  tookMs: number,
): void {
  const took = `${(tookMs / 1_000).toFixed(1)} s in all`
  for (const [index, { name }] of figures.entries()) {
    console.error(`${round}, ${side.name}: ${name}: ${values[index]?.toFixed(2)} (${took})`)
  }
}

function description(classPath: string): string {
  const kafka = /kafka-clients-([\d.]+)\.jar/.exec(classPath)?.[1]
  const java = /version "([^"]+)"/.exec(
    spawnSync('java', ['-version'], { encoding: 'utf8' }).stderr,
  )
  return [
    `_kafka_: one broker of Apache Kafka ${kafka} in KRaft mode, Java ${java?.[1]}, a heap of ${HEAP_MB} MB. It acknowledges`,
    'records before they are on the disk, as Kafka does by default. _kafka-flushed_: the same broker; its topics have',
    '`flush.messages=1`, so records are on the disk before they are acknowledged, as with edgelog. _edgelog_: the server and',
    `the bridge, each in its own process, Node ${process.version}. All share ${cpus().length} x ${cpus()[0]?.model} with the clients.`,
  ].join('\n')
}

function footer(rounds: number, seconds: number): string {
  const date = new Date().toISOString().slice(0, 10)
  return `Median (least to greatest) of ${rounds} rounds of ${seconds} s per figure, ${date}.`
}

try {
  await main()
} catch (error) {
  const reason = stop.signal.aborted ? stop.signal.reason : error
  console.error(reason instanceof Error ? reason.message : reason)
  process.exitCode = 1
}
