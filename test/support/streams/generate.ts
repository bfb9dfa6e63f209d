/**
 * Generates topologies and inputs. Each case is about one operator, with others before and behind it.
 *
 * The generator leaves out what differs from Kafka Streams on purpose:
 *
 * - Sessions that are asked for at exactly the time at which they end for good: Kafka has just deleted them. All
 *   timestamps are multiples of 4, and the gap and the grace of a session are odd together. The grace of sliding
 *   windows is 1 above a multiple of 4, because Kafka's `suppress` forwards one while a record may still come.
 * - Late records of a cogroup with windows. Kafka has a stream time for each of its streams, so a window that one of
 *   them closed and deleted begins again with a record of another. The grace is longer than any record is late.
 * - Left records without a partner that are later than their window, but within the grace. Kafka joins them with null
 *   at once, and with a partner too. Outer joins of streams have a grace, and windows that are longer on one side, only
 *   for inputs in order.
 * - The first update of an aggregate or a count: its old value is null in edgelog, and the initial aggregate in Kafka,
 *   although no such row was there. The old value of an update that `suppress` forwards is in Kafka that of the last
 *   update that it held, which nothing behind it has seen. Nothing that needs old values follows either one, and no
 *   aggregate of a window is null.
 * - Explicit repartitions of records without a key: edgelog keeps them, Kafka only if a left or outer join follows.
 * - The moment at which a join forwards records without a partner, and their order: edgelog does it with the first
 *   record that closes their window, Kafka with a later one if other records without a partner were behind them.
 *   The records of such a join are compared as a set, after a last record that closes all windows; nothing follows.
 * - Streams merged with themselves: Kafka has each record once, edgelog twice.
 * - Two inputs of one operator that come from one topic by different ways through internal topics: the order between
 *   them is open.
 * - Stream time of several topics: Kafka's test driver has one for all sub-topologies, a real task one for its own. A
 *   processor with punctuations by stream time is in a topology of one topic.
 * - Kafka's emit strategy `onWindowClose`, which loses windows that a jump of stream time both closes and deletes. That
 *   of edgelog is compared with Kafka's `suppress`.
 */
import type { Case, Input, Step } from './case.ts'
import { ADDERS, FLAT_MAPPERS, KEYS, MAPPERS, PREDICATES } from './functions.ts'
import type { Random } from './random.ts'

const INPUTS_MIN = 15
const INPUTS_MAX = 60
const TIME_UNIT_MS = 4
const NEVER_LATE_MS = 100_001

/** Operators that lead to an internal topic, at once or before the next operator that needs the key. */
const HOPS = new Set([
  ...['map', 'flatMap', 'selectKey', 'process', 'repartition', 'tableAggregation'],
  'foreignKeyJoin',
])

const WINDOWS = ['time', 'sliding', 'session'] as const

type Kind = 'stream' | 'table' | 'windowed' | 'loose'

interface Made {
  readonly id: string
  readonly kind: Kind
  /** The windows of a windowed table. */
  readonly window?: Step
  /** True if its updates come when windows close. */
  readonly isFinal?: boolean
  /** True if the old values of its updates may be others in Kafka. */
  readonly hasOtherOld?: boolean
  /** The topics that it is made of. */
  readonly roots: ReadonlySet<string>
  /** True if its records went, or may go, through an internal topic. */
  readonly hasHop: boolean
}

/** The operators that cases are about, in turn. */
export const OPERATORS = [
  ...['filter', 'filterNot', 'map', 'mapValues', 'flatMap', 'flatMapValues', 'selectKey', 'peek'],
  ...['split', 'merge', 'repartition', 'toTable', 'aggregation', 'cogroup', 'windowedTime'],
  ...['windowedSliding', 'windowedSession', 'cogroupWindowed', 'suppressWindow', 'suppressTime'],
  ...['tableFilter', 'tableMapValues', 'tableAggregation', 'streamTableJoin', 'tableJoin'],
  ...[
    'streamJoin',
    'streamJoinOuter',
    'foreignKeyJoin',
    'process',
    'processStreamTime',
    'processValues',
  ],
] as const

