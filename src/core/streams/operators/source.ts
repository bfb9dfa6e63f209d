/** Reads the records of topics. */

import type { NodeBase } from '../node.ts'
import type { Operator, OperatorContext } from '../operator.ts'
import type { Serde } from '../serde.ts'
import type { StreamRecord } from '../stream-record.ts'

export interface SourceNode extends NodeBase {
  readonly kind: 'source'
  readonly topics: readonly string[]
  // biome-ignore lint/suspicious/noExplicitAny: a topology has records of many types
  readonly key: Serde<any>
  // biome-ignore lint/suspicious/noExplicitAny: as above
  readonly value: Serde<any>
}

export function source({ key: keySerde, value: valueSerde }: SourceNode, context: OperatorContext) {
  return {
    process(record: StreamRecord) {
      const { key, value } = record as StreamRecord<Uint8Array | null, Uint8Array | null>
      context.forward({
        key: key === null ? null : keySerde.deserialize(key),
        value: value === null ? null : valueSerde.deserialize(value),
        timestamp: record.timestamp,
        headers: record.headers,
      })
    },
  } satisfies Operator
}
