/** Everything that an expression is compiled with. */
import type { AggregateSettings } from '../aggregates/aggregate-function.ts'
import type { Environment } from '../functions/function.ts'
import type { Expression, FunctionCall, LambdaExpression } from '../syntax/ast.ts'
import type { SqlType } from '../types/sql-type.ts'
import type { Scope } from './scope.ts'
import type { Evaluate, FailureListener, Typed } from './typed.ts'

/** The parts of the language that only some statements need: a page loads those that its statement needs. */
export interface Language {
  /** Compiles the calls of the functions that were loaded. */
  readonly compileCall: CallCompiler
  /** Reads the time of a record by the TIMESTAMP_FORMAT of its source. @throws {EvaluationError} for another text. */
  readonly parseTimestamp: (text: string, pattern: string) => number
}

/** The language, and the clock and the chance that its functions use. */
export type CompileEnvironment = Language & Environment

export interface CompileContext {
  readonly scope: Scope
  readonly environment: CompileEnvironment
  /** The settings of the session that aggregate functions have. */
  readonly defaults?: AggregateSettings
  /** Notes a part of an expression that failed, and is null. */
  readonly onFailure?: FailureListener
  /** Where the expression stands, such as `SELECT`, for errors. */
  readonly clause: string
  /** The variables of the lambdas around the expression. */
  readonly variables?: ReadonlyArray<{ readonly name: string; readonly type: SqlType | null }>
}

/** The compiler of expressions, for the compiler of calls: they call one another. */
export interface Compiler {
  compile(expression: Expression, context: CompileContext): Typed
  compileLambda(
    lambda: LambdaExpression,
    types: readonly (SqlType | null)[],
    context: CompileContext,
  ): Typed
  cast(typed: Typed, to: SqlType): Typed
  orNull(typed: Typed, context: CompileContext): Evaluate
}

/** @throws {SqlError} for a name that is not known, and for arguments that its function does not have. */
export type CallCompiler = (
  call: FunctionCall,
  context: CompileContext,
  compiler: Compiler,
) => Typed
