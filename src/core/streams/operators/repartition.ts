/**
 * Writes records to an internal topic, by their new key, and reads them in the next sub-topology. The node is the last
 * one of one sub-topology and the first one of another.
 */

import type { NodeBase } from '../node.ts'
import type { Operator, OperatorContext } from '../operator.ts'
import type { Serde } from '../serde.ts'
import type { StreamRecord } from '../stream-record.ts'

export interface RepartitionNode extends NodeBase {
  readonly kind: 'repartition'
  // biome-ignore lint/suspicious/noExplicitAny: a topology has records of many types
  readonly key: Serde<any>
  // biome-ignore lint/suspicious/noExplicitAny: as above
  readonly value: Serde<any>
  /** Partitions of the internal topic; default: as many as the topics that it is joined with, or is made of. */
  readonly partitions?: number
  /** Drops records without a key, which no partition is right for. */
  readonly needsKey: boolean
  /** Returns the partition of a record; default: by the hash of the key. */
  readonly partitionOf?: (value: never) => number
}

/** Makes the operator that writes; the one that reads is a `source`. */
export function repartition(node: RepartitionNode, context: OperatorContext) {
  const { key, value, needsKey, partitionOf } = node
  return {
    process(record: StreamRecord) {
      if (needsKey && record.key === null) {
        context.drop('null key')
        return
      }
      context.output({
        key: record.key === null ? null : key.serialize(record.key),
        value: record.value === null ? null : value.serialize(record.value),
        timestamp: record.timestamp,
        headers: record.headers,
        ...(partitionOf === undefined
          ? {}
          : { choosePartition: () => partitionOf(record.value as never) }),
      })
    },
  } satisfies Operator
}
