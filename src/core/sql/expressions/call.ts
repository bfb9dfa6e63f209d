/** Calls of functions. */
import { SqlError } from '../errors.ts'
import type { Implementation, Lambda, ScalarFunction } from '../functions/function.ts'
import { SCALAR_FUNCTIONS } from '../functions/functions.ts'
import { type Argument, type Match, matchVariant } from '../functions/match-variant.ts'
import { nearestName } from '../nearest-name.ts'
import type { Expression, FunctionCall, LambdaExpression } from '../syntax/ast.ts'
import type { SqlType } from '../types/sql-type.ts'
import type { Value } from '../types/value.ts'
import { cast } from './coercion.ts'
import type { CompileContext } from './compile-context.ts'
import type { Evaluate, Row, Typed } from './typed.ts'

/** The compiler, which calls and is called by this file. */
export interface Compiler {
  compile(expression: Expression, context: CompileContext): Typed
  compileLambda(
    lambda: LambdaExpression,
    types: readonly (SqlType | null)[],
    context: CompileContext,
  ): Typed
  orNull(typed: Typed, context: CompileContext): Evaluate
}

/** Computes an argument; a lambda is a function. */
type EvaluateArgument = (row: Row, variables: readonly Value[]) => Value | Lambda

export function compileCall(
  call: FunctionCall,
  context: CompileContext,
  compiler: Compiler,
  functions: ReadonlyMap<string, ScalarFunction> = SCALAR_FUNCTIONS,
): Typed {
  const called = functions.get(call.name)
  if (called === undefined) throw unknownFunction(call)
  const lambdas = new Map<number, Typed>()
  const compiled = call.parameters.map((part) =>
    part.kind === 'lambda' || part.kind === 'unit' ? undefined : compiler.compile(part, context),
  )
  const match = matchVariant(
    called,
    call.parameters.map((part, index): Argument => {
      if (part.kind === 'unit') return 'INTERVALUNIT'
      if (part.kind !== 'lambda') return compiled[index]?.type ?? null
      return {
        lambdaParameters: part.names.length,
        typeOf(types) {
          const lambda = compiler.compileLambda(part, types, context)
          lambdas.set(index, lambda)
          return lambda.type
        },
      }
    }),
  )
  const count = context.variables?.length ?? 0
  const parameters = call.parameters.map((part, index): EvaluateArgument => {
    if (part.kind === 'unit') return () => part.unit
    const wanted = match.parameters[index] ?? null
    const lambda = lambdas.get(index)
    if (lambda !== undefined) return lambdaArgument(lambda, wanted, count)
    const typed = compiled[index] as Typed
    return compiler.orNull(wanted === null ? typed : cast(typed, wanted), context)
  })
  return callOf(called, match, parameters, context)
}

/** A lambda's own values follow those of the lambdas around it. */
function lambdaArgument(lambda: Typed, wanted: SqlType | null, outer: number): EvaluateArgument {
  const { evaluate } = wanted === null || lambda.type === null ? lambda : cast(lambda, wanted)
  return (row, variables) => {
    const around = variables.slice(0, outer)
    return (...values: Value[]) => evaluate(row, [...around, ...values])
  }
}

function callOf(
  called: ScalarFunction,
  { variant, parameters: types, returnType }: Match<ScalarFunction['variants'][number]>,
  parameters: readonly EvaluateArgument[],
  { environment }: CompileContext,
): Typed {
  const type = returnType()
  const implementation: Implementation | undefined =
    variant.bind?.(types as readonly SqlType[], type, environment) ?? variant.call
  if (implementation === undefined) throw new SqlError(`${called.name}: has no implementation`)
  const takesNull = variant.takesNull === true
  return {
    type,
    evaluate(row, variables) {
      const values: (Value | Lambda)[] = []
      for (const parameter of parameters) {
        const value = parameter(row, variables)
        if (value === null && !takesNull) return null
        values.push(value)
      }
      return implementation(...values)
    },
  }
}

function unknownFunction({ name, at }: FunctionCall): SqlError {
  const near = nearestName(name, SCALAR_FUNCTIONS.keys())
  const hint = near === undefined ? '' : ` Did you mean ${near}?`
  return new SqlError(
    `line ${at.line}:${at.column}: Can't find any functions with the name '${name}'.${hint}`,
    at,
  )
}
