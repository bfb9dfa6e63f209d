/** The stores that a topology declares. */
import type { Serde } from '../serde.ts'
import type { KeyValueStore } from './key-value-store.ts'
import type { SessionStore } from './session-store.ts'
import type { WindowStore } from './window-store.ts'

interface StoreSpecBase {
  /** Unique within the topology; state is found again by it. */
  readonly name: string
  // biome-ignore lint/suspicious/noExplicitAny: a topology has stores of many types
  readonly key: Serde<any>
  // biome-ignore lint/suspicious/noExplicitAny: as above
  readonly value: Serde<any>
}

export interface KeyValueSpec extends StoreSpecBase {
  readonly kind: 'key-value'
}

export interface WindowSpec extends StoreSpecBase {
  readonly kind: 'window'
  /** Windows older than stream time by more than this are deleted. */
  readonly retentionMs: number
  readonly sizeMs: number
}

export interface SessionSpec extends StoreSpecBase {
  readonly kind: 'session'
  readonly retentionMs: number
}

export type StoreSpec = KeyValueSpec | WindowSpec | SessionSpec

export type StoreOf<Spec extends StoreSpec> = Spec extends KeyValueSpec
  ? KeyValueStore
  : Spec extends WindowSpec
    ? WindowStore
    : SessionStore
