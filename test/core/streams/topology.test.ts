/** Question: are names found for all nodes, and are topologies refused that cannot run? */
import { describe, expect, it } from 'vitest'
import { type StreamsBuilder, text, topology } from '../../../client/streams/node/index.ts'
import { countPartitions, splitTopology } from '../../../src/core/streams/split.ts'

const namesOf = (build: (builder: StreamsBuilder) => void) =>
  topology('app', build).nodes.map(({ name }) => name)

describe('the names of nodes', () => {
  it('are those of the nearest source or named operator, and unique', () => {
    expect(
      namesOf((builder) => {
        const stream = builder.stream('in')
        stream.filter(() => true).filter(() => true)
        stream.filter(() => true, { name: 'own' }).mapValues((value) => value)
      }),
    ).toEqual(['in-source', 'in-filter', 'in-filter-2', 'own', 'own-mapValues'])
  })

  it('are unique where several nodes are named after one operation', () => {
    expect(() =>
      namesOf((builder) => {
        const table = builder.table<string, string>('in')
        for (let time = 0; time < 2; time++) {
          table.groupBy((key, value) => [value, key]).count()
          table.leftJoin(table, () => '', { foreignKey: (value) => value })
        }
        const stream = builder.stream<string, string>('other')
        for (let time = 0; time < 2; time++) stream.selectKey((_, value) => value).toTable()
      }),
    ).not.toThrow()
  })

  it('do not change when an operator without state is put before a named one', () => {
    const build = (hasFilter: boolean) => (builder: StreamsBuilder) => {
      const stream = builder.stream('in')
      const rest = hasFilter ? stream.filter(() => true) : stream
      rest.groupByKey().count({ name: 'counts' }).toStream().to('out')
    }
    const names = namesOf(build(true))
    expect(names).toEqual(expect.arrayContaining(namesOf(build(false))))
  })
})

describe('a topology is refused', () => {
  it.each<[string, (builder: StreamsBuilder) => void, string]>([
    [
      'with one name for two nodes',
      (builder) => {
        const stream = builder.stream('in')
        for (const topic of ['a', 'b']) stream.to(topic, { name: 'same' })
      },
      'node same: another node has this name; names are unique',
    ],
    [
      'with a name that no topic may have',
      (builder) => builder.stream('in').to('out', { name: 'a b' }),
      'node "a b": 1 to 100 letters',
    ],
    ['without nodes', () => undefined, 'the topology has no nodes'],
  ])('%s', (_, build, message) => {
    expect(() => topology('app', build)).toThrow(message)
  })

  it('if its joined topics have different numbers of partitions', () => {
    const joined = topology('app', (builder) => {
      const serdes = { key: text, value: text }
      builder.stream('one', serdes).join(builder.table('two', serdes), () => '', { name: 'both' })
    })
    expect(splitTopology(joined)).toHaveLength(1)
    const count = (topic: string) => (topic === 'one' ? 3 : 2)
    expect(() => countPartitions(joined, count)).toThrow(
      'node both: its inputs need the same number of partitions: one has 3, two has 2; repartition one of them',
    )
    expect(() => countPartitions(joined, () => undefined)).toThrow(
      'node one-source: its topic one does not exist; create it first',
    )
  })
})