type OperatorName = (typeof OPERATORS)[number]

export function generateCase(random: Random, operator: OperatorName): Case {
  const generator = new Generator(random)
  return generator.generate(operator)
}

class Generator {
  readonly #random: Random
  readonly #steps: Step[] = []
  readonly #made: Made[] = []
  readonly #topics: string[] = []
  readonly #stores: string[] = []
  /** The inputs of others are not written to sinks themselves, mostly. */
  readonly #used = new Set<string>()
  #next = 0
  #hasWallClock = false
  #isInOrder = false
  #hasOneTopic = false
  #hasLoose = false

  constructor(random: Random) {
    this.#random = random
  }

  generate(operator: OperatorName): Case {
    const { chance, below, pick } = this.#random
    this.#isInOrder = chance(0.3)
    const isFirst = operator === 'processStreamTime'
    for (let count = isFirst ? 0 : below(3); count > 0; count--) this.#add(pick(EASY))
    this.#add(operator)
    for (let count = below(4); count > 0; count--) this.#add(pick(EASY))
    if (chance(0.3)) this.#add(pick(OPERATORS))
    const leaves = this.#made.filter(({ id }) => !this.#used.has(id) || chance(0.2))
    const sinks = leaves.map((made, index) =>
      this.#sink(made, made.kind === 'loose' ? `loose${index}` : `out${index}`),
    )
    return { steps: this.#steps, inputs: this.#inputs(), sinks, stores: this.#stores }
  }

  // -- operators ---------------------------------------------------------------------------------

  #add(operator: OperatorName): void {
    const { pick, chance } = this.#random
    const ofStream = (step: Step, result: Kind = 'stream') => this.#step('stream', step, result)
    const plain = (op: string) => () => ofStream({ op })
    const named = (op: string, functions: object) => () =>
      ofStream({ op, fn: pick(Object.keys(functions)) })
    const windowed = (window: NonNullable<Step['window']>) => () =>
      this.#windowed(this.#window(window))
    const joined = (op: string, left: Kind, kinds: readonly string[]) => () => {
      const store = left === 'table' ? { store: this.#store() } : {}
      this.#join({ op, kind: pick(kinds), ...store }, left, 'table')
    }
    const add: Record<OperatorName, () => void> = {
      filter: named('filter', PREDICATES),
      filterNot: named('filterNot', PREDICATES),
      map: named('map', KEYS),
      mapValues: named('mapValues', MAPPERS),
      selectKey: named('selectKey', KEYS),
      flatMapValues: named('flatMapValues', FLAT_MAPPERS),
      flatMap: plain('flatMap'),
      peek: plain('peek'),
      split: plain('split'),
      repartition: () => {
        ofStream({ op: 'selectKey', fn: 'fill' })
        const { id } = this.#made.at(-1) as Made
        this.#used.add(id)
        this.#push({ op: 'repartition', from: id }, 'stream')
      },
      toTable: () => ofStream({ op: 'toTable', store: this.#store() }, 'table'),
      merge: () => this.#merge(),
      aggregation: () => this.#aggregation(),
      cogroup: () => this.#cogroup(undefined),
      cogroupWindowed: () => this.#cogroup(this.#window(pick(WINDOWS))),
      windowedTime: windowed('time'),
      windowedSliding: windowed('sliding'),
      windowedSession: windowed('session'),
      suppressWindow: () => this.#suppressWindow(),
      suppressTime: () => {
        const { id: from } = this.#input('table')
        const step = { op: 'suppress', limitMs: pick([0, 8, 20]), from }
        this.#push(step, 'table', { hasOtherOld: true })
      },
      tableFilter: () => {
        const op = chance(0.5) ? 'filter' : 'filterNot'
        this.#onTable({ op, fn: pick(Object.keys(PREDICATES)) })
      },
      tableMapValues: () => this.#onTable({ op: 'mapValues', fn: pick(Object.keys(MAPPERS)) }),
      tableAggregation: () => this.#tableAggregation(),
      streamTableJoin: joined('streamTableJoin', 'stream', ['inner', 'left']),
      tableJoin: joined('tableJoin', 'table', ['inner', 'left', 'outer']),
      foreignKeyJoin: joined('foreignKeyJoin', 'table', ['inner', 'left']),
      streamJoin: () => this.#streamJoin('inner'),
      streamJoinOuter: () => this.#streamJoin(pick(['left', 'outer'])),
      process: () => this.#process('process', 'wall-clock'),
      processStreamTime: () => {
        this.#hasOneTopic ||= this.#topics.length === 0
        if (this.#hasOneTopic) this.#process('process', 'stream-time')
      },
      processValues: () => this.#process('processValues', 'wall-clock'),
    }
    add[operator]()
  }

  #step(from: Kind, step: Step, result: Kind): void {
    const input = this.#input(from)
    this.#push({ ...step, from: input.id }, result)
  }

  /** A filter or a map of a table, with or without windows. */
  #onTable(step: Step): void {
    const isMap = step.op === 'mapValues'
    const windowed = this.#made.filter(
      ({ kind, hasOtherOld }) => kind === 'windowed' && (isMap || !hasOtherOld),
    )
    const { chance, pick } = this.#random
    const known = windowed.length > 0 && chance(0.5) ? pick(windowed) : undefined
    const input = known ?? (isMap ? this.#input('table') : this.#plainTable())
    const { window, isFinal, hasOtherOld } = input
    const more = {
      ...(window && { window }),
      ...(isFinal && { isFinal }),
      ...(hasOtherOld && { hasOtherOld }),
    }
    this.#push({ ...step, from: input.id }, input.kind, more)
  }

  #aggregate(): Pick<Step, 'kind' | 'fn' | 'store'> {
    const { pick } = this.#random
    const kind = pick(['count', 'reduce', 'aggregate'])
    return { kind, fn: pick(Object.keys(ADDERS)), store: this.#store() }
  }

  #aggregation(): void {
    const aggregate = this.#aggregate()
    const { id: from } = this.#input('stream')
    const step = { op: 'aggregation', ...aggregate, ...this.#by(), from }
    this.#push(step, 'table', { hasOtherOld: aggregate.kind !== 'reduce' })
  }

  #by(): Pick<Step, 'by'> {
    const { chance, pick } = this.#random
    return { by: chance(0.5) ? null : pick(Object.keys(KEYS)) }
  }

  #window(window: NonNullable<Step['window']>): Step {
    const { pick } = this.#random
    if (window === 'time') {
      const sizeMs = pick([8, 20, 40])
      const advanceMs = sizeMs / pick([1, 2, 4])
      return { op: '', window, sizeMs, advanceMs, graceMs: pick([0, 8, 20]) }
    }
    const sizeMs = pick([8, 20])
    return { op: '', window, sizeMs, graceMs: pick([1, 9, 21]) }
  }

