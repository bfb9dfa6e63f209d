/**
 * What a crash run remembers: each append with everything that was answered to it, what readers saw
 * on the way, and the whole log at the end.
 *
 * An answer that did not come is neither success nor failure (`unknown`): blurring this is where
 * checkers go wrong.
 */

export type Outcome =
  | { readonly kind: 'ok'; readonly baseOffsets: readonly number[] }
  /** Refused for certain. */
  | { readonly kind: 'fail'; readonly code: string }
  | { readonly kind: 'unknown'; readonly why: string }

/** One request to append: one or more batches, all or none of which are in the log. */
export interface AppendEvent {
  readonly producer: string
  readonly partition: number
  /** Position in what this producer sent to this partition. */
  readonly order: number
  /** The values of each batch; every value is unique in the whole run. */
  readonly batches: ReadonlyArray<readonly string[]>
  readonly isIdempotent: boolean
  /** What must be answered if anything is: a probe of a rule, e.g. a gap that must be refused. */
  readonly mustFailWith?: string
  /** One for each attempt; the same bytes are sent each time. */
  readonly outcomes: Outcome[]
}

export interface SeenRecord {
  readonly partition: number
  readonly offset: number
  readonly value: string
}

/** A batch as it lies in the log at the end. */
export interface StoredBatch {
  readonly baseOffset: number
  readonly values: readonly string[]
}

export interface History {
  readonly appends: AppendEvent[]
  /** What readers were given while the server was being killed. */
  readonly seen: SeenRecord[]
  /** The whole log at the end, by partition. */
  readonly log: ReadonlyMap<number, readonly StoredBatch[]>
}

export interface Violation {
  /** The promise that is broken: docs/GUARANTEES.md. */
  readonly promise: string
  readonly what: string
}
