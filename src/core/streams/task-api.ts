/** The RPC interface of a task's Durable Object. Types only: both sides import this file and never each other. */
import type { Result } from '../errors.ts'
import type { ShownError } from './turn-row.ts'

/** A topology as data, for the compiler of its kind: what a Worker runs that was not built with the topology. */
export interface Program {
  readonly kind: string
  /** JSON. */
  readonly definition: unknown
}

/** One partition that a task reads, with the identity of its topic. */
export interface AssignedInput {
  /** The source or repartition by which its records come in. */
  readonly node: string
  readonly topic: string
  readonly topicId: string
  /** With a later version the topic may have more partitions: the application looks. */
  readonly topicVersion: number
  readonly partition: number
  readonly startOffset: number
  /** True if the task deletes what it has read, because the topic is internal. */
  readonly isInternal: boolean
  /** The task processes no record at or above it. */
  readonly cutOffset?: number
}

/** A topic that a task writes to. */
export interface AssignedOutput {
  /** The sink or repartition. */
  readonly node: string
  readonly topic: string
  readonly topicId: string
  readonly partitions: number
  readonly batchBytesMax: number
  /** True: nothing is written, because another generation writes to the topic. */
  readonly isMuted?: boolean
}

/** Everything that a task needs to run. */
export interface TaskAssignment {
  readonly application: string
  /** Grows with each reset and each upgrade that begins anew. */
  readonly generation: number
  /** Grows with each change of the assignment; an older version never replaces a newer one. */
  readonly version: number
  /** Fingerprint of the topology that it is made for. With another one, the task waits for its next assignment. */
  readonly fingerprint: string
  readonly sub: number
  readonly partition: number
  readonly inputs: readonly AssignedInput[]
  readonly outputs: readonly AssignedOutput[]
  readonly isPaused: boolean
  /** True: no punctuation by the clock is run, while the generations are swapped. */
  readonly isClockStopped?: boolean
  /** Without it, the Worker has registered the topology. */
  readonly program?: Program
}

/** `waiting`: this Worker has another topology than the assignment is made for, or cannot compile its program. */
export type TaskStatus = 'running' | 'paused' | 'failed' | 'waiting'

export interface InputPosition {
  readonly topic: string
  readonly partition: number
  /** The offset of the first record that is not processed. */
  readonly offset: number
  /** The end of what the task may read, as far as it knows. */
  readonly endOffset: number
}

export interface TaskDescription {
  readonly sub: number
  readonly partition: number
  readonly status: TaskStatus
  readonly inputs: readonly InputPosition[]
  readonly recordsCount: number
  /** Records that each node has processed, by its name. */
  readonly nodes: Readonly<Record<string, number>>
  /** Records that were dropped, by node and reason. */
  readonly dropped: Readonly<Record<string, number>>
  readonly stateBytes: number
  /** Turns whose batches are not acknowledged. */
  readonly pendingTurns: number
  readonly streamTimeMs: number
  /** The rows that this instance has written, for the cost of a topology. */
  readonly rowsWritten: number
  readonly lastError?: ShownError
  /** Only of programs: the expressions that failed for a row since the task woke up, and gave null. */
  readonly failures?: { readonly count: number; readonly lastMessage: string }
}

/** How far a task is. */
export interface TaskProgress {
  readonly sub: number
  readonly partition: number
  /** The version of its assignment. */
  readonly version: number
  readonly status: TaskStatus
  readonly inputs: ReadonlyArray<InputPosition & { readonly isInternal: boolean }>
  readonly recordsCount: number
  /** Turns whose batches are not acknowledged. */
  readonly pendingTurns: number
  /** Only if it has failed. */
  readonly error?: ShownError
}

/** A position that the state of a task must have reached before a query is answered. */
export interface AtLeast {
  readonly topic: string
  readonly partition: number
  readonly offset: number
}

interface QueryBase {
  readonly store: string
  readonly atLeast?: AtLeast
  readonly maxWaitMs: number
  /** True to return keys and values as the store's serdes write them. */
  readonly isRaw?: boolean
}

/** Keys are as the store's serde writes them. */
export type StoreQuery =
  | (QueryBase & { readonly kind: 'get'; readonly key: Uint8Array })
  /** Keys from `from` to `to`, both included. */
  | (QueryBase & {
      readonly kind: 'range'
      readonly from?: Uint8Array
      readonly to?: Uint8Array
      /** Continues behind this key. */
      readonly after?: Uint8Array
      readonly limit: number
    })
  /** Windows, or sessions, of one key, or of all, that overlap a time from `fromMs` to `toMs`. */
  | (QueryBase & {
      readonly kind: 'windows'
      readonly key?: Uint8Array
      readonly fromMs: number
      readonly toMs: number
      readonly limit: number
    })

export interface StoreRow {
  /** As the store's serde reads it, or if `isRaw`, as it writes it. Objects of tasks return what JSON can show. */
  readonly key: unknown
  readonly value: unknown
  readonly timestamp: number
  readonly window?: { readonly startMs: number; readonly endMs: number }
}

export interface QueryResult {
  readonly rows: readonly StoreRow[]
  /** True if there are more rows than the limit allows. */
  readonly hasMore: boolean
  /** The positions of the state that the rows are of. */
  readonly positions: readonly InputPosition[]
}

export interface TaskApi {
  /** Creates the task, or changes its assignment. Idempotent; called by its application only. */
  configure(assignment: TaskAssignment): Promise<Result<null>>
  /** Deletes everything that is stored. Idempotent; called by its application only. */
  destroy(): Promise<void>
  /** Notes that a partition may have new records. May be lost. */
  news(topicId: string, partition: number): Promise<void>
  describe(): Promise<Result<TaskDescription>>
  /**
   * Returns how far the task is, and lets it go on after a restart. Ends of topics are as they are now.
   *
   * Errors: `unavailable` if a topic does not respond; `not_found` if this Worker does not have the topology.
   */
  progress(): Promise<Result<TaskProgress>>
  /**
   * Reads a store.
   *
   * Errors: `not_found` for a store that the task does not have; `unavailable` if `atLeast` is not reached in time;
   * `invalid_request` for a query that the kind of the store does not have.
   */
  query(query: StoreQuery): Promise<Result<QueryResult>>
}

/** Returns the name of a task's Durable Object. */
export function taskObjectName(
  application: string,
  generation: number,
  sub: number,
  partition: number,
): string {
  return `${application}/${generation}/${sub}_${partition}`
}
