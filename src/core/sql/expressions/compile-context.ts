/** Everything that an expression is compiled with. */
import type { AggregateSettings } from '../aggregates/aggregate-function.ts'
import type { Environment } from '../functions/function.ts'
import type { SqlType } from '../types/sql-type.ts'
import type { Scope } from './scope.ts'
import type { FailureListener } from './typed.ts'

export interface CompileContext {
  readonly scope: Scope
  readonly environment: Environment
  /** The settings of the session that aggregate functions have. */
  readonly defaults?: AggregateSettings
  /** Notes a part of an expression that failed, and is null. */
  readonly onFailure?: FailureListener
  /** Where the expression stands, such as `SELECT`, for errors. */
  readonly clause: string
  /** The variables of the lambdas around the expression. */
  readonly variables?: ReadonlyArray<{ readonly name: string; readonly type: SqlType | null }>
}
