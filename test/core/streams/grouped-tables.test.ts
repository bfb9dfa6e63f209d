import { describe, expect, it } from 'vitest'
import { int64, json, testDriver, text, topology } from '../../../client/streams/node/index.ts'

interface User {
  readonly city: string | null
  readonly age: number
}

const users = { key: text, value: json<User>() }

function run(
  inputs: ReadonlyArray<readonly [key: string, user: User | null]>,
  kind: 'count' | 'reduce' | 'aggregate',
) {
  const driver = testDriver(
    topology('cities', (builder) => {
      const grouped = builder
        .table<string, User>('users', users)
        .groupBy((_, { city, age }) => [city, age] as const, {
          ...{ key: text, value: int64, name: 'by-city' },
        })
      const ages =
        kind === 'count'
          ? grouped.count({ name: 'ages' })
          : kind === 'reduce'
            ? grouped.reduce(
                (all, age) => all + age,
                (all, age) => all - age,
                { name: 'ages' },
              )
            : grouped.aggregate(
                () => 0,
                (_, age, all) => all + age,
                (_, age, all) => all - age,
                { name: 'ages', value: int64 },
              )
      ages.toStream().to('out')
    }),
  )
  const output = driver.output<string, number>('out')
  const all = inputs.map(([key, value], index) => {
    driver.input<string, User>('users').pipe({ key, value, timestamp: index })
    return output.drain().map((record) => `${record.key}=${record.value}@${record.timestamp}`)
  })
  return { all, driver }
}

describe('groupBy of a table', () => {
  it('subtracts the old row and adds the new one', () => {
    for (const kind of ['reduce', 'aggregate'] as const) {
      const { all } = run(
        [
          ['ann', { city: 'Rome', age: 30 }],
          ['bob', { city: 'Rome', age: 5 }],
          ['ann', { city: 'Oslo', age: 31 }],
          ['bob', { city: 'Rome', age: 6 }],
          ['ann', null],
        ],
        kind,
      )
      expect(all).toEqual([
        ['Rome=30@0'],
        ['Rome=35@1'],
        ['Rome=5@2', 'Oslo=31@2'],
        ['Rome=6@3'],
        ['Oslo=0@4'],
      ])
    }
  })

  it('sends an update of one key as one record, and of two keys as two', () => {
    const { all, driver } = run(
      [
        ['ann', { city: 'Rome', age: 30 }],
        ['ann', { city: 'Rome', age: 31 }],
        ['ann', { city: 'Oslo', age: 31 }],
      ],
      'count',
    )
    expect(all).toEqual([['Rome=1@0'], ['Rome=1@1'], ['Rome=0@2', 'Oslo=1@2']])
    expect(driver.output('cities-by-city-repartition').drain()).toHaveLength(4)
  })

  it('leaves out rows whose new key is null', () => {
    const { all, driver } = run(
      [
        ['ann', { city: null, age: 30 }],
        ['ann', { city: 'Oslo', age: 31 }],
        ['ann', { city: null, age: 32 }],
      ],
      'count',
    )
    expect(all).toEqual([[], ['Oslo=1@1'], ['Oslo=0@2']])
    expect(driver.dropped).toEqual({ 'by-city-select: null key': 3 })
  })
})

describe('cogroup', () => {
  it('combines several streams into one aggregate', () => {
    const driver = testDriver(
      topology('carts', (builder) => {
        const adds = builder.stream<string, string>('adds', { key: text, value: text })
        const pays = builder.stream<string, number>('pays', { key: text, value: int64 })
        adds
          .groupByKey()
          .cogroup<string>((_, item, all) => `${all}${item}`)
          .cogroup(
            pays.groupBy((key) => key.toLowerCase()),
            (_, sum, all) => `${all}$${sum}`,
          )
          .aggregate(() => ':', { name: 'carts', value: text })
          .toStream()
          .to('out')
      }),
      { partitions: 3 },
    )
    driver.input('adds').pipe({ key: 'a', value: 'pen', timestamp: 1 })
    driver.input('pays').pipe({ key: 'A', value: 7, timestamp: 2 })
    driver.input('adds').pipe({ key: 'a', value: 'ink', timestamp: 3 })
    expect(
      driver
        .output('out')
        .drain()
        .map(({ value }) => value),
    ).toEqual([':pen', ':pen$7', ':pen$7ink'])
    expect(driver.producedTopicNames()).toContain('carts-carts-2-repartition')
  })
})
