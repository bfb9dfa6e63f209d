/** edgelog with the applications of the crash run. */
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

/** The value of a record of the crash run. */
export interface Numbered {
  readonly id: string
  readonly group: string
  readonly amount: number
}

const input = { key: text, value: json<Numbered>() }

/** Each record once, in the order of its partition. */
const copy = topology('copy', (builder) => {
  builder.stream('in', input).to('copied', input)
})

/** A count for each group, and every update of it. */
const counts = {
  ...topology('counts', (builder) => {
    builder
      .stream('in', input)
      .groupBy((_, { group }) => group, input)
      .count({ name: 'counts' })
      .toStream()
      .to('counted', { value: int64 })
  }),
  coalesces: false,
}

/** A sum for each key, one update for each turn. */
const sums = topology('sums', (builder) => {
  builder
    .stream('in', input)
    .groupByKey()
    .aggregate(
      () => 0,
      (_key, { amount }, sum) => sum + amount,
      { name: 'sums', value: int64 },
    )
    .toStream()
    .to('summed', { value: int64 })
})

export default createApp({ streams: [copy, counts, sums] })
