/**
 * Joins the records of two streams with equal keys whose timestamps are near: `join`, `leftJoin` and `outerJoin` of two
 * streams. A record that found no partner is kept, and joined with null when no partner can come any more.
 */
import { RELEASED_PER_RECORD_MAX } from '../limits.ts'
import type { NodeBase } from '../node.ts'
import type { Cell, Operator, OperatorContext } from '../operator.ts'
import type { KeyValueSpec, WindowSpec } from '../stores/store-spec.ts'
import type { WindowStore } from '../stores/window-store.ts'
import type { StreamRecord } from '../stream-record.ts'
import { TimeQueue } from '../time-queue.ts'
import { type JoinWindows, retentionOf } from '../windows.ts'

export interface StreamJoinNode extends NodeBase {
  readonly kind: 'stream-join'
  readonly inputs: readonly [left: string, right: string]
  readonly windows: JoinWindows
  readonly joiner: (key: never, left: never, right: never) => unknown
  readonly join: 'inner' | 'left' | 'outer'
  /**
   * The records of each side, several for one key and timestamp, and those of both that have no partner yet. Only a
   * join that is not `inner` has the last one.
   */
  readonly stores:
    | readonly [left: WindowSpec, right: WindowSpec]
    | readonly [left: WindowSpec, right: WindowSpec, alone: KeyValueSpec]
}

interface Side {
  /** 1 for the left side: records of equal time leave in the order right, left, as in Kafka Streams. */
  readonly tag: number
  readonly spec: WindowSpec
  readonly store: WindowStore
  /** The highest timestamp of its records. */
  readonly observed: Cell
  /** True if its records without a partner are joined with null. */
  readonly isOuter: boolean
  /** A partner is at most so much earlier, and at most so much later. */
  readonly beforeMs: number
  readonly afterMs: number
  readonly joinWith: (key: unknown, own: unknown, other: unknown) => unknown
}

export function streamJoin(node: StreamJoinNode, context: OperatorContext) {
  const { graceMs, isEager = false } = node.windows
  const retentionMs = retentionOf(node.windows)
  const aloneSpec = node.stores[2]
  const alone =
    isEager || aloneSpec === undefined ? undefined : new TimeQueue<Uint8Array>(aloneSpec, context)
  const sides = [sideOf(node, context, 'left'), sideOf(node, context, 'right')] as const
  const streamTime = context.cell('observed-time', -1)
  const finalMs = ({ afterMs }: Side, timestamp: number) => timestamp + afterMs + graceMs

  const forward = (side: Side, record: StreamRecord, other: unknown, timestamp: number) => {
    const value = side.joinWith(record.key, record.value, other)
    context.forward({ ...record, timestamp, value })
  }

  /** Joins records without a partner with null if none can come any more. */
  const release = () => {
    // The next record continues, so that one record does not make outputs without end.
    for (let count = 0; count < RELEASED_PER_RECORD_MAX; count++) {
      const entry = alone?.take(streamTime.value - 1)
      if (entry === undefined) return
      const side = entry.id[0] === LEFT_TAG ? sides[0] : sides[1]
      const key = side.spec.key.deserialize(entry.id.subarray(1))
      const timestamp = entry.timeMs - side.afterMs - graceMs
      for (const value of side.spec.value.deserialize(entry.value)) {
        forward(side, { key, value, timestamp, headers: [] }, null, timestamp)
      }
    }
  }

  const keepAlone = (side: Side, { key, value, timestamp }: StreamRecord) => {
    const id = aloneId(side, key)
    const timeMs = finalMs(side, timestamp)
    const before = alone?.get(timeMs, id)
    const values = before === undefined ? [] : side.spec.value.deserialize(before)
    alone?.set(timeMs, id, side.spec.value.serialize([...values, value]))
  }

  /** Joins a record with its partners. @returns false if there are none. */
  const joinPartners = (side: Side, other: Side, record: StreamRecord): boolean => {
    const { key, timestamp } = record
    const oldestMs = other.observed.value - retentionMs + 1
    const fromMs = Math.max(timestamp - side.beforeMs, oldestMs)
    let hasPartner = false
    for (const [otherMs, row] of other.store.fetch(key, fromMs, timestamp + side.afterMs)) {
      if (other.isOuter) alone?.delete(finalMs(other, otherMs), aloneId(other, key))
      for (const value of row.value as readonly unknown[]) {
        hasPartner = true
        forward(side, record, value, Math.max(timestamp, otherMs))
      }
    }
    return hasPartner
  }

  const remember = ({ store, observed }: Side, { key, value, timestamp }: StreamRecord) => {
    observed.value = Math.max(observed.value, timestamp)
    if (timestamp <= observed.value - retentionMs) return
    const values = (store.get(key, timestamp)?.value ?? []) as readonly unknown[]
    store.put(key, timestamp, [...values, value], timestamp)
    store.expire(observed.value)
  }

  return {
    process(record: StreamRecord, input: number) {
      const [side, other] = input === 0 ? sides : ([sides[1], sides[0]] as const)
      const { key, value, timestamp } = record
      streamTime.value = Math.max(streamTime.value, timestamp)
      if (value === null || (key === null && !side.isOuter)) {
        context.drop(value === null ? 'null value' : 'null key')
        return
      }
      // A record without a key has no partner.
      if (key === null) {
        forward(side, record, null, timestamp)
        return
      }
      if (timestamp === streamTime.value) release()
      const hasPartner = joinPartners(side, other, record)
      if (!hasPartner && side.isOuter) {
        if (isEager || finalMs(side, timestamp) < streamTime.value)
          forward(side, record, null, timestamp)
        else keepAlone(side, record)
      }
      remember(side, record)
    },
  } satisfies Operator
}

const LEFT_TAG = 1
const RIGHT_TAG = 0

function sideOf(node: StreamJoinNode, context: OperatorContext, which: 'left' | 'right'): Side {
  const { join, joiner, windows } = node
  const { beforeMs, afterMs } = windows
  const isLeft = which === 'left'
  const spec = node.stores[isLeft ? 0 : 1]
  return {
    tag: isLeft ? LEFT_TAG : RIGHT_TAG,
    spec,
    store: context.store(spec),
    observed: context.cell(`${which}-time`, -1),
    isOuter: join === 'outer' || (join === 'left' && isLeft),
    beforeMs: isLeft ? beforeMs : afterMs,
    afterMs: isLeft ? afterMs : beforeMs,
    joinWith: (key, own, other) => {
      const [left, right] = isLeft ? [own, other] : [other, own]
      return joiner(key as never, left as never, right as never) ?? null
    },
  }
}

function aloneId({ tag, spec }: Side, key: unknown): Uint8Array {
  const bytes = spec.key.serialize(key)
  const id = new Uint8Array(1 + bytes.length)
  id[0] = tag
  id.set(bytes, 1)
  return id
}
