/** edgelog with the applications that `npm run bench:streams` measures. */
import { int64, json, text, topology } from '../../../client/streams/index.ts'
import { createApp } from '../../../src/index.ts'

export {
  Application,
  Coordinator,
  Group,
  Partition,
  Task,
  Transaction,
} from '../../../src/index.ts'

const input = { key: text, value: json<{ amount: number; note: string }>() }

/** Sums by key, with as many keys as the topic has. */
const sum = (keys: number) =>
  topology(`sum-${keys}`, (builder) => {
    builder
      .stream(`in-${keys}`, input)
      .groupByKey()
      .aggregate(
        () => 0,
        (_key, { amount }, total) => total + amount,
        { name: 'sums', value: int64 },
      )
      .toStream()
      .to(`sums-${keys}`, { value: int64 })
  })

const filter = topology('filter', (builder) => {
  builder
    .stream('in-1000', input)
    .filter((_key, { amount }) => amount > 0)
    .mapValues(({ amount }) => ({ amount }))
    .to('filtered')
})

/** Keeps the latest value of each key: state as large as the topic. */
const keep = (name: string) =>
  topology(name, (builder) => {
    builder.stream<string, string>(`${name}-in`, { value: text }).toTable({ name: 'kept' })
  })

export default createApp({
  streams: [sum(1_000), sum(10_000), sum(100_000), filter, keep('keep-large'), keep('keep-small')],
})
