import { describe, expect, it } from 'vitest'
import {
  joinWindows,
  json,
  type StreamsBuilder,
  type TestDriver,
  testDriver,
  text,
  topology,
} from '../../../client/streams/node/index.ts'

type Input = readonly [topic: 'l' | 'r', key: string | null, value: string | null, time: number]

const both = { key: text, value: text }
const pair = (left: string | null, right: string | null) => `${left}${right}`

/** Pipes records and returns, for each, what came out as `key=value@timestamp`. */
function pipeAll(driver: TestDriver, inputs: readonly Input[]): string[][] {
  const output = driver.output<string, string>('out', both)
  return inputs.map(([topic, key, value, timestamp]) => {
    driver.input<string, string>(topic).pipe({ key, value, timestamp })
    return output.drain().map((record) => `${record.key}=${record.value}@${record.timestamp}`)
  })
}

describe('a stream joined with a table', () => {
  const run = (kind: 'join' | 'leftJoin', inputs: readonly Input[]) => {
    const driver = testDriver(
      topology('joins', (builder) => {
        const table = builder.table<string, string>('r', both)
        const stream = builder.stream('l', both)
        const joined = kind === 'join' ? stream.join(table, pair) : stream.leftJoin(table, pair)
        joined.to('out', { value: text })
      }),
    )
    return pipeAll(driver, inputs)
  }

  it('looks the row up when the record comes, and has the timestamp of the record', () => {
    const inputs: Input[] = [
      ['l', 'a', '1', 5],
      ['r', 'a', 'x', 9],
      ['l', 'a', '2', 6],
      ['r', 'a', null, 10],
      ['l', 'a', '3', 7],
    ]
    expect(run('join', inputs)).toEqual([[], [], ['a=2x@6'], [], []])
    expect(run('leftJoin', inputs)).toEqual([['a=1null@5'], [], ['a=2x@6'], [], ['a=3null@7']])
  })

  it('keeps a record without a key only in a left join', () => {
    const inputs: Input[] = [
      ['l', null, '1', 5],
      ['l', 'a', null, 6],
    ]
    expect(run('join', inputs)).toEqual([[], []])
    expect(run('leftJoin', inputs)).toEqual([['null=1null@5'], []])
  })

  it('repartitions a stream that has new keys', () => {
    const driver = testDriver(
      topology('joins', (builder) => {
        const table = builder.table<string, string>('r', both)
        builder
          .stream('l', both)
          .selectKey((_, value) => value)
          .join(table, pair, { name: 'by-value' })
          .to('out', { value: text })
      }),
      { partitions: 3 },
    )
    const inputs: Input[] = [
      ['r', 'k', 'x', 1],
      ['l', 'a', 'k', 2],
    ]
    expect(pipeAll(driver, inputs)).toEqual([[], ['k=kx@2']])
    expect(driver.producedTopicNames()).toContain('joins-by-value-repartition')
  })
})

describe('repartitions before a join', () => {
  it('keep records without a key where the join keeps them', () => {
    const run = (kind: 'join' | 'leftJoin') => {
      const driver = testDriver(
        topology('joins', (builder) => {
          const table = builder.table<string, string>('r', both)
          const stream = builder
            .stream<string, string>('l', both)
            .selectKey((): string => null as never)
          const joined = kind === 'join' ? stream.join(table, pair) : stream.leftJoin(table, pair)
          joined.to('out', { value: text })
        }),
      )
      return pipeAll(driver, [['l', 'a', '1', 5]])
    }
    expect(run('leftJoin')).toEqual([['null=1null@5']])
    expect(run('join')).toEqual([[]])
  })

  it('have as many partitions as their sources, although a sub-topology reads what it writes', () => {
    const driver = testDriver(
      topology('cycle', (builder) => {
        const stream = builder.stream<string, string>('l', both)
        const counts = stream.groupBy((_, value) => value, both).count({ name: 'counts' })
        stream.merge(counts.toStream().mapValues((count) => `${count}`)).to('out', { value: text })
      }),
      { partitions: 3 },
    )
    expect(pipeAll(driver, [['l', 'a', 'x', 5]])).toEqual([['a=x@5', 'x=1@5'].sort()])
  })
})

