import { describe, expect, it } from 'vitest'
import type { StreamsBuilder } from '../../../client/streams/node/index.ts'
import {
  int64,
  json,
  type KTable,
  sessionWindows,
  slidingWindows,
  testDriver,
  text,
  timeWindows,
  topology,
  untilTimeLimit,
  untilWindowCloses,
  type Windowed,
} from '../../../client/streams/node/index.ts'

type Input = readonly [key: string | null, value: string | null, timestamp: number]

/** Runs a windowed table over records, and returns its updates as `key[start,end]=value@timestamp`. */
function updates<V>(
  build: (builder: StreamsBuilder) => KTable<Windowed<string>, V>,
  inputs: readonly Input[],
) {
  const driver = testDriver(
    topology('windows', (builder) => build(builder).toStream().to('out', { value: json<V>() })),
  )
  const output = driver.output<Windowed<string>, V>('out')
  const input = driver.input<string, string>('in')
  const all = inputs.map(([key, value, timestamp]) => {
    input.pipe({ key, value, timestamp })
    return output.drain().map(({ key: windowed, value: row, timestamp: at }) => {
      const { key: inner, startMs, endMs } = windowed as Windowed<string>
      return `${inner}[${startMs},${endMs}]=${JSON.stringify(row)}@${at}`
    })
  })
  return { all, driver }
}

const grouped = (builder: StreamsBuilder) =>
  builder.stream('in', { key: text, value: text }).groupByKey()

describe('time windows', () => {
  const count = (sizeMs: number, advanceMs: number, graceMs: number) => (builder: StreamsBuilder) =>
    grouped(builder)
      .windowedBy(timeWindows({ sizeMs, advanceMs, graceMs }))
      .count({ name: 'counts' })

  it('counts in the windows that contain the timestamp, start included and end not', () => {
    const { all } = updates(count(10, 10, 0), [
      ['a', 'x', 0],
      ['a', 'x', 9],
      ['a', 'x', 10],
    ])
    expect(all).toEqual([['a[0,10]=1@0'], ['a[0,10]=2@9'], ['a[10,20]=1@10']])
  })

  it('takes a record until stream time is the end and the grace', () => {
    const { all, driver } = updates(count(10, 10, 5), [
      ['b', 'x', 14],
      ['a', 'x', 1],
      ['b', 'x', 15],
      ['a', 'x', 2],
    ])
    expect(all.slice(1)).toEqual([['a[0,10]=1@1'], ['b[10,20]=2@15'], []])
    expect(driver.dropped).toEqual({ 'counts: late': 1 })
  })

  it('judges a late record by each hopping window', () => {
    const { all } = updates(count(10, 5, 0), [
      ['a', 'x', 12],
      ['a', 'x', 7],
    ])
    expect(all).toEqual([['a[5,15]=1@12', 'a[10,20]=1@12'], ['a[5,15]=2@12']])
  })

  it('counts records with a null value, and drops those with a null key', () => {
    const { all, driver } = updates(count(10, 10, 0), [
      ['a', null, 1],
      [null, 'x', 100],
      ['a', 'x', 2],
    ])
    expect(all).toEqual([['a[0,10]=1@1'], [], ['a[0,10]=2@2']])
    expect(driver.dropped).toEqual({ 'counts: null key': 1 })
  })

  it('keeps rows that a test reads by key and time', () => {
    const { driver } = updates(count(10, 10, 0), [
      ['a', 'x', 1],
      ['a', 'x', 12],
    ])
    const store = driver.store<string, number>('counts')
    expect(store.fetch('a', 0, 10)).toEqual([
      { startMs: 0, value: 1, timestamp: 1 },
      { startMs: 10, value: 1, timestamp: 12 },
    ])
    expect(store.all()).toEqual([
      [{ key: 'a', startMs: 0, endMs: 10 }, 1],
      [{ key: 'a', startMs: 10, endMs: 20 }, 1],
    ])
  })

  it('keeps rows for longer than they change, if it is asked to', () => {
    const hourMs = 3_600_000
    const hourly = (retentionMs: number) => (builder: StreamsBuilder) =>
      grouped(builder)
        .windowedBy(timeWindows({ sizeMs: hourMs }))
        .count({ name: 'counts', retentionMs })
    const inputs: Input[] = [
      ['a', 'x', 0],
      ['a', 'x', 5 * hourMs],
      ['a', 'late', 1],
    ]
    const { all, driver } = updates(hourly(10 * hourMs), inputs)
    expect(all.at(-1)).toEqual([])
    expect(driver.store('counts').all()).toHaveLength(2)
    driver.input<string, string>('in').pipe({ key: 'a', value: 'x', timestamp: 30 * hourMs })
    expect(driver.store('counts').all()).toHaveLength(1)
    const short = updates(hourly(hourMs), inputs).driver
    expect(short.store('counts').all()).toHaveLength(1)
    expect(() => updates(hourly(hourMs - 1), [])).toThrow(
      'node counts: retentionMs: 3599999; 3600000 or more whole milliseconds are allowed',
    )
  })

  it('writes the key and the start as bytes, into the partition of the key', () => {
    const driver = testDriver(
      topology('windows', (builder) =>
        grouped(builder)
          .windowedBy(timeWindows({ sizeMs: 0x100 }))
          .count()
          .toStream()
          .to('out'),
      ),
      { partitions: 5 },
    )
    for (const key of ['k', 'l', 'm', 'n']) {
      driver.input('in', { key: text, value: text }).pipe({ key, value: 'x', timestamp: 0x100 })
      const copy = { key, value: 'x', timestamp: 0x200 }
      driver.input('in', { key: text, value: text }).pipe(copy)
    }
    const hex = { name: 'hex', serialize: () => new Uint8Array(), deserialize: toHex }
    const records = driver.output('out', { key: hex, value: int64 }).drain()
    expect(records.map(({ key }) => key)).toContain('6b0000000000000100')
    const partitions = new Map<unknown, Set<number>>()
    for (const { key, partition } of records) {
      const inner = (key as string).slice(0, 2)
      partitions.set(inner, (partitions.get(inner) ?? new Set()).add(partition))
    }
    expect([...partitions.values()].map(({ size }) => size)).toEqual([1, 1, 1, 1])
  })

  it('rejects sizes that are no time, and an advance that makes too many windows', () => {
    expect(() => timeWindows({ sizeMs: 0 })).toThrow('sizeMs: 0; 1 or more whole milliseconds')
    expect(() => timeWindows({ sizeMs: 10, advanceMs: 11 })).toThrow('advanceMs: 11; 1 to 10')
    expect(() => timeWindows({ sizeMs: 5_000, advanceMs: 4 })).toThrow('advanceMs: 4; 5 to 5000')
    expect(() => sessionWindows({ gapMs: 1, graceMs: -1 })).toThrow('graceMs: -1; 0 or more')
  })
})

