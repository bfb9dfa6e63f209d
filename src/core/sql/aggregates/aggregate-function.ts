/** The interface between aggregate functions and the operators that call them. */
import type { SqlType } from '../types/sql-type.ts'
import type { Value } from '../types/value.ts'

/** One aggregate function, made for the types of its arguments. Its state is a value with a type, which is stored. */
export interface Aggregator {
  readonly stateType: SqlType
  readonly resultType: SqlType
  initial(): Value
  /**
   * Returns the next state; `state` is not changed. `sequence` grows from record to record of a partition, and decides
   * which of two states that are merged is older; without it, each state counts its own records.
   */
  add(state: Value, values: readonly Value[], sequence?: number): Value
  /** Takes out what `add` added; functions without it cannot aggregate tables. */
  undo?(state: Value, values: readonly Value[]): Value
  /** Combines two states, for sessions that become one. */
  merge(one: Value, other: Value): Value
  result(state: Value): Value
}

/** Properties of a session that the functions follow. */
export interface AggregateSettings {
  /** `ksql.functions.collect_list.limit`. */
  readonly collectListMax?: number
  /** `ksql.functions.collect_set.limit`. */
  readonly collectSetMax?: number
}

export interface AggregateVariant {
  /** Parameters and result, as those of a scalar function. */
  readonly signature: string
  /**
   * Number of parameters at the end that are literals, such as the 3 of `TOPK(x, 3)`; they are given to `bind`, not to
   * `add`.
   */
  readonly literals?: number
  /**
   * Returns the function for the types of all arguments, those of literals included.
   *
   * @throws {SqlError} for literals that are not allowed.
   */
  readonly bind: (
    parameters: readonly SqlType[],
    literals: readonly Value[],
    settings?: Partial<AggregateSettings>,
  ) => Aggregator
}

export interface AggregateFunction {
  /** In upper case. */
  readonly name: string
  readonly description: string
  readonly variants: readonly AggregateVariant[]
}
