/**
 * Property: however a run is cut into turns, restarted, and interleaved, its tables are the same, and with coalescing
 * off its sinks too.
 */
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import {
  int64,
  json,
  type TestDriver,
  type TestDriverOptions,
  type Topology,
  testDriver,
  text,
  topology,
} from '../../../client/streams/node/index.ts'
import { splitTopology } from '../../../src/core/streams/split.ts'
import { decodeTurn, encodeTurn, type StoredTurn } from '../../../src/core/streams/turn-row.ts'
import { runs, SEEDED } from '../../support/seed.ts'
import { buildTopology } from '../../support/streams/build.ts'
import type { Case } from '../../support/streams/case.ts'
import { generateCase, OPERATORS } from '../../support/streams/generate.ts'
import { Random } from '../../support/streams/random.ts'
import { drainSink, pipeInput } from '../../support/streams/run-case.ts'

interface Cut {
  readonly turnRecordsMax: number
  readonly seed: number
  /** Records that are piped between two runs of turns. */
  readonly pipedCount: number
  /** Turns between two restarts. */
  readonly restartTurns: number
}

/** A task that loses its position at each restart would not end. */
const TURNS_MAX = 2_000

const cuts = fc.record<Cut>({
  turnRecordsMax: fc.integer({ min: 1, max: 7 }),
  seed: fc.nat(),
  pipedCount: fc.integer({ min: 1, max: 20 }),
  restartTurns: fc.integer({ min: 1, max: 5 }),
})

/** Makes turns until there is nothing to do, with restarts between them. */
function runCut(driver: TestDriver, { restartTurns }: Cut): void {
  for (let turns = 1; driver.turn(); turns++) {
    if (turns % restartTurns === 0) driver.restart()
    if (turns > TURNS_MAX) throw new Error('the turns come to no end')
  }
}

function storesOf(driver: TestDriver, { nodes }: Topology): string[] {
  const specs = new Map(nodes.flatMap(({ stores = [] }) => stores.map((one) => [one.name, one])))
  return [...specs.values()].flatMap(({ name, kind }) => {
    const store = driver.store<unknown, unknown>(name)
    const rows = kind === 'key-value' ? store.entries() : store.all()
    return rows.map((row) => `${name} ${JSON.stringify(row)}`).sort()
  })
}

describe('a generated topology', () => {
  const cases = fc
    .tuple(fc.nat(), fc.constantFrom(...OPERATORS))
    .map(([seed, operator]) => generateCase(new Random(seed), operator))
    // The order between two inputs of one task depends on when they come, as in Kafka Streams.
    .filter((spec) =>
      splitTopology(buildTopology(spec)).every(
        ({ reads: [first, ...others] }) =>
          others.length === 0 && (first?.kind !== 'source' || first.topics.length === 1),
      ),
    )

  const whole = (spec: Case): string[] => {
    const built = buildTopology(spec)
    const driver = testDriver(built)
    for (const input of spec.inputs) if (!('advanceMs' in input)) pipeInput(driver, input)
    return resultOf(driver, built, spec)
  }
  const inPieces = (spec: Case, cut: Cut, options: TestDriverOptions = {}): string[] => {
    const built = buildTopology(spec)
    const driver = testDriver(built, { ...cut, ...options, isImmediate: false })
    for (const [index, input] of spec.inputs.entries()) {
      if (!('advanceMs' in input)) pipeInput(driver, input)
      if (index % cut.pipedCount === 0) runCut(driver, cut)
    }
    runCut(driver, cut)
    return resultOf(driver, built, spec)
  }
  const resultOf = (driver: TestDriver, built: Topology, { sinks }: Case): string[] => [
    ...sinks.flatMap((sink) => drainSink(driver, sink).map((record) => `${sink} ${record}`)),
    ...storesOf(driver, built),
    JSON.stringify(Object.entries(driver.dropped).sort()),
    JSON.stringify(driver.nodes),
  ]

  it('has the same sinks, tables and counts of processed and dropped records however it is cut', () => {
    fc.assert(
      fc.property(cases, cuts, (spec, cut) => {
        expect(inPieces(spec, cut)).toEqual(whole(spec))
      }),
      { ...SEEDED, numRuns: runs(1_000) },
    )
  })

  const FAULTS: Record<string, (turn: StoredTurn) => StoredTurn> = {
    'a position that is stored apart from the state': ({ header, ...turn }) => {
      const positions = Object.entries(header.positions).map(([name, position]) => [
        name,
        Math.max(0, position - 1),
      ])
      return { ...turn, header: { ...header, positions: Object.fromEntries(positions) } }
    },
    'a position that is stored before the state': ({ state, ...turn }) => ({
      ...turn,
      state: { ...state, changes: [] },
    }),
    'stream time that is not stored': ({ header, ...turn }) => ({
      ...turn,
      header: { ...header, cells: {} },
    }),
    'sequences that are not stored': ({ header, ...turn }) => ({
      ...turn,
      header: { ...header, producers: {} },
    }),
  }

  it.each(Object.entries(FAULTS))('differs with %s', (_, fault) => {
    // Some turns have the fault, so that a run comes to an end.
    const damage = (bytes: Uint8Array<ArrayBuffer>) => {
      const turn = decodeTurn(bytes)
      return turn.header.turn % 4 === 3 ? encodeTurn(fault(turn)) : bytes
    }
    const differs = (spec: Case, cut: Cut) => {
      return inPieces(spec, cut, { damage }).join('\n') !== whole(spec).join('\n')
    }
    const samples = fc.sample(fc.tuple(cases, cuts), { seed: 1, numRuns: 100 })
    expect(samples.some(([spec, cut]) => differs(spec, cut))).toBe(true)
  })
})