describe('two tables joined', () => {
  const run = (kind: 'join' | 'leftJoin' | 'outerJoin', inputs: readonly Input[]) => {
    const driver = testDriver(
      topology('joins', (builder) => {
        const right = builder.table<string, string>('r', both)
        const left = builder.table<string, string>('l', both)
        const options = { value: text, name: 'joined' }
        const tables = {
          join: () => left.join(right, pair, options),
          leftJoin: () => left.leftJoin(right, pair, options),
          outerJoin: () => left.outerJoin(right, pair, options),
        }
        tables[kind]().toStream().to('out')
      }),
    )
    return { all: pipeAll(driver, inputs), rows: driver.store('joined').entries() }
  }
  const inputs: Input[] = [
    ['l', 'a', '1', 5],
    ['r', 'a', 'x', 3],
    ['r', 'a', 'y', 8],
    ['l', 'a', null, 6],
    ['r', 'b', 'z', 7],
    ['r', 'a', null, 9],
  ]

  it('joins each update of either side, with the later timestamp', () => {
    const { all, rows } = run('join', inputs)
    expect(all).toEqual([[], ['a=1x@5'], ['a=1y@8'], ['a=null@8'], [], []])
    expect(rows).toEqual([])
  })

  it('keeps rows of the left side', () => {
    const { all, rows } = run('leftJoin', inputs)
    expect(all).toEqual([['a=1null@5'], ['a=1x@5'], ['a=1y@8'], ['a=null@8'], [], []])
    expect(rows).toEqual([])
  })

  it('keeps rows of either side', () => {
    const { all, rows } = run('outerJoin', inputs)
    expect(all).toEqual([
      ['a=1null@5'],
      ['a=1x@5'],
      ['a=1y@8'],
      ['a=nully@8'],
      ['b=nullz@7'],
      ['a=null@9'],
    ])
    expect(rows).toEqual([['b', 'nullz']])
  })
})

describe('two streams joined', () => {
  const windows = { beforeMs: 10, afterMs: 10, graceMs: 5 }
  const make = (
    kind: 'join' | 'leftJoin' | 'outerJoin',
    options: { beforeMs: number; afterMs: number; graceMs: number } = windows,
  ) =>
    testDriver(
      topology('joins', (builder) => {
        const right = builder.stream<string, string>('r', both)
        const left = builder.stream<string, string>('l', both)
        const name = { name: 'pairs' }
        const streams = {
          join: () => left.join(right, pair, joinWindows(options), name),
          leftJoin: () => left.leftJoin(right, pair, joinWindows(options), name),
          outerJoin: () => left.outerJoin(right, pair, joinWindows(options), name),
        }
        streams[kind]().to('out', { value: text })
      }),
    )

  it('joins records that are at most the window apart', () => {
    const all = pipeAll(make('join', { beforeMs: 2, afterMs: 10, graceMs: 5 }), [
      ['l', 'a', '1', 20],
      ['r', 'a', 'w', 17],
      ['r', 'a', 'x', 18],
      ['r', 'a', 'y', 30],
      ['r', 'a', 'z', 31],
    ])
    expect(all).toEqual([[], [], ['a=1x@20'], ['a=1y@30'], []])
  })

  it('joins each of several records of one time', () => {
    const all = pipeAll(make('join'), [
      ['l', 'a', '1', 20],
      ['l', 'a', '2', 20],
      ['r', 'a', 'x', 20],
      ['r', 'b', 'x', 20],
    ])
    expect(all).toEqual([[], [], ['a=1x@20', 'a=2x@20'], []])
  })

  it('joins a left record with null when stream time is behind its window and grace', () => {
    const all = pipeAll(make('leftJoin'), [
      ['l', 'a', '1', 12],
      ['l', 'b', '2', 13],
      ['r', 'a', 'x', 1],
      ['r', 'b', 'y', 23],
      ['r', 'c', 'z', 27],
      ['r', 'c', 'z', 28],
    ])
    expect(all).toEqual([[], [], [], ['b=2y@23'], [], ['a=1null@12']])
  })

  it('joins records of both sides with null, in the order of their time', () => {
    const all = pipeAll(make('outerJoin'), [
      ['l', 'a', '1', 12],
      ['r', 'b', 'x', 11],
      ['l', 'c', '2', 90],
    ])
    expect(all[2]).toEqual(['b=nullx@11', 'a=1null@12'])
  })

  it('keeps a record without a key of an outer side, at once', () => {
    const inputs: Input[] = [
      ['l', null, '1', 12],
      ['r', null, 'x', 12],
      ['l', 'a', null, 12],
    ]
    expect(pipeAll(make('leftJoin'), inputs)).toEqual([['null=1null@12'], [], []])
    expect(pipeAll(make('join'), inputs)).toEqual([[], [], []])
  })

  it('forgets records that are older than the windows and the grace', () => {
    const all = pipeAll(make('join'), [
      ['l', 'a', '1', 10],
      ['l', 'b', '1', 35],
      ['r', 'a', 'x', 10],
    ])
    expect(all.flat()).toEqual([])
  })
})

