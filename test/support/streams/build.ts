/** Builds the topology of a generated case. For every platform: the page and the Worker bundle it too. */
import {
  joinWindows,
  type KGroupedStream,
  type KStream,
  type KTable,
  keyValueStore,
  type ProcessorSupplier,
  type Serde,
  type StreamsBuilder,
  sessionWindowed,
  sessionWindows,
  slidingWindows,
  type Topology,
  text,
  timeWindowed,
  timeWindows,
  topology,
  untilTimeLimit,
  untilWindowCloses,
  type Windowed,
} from '../../../client/streams/index.ts'
import type { Case, Step } from './case.ts'
import {
  ADDERS,
  FLAT_MAPPERS,
  flatWithKeys,
  foreignKey,
  join,
  KEYS,
  MAPPERS,
  merge,
  PREDICATES,
  reduce,
  subtract,
} from './functions.ts'

type Text = string | null
type Stream = KStream<Text, Text>
type Table = KTable<string, Text>
type WindowedTable = KTable<Windowed<string>, Text>

const nullable = text as Serde<unknown> as Serde<Text>
const texts = { key: text, value: nullable }
const streamTexts = { key: nullable, value: nullable }

export function buildTopology({ steps }: Case): Topology {
  return topology('app', (builder) => {
    const build = new Build(builder)
    for (const step of steps) build.add(step)
  })
}

class Build {
  readonly #builder: StreamsBuilder
  readonly #made = new Map<string, Stream | Table | WindowedTable>()

  constructor(builder: StreamsBuilder) {
    this.#builder = builder
  }

  add(step: Step): void {
    if (step.op === 'to') this.#to(step)
    else this.#made.set(step.id as string, this.#make(step))
  }

