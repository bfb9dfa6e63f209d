/** A store of the latest value of each key, with the timestamp of the value. */
import { readInt64, writeInt64 } from '../../bytes/fixed-width.ts'
import { type Serde, text } from '../serde.ts'
import { bytesOfKey, keyOfBytes } from './leaf.ts'
import type { LeafTree, ValueCodec } from './leaf-tree.ts'

/** A value of a table, with its timestamp. */
export interface ValueAndTimestamp<V = unknown> {
  readonly value: V
  readonly timestamp: number
}

const PLAIN_SEGMENT = 0
const TIMESTAMP_BYTES = 8

/** Returns the codec of values with timestamps: the timestamp as int64, then the value. */
export function timestamped<V>(serde: Serde<V>): ValueCodec<ValueAndTimestamp<V>> {
  return {
    encode({ value, timestamp }) {
      const bytes = serde.serialize(value)
      const target = new Uint8Array(TIMESTAMP_BYTES + bytes.length)
      writeInt64(target, 0, timestamp)
      target.set(bytes, TIMESTAMP_BYTES)
      return target
    },
    decode(bytes) {
      const value = serde.deserialize(bytes.subarray(TIMESTAMP_BYTES))
      return { value, timestamp: readInt64(bytes, 0) }
    },
  }
}

const ASCII = /^[\0-\x7f]*$/

/** Returns the key of a store for a key of a record: its bytes, as text. */
export function storeKey<K>(serde: Serde<K>, key: K): string {
  // The bytes of ASCII are its characters.
  if (serde === (text as unknown) && typeof key === 'string' && ASCII.test(key)) return key
  return keyOfBytes(serde.serialize(key))
}

export class KeyValueStore<K = unknown, V = unknown> {
  readonly #tree: LeafTree<ValueAndTimestamp<V>>
  readonly #key: Serde<K>

  constructor(tree: LeafTree<ValueAndTimestamp<V>>, key: Serde<K>) {
    this.#tree = tree
    this.#key = key
  }

  get(key: K): ValueAndTimestamp<V> | undefined {
    return this.getAt(this.idOf(key))
  }

  put(key: K, value: V, timestamp: number): void {
    this.putAt(this.idOf(key), value, timestamp)
  }

  delete(key: K): void {
    this.putAt(this.idOf(key), null, 0)
  }

  /** Returns the id of a key, which the calls below take. Making it costs more than they do. */
  idOf(key: K): string {
    return storeKey(this.#key, key)
  }

  getAt(id: string): ValueAndTimestamp<V> | undefined {
    return this.#tree.get(PLAIN_SEGMENT, id)
  }

  /** Replaces a value; null deletes the key. */
  putAt(id: string, value: V | null, timestamp: number): void {
    if (value === null) this.#tree.delete(PLAIN_SEGMENT, id)
    else this.#tree.put(PLAIN_SEGMENT, id, { value, timestamp })
  }

  /** Iterates keys from `from` to `to`, both included, in the order of their bytes. */
  *range(from?: K, to?: K): Generator<readonly [K, ValueAndTimestamp<V>]> {
    yield* this.rangeOfBytes({
      ...(from === undefined ? {} : { from: this.#key.serialize(from) }),
      ...(to === undefined ? {} : { to: this.#key.serialize(to) }),
    })
  }

  /** Iterates keys like `range`; `after` leaves out the keys up to it. */
  *rangeOfBytes({
    from,
    to,
    after,
  }: {
    readonly from?: Uint8Array
    readonly to?: Uint8Array
    readonly after?: Uint8Array
  }): Generator<readonly [K, ValueAndTimestamp<V>]> {
    const begin = from === undefined ? '' : keyOfBytes(from)
    const behind = after === undefined ? '' : `${keyOfBytes(after)}\0`
    const first = behind > begin ? behind : begin
    const end = to === undefined ? null : `${keyOfBytes(to)}\0`
    for (const [key, value] of this.#tree.range(PLAIN_SEGMENT, first, end)) {
      yield [this.#key.deserialize(bytesOfKey(key)), value]
    }
  }
}
