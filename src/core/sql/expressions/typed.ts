/** A compiled expression. */
import { EvaluationError } from '../errors.ts'
import type { SqlType } from '../types/sql-type.ts'
import type { Value } from '../types/value.ts'

/** The values of the columns of a scope. */
export type Row = readonly Value[]

/**
 * Computes the value for a row. `variables` are the values of the lambdas around the expression.
 *
 * @throws {EvaluationError} if the row has none.
 */
export type Evaluate = (row: Row, variables: readonly Value[]) => Value

export interface Typed {
  /** Null: always null, which fits any type. */
  readonly type: SqlType | null
  readonly evaluate: Evaluate
  /** The value of a literal. */
  readonly literal?: Value
}

const NO_VARIABLES: readonly Value[] = []

/** Notes an expression that failed for a row. */
export type FailureListener = (message: string) => void

/** Returns a function that gives null for a row for which an expression fails, and notes why. */
export function guarded({ evaluate }: Typed, onFailure: FailureListener): (row: Row) => Value {
  const orNull = nullOnFailure(evaluate, onFailure)
  return (row) => orNull(row, NO_VARIABLES)
}

/** Returns a function that gives null where another one fails. */
export function nullOnFailure(evaluate: Evaluate, onFailure: FailureListener): Evaluate {
  return (row, variables) => {
    try {
      return evaluate(row, variables)
    } catch (error) {
      // A RangeError is that of a function of the platform, such as a text that is too long.
      if (!(error instanceof EvaluationError || error instanceof RangeError)) throw error
      onFailure(error.message)
      return null
    }
  }
}
