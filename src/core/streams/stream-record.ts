/** Records on their way through a topology. */
import type { RecordHeader } from '../batch/record.ts'

/** A record between two nodes. In a table, the value is a `Change`. */
export interface StreamRecord<K = unknown, V = unknown> {
  readonly key: K
  readonly value: V
  /** Milliseconds since 1970, 0 or more. */
  readonly timestamp: number
  readonly headers: readonly RecordHeader[]
}

/** An update of a row of a table; null: the table has no such row. */
export interface Change<V = unknown> {
  readonly newValue: V | null
  readonly oldValue: V | null
}

/** Position of the input record that is being processed. */
export interface RecordPosition {
  readonly topic: string
  readonly partition: number
  readonly offset: number
}

/** The window of a key: from `startMs` up to, not including, `endMs`; the end of a session is included. */
export interface Windowed<K = unknown> {
  readonly key: K
  readonly startMs: number
  readonly endMs: number
}