function toHex(bytes: Uint8Array): string {
  return [...bytes].map((byte) => byte.toString(16).padStart(2, '0')).join('')
}

describe('sliding windows', () => {
  const join = (differenceMs: number, graceMs: number) => (builder: StreamsBuilder) =>
    grouped(builder)
      .windowedBy(slidingWindows({ differenceMs, graceMs }))
      .reduce((all, value) => all + value, { name: 'texts' })

  it('makes a window that ends at each record, and one that starts behind it', () => {
    const { all } = updates(join(10, 50), [
      ['a', 'x', 20],
      ['a', 'y', 25],
    ])
    expect(all).toEqual([['a[10,20]="x"@20'], ['a[21,31]="y"@25', 'a[15,25]="xy"@25']])
  })

  it('puts a record between two others into the windows of both', () => {
    const { all } = updates(join(10, 50), [
      ['a', 'x', 20],
      ['a', 'z', 30],
      ['a', 'y', 25],
    ])
    expect(all[2]).toEqual([
      'a[21,31]="zy"@30',
      'a[20,30]="xzy"@30',
      'a[15,25]="xy"@25',
      'a[26,36]="z"@30',
    ])
  })

  it('has one window at 0 for all that would start before', () => {
    const { all } = updates(join(10, 50), [
      ['a', 'x', 3],
      ['a', 'y', 7],
    ])
    expect(all).toEqual([['a[0,10]="x"@3'], ['a[4,14]="y"@7', 'a[0,10]="xy"@7']])
  })

  it('drops a record whose windows are closed', () => {
    const { all, driver } = updates(join(10, 0), [
      ['a', 'x', 50],
      ['a', 'y', 39],
      ['a', 'z', 40],
    ])
    expect(all.slice(1)).toEqual([[], ['a[40,50]="xz"@50', 'a[41,51]="x"@50']])
    expect(driver.dropped).toEqual({ 'texts: late': 2 })
  })
})