  #windowed(window: Step): void {
    const { chance } = this.#random
    const isFinal = chance(0.3)
    const emit = isFinal ? 'onWindowClose' : 'onWindowUpdate'
    const aggregate = { ...this.#aggregate(), fn: 'all' }
    this.#stores.pop()
    const step: Step = { ...window, op: 'windowed', ...aggregate, ...this.#by(), emit }
    const { id: from } = this.#input('stream')
    const hasOtherOld = isFinal || aggregate.kind !== 'reduce'
    this.#push({ ...step, from }, 'windowed', { window, isFinal, hasOtherOld })
  }

  #cogroup(window: Step | undefined): void {
    const { pick } = this.#random
    const one = this.#input('stream')
    const other = this.#second(one, 'stream')
    if (other === undefined) return
    const fn = window === undefined ? pick(Object.keys(ADDERS)) : 'all'
    const parts = { fn, store: this.#store(), ...this.#by() }
    const grace = window === undefined ? {} : { graceMs: NEVER_LATE_MS }
    const step = { ...window, ...parts, ...grace, op: 'cogroup', from: one.id, other: other.id }
    if (window === undefined) this.#push(step, 'table', { hasOtherOld: true })
    else {
      this.#stores.pop()
      this.#push(step, 'windowed', { window, hasOtherOld: true })
    }
  }

  #suppressWindow(): void {
    const { pick } = this.#random
    const isOpen = ({ kind, isFinal }: Made) => kind === 'windowed' && !isFinal
    if (!this.#made.some(isOpen)) this.#cogroup(this.#window(pick(WINDOWS)))
    if (!this.#made.some(isOpen)) return
    const { id, window } = pick(this.#made.filter(isOpen))
    const more = { isFinal: true, hasOtherOld: true, ...(window && { window }) }
    this.#push({ op: 'suppress', limitMs: null, from: id }, 'windowed', more)
  }

  #tableAggregation(): void {
    const by = this.#random.pick(Object.keys(KEYS))
    const { id: from } = this.#plainTable()
    const aggregate = this.#aggregate()
    const step = { op: 'tableAggregation', ...aggregate, by, from }
    this.#push(step, 'table', { hasOtherOld: aggregate.kind !== 'reduce' })
  }

  #join(step: Step, left: Kind, right: Kind): void {
    const isForeign = step.op === 'foreignKeyJoin'
    const one = isForeign ? this.#plainTable() : this.#input(left)
    const other = this.#second(one, right, isForeign)
    if (other === undefined) return
    this.#used.add(other.id)
    const hasOtherOld = left === 'table' && !isForeign && (one.hasOtherOld || other.hasOtherOld)
    const more = hasOtherOld ? { hasOtherOld } : {}
    const isLoose = step.op === 'streamJoin' && step.kind !== 'inner'
    this.#push({ ...step, from: one.id, other: other.id }, isLoose ? 'loose' : left, more)
  }

  #streamJoin(kind: 'inner' | 'left' | 'outer'): void {
    const { pick } = this.#random
    const isFree = kind === 'inner' || this.#isInOrder
    const beforeMs = pick([0, 8, 20])
    const afterMs = isFree ? pick([0, 8, 20]) : beforeMs
    const graceMs = isFree ? pick([0, 8]) : 0
    const step = { op: 'streamJoin', kind, beforeMs, afterMs, graceMs }
    this.#join(step, 'stream', 'stream')
    if (kind !== 'inner') this.#hasLoose = true
  }

