/**
 * A store of one value for each key and window start. Windows are kept in segments of time, and a segment is deleted as
 * a whole when all its windows are older than the retention.
 */
import type { Serde } from '../serde.ts'
import { storeKey, type ValueAndTimestamp } from './key-value-store.ts'
import { bytesOfKey } from './leaf.ts'
import type { LeafTree } from './leaf-tree.ts'
import { splitWindowKey, timeText, windowPrefix } from './store-key.ts'
import { TimeSegments } from './time-segments.ts'

export class WindowStore<K = unknown, V = unknown> {
  readonly #tree: LeafTree<ValueAndTimestamp<V>>
  readonly #key: Serde<K>
  readonly #segments: TimeSegments

  constructor(
    tree: LeafTree<ValueAndTimestamp<V>>,
    { key, retentionMs }: { key: Serde<K>; retentionMs: number },
  ) {
    this.#tree = tree
    this.#key = key
    this.#segments = new TimeSegments(retentionMs)
  }

  get(key: K, startMs: number): ValueAndTimestamp<V> | undefined {
    return this.#tree.get(this.#segments.of(startMs), this.#keyOf(key, startMs))
  }

  put(key: K, startMs: number, value: V, timestamp: number): void {
    this.#tree.put(this.#segments.of(startMs), this.#keyOf(key, startMs), { value, timestamp })
  }

  delete(key: K, startMs: number): void {
    this.#tree.delete(this.#segments.of(startMs), this.#keyOf(key, startMs))
  }

  /** Iterates the windows of a key that start from `fromMs` to `toMs`, both included, in their order. */
  *fetch(
    key: K,
    fromMs: number,
    toMs: number,
  ): Generator<readonly [startMs: number, ValueAndTimestamp<V>]> {
    if (toMs < 0) return
    const prefix = windowPrefix(storeKey(this.#key, key))
    const low = prefix + timeText(Math.max(0, fromMs))
    const high = `${prefix}${timeText(toMs)}\0`
    for (const segment of this.#segmentsBetween(fromMs, toMs)) {
      for (const [name, value] of this.#tree.range(segment, low, high)) {
        yield [splitWindowKey(name).startMs, value]
      }
    }
  }

  /** Iterates all windows that start from `fromMs` to `toMs`: by segment, key and start. */
  *fetchAll(
    fromMs: number,
    toMs: number,
  ): Generator<readonly [key: K, startMs: number, ValueAndTimestamp<V>]> {
    for (const segment of this.#segmentsBetween(fromMs, toMs)) {
      for (const [name, value] of this.#tree.range(segment, '', null)) {
        const { key, startMs } = splitWindowKey(name)
        if (startMs < fromMs || startMs > toMs) continue
        yield [this.#key.deserialize(bytesOfKey(key)), startMs, value]
      }
    }
  }

  /** Deletes the segments of which all windows are older than the retention. */
  expire(streamTimeMs: number): void {
    this.#tree.dropBelow(this.#segments.firstKept(streamTimeMs))
  }

  #segmentsBetween(fromMs: number, toMs: number): number[] {
    const [first, last] = [this.#segments.of(fromMs), this.#segments.of(toMs)]
    return this.#tree.segments().filter((segment) => segment >= first && segment <= last)
  }

  #keyOf(key: K, startMs: number): string {
    return windowPrefix(storeKey(this.#key, key)) + timeText(startMs)
  }
}
