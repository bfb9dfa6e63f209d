/** The measurements: each yields one or several figures of a side. */
import type { Bench } from './bench.ts'
import type { RecordLoad } from './java-tools.ts'
import type { Side, SideName } from './sides.ts'

export interface Figure {
  /** With the unit. */
  readonly name: string
  readonly better: 'more' | 'less'
}

export interface Measurement {
  readonly figures: readonly Figure[]
  /** Runs for about `seconds` where the load allows it. @returns the value of each figure. */
  measure(side: Side, seconds: number): Promise<readonly number[]>
}

export const MEMORY: Figure = { name: 'resident memory at the end (MB)', better: 'less' }

const TOPICS = 50
const PARTITIONS_PER_TOPIC = 4
const RECORD_BYTES = 100
/** Bounds the disk that one topic takes. */
const TOPIC_BYTES_MAX = 2_000_000_000
const RECORDS_MIN = 100
/** Enough transactions of 100 records for a rate. */
const COPIED_RECORDS_MIN = 5_000

interface Load extends Pick<RecordLoad, 'recordBytes' | 'properties'> {
  /** Records of the first run of a side, before its rate is known. */
  readonly firstCount: number
}

const SMALL: Load = { recordBytes: RECORD_BYTES, firstCount: 200_000 }
const LARGE: Load = { recordBytes: 1_000, firstCount: 50_000, properties: ['batch.size=100000'] }
/** Fills a topic to be consumed. */
const FILL = ['batch.size=100000', 'linger.ms=5']

export function measurementsOf(bench: Bench): Measurement[] {
  return [
    produce(bench, 'producer-perf, 100 B, defaults (records/s)', SMALL),
    produce(bench, 'producer-perf, 1 kB, batch.size 100 kB (records/s)', LARGE),
    consume(bench, 'consumer-perf, 100 B (records/s)', SMALL),
    consume(bench, 'consumer-perf, 1 kB (records/s)', LARGE),
    endToEnd(bench),
    sends(bench, 1),
    sends(bench, 32),
    copies(bench),
    topics(bench),
  ]
}

/** Chooses the number of records by the last rate of each side, so that all runs take as long. */
class Counts {
  readonly #load: Load
  readonly #rates = new Map<SideName, number>()

  constructor(load: Load) {
    this.#load = load
  }

  next({ name }: Side, seconds: number): number {
    const rate = this.#rates.get(name)
    const wanted = rate === undefined ? this.#load.firstCount : Math.round(rate * seconds)
    const countMax = Math.floor(TOPIC_BYTES_MAX / this.#load.recordBytes)
    return Math.min(Math.max(wanted, RECORDS_MIN), countMax)
  }

  note({ name }: Side, recordsPerSecond: number): void {
    this.#rates.set(name, recordsPerSecond)
  }
}

function produce(bench: Bench, name: string, load: Load): Measurement {
  const counts = new Counts(load)
  return {
    figures: [{ name, better: 'more' }],
    measure: (side, seconds) =>
      bench.withTopic(side, async (topic) => {
        const count = counts.next(side, seconds)
        const rate = await bench.tools.produce(side.bootstrap, { topic, ...load, count })
        counts.note(side, rate)
        return [rate]
      }),
  }
}

/** Reads the same topic in each round; fills it with large batches while it has too few records. */
function consume(bench: Bench, name: string, load: Load): Measurement {
  const counts = new Counts(load)
  const topics = new Map<SideName, { readonly topic: string; filled: number }>()
  return {
    figures: [{ name, better: 'more' }],
    measure: async (side, seconds) => {
      const { bootstrap } = side
      const at = topics.get(side.name) ?? { topic: await bench.createTopic(side), filled: 0 }
      topics.set(side.name, at)
      const wanted = counts.next(side, seconds)
      // A little more than was read last time is not worth another fill.
      if (at.filled < wanted / 2) {
        const { topic, filled } = at
        const missing = { ...load, topic, count: wanted - filled, properties: FILL }
        await bench.tools.produce(bootstrap, missing)
        at.filled = wanted
        await bench.settle()
      }
      const rate = await bench.tools.consume(bootstrap, at.topic, Math.min(wanted, at.filled))
      counts.note(side, rate)
      return [rate]
    },
  }
}

function endToEnd(bench: Bench): Measurement {
  const load = { recordBytes: RECORD_BYTES, firstCount: 500 }
  const counts = new Counts(load)
  return {
    figures: [
      { name: 'end-to-end latency, mean (ms)', better: 'less' },
      { name: 'end-to-end latency, p50 (whole ms)', better: 'less' },
      { name: 'end-to-end latency, p99 (whole ms)', better: 'less' },
    ],
    measure: (side, seconds) =>
      bench.withTopic(side, async (topic) => {
        const count = counts.next(side, seconds)
        const latencies = await bench.tools.endToEndLatency(side.bootstrap, {
          topic,
          ...load,
          count,
        })
        counts.note(side, 1_000 / latencies.meanMs)
        return [latencies.meanMs, latencies.p50Ms, latencies.p99Ms]
      }),
  }
}

function sends(bench: Bench, inFlight: number): Measurement {
  return {
    figures: [{ name: `kafkajs, one record, ${inFlight} in flight (sends/s)`, better: 'more' }],
    measure: (side, seconds) =>
      bench.withTopic(side, async (topic) => {
        const args = [side.bootstrap, topic, String(inFlight), String(seconds)]
        const result = await bench.script<{ sendsPerSecond: number }>('kafkajs-sends.ts', args)
        return [result.sendsPerSecond]
      }),
  }
}

function copies(bench: Bench): Measurement {
  const load = { recordBytes: RECORD_BYTES, firstCount: COPIED_RECORDS_MIN }
  const counts = new Counts(load)
  return {
    figures: [
      { name: 'TransactionalMessageCopier, 100 in each transaction (records/s)', better: 'more' },
    ],
    measure: (side, seconds) =>
      bench.withTopic(side, (source) =>
        bench.withTopic(side, async (sink) => {
          const count = Math.max(counts.next(side, seconds), COPIED_RECORDS_MIN)
          await bench.tools.produce(side.bootstrap, { topic: source, ...load, count })
          const rate = await bench.tools.copy(side.bootstrap, source, sink)
          counts.note(side, rate)
          return [rate]
        }),
      ),
  }
}

function topics(bench: Bench): Measurement {
  return {
    figures: [
      {
        name: `create ${TOPICS} topics of ${PARTITIONS_PER_TOPIC} partitions, until listed (s)`,
        better: 'less',
      },
      { name: 'longest wait of another connection meanwhile (ms)', better: 'less' },
      { name: 'delete these topics, until none is listed (s)', better: 'less' },
    ],
    measure: (side) =>
      bench.withTopic(side, async (existing) => {
        const wanted = Array.from({ length: TOPICS }, () =>
          bench.newTopic(side, PARTITIONS_PER_TOPIC),
        )
        const args = [side.bootstrap, existing, JSON.stringify(wanted)]
        const result = await bench.script<
          Record<'createMs' | 'deleteMs' | 'longestWaitMs', number>
        >('kafkajs-topics.ts', args)
        return [result.createMs / 1_000, result.longestWaitMs, result.deleteMs / 1_000]
      }),
  }
}
