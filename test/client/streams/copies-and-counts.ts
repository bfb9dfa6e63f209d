/** A topology that shows each record that it processes twice or not at all. */
import { json, type Topology, text, topology } from '../../../client/streams/index.ts'

/** Copies each record of `NAME-in` to `NAME-copies`, and counts the records of each kind. */
export function copiesAndCounts(name: string): Topology {
  return topology(name, (builder) => {
    const input = builder.stream(`${name}-in`, { key: text, value: json<number>() })
    input.mapValues((value) => 2 * value).to(`${name}-copies`, { value: json() })
    input
      .groupBy((_, value) => `kind ${value % 7}`)
      .count({ name: 'counts' })
      .toStream()
      .to(`${name}-counts`, { value: json() })
  })
}
