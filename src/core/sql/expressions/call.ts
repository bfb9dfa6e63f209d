/** Calls of functions. */
import { SqlError } from '../errors.ts'
import { SCALAR_NAMES } from '../functions/families.ts'
import type { Implementation, Lambda, ScalarFunction } from '../functions/function.ts'
import { type Argument, type Match, matchVariant } from '../functions/match-variant.ts'
import { nearestName } from '../nearest-name.ts'
import type { FunctionCall } from '../syntax/ast.ts'
import type { SqlType } from '../types/sql-type.ts'
import type { Value } from '../types/value.ts'
import type { CallCompiler, CompileContext, Compiler } from './compile-context.ts'
import type { Row, Typed } from './typed.ts'

/** Computes an argument; a lambda is a function. */
type EvaluateArgument = (row: Row, variables: readonly Value[]) => Value | Lambda

/** Returns the compiler of the calls of some functions. */
export function callCompiler(functions: ReadonlyMap<string, ScalarFunction>): CallCompiler {
  return (call, context, compiler) => {
    const called = functions.get(call.name)
    if (called === undefined) throw unknownFunction(call)
    return compileCall(called, call, context, compiler)
  }
}

function compileCall(
  called: ScalarFunction,
  call: FunctionCall,
  context: CompileContext,
  compiler: Compiler,
): Typed {
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
    if (lambda !== undefined) {
      const cast = wanted === null || lambda.type === null ? lambda : compiler.cast(lambda, wanted)
      return lambdaArgument(cast, count)
    }
    const typed = compiled[index] as Typed
    return compiler.orNull(wanted === null ? typed : compiler.cast(typed, wanted), context)
  })
  return callOf(called, match, parameters, context)
}

/** A lambda's own values follow those of the lambdas around it. */
function lambdaArgument({ evaluate }: Typed, outer: number): EvaluateArgument {
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
  const near = nearestName(name, SCALAR_NAMES)
  const hint = near === undefined ? '' : ` Did you mean ${near}?`
  return new SqlError(
    `line ${at.line}:${at.column}: Can't find any functions with the name '${name}'.${hint}`,
    at,
  )
}
