/**
 * Holds back the updates of a table, and forwards the last one of each key: when its window is closed, or a time after
 * the first one. Time is stream time, so nothing comes until a later record does.
 */
import { readFloat64, writeFloat64 } from '../../bytes/fixed-width.ts'
import { changeSerde } from '../change-serde.ts'
import { RELEASED_PER_RECORD_MAX } from '../limits.ts'
import type { NodeBase } from '../node.ts'
import type { Operator, OperatorContext } from '../operator.ts'
import type { Serde } from '../serde.ts'
import type { KeyValueSpec } from '../stores/store-spec.ts'
import type { Change, StreamRecord, Windowed } from '../stream-record.ts'
import { TimeQueue } from '../time-queue.ts'

export interface SuppressNode extends NodeBase {
  readonly kind: 'suppress'
  /** The held updates by key, and the times at which they were held. */
  readonly stores: readonly [held: KeyValueSpec, queue: KeyValueSpec]
  readonly until: 'window-closes' | 'time-limit'
  /** From the end of the window, or the first update that is held, to the update that leaves. */
  readonly waitMs: number
}

/** A held update, and the time by which it is queued. */
export interface HeldUpdate<V = unknown> {
  readonly queuedMs: number
  readonly change: Change<V>
}

/** Returns the serde of held updates: the time as 8 bytes, then the update. */
export function heldSerde<V>(value: Serde<V>): Serde<HeldUpdate<V>> {
  const changes = changeSerde(value)
  return {
    name: `held(${value.name})`,
    serialize({ queuedMs, change }) {
      const update = changes.serialize(change)
      const bytes = new Uint8Array(8 + update.length)
      writeFloat64(bytes, 0, queuedMs)
      bytes.set(update, 8)
      return bytes
    },
    deserialize(bytes) {
      const queuedMs = readFloat64(bytes, 0)
      return { queuedMs, change: changes.deserialize(bytes.subarray(8)) }
    },
  }
}

const NOTHING = new Uint8Array()

export function suppress(node: SuppressNode, context: OperatorContext) {
  const { stores, until, waitMs } = node
  const [spec, queueSpec] = stores
  const held = context.store(spec)
  const queue = new TimeQueue<Uint8Array>(queueSpec, context)
  const observed = context.cell('observed-time', -1)
  const isFinal = until === 'window-closes'

  const hold = ({ key, value, timestamp }: StreamRecord) => {
    const { newValue, oldValue } = value as Change
    const before = held.get(key)?.value as HeldUpdate | undefined
    if (before !== undefined) {
      const change = { newValue, oldValue: before.change.oldValue }
      held.put(key, { ...before, change }, timestamp)
      return
    }
    const queuedMs = isFinal ? (key as Windowed).endMs : timestamp
    held.put(key, { queuedMs, change: { newValue, oldValue } }, timestamp)
    queue.set(queuedMs, spec.key.serialize(key), NOTHING)
  }

  const release = () => {
    // The next record continues, so that one record does not make outputs without end.
    for (let count = 0; count < RELEASED_PER_RECORD_MAX; count++) {
      const due = queue.take(observed.value - waitMs)
      if (due === undefined) return
      const key = spec.key.deserialize(due.id)
      const { value, timestamp } = held.get(key) as { value: HeldUpdate; timestamp: number }
      held.delete(key)
      // The rows of a window were never forwarded, so none has to be deleted.
      if (isFinal && value.change.newValue === null) continue
      context.forward({ key, value: value.change, timestamp, headers: [] })
    }
  }

  return {
    process(record: StreamRecord) {
      if (record.key === null) {
        context.drop('null key')
        return
      }
      observed.value = Math.max(observed.value, record.timestamp)
      hold(record)
      release()
    },
    /** Returns the row as it was forwarded last. The store of the input may have a later one. */
    lookUp(key: unknown) {
      const found = held.get(key)
      if (found === undefined) return context.input(0).lookUp?.(key)
      const { oldValue } = (found.value as HeldUpdate).change
      return oldValue === null ? undefined : { value: oldValue, timestamp: found.timestamp }
    },
  } satisfies Operator
}
