/** Writes records to a topic. */

import { partitionForKey } from '../../topic/partitioner.ts'
import type { NodeBase } from '../node.ts'
import type { Operator, OperatorContext } from '../operator.ts'
import type { Serde } from '../serde.ts'
import type { StreamRecord, Windowed } from '../stream-record.ts'
import type { WindowedSerde } from '../windowed-serde.ts'

export interface SinkNode extends NodeBase {
  readonly kind: 'sink'
  readonly topic: string
  // biome-ignore lint/suspicious/noExplicitAny: a topology has records of many types
  readonly key: Serde<any>
  // biome-ignore lint/suspicious/noExplicitAny: as above
  readonly value: Serde<any>
  /**
   * Chooses the partition; default: by the hash of the key, as Kafka's producers do. All windows of a key go to its
   * partition.
   */
  readonly partitioner?: (key: never, value: never, partitions: number) => number
}

export function sink(node: SinkNode, context: OperatorContext) {
  const { key: keySerde, value: valueSerde } = node
  const partitioner = node.partitioner ?? windowedPartitioner(keySerde)
  return {
    process({ key, value, timestamp, headers }: StreamRecord) {
      const output = {
        key: key === null ? null : keySerde.serialize(key),
        value: value === null ? null : valueSerde.serialize(value),
        timestamp,
        headers,
      }
      if (partitioner === undefined) context.output(output)
      else {
        const choose = (partitions: number) => partitioner(key as never, value as never, partitions)
        context.output({ ...output, choosePartition: choose })
      }
    },
  } satisfies Operator
}

function windowedPartitioner(serde: Serde<unknown> | WindowedSerde<unknown>) {
  if (!('inner' in serde)) return undefined
  return ({ key }: Windowed, _value: unknown, partitions: number) =>
    partitionForKey(serde.inner.serialize(key), partitions)
}
