/**
 * The history of a crash run: each append with all responses to it, the records that readers received
 * during the run, and the whole log at the end.
 *
 * A missing response is neither success nor failure (`unknown`). A checker that counts it as either
 * gives wrong results.
 */

export type Outcome =
  | { readonly kind: 'ok'; readonly baseOffsets: readonly number[] }
  /** Definitely refused. */
  | { readonly kind: 'fail'; readonly code: string }
  | { readonly kind: 'unknown'; readonly why: string }

/** One append request of one or more batches; the log holds all of them or none. */
export interface AppendEvent {
  readonly producer: string
  readonly partition: number
  /** Index among the appends of this producer. */
  readonly order: number
  /** The values of each batch; every value is unique in the whole run. */
  readonly batches: ReadonlyArray<readonly string[]>
  readonly isIdempotent: boolean
  /** Error code that any response must have; set for a probe, such as a sequence gap. */
  readonly mustFailWith?: string
  /** One per attempt; each attempt sends the same bytes. */
  readonly outcomes: Outcome[]
}

export interface SeenRecord {
  readonly partition: number
  readonly offset: number
  readonly value: string
}

/** A batch in the log at the end. */
export interface StoredBatch {
  readonly baseOffset: number
  readonly values: readonly string[]
}

export interface History {
  readonly appends: AppendEvent[]
  /** Records that readers received while the server was killed and restarted. */
  readonly seen: SeenRecord[]
  /** The whole log at the end, by partition. */
  readonly log: ReadonlyMap<number, readonly StoredBatch[]>
}

export interface Violation {
  /** The broken promise, by its name in docs/GUARANTEES.md. */
  readonly promise: string
  readonly what: string
}
