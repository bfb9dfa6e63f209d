/** Makes the stores of processors. */
import type { StoreOption } from '../processor.ts'
import type { Serde } from '../serde.ts'
import type { KeyValueSpec, SessionSpec, WindowSpec } from '../stores/store-spec.ts'

interface StoreSerdes<K, V> {
  readonly key: Serde<K>
  readonly value: Serde<V>
}

/** Returns a store of the latest value of each key. */
export function keyValueStore<K, V>(
  name: string,
  serdes: StoreSerdes<K, V>,
): StoreOption<K, V> & KeyValueSpec {
  return { kind: 'key-value', name, ...serdes }
}

/** Returns a store of one value for each key and window start. Windows older than `retentionMs` are deleted. */
export function windowStore<K, V>(
  name: string,
  options: StoreSerdes<K, V> & { readonly sizeMs: number; readonly retentionMs: number },
): StoreOption<K, V> & WindowSpec {
  return { kind: 'window', name, ...options }
}

/** Returns a store of one value for each key and session. Sessions older than `retentionMs` are deleted. */
export function sessionStore<K, V>(
  name: string,
  options: StoreSerdes<K, V> & { readonly retentionMs: number },
): StoreOption<K, V> & SessionSpec {
  return { kind: 'session', name, ...options }
}
