/** A generated topology with its input, as the JSON that the Java program reads. */

/** A step makes the stream or table that its `id` names, of those that other fields name. */
export interface Step {
  readonly op: string
  readonly id?: string
  readonly from?: string
  readonly other?: string
  readonly topic?: string
  readonly store?: string
  /** Name of a function. */
  readonly fn?: string
  /** Name of the function that makes the key of a group; null: the key stays. */
  readonly by?: string | null
  readonly kind?: string
  readonly window?: 'time' | 'sliding' | 'session'
  readonly sizeMs?: number
  readonly advanceMs?: number
  readonly graceMs?: number
  readonly beforeMs?: number
  readonly afterMs?: number
  readonly limitMs?: number | null
  readonly emit?: 'onWindowUpdate' | 'onWindowClose'
  readonly isWindowed?: boolean
  readonly punctuation?: 'stream-time' | 'wall-clock'
  readonly intervalMs?: number
}

export type Input =
  | {
      readonly topic: string
      readonly key: string | null
      readonly value: string | null
      readonly timestamp: number
    }
  | { readonly advanceMs: number }

export interface Case {
  readonly steps: readonly Step[]
  readonly inputs: readonly Input[]
  readonly sinks: readonly string[]
  /** Key-value stores whose rows are compared at the end. */
  readonly stores: readonly string[]
}