describe('tables that do not depend on the order of their inputs', () => {
  interface Order {
    readonly customer: string
    readonly sum: number
  }
  const built = topology('orders', (builder) => {
    const customers = builder.table<string, string>('customers', { key: text, value: text })
    const orders = builder.table<string, Order>('orders', {
      ...{ key: text, value: json<Order>(), name: 'orders' },
    })
    orders
      .groupBy((_, { customer, sum }) => [customer, sum] as const, { key: text, value: int64 })
      .reduce(
        (all, sum) => all + sum,
        (all, sum) => all - sum,
        { name: 'sums' },
      )
      .leftJoin(customers, (sum, name) => `${name}: ${sum}`, { name: 'named', value: text })
    orders.leftJoin(customers, ({ sum }, name) => `${name}: ${sum}`, {
      ...{ foreignKey: ({ customer }: Order) => customer, name: 'by-customer', value: text },
    })
    builder
      .stream<string, string>('words', { key: text, value: text })
      .groupBy((_, word) => word)
      .count({ name: 'counts' })
  })
  const TABLES = ['orders', 'sums', 'named', 'by-customer', 'counts']
  const key = fc.integer({ min: 0, max: 9 }).map((number) => `k${number}`)
  const input = fc.oneof(
    fc.record({ topic: fc.constant('customers'), key, value: fc.option(key) }),
    fc.record({
      topic: fc.constant('orders'),
      key,
      value: fc.option(fc.record({ customer: key, sum: fc.integer({ min: 1, max: 99 }) })),
    }),
    fc.record({ topic: fc.constant('words'), key, value: key }),
  )
  const tablesOf = (driver: TestDriver) =>
    TABLES.map((name) =>
      driver
        .store(name)
        .entries()
        .map((row) => JSON.stringify(row))
        // Coalescing leaves out a row that comes and goes in one turn: its group has no sum instead of 0.
        .filter((row) => !/[ ,]0"?\]$/.test(row))
        .sort(),
    )

  it('are the same however they are cut, in any number of partitions, coalesced or not', () => {
    fc.assert(
      fc.property(
        fc.array(input, { minLength: 1, maxLength: 200 }),
        cuts,
        fc.integer({ min: 1, max: 4 }),
        fc.boolean(),
        (inputs, cut, partitions, coalesces) => {
          const whole = testDriver(built)
          const options = { ...cut, partitions, coalesces, isImmediate: false }
          const driver = testDriver(built, options)
          for (const [index, { topic, ...record }] of inputs.entries()) {
            whole.input<string, unknown>(topic).pipe({ ...record, timestamp: index })
            driver.input<string, unknown>(topic).pipe({ ...record, timestamp: index })
            if (index % cut.pipedCount === 0) runCut(driver, cut)
          }
          runCut(driver, cut)
          expect(tablesOf(driver)).toEqual(tablesOf(whole))
        },
      ),
      { ...SEEDED, numRuns: runs(200) },
    )
  })
})
