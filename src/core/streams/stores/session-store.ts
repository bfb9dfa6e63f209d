/** A store of one value for each key and session. Its segments are those of a window store, by the end of a session. */
import type { Serde } from '../serde.ts'
import { storeKey, type ValueAndTimestamp } from './key-value-store.ts'
import { bytesOfKey } from './leaf.ts'
import type { LeafTree } from './leaf-tree.ts'
import { splitSessionKey, timeText, windowPrefix } from './store-key.ts'
import { TimeSegments } from './time-segments.ts'

export interface Session<V = unknown> extends ValueAndTimestamp<V> {
  readonly startMs: number
  readonly endMs: number
}

export class SessionStore<K = unknown, V = unknown> {
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

  get(key: K, startMs: number, endMs: number): ValueAndTimestamp<V> | undefined {
    return this.#tree.get(this.#segments.of(endMs), this.#keyOf(key, startMs, endMs))
  }

  put(key: K, startMs: number, endMs: number, value: V, timestamp: number): void {
    const name = this.#keyOf(key, startMs, endMs)
    this.#tree.put(this.#segments.of(endMs), name, { value, timestamp })
  }

  delete(key: K, startMs: number, endMs: number): void {
    this.#tree.delete(this.#segments.of(endMs), this.#keyOf(key, startMs, endMs))
  }

  /**
   * Iterates the sessions of a key that end at `earliestEndMs` or later and start at `latestStartMs` or before, in the
   * order of their ends.
   */
  *find(key: K, earliestEndMs: number, latestStartMs: number): Generator<Session<V>> {
    const prefix = windowPrefix(storeKey(this.#key, key))
    const low = prefix + timeText(Math.max(0, earliestEndMs))
    const high = `${prefix}${timeText(Number.MAX_SAFE_INTEGER)}\0`
    const first = this.#segments.of(earliestEndMs)
    for (const segment of this.#tree.segments()) {
      if (segment < first) continue
      for (const [name, value] of this.#tree.range(segment, low, high)) {
        const { startMs, endMs } = splitSessionKey(name)
        if (startMs <= latestStartMs) yield { startMs, endMs, ...value }
      }
    }
  }

  /** Iterates all sessions: by segment, key and end. */
  *all(): Generator<readonly [key: K, Session<V>]> {
    for (const segment of this.#tree.segments()) {
      for (const [name, value] of this.#tree.range(segment, '', null)) {
        const { key, startMs, endMs } = splitSessionKey(name)
        yield [this.#key.deserialize(bytesOfKey(key)), { startMs, endMs, ...value }]
      }
    }
  }

  /** Deletes the segments of which all sessions are older than the retention. */
  expire(streamTimeMs: number): void {
    this.#tree.dropBelow(this.#segments.firstKept(streamTimeMs))
  }

  #keyOf(key: K, startMs: number, endMs: number): string {
    return windowPrefix(storeKey(this.#key, key)) + timeText(endMs) + timeText(startMs)
  }
}
