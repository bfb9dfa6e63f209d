/** The interface between functions and the expressions that call them. */
import type { SqlType } from '../types/sql-type.ts'
import type { Value } from '../types/value.ts'

/** The clock and the chance that a function may use. */
export interface Environment {
  /** The time of the turn by the clock, in milliseconds since 1970. */
  readonly nowMs: () => number
  /** Returns a number from 0 up to, but not including, 1. */
  readonly random: () => number
}

/** A compiled lambda, such as `(x, y) => x + y`. */
export type Lambda = (...values: Value[]) => Value

/** An argument: a value, or a lambda where the signature has one. */
// biome-ignore lint/suspicious/noExplicitAny: the signature of a function checks its arguments
export type Implementation = (...values: any[]) => Value

export interface FunctionVariant {
  /**
   * Parameters and result as text, such as `(ARRAY<T>, LAMBDA(T) -> U) -> ARRAY<U>`. One parameter may end with `...`
   * and stands for any number of arguments. Single letters are type variables; `ANY` is any type, `DECIMAL` one of any
   * precision and scale. `INTERVALUNIT` is a unit of time; its value is a text such as `DAYS`.
   */
  readonly signature: string
  /** Returns the type of the result, if it is more than the signature shows: a precision, the fields of a STRUCT. */
  readonly returns?: (parameters: readonly SqlType[]) => SqlType
  /** If true, the function gets null arguments; otherwise its result is null if an argument is. */
  readonly takesNull?: boolean
  /** Computes the result. @throws {EvaluationError} for a row that has none. */
  readonly call?: Implementation
  /** Returns `call`, made for the types of arguments and the environment; in place of `call`. */
  readonly bind?: (
    parameters: readonly SqlType[],
    returns: SqlType,
    environment: Environment,
  ) => Implementation
}

export interface ScalarFunction {
  /** In upper case. */
  readonly name: string
  /** One sentence for DESCRIBE FUNCTION. */
  readonly description: string
  readonly variants: readonly FunctionVariant[]
}

/** A function that makes any number of rows of one: `call` returns an array of values. */
export interface TableFunction extends ScalarFunction {
  readonly isTable: true
}
