/** Entries in the order of a time, of which those that are due are taken. It is a store: a task continues with it. */
import { readInt64 } from '../bytes/fixed-width.ts'
import type { Cell, OperatorContext } from './operator.ts'
import { bytes, type Serde } from './serde.ts'
import type { KeyValueStore } from './stores/key-value-store.ts'
import { bytesOfKey, keyOfBytes } from './stores/leaf.ts'
import { timeText } from './stores/store-key.ts'
import type { KeyValueSpec } from './stores/store-spec.ts'

const NEVER = Number.MAX_SAFE_INTEGER
const TIME_BYTES = 8

export interface QueueEntry<V> {
  readonly timeMs: number
  /** Distinguishes entries of the same time, and orders them. */
  readonly id: Uint8Array
  readonly value: V
}

/** Returns the spec of the store of a queue. */
export function queueSpec<V>(name: string, value: Serde<V>): KeyValueSpec {
  return { kind: 'key-value', name, key: bytes, value }
}

export class TimeQueue<V> {
  readonly #store: KeyValueStore<Uint8Array, V>
  /** No entry is earlier. Without it, each search would pass over the entries that were taken. */
  readonly #first: Cell

  constructor(spec: KeyValueSpec, context: OperatorContext) {
    this.#store = context.store(spec) as KeyValueStore<Uint8Array, V>
    this.#first = context.cell('queue-time', NEVER)
  }

  get(timeMs: number, id: Uint8Array): V | undefined {
    return this.#store.get(keyOf(timeMs, id))?.value
  }

  set(timeMs: number, id: Uint8Array, value: V): void {
    this.#store.put(keyOf(timeMs, id), value, timeMs)
    this.#first.value = Math.min(this.#first.value, timeMs)
  }

  delete(timeMs: number, id: Uint8Array): void {
    this.#store.delete(keyOf(timeMs, id))
  }

  /** Removes the first entry, and returns it, if its time is not behind `untilMs`. */
  take(untilMs: number): QueueEntry<V> | undefined {
    if (this.#first.value > untilMs) return undefined
    for (const [key, { value }] of this.#store.range(keyOf(this.#first.value, new Uint8Array()))) {
      const timeMs = readInt64(key, 0)
      this.#first.value = timeMs
      if (timeMs > untilMs) return undefined
      this.#store.delete(key)
      return { timeMs, id: key.subarray(TIME_BYTES), value }
    }
    this.#first.value = NEVER
    return undefined
  }
}

function keyOf(timeMs: number, id: Uint8Array): Uint8Array {
  return bytesOfKey(timeText(timeMs) + keyOfBytes(id))
}