  #process(op: 'process' | 'processValues', punctuation: NonNullable<Step['punctuation']>): void {
    const { pick } = this.#random
    if (op === 'process' && punctuation === 'wall-clock') this.#hasWallClock = true
    const step = { op, store: this.#store(), punctuation, intervalMs: pick([4, 12, 50]) }
    this.#step('stream', step, 'stream')
  }

  #merge(): void {
    const one = this.#input('stream')
    const other = this.#second(one, 'stream')
    if (other === undefined || other.id === one.id) return
    this.#used.add(other.id)
    this.#push({ op: 'merge', from: one.id, other: other.id }, 'stream')
  }

  // -- streams and tables ------------------------------------------------------------------------

  /** Returns a stream or a table that there is, or a new one. */
  #input(kind: Kind): Made {
    const { chance, pick } = this.#random
    const known = this.#made.filter((made) => made.kind === kind)
    const made = known.length > 0 && chance(0.6) ? pick(known) : this.#new(kind)
    this.#used.add(made.id)
    return made
  }

  /** Returns a table whose updates have the old values that edgelog gives them. */
  #plainTable(): Made {
    const { chance, pick } = this.#random
    const known = this.#made.filter(({ kind, hasOtherOld }) => kind === 'table' && !hasOtherOld)
    const made = known.length > 0 && chance(0.6) ? pick(known) : this.#new('table')
    this.#used.add(made.id)
    return made
  }

  #new(kind: Kind): Made {
    const { chance, pick } = this.#random
    const windowed = this.#made.filter((made) => made.kind === 'windowed')
    const tables = [...this.#made.filter((made) => made.kind === 'table'), ...windowed]
    if (kind === 'stream' && tables.length > 0 && chance(0.4)) {
      const from = pick(tables)
      this.#used.add(from.id)
      const isWindowed = from.kind === 'windowed'
      return this.#push({ op: 'toStream', from: from.id, isWindowed }, 'stream')
    }
    return this.#hasOneTopic && this.#topics.length > 0 ? this.#derived(kind) : this.#fresh(kind)
  }

  /** Returns the stream or table of a new topic. */
  #fresh(kind: Kind): Made {
    const topic = `in${this.#topics.length}`
    this.#topics.push(topic)
    if (kind === 'stream') return this.#push({ op: 'stream', topic }, 'stream')
    return this.#push({ op: 'table', topic, store: this.#store() }, 'table')
  }

  /** Returns a new stream or table of the only topic. */
  #derived(kind: Kind): Made {
    const from = this.#random.pick(this.#made.filter((made) => made.kind === 'stream')).id
    return kind === 'stream'
      ? this.#push({ op: 'peek', from }, 'stream')
      : this.#push({ op: 'toTable', from, store: this.#store() }, 'table')
  }

  #push(step: Step, kind: Kind, more: Partial<Made> = {}): Made {
    const id = `v${this.#next++}`
    this.#steps.push({ ...step, id })
    const inputs = this.#made.filter((one) => one.id === step.from || one.id === step.other)
    const roots = new Set(inputs.flatMap((one) => [...one.roots]))
    if (step.topic !== undefined) roots.add(step.topic)
    const hasHop =
      HOPS.has(step.op) ||
      step.by != null ||
      step.isWindowed === true ||
      inputs.some((one) => one.hasHop)
    const made = { id, kind, roots, hasHop, ...more }
    this.#made.push(made)
    return made
  }

  /**
   * Returns a second input of an operator, if one fits.
   *
   * @param hasHop True if the operator has internal topics itself.
   */
  #second(one: Made, kind: Kind, hasHop = false): Made | undefined {
    const other = this.#input(kind)
    const isShared = [...other.roots].some((root) => one.roots.has(root))
    if (!isShared || !(hasHop || one.hasHop || other.hasHop)) return other
    return this.#hasOneTopic ? undefined : this.#fresh(kind)
  }

  #store(): string {
    const name = `store${this.#next++}`
    this.#stores.push(name)
    return name
  }

  #sink({ id, window }: Made, topic: string): string {
    const windowed = window && { window: window.window, sizeMs: window.sizeMs }
    this.#steps.push({ op: 'to', from: id, topic, ...windowed } as Step)
    return topic
  }

  // -- inputs ------------------------------------------------------------------------------------

  #inputs(): Input[] {
    const { chance, below, pick } = this.#random
    const inputs: Input[] = []
    let now = below(8)
    for (let left = INPUTS_MIN + below(INPUTS_MAX - INPUTS_MIN); left > 0; left--) {
      if (this.#hasWallClock && chance(0.2)) {
        inputs.push({ advanceMs: 1 + below(40) })
        continue
      }
      now += chance(0.4) ? 0 : below(chance(0.1) ? 16 : 4)
      const late = this.#isInOrder || chance(0.7) ? 0 : below(chance(0.3) ? 20 : 5)
      const timestamp = Math.max(0, now - late) * TIME_UNIT_MS
      const key = chance(0.05) ? null : pick(['a', 'b', 'c'])
      const value = chance(0.15) ? null : this.#value()
      inputs.push({ topic: pick(this.#topics), key, value, timestamp })
    }
    const last = { key: 'z', value: 'end', timestamp: NEVER_LATE_MS - 1 }
    if (this.#hasLoose) inputs.push(...this.#topics.map((topic) => ({ topic, ...last })))
    return inputs
  }

  #value(): string {
    const { below, pick } = this.#random
    return Array.from({ length: 1 + below(4) }, () => pick([...'aabcnxz'])).join('')
  }
}

/** Operators that may surround the one that a case is about. */
const EASY: readonly OperatorName[] = [
  ...(['filter', 'map', 'mapValues', 'flatMapValues', 'selectKey', 'merge', 'split'] as const),
  ...(['aggregation', 'toTable', 'tableFilter', 'tableMapValues'] as const),
]