describe('sessions', () => {
  const count = (gapMs: number, graceMs: number) => (builder: StreamsBuilder) =>
    grouped(builder).windowedBy(sessionWindows({ gapMs, graceMs })).count({ name: 'counts' })

  it('merges sessions within the gap, and deletes their rows first', () => {
    const { all, driver } = updates(count(10, 100), [
      ['a', 'x', 0],
      ['a', 'x', 20],
      ['a', 'x', 10],
    ])
    expect(all).toEqual([
      ['a[0,0]=1@0'],
      ['a[20,20]=1@20'],
      ['a[0,0]=null@0', 'a[20,20]=null@20', 'a[0,20]=3@20'],
    ])
    const store = driver.store<string, number>('counts')
    expect(store.findSessions('a', 0, 100)).toEqual([
      { startMs: 0, endMs: 20, value: 3, timestamp: 20 },
    ])
  })

  it('continues a session at the last millisecond, and drops a record 1 ms later', () => {
    const { all, driver } = updates(count(10, 5), [
      ['a', 'x', 0],
      ['b', 'x', 15],
      ['a', 'x', 1],
      ['b', 'x', 17],
      ['a', 'x', 1],
      ['c', 'x', 1],
      ['c', 'x', 2],
    ])
    expect(all.slice(2)).toEqual([
      ['a[0,0]=null@0', 'a[0,1]=2@1'],
      ['b[15,15]=null@15', 'b[15,17]=2@17'],
      [],
      [],
      ['c[2,2]=1@2'],
    ])
    expect(driver.dropped).toEqual({ 'counts: late': 2 })
  })

  it('merges aggregates by the merger', () => {
    const { all } = updates(
      (builder) =>
        grouped(builder)
          .windowedBy(sessionWindows({ gapMs: 10, graceMs: 100 }))
          .aggregate(
            () => 'init',
            (_key, value, all) => `${all}+${value}`,
            (_key, one, other) => `(${one}|${other})`,
            { value: text },
          ),
      [
        ['a', 'x', 0],
        ['a', 'y', 5],
      ],
    )
    expect(all[1]).toEqual(['a[0,0]=null@0', 'a[0,5]="(init|init+x)+y"@5'])
  })

  it('writes the key, the end and the start as bytes', () => {
    const driver = testDriver(
      topology('sessions', (builder) =>
        count(0x10, 0)(builder).toStream().to('out', { value: int64 }),
      ),
    )
    const input = driver.input('in', { key: text, value: text })
    input.pipe(...[1, 2].map((timestamp) => ({ key: 'k', value: 'x', timestamp })))
    const hex = { name: 'hex', serialize: () => new Uint8Array(), deserialize: toHex }
    const keys = driver
      .output('out', { key: hex, value: int64 })
      .drain()
      .map(({ key }) => key)
    expect(keys.at(-1)).toBe('6b00000000000000020000000000000001')
  })
})

describe('suppress', () => {
  it('forwards one row for each window, when a later record closes it', () => {
    const build = (emit: 'onWindowClose' | 'onWindowUpdate') => (builder: StreamsBuilder) => {
      const table = grouped(builder)
        .windowedBy(timeWindows({ sizeMs: 10, graceMs: 5 }))
        .count({ emit })
      return emit === 'onWindowClose' ? table : table.suppress(untilWindowCloses())
    }
    for (const emit of ['onWindowClose', 'onWindowUpdate'] as const) {
      const { all } = updates(build(emit), [
        ['b', 'x', 1],
        ['a', 'x', 2],
        ['a', 'x', 14],
        ['a', 'x', 9],
        ['a', 'x', 15],
      ])
      expect(all.flat()).toEqual(['a[0,10]=2@9', 'b[0,10]=1@1'])
    }
  })

  it('forwards a session when no record can join it, and no tombstones', () => {
    const { all } = updates(
      (builder) =>
        grouped(builder)
          .windowedBy(sessionWindows({ gapMs: 10, graceMs: 5 }))
          .count()
          .suppress(untilWindowCloses()),
      [
        ['a', 'x', 0],
        ['a', 'x', 4],
        ['b', 'x', 19],
        ['b', 'x', 20],
      ],
    )
    expect(all).toEqual([[], [], [], ['a[0,4]=2@4']])
  })

  it('forwards the last update of a key after a time', () => {
    const driver = testDriver(
      topology('limited', (builder) =>
        builder
          .table('in', { key: text, value: text })
          .suppress(untilTimeLimit(10))
          .toStream()
          .to('out'),
      ),
    )
    const input = driver.input('in', { key: text, value: text })
    input.pipe(
      { key: 'a', value: '1', timestamp: 0 },
      { key: 'a', value: '2', timestamp: 9 },
      { key: 'b', value: '3', timestamp: 10 },
      { key: 'a', value: null, timestamp: 11 },
      { key: 'b', value: '4', timestamp: 21 },
    )
    const records = driver.output('out').drain()
    expect(records.map(({ key, value, timestamp }) => [key, value, timestamp])).toEqual([
      ['a', '2', 9],
      ['b', '4', 21],
      ['a', null, 11],
    ])
  })

  it('continues with more than one record may forward', () => {
    const count = 2_500
    const driver = testDriver(
      topology('many', (builder) =>
        grouped(builder)
          .windowedBy(timeWindows({ sizeMs: 10 }))
          .count({ emit: 'onWindowClose' })
          .toStream()
          .to('out'),
      ),
      { isImmediate: false },
    )
    const input = driver.input('in', { key: text, value: text })
    input.pipe(
      ...Array.from({ length: count }, (_, index) => ({
        key: `${index}`,
        value: '',
        timestamp: 0,
      })),
      ...Array.from({ length: 3 }, () => ({ key: 'later', value: '', timestamp: 10 })),
    )
    driver.run()
    expect(driver.output('out').drain()).toHaveLength(count)
  })

  it('rejects a table without windows', () => {
    const build = () =>
      topology('wrong', (builder) => {
        builder.table('in').suppress(untilWindowCloses(), { name: 'final' })
      })
    expect(build).toThrow('node final: its keys have no windows')
  })
})
