/** edgelog with an application whose topology and its successor do not fit each other's state. */
import { json, type Topology, text, topology } from '../../../client/streams/index.ts'
import { createApp } from '../../../src/index.ts'
import type { Numbered } from './streams-worker.ts'

export {
  Application,
  Coordinator,
  Group,
  Partition,
  Task,
  Transaction,
} from '../../../src/index.ts'

/** Returns the topology with every update in its sinks. */
const every = (one: Topology): Topology => ({ ...one, coalesces: false })

const input = { key: text, value: json<Numbered>() }

/** A count for each group, over an internal topic, in a store of numbers; and a copy of each record. */
const first = every(
  topology('counts', (builder) => {
    const records = builder.stream('in', input)
    records.to('copied', input)
    records
      .groupBy((_, { group }) => group, input)
      .count({ name: 'counts' })
      .toStream()
      .mapValues(String)
      .to('counted', { value: text })
  }),
)

/** Makes the same results from a store of texts, and a sink of its own. */
const second = every(
  topology(
    'counts',
    (builder) => {
      const records = builder.stream('in', input)
      records.to('copied', input)
      const counts = records
        .groupBy((_, { group }) => group, input)
        .aggregate<string>(
          () => '0',
          (_key, _record, count) => String(Number(count) + 1),
          { name: 'texts', value: text },
        )
        .toStream()
      counts.to('counted', { value: text })
      counts.to('counted-again', { value: text })
    },
    { previous: first },
  ),
)

/** Built twice: before and after the deployment of the second topology. */
const VERSION: 'first' | 'second' = 'second'

export default createApp({ streams: [VERSION === 'second' ? second : first] })