  #make(step: Step): Stream | Table | WindowedTable {
    const { op, topic = '', fn = '' } = step
    switch (op) {
      case 'stream':
        return this.#builder.stream<Text, Text>(topic, streamTexts)
      case 'table':
        return this.#builder.table<string, Text>(topic, named(step))
      case 'filter':
      case 'filterNot':
      case 'mapValues':
        return this.#stateless(op, step)
      case 'map':
        return this.#stream(step).map((key, value) => [
          keyBy(fn, key, value),
          mapValue('mark', value),
        ])
      case 'selectKey':
        return this.#stream(step).selectKey((key, value) => keyBy(fn, key, value))
      case 'flatMap':
        return this.#stream(step).flatMap(flatWithKeys)
      case 'flatMapValues':
        return this.#stream(step).flatMapValues((value) => call(FLAT_MAPPERS, fn)(value))
      case 'peek':
        return this.#stream(step).peek(() => undefined)
      case 'repartition':
        return this.#stream(step).repartition(streamTexts)
      case 'merge':
        return this.#stream(step).merge(this.#get<Stream>(step.other))
      case 'split':
        return this.#split(step)
      case 'toTable':
        return this.#stream(step).toTable(named(step) as never) as never
      case 'toStream':
        return this.#toStream(step)
      default:
        return this.#stateful(step)
    }
  }

  #stateful(step: Step): Stream | Table | WindowedTable {
    switch (step.op) {
      case 'aggregation':
        return this.#aggregation(step)
      case 'tableAggregation':
        return this.#tableAggregation(step)
      case 'windowed':
        return this.#windowed(step)
      case 'cogroup':
        return this.#cogroup(step)
      case 'suppress':
        return this.#get<Table>(step.from).suppress(
          step.limitMs == null ? untilWindowCloses() : untilTimeLimit(step.limitMs),
        )
      case 'streamTableJoin':
      case 'streamJoin':
        return this.#streamJoin(step)
      case 'tableJoin':
      case 'foreignKeyJoin':
        return this.#tableJoin(step)
      case 'process':
      case 'processValues':
        return this.#process(step)
      default:
        throw new Error(`no operator ${step.op}`)
    }
  }

  #stateless(op: 'filter' | 'filterNot' | 'mapValues', { from, fn = '' }: Step) {
    const input = this.#get<Stream>(from)
    if (op === 'mapValues') return input.mapValues((value) => mapValue(fn, value))
    // A table may have windowed keys.
    return input[op]((key, value) =>
      call(PREDICATES, fn)((key as unknown as Windowed<string> | null)?.key ?? key, value),
    )
  }

  #split(step: Step): Stream {
    const branches = this.#stream(step).split(
      {
        even: (key, value) => call(PREDICATES, 'even')(key, value),
        a: (key, value) => call(PREDICATES, 'key-a')(key, value),
      },
      { defaultBranch: 'rest' },
    )
    return branches.even
      .mapValues((value) => mapValue('mark', value))
      .merge(branches.a.mapValues((value) => mapValue('fill', value)))
      .merge(branches.rest)
  }

  #toStream({ from, isWindowed }: Step): Stream {
    if (!isWindowed) return this.#get<Table>(from).toStream() as never
    return this.#get<WindowedTable>(from).toStream<Text>({
      selectKey: ({ key, startMs, endMs }) => `${key}@${startMs}-${endMs}`,
    })
  }

  #to({ from, topic = '', window, sizeMs = 0 }: Step): void {
    const made = this.#get<Stream | Table>(from)
    const stream = ('toStream' in made ? made.toStream() : made) as Stream
    const key =
      window === undefined
        ? text
        : window === 'session'
          ? sessionWindowed(text)
          : timeWindowed(text, sizeMs)
    stream.to(topic, { key: key as never, value: nullable })
  }

  #aggregation(step: Step): Table {
    const grouped = this.#grouped(step)
    const options = named(step)
    if (step.kind === 'count') return shown(grouped.count(options))
    if (step.kind === 'reduce') return grouped.reduce(reduce, options)
    return grouped.aggregate<Text>(() => '0', adder(step), options)
  }

  #tableAggregation(step: Step): Table {
    const { by = '' } = step
    const grouped = this.#get<Table>(step.from).groupBy(
      (key, value) => [keyBy(by as string, key, value) as string, value] as const,
      texts,
    )
    const options = named(step)
    if (step.kind === 'count') return shown(grouped.count(options))
    if (step.kind === 'reduce') {
      return grouped.reduce(reduce, (all, value) => subtract(value, all), options)
    }
    const subtractor = (_key: Text, value: Text, all: Text) => subtract(value, all)
    return grouped.aggregate<Text>(() => '0', adder(step), subtractor, options)
  }

  #windowed(step: Step): WindowedTable {
    const { emit = 'onWindowUpdate' } = step
    const grouped = this.#grouped(step)
    const options = { ...named(step), emit }
    if (step.window === 'session') {
      const sessions = grouped.windowedBy(sessionWindows(sessionOptions(step)))
      if (step.kind === 'count') return shown(sessions.count(options as never))
      if (step.kind === 'reduce') return sessions.reduce(reduce, options)
      return sessions.aggregate<Text>(() => '0', adder(step), merger, options)
    }
    const windows = grouped.windowedBy(windowsOf(step))
    if (step.kind === 'count') return shown(windows.count(options as never))
    if (step.kind === 'reduce') return windows.reduce(reduce, options)
    return windows.aggregate<Text>(() => '0', adder(step), options)
  }

  #cogroup(step: Step): Table | WindowedTable {
    const other = this.#get<Stream>(step.other) as unknown as KStream<string, Text>
    const both = this.#grouped(step)
      .cogroup<Text>(adder(step))
      .cogroup(other.groupByKey(texts), (_key, value, all) => reduce(all, value))
    if (step.window === undefined) return both.aggregate(() => '0', named(step))
    if (step.window === 'session') {
      const sessions = both.windowedBy(sessionWindows(sessionOptions(step)))
      return sessions.aggregate(() => '0', merger, named(step))
    }
    return both.windowedBy(windowsOf(step)).aggregate(() => '0', named(step))
  }

  #streamJoin(step: Step): Stream {
    const from = this.#stream(step)
    if (step.op === 'streamTableJoin') {
      const table = this.#get<KTable<Text, Text>>(step.other)
      return step.kind === 'inner'
        ? from.join<Text, Text>(table, join, streamTexts)
        : from.leftJoin<Text, Text>(table, join, streamTexts)
    }
    const { beforeMs = 0, afterMs = 0, graceMs = 0 } = step
    const other = this.#get<Stream>(step.other)
    const windows = joinWindows({ beforeMs, afterMs, graceMs })
    const options = { ...streamTexts, otherValue: nullable }
    if (step.kind === 'inner') return from.join<Text, Text>(other, join, windows, options)
    if (step.kind === 'left') return from.leftJoin<Text, Text>(other, join, windows, options)
    return from.outerJoin<Text, Text>(other, join, windows, options)
  }

  #tableJoin(step: Step): Table {
    const from = this.#get<Table>(step.from)
    const other = this.#get<Table>(step.other)
    const options = named(step)
    if (step.op === 'foreignKeyJoin') {
      const foreign = { ...options, foreignKey: (value: Text) => foreignKey(value) }
      return step.kind === 'inner'
        ? from.join<string, Text, Text>(other, join, foreign)
        : from.leftJoin<string, Text, Text>(other, join, foreign)
    }
    if (step.kind === 'inner') return from.join<Text, Text>(other, join, options)
    if (step.kind === 'left') return from.leftJoin<Text, Text>(other, join, options)
    return from.outerJoin<Text, Text>(other, join, options)
  }

  #process(step: Step): Stream {
    const store = keyValueStore(step.store as string, { key: text, value: text })
    const count: ProcessorSupplier<Text, Text, Text, Text> = (context) => {
      const { punctuation, intervalMs } = step
      const isPlain = step.op === 'process'
      if (isPlain && punctuation !== undefined && intervalMs !== undefined) {
        context.schedule(intervalMs, punctuation, (timeMs) =>
          context.forward({ key: 'tick', value: `${timeMs}`, timestamp: timeMs }),
        )
      }
      return {
        process({ key, timestamp }) {
          const counts = context.store(store)
          const next = `${Number(counts.get(`${key}`)?.value ?? 0) + 1}`
          counts.put(`${key}`, next, timestamp)
          context.forward({ key, value: next })
        },
      }
    }
    const options = { stores: [store] }
    const from = this.#stream(step)
    return step.op === 'process' ? from.process(count, options) : from.processValues(count, options)
  }

  #grouped({ from, by }: Step): KGroupedStream<string, Text> {
    const stream = this.#get<KStream<string, Text>>(from)
    if (by == null) return stream.groupByKey(texts)
    return stream.groupBy((key, value) => keyBy(by, key, value) as string, texts)
  }

  #stream({ from }: Step): Stream {
    return this.#get<Stream>(from)
  }

  #get<T>(id: string | undefined): T {
    return this.#made.get(id as string) as unknown as T
  }
}

function named({ store }: Step) {
  return { name: store as string, ...texts }
}

function windowsOf({ window, sizeMs = 0, advanceMs = 0, graceMs = 0 }: Step) {
  return window === 'time'
    ? timeWindows({ sizeMs, advanceMs, graceMs })
    : slidingWindows({ differenceMs: sizeMs, graceMs })
}

function sessionOptions({ sizeMs = 0, graceMs = 0 }: Step) {
  return { gapMs: sizeMs, graceMs }
}

function adder({ fn = '' }: Step) {
  return (_key: unknown, value: Text, all: Text) => call(ADDERS, fn)(value, all)
}

function merger(_key: unknown, one: Text, other: Text): Text {
  return merge(one, other)
}

function keyBy(fn: string, key: Text, value: Text): Text {
  return call(KEYS, fn)(key, value)
}

function mapValue(fn: string, value: Text): Text {
  return call(MAPPERS, fn)(value)
}

function shown<K>(counts: KTable<K, number>): KTable<K, Text> {
  return counts.mapValues<Text>((count) => `${count}`, { value: nullable })
}

function call<F>(functions: Readonly<Record<string, F>>, name: string): F {
  const found = functions[name]
  if (found === undefined) throw new Error(`no function ${name}`)
  return found
}
