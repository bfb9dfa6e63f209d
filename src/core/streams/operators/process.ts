/** Processes records by code of the author of the topology: `process` and `processValues`. */
import { EdgelogError } from '../../errors.ts'
import { PUNCTUATION_INTERVAL_MS_MIN } from '../limits.ts'
import type { NodeBase } from '../node.ts'
import type { Operator, OperatorContext } from '../operator.ts'
import type { OpenStore, ProcessorContext, ProcessorSupplier } from '../processor.ts'
import type { StoreSpec } from '../stores/store-spec.ts'
import type { StreamRecord } from '../stream-record.ts'

export interface ProcessNode extends NodeBase {
  readonly kind: 'process'
  readonly stores: readonly StoreSpec[]
  readonly supplier: ProcessorSupplier<never, never, unknown, unknown>
}

export function process({ supplier, stores }: ProcessNode, context: OperatorContext) {
  let current: StreamRecord | undefined
  let isMade = false
  const own: ProcessorContext<unknown, unknown> = {
    forward({ key, value, timestamp, headers }) {
      context.forward({
        key: key ?? null,
        value: value ?? null,
        timestamp: timestamp ?? current?.timestamp ?? Math.max(0, context.streamTimeMs),
        headers: headers ?? current?.headers ?? [],
      })
    },
    store<Spec extends StoreSpec>(spec: Spec) {
      if (!stores.includes(spec)) {
        const why = `store ${spec.name}: is not among the \`stores\` of the processor`
        throw new EdgelogError('invalid_request', why)
      }
      return context.store(spec) as unknown as OpenStore<Spec>
    },
    schedule(intervalMs, type, punctuate) {
      if (isMade) {
        const why = 'schedule: call it while the processor is made; a restart would lose this one'
        throw new EdgelogError('invalid_request', why)
      }
      if (!Number.isInteger(intervalMs) || intervalMs < PUNCTUATION_INTERVAL_MS_MIN) {
        const limit = `${PUNCTUATION_INTERVAL_MS_MIN} or more whole milliseconds are allowed`
        throw new EdgelogError('invalid_request', `intervalMs: ${intervalMs}; ${limit}`)
      }
      return context.schedule(intervalMs, type, (timeMs) => {
        current = undefined
        punctuate(timeMs)
      })
    },
    get position() {
      return context.position
    },
    partition: context.partition,
    get streamTimeMs() {
      return context.streamTimeMs
    },
    get nowMs() {
      return context.nowMs
    },
  }
  const processor = supplier(own)
  isMade = true
  return {
    process(record: StreamRecord) {
      current = record
      processor.process(record as never)
      current = undefined
    },
    clear() {
      current = undefined
    },
  } satisfies Operator
}