describe('a foreign-key join', () => {
  interface Order {
    readonly customer: string | null
    readonly item: string
  }
  const build = (kind: 'join' | 'leftJoin') => (builder: StreamsBuilder) => {
    const customers = builder.table<string, string>('r', both)
    const orders = builder.table<string, Order>('l', { key: text, value: json<Order>() })
    const options = {
      ...{ foreignKey: (order: Order) => order.customer, name: 'named' },
      value: text,
    }
    const join = (order: Order, name: string | null) => `${order.item}:${name}`
    const joined =
      kind === 'join'
        ? orders.join(customers, join, options)
        : orders.leftJoin(customers, join, options)
    joined.toStream().to('out')
  }
  const order = (customer: string | null, item: string) => JSON.stringify({ customer, item })
  const inputs: Input[] = [
    ['l', 'o1', order('c1', 'pen'), 1],
    ['r', 'c1', 'Ann', 2],
    ['r', 'c2', 'Bob', 3],
    ['l', 'o2', order('c1', 'ink'), 4],
    ['r', 'c1', 'Anna', 5],
    ['l', 'o1', order('c2', 'pen'), 6],
    ['l', 'o1', order('c3', 'pen'), 7],
    ['l', 'o2', null, 8],
    ['l', 'o3', order(null, 'cap'), 9],
    ['r', 'c1', null, 10],
  ]
  const run = (kind: 'join' | 'leftJoin', partitions: number) => {
    const driver = testDriver(topology('orders', build(kind)), { partitions })
    const output = driver.output<string, string>('out')
    const all = inputs.map(([topic, key, value, timestamp]) => {
      driver.input(topic, both).pipe({ key, value, timestamp })
      return output.drain().map((record) => `${record.key}=${record.value}@${record.timestamp}`)
    })
    return { all: all.map((lines) => lines.sort()), driver }
  }

  it.each([1, 4])('joins each row with the one it refers to, with %i partitions', (partitions) => {
    const { all, driver } = run('join', partitions)
    expect(all).toEqual([
      [],
      ['o1=pen:Ann@2'],
      [],
      ['o2=ink:Ann@4'],
      ['o1=pen:Anna@5', 'o2=ink:Anna@5'],
      ['o1=pen:Bob@6'],
      ['o1=null@7'],
      ['o2=null@8'],
      [],
      [],
    ])
    expect(driver.dropped).toEqual({ 'named-register: null key': 1 })
    expect(driver.store('named-subscriptions').entries()).toHaveLength(1)
    expect(driver.store('named').entries()).toEqual([])
  })

  it.each([1, 4])('joins a row without a partner with null, with %i partitions', (partitions) => {
    const { all, driver } = run('leftJoin', partitions)
    expect(all).toEqual([
      ['o1=pen:null@1'],
      ['o1=pen:Ann@2'],
      [],
      ['o2=ink:Ann@4'],
      ['o1=pen:Anna@5', 'o2=ink:Anna@5'],
      ['o1=pen:Bob@6'],
      ['o1=pen:null@7'],
      ['o2=null@8'],
      ['o3=cap:null@9'],
      [],
    ])
    const rows = driver.store<string, string>('named').entries()
    expect(rows.sort()).toEqual([
      ['o1', 'pen:null'],
      ['o3', 'cap:null'],
    ])
  })

  it('drops a response to a row that has changed', () => {
    const driver = testDriver(topology('orders', build('join')), { isImmediate: false })
    driver.input('r', both).pipe({ key: 'c1', value: 'Ann', timestamp: 1 })
    driver.input('r', both).pipe({ key: 'c2', value: 'Bob', timestamp: 1 })
    driver.run()
    const input = driver.input('l', both)
    input.pipe({ key: 'o', value: order('c1', 'pen'), timestamp: 2 })
    input.pipe({ key: 'o', value: order('c2', 'pen'), timestamp: 3 })
    driver.run()
    const records = driver.output<string, string>('out').drain()
    expect(records.map(({ value }) => value)).toEqual(['pen:Bob'])
  })
})
