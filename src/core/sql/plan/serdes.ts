/** The serdes of keys and rows in topologies. */
import type { Serde } from '../../streams/serde.ts'
import type { Windowed } from '../../streams/stream-record.ts'
import { sessionWindowed, timeWindowed } from '../../streams/windowed-serde.ts'
import type { SourceWindow } from '../catalog/source.ts'
import { EvaluationError } from '../errors.ts'
import type { Column, RowCodec } from '../formats/format.ts'
import { type ChosenFormat, codecOf } from '../formats/formats.ts'
import { plainCodec } from '../formats/json.ts'
import { showType } from '../types/sql-type.ts'
import type { Value } from '../types/value.ts'

/** The columns of a key. A record without a key has null. */
export type Key = readonly Value[]
export type RecordKey = Key | Windowed<Key>

export function isWindowed(key: RecordKey): key is Windowed<Key> {
  return !Array.isArray(key)
}

/** Returns the key without its window. */
export function plainKey(key: RecordKey): Key {
  return isWindowed(key) ? key.key : key
}

function serdeOf(name: string, columns: readonly Column[], codec: RowCodec): Serde<Key> {
  const types = columns.map(({ type }) => showType(type)).join(', ')
  return {
    name: `${name}(${types})`,
    serialize(row) {
      const bytes = codec.serialize(row)
      // Null is a record without a key, or a tombstone; plans make it before a record gets here.
      if (bytes === null) throw new EvaluationError(`${name}: a lone column is null`)
      return bytes
    },
    deserialize: (bytes) => codec.deserialize(bytes),
  }
}

/** Returns the serde of keys in topics: Kafka's hash of its bytes chooses the partition. */
export function keySerde(format: ChosenFormat, columns: readonly Column[]): Serde<Key> {
  return serdeOf(`sql-${format.name}`, columns, codecOf(format, columns))
}

export function valueSerde(format: ChosenFormat, columns: readonly Column[]): Serde<Key> {
  return serdeOf(`sql-${format.name}`, columns, codecOf(format, columns))
}

/** Returns the serde of rows in state and in internal topics. */
export function rowSerde(columns: readonly Column[]): Serde<Key> {
  return serdeOf('sql-row-1', columns, plainCodec(columns))
}

/** The size of the windows of a source whose size is not known; it shows in WINDOWEND only. */
const UNKNOWN_SIZE_MS = Number.MAX_SAFE_INTEGER

export function windowedSerde(
  inner: Serde<Key>,
  window: SourceWindow | undefined,
): Serde<RecordKey> {
  if (window === undefined) return inner as Serde<RecordKey>
  const serde =
    window.kind === 'SESSION'
      ? sessionWindowed(inner)
      : timeWindowed(inner, window.sizeMs ?? UNKNOWN_SIZE_MS)
  return serde as Serde<unknown> as Serde<RecordKey>
}
