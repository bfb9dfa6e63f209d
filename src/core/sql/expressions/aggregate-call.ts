/** Calls of aggregate functions. */
import type { Aggregator } from '../aggregates/aggregate-function.ts'
import { AGGREGATE_FUNCTIONS } from '../aggregates/aggregates.ts'
import { SqlError } from '../errors.ts'
import { matchVariant } from '../functions/match-variant.ts'
import type { FunctionCall } from '../syntax/ast.ts'
import { printExpression } from '../syntax/print.ts'
import type { SqlType } from '../types/sql-type.ts'
import type { Value } from '../types/value.ts'
import { cast } from './coercion.ts'
import { compile } from './compile.ts'
import type { CompileContext } from './compile-context.ts'
import type { Typed } from './typed.ts'

export interface BoundAggregate {
  readonly aggregator: Aggregator
  /** The arguments that each row has: not the literals at the end. */
  readonly parameters: readonly Typed[]
}

export function bindAggregate(call: FunctionCall, context: CompileContext): BoundAggregate {
  const called = AGGREGATE_FUNCTIONS.get(call.name)
  if (called === undefined) throw new SqlError(`${call.name}: is not an aggregate function`)
  const given = call.parameters.map((part) => compile(part, context))
  const { variant, parameters: types } = matchVariant(
    called,
    given.map(({ type }) => type),
  )
  const typed = given.map((one, index) => {
    const wanted = types[index] ?? null
    return wanted === null ? one : cast(one, wanted)
  })
  const split = typed.length - (variant.literals ?? 0)
  const literals = typed.slice(split).map(({ literal }, index): Value => {
    if (literal !== undefined) return literal
    const shown = printExpression(call.parameters[split + index] ?? call)
    throw new SqlError(
      `Parameter ${split + index + 1} passed to function ${call.name} must be a literal constant, but was expression: '${shown}'`,
    )
  })
  const parameters = typed.slice(0, split)
  return {
    aggregator: variant.bind(
      typed.map(({ type }) => type as SqlType),
      literals,
      context.defaults,
    ),
    parameters,
  }
}
