/**
 * `npm run bench:peer`: compares edgelog with a real Apache Kafka broker, in one run on one machine. Prints a table;
 * `--write` also writes it to docs/BENCHMARKS.md.
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

/** Rounds that do not count. The second one shows how many records a side needs when it is warm. */
const WARM_UP_ROUNDS = 2
const WARM_UP_SECONDS = 2

interface Settings {
  readonly rounds: number
  readonly seconds: number
  /** Matches the names of the figures to measure. */
  readonly only: RegExp
}

const { values: options } = parseArgs({
  options: {
    rounds: { type: 'string', default: '3' },
    seconds: { type: 'string', default: '7' },
    only: { type: 'string', default: '' },
    bridge: { type: 'boolean', default: false },
    write: { type: 'boolean', default: false },
  },
})

const stop = new AbortController()
for (const name of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) {
  process.on(name, () => stop.abort(new Error(`stopped by ${name}`)))
}

async function main(): Promise<void> {
  const settings = {
    rounds: wholeNumber('rounds', options.rounds, 20),
    seconds: wholeNumber('seconds', options.seconds, 60),
    only: new RegExp(options.only),
  }
  if (options.write && (options.only !== '' || options.bridge)) {
    throw new Error('write: cannot be combined with --only or --bridge')
  }
  provideJava()
  const classPath = await kafkaClassPath()
  const results = await withSides(classPath, options.bridge, stop.signal, (sides) =>
    measureAll(new Bench(classPath, stop.signal), sides, settings),
  )
  const table = `${description(classPath)}\n\n${peerTable(results)}\n\n${footer(settings)}`
  console.log(table)
  if (options.write) await writeTable(table, 'bench:peer')
}

function wholeNumber(name: string, text: string, max: number): number {
  const value = Number(text)
  if (Number.isInteger(value) && value >= 1 && value <= max) return value
  throw new Error(`${name}: is ${text}; a whole number from 1 to ${max} is allowed`)
}

/** Measures all sides in turn, measurement by measurement; the first rounds warm up and do not count. */
async function measureAll(
  bench: Bench,
  sides: readonly Side[],
  { rounds, seconds, only }: Settings,
): Promise<FigureResult[]> {
  const isWanted = ({ name }: Figure) => only.test(name)
  const measurements = measurementsOf(bench).filter(({ figures }) => figures.some(isWanted))
  const results = new Results()
  for (let round = 1 - WARM_UP_ROUNDS; round <= rounds; round++) {
    const isWarmUp = round < 1
    for (const measurement of measurements) {
      for (const side of inOrder(sides, round)) {
        const startedAtMs = performance.now()
        const values = await measurement.measure(side, isWarmUp ? WARM_UP_SECONDS : seconds)
        const tookMs = performance.now() - startedAtMs
        report(isWarmUp ? 'warm-up' : `round ${round}`, side, measurement, values, tookMs)
        if (!isWarmUp) results.add(measurement.figures, side, values)
        await bench.settle()
      }
    }
  }
  for (const side of sides.filter(() => isWanted(MEMORY))) {
    results.add([MEMORY], side, [await residentMb(side.pids())])
  }
  return results.list()
}

/** Returns the sides in another order in each round, so that each side is first in turn. */
function inOrder(sides: readonly Side[], round: number): Side[] {
  const first = (round + WARM_UP_ROUNDS) % sides.length
  return [...sides.slice(first), ...sides.slice(0, first)]
}

class Results {
  readonly #results = new Map<Figure, Record<Side['name'], number[]>>()

  add(figures: readonly Figure[], { name }: Side, values: readonly number[]): void {
    for (const [index, figure] of figures.entries()) {
      const all = this.#results.get(figure) ?? { kafka: [], 'kafka-flushed': [], edgelog: [] }
      all[name].push(values[index] ?? Number.NaN)
      this.#results.set(figure, all)
    }
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
    '`flush.messages=1`, so records are on the disk before they are acknowledged, as with edgelog. _edgelog_: the server' +
      (options.bridge ? ' behind a bridge,' : ','),
    `Node ${process.version}. All share ${cpus().length} x ${cpus()[0]?.model} with the clients.`,
  ].join('\n')
}

function footer({ rounds, seconds }: Settings): string {
  const date = new Date().toISOString().slice(0, 10)
  return `Median (least to greatest) of ${rounds} rounds of ${seconds} s per measurement, ${date}.`
}

try {
  await main()
} catch (error) {
  const reason = stop.signal.aborted ? stop.signal.reason : error
  console.error(reason instanceof Error ? reason.message : reason)
  process.exitCode = 1
}
