/**
 * The bytes of windowed keys, which are those of Kafka Streams:
 *
 *   time window  key;  start as int64
 *   session      key;  end as int64;  start as int64
 */
import { ByteReader } from '../bytes/byte-reader.ts'
import { ByteWriter } from '../bytes/byte-writer.ts'
import { DecodeError } from '../bytes/decode-error.ts'
import type { Serde } from './serde.ts'
import type { Windowed } from './stream-record.ts'

const TIME_BYTES = 8

export interface WindowedSerde<K> extends Serde<Windowed<K>> {
  /** The serde of the key without its window. A topic is partitioned by it. */
  readonly inner: Serde<K>
}

/** Returns the serde of keys with time windows of one size. The size is not in the bytes. */
export function timeWindowed<K>(inner: Serde<K>, sizeMs: number): WindowedSerde<K> {
  return {
    name: `time-windowed(${inner.name},${sizeMs})`,
    inner,
    serialize: ({ key, startMs }) => withTimes(inner.serialize(key), startMs),
    deserialize(bytes) {
      const { key, times } = splitTimes(bytes, 1)
      const [startMs] = times as [number]
      return { key: inner.deserialize(key), startMs, endMs: startMs + sizeMs }
    },
  }
}

/** Returns the serde of keys with sessions. */
export function sessionWindowed<K>(inner: Serde<K>): WindowedSerde<K> {
  return {
    name: `session-windowed(${inner.name})`,
    inner,
    serialize: ({ key, startMs, endMs }) => withTimes(inner.serialize(key), endMs, startMs),
    deserialize(bytes) {
      const { key, times } = splitTimes(bytes, 2)
      const [endMs, startMs] = times as [number, number]
      return { key: inner.deserialize(key), startMs, endMs }
    },
  }
}

function withTimes(key: Uint8Array, ...times: number[]): Uint8Array {
  const writer = new ByteWriter(key.length + times.length * TIME_BYTES)
  writer.bytes(key)
  for (const time of times) writer.int64AsNumber(time)
  return writer.toBytes()
}

function splitTimes(bytes: Uint8Array, count: number): { key: Uint8Array; times: number[] } {
  const keyBytes = bytes.length - count * TIME_BYTES
  if (keyBytes < 0) {
    const why = `a windowed key has at least ${count * TIME_BYTES} bytes, got ${bytes.length}`
    throw new DecodeError(0, why)
  }
  const reader = new ByteReader(bytes)
  const key = reader.bytes(keyBytes)
  return { key, times: Array.from({ length: count }, () => reader.int64AsNumber()) }
}
