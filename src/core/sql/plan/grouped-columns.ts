/** The columns of a grouped query: its keys, its aggregate functions, and SELECT in terms of them. */

import { isAggregate } from '../aggregates/aggregate-names.ts'
import { SqlError } from '../errors.ts'
import { type BoundAggregate, bindAggregate } from '../expressions/aggregate-call.ts'
import { compile, typeOf } from '../expressions/compile.ts'
import { qualify } from '../expressions/qualify.ts'
import type { Scope } from '../expressions/scope.ts'
import { guarded, type Row } from '../expressions/typed.ts'
import type { Expression, FunctionCall } from '../syntax/ast.ts'
import { printExpression } from '../syntax/print.ts'
import { rewrite, walk } from '../syntax/rewrite.ts'
import type { SqlType } from '../types/sql-type.ts'
import type { Value } from '../types/value.ts'
import type { PlanContext, Relation } from './relation.ts'
import type { NamedExpression } from './select-items.ts'

/** A column of the group's key. */
export interface GroupKey {
  readonly name: string
  readonly type: SqlType
  /** The qualified text of its expression. */
  readonly text: string
  readonly evaluate: (row: Row) => Value
  /** The place of the column, if the expression is one. */
  readonly index?: number
}

export function groupKeys(
  context: PlanContext,
  { scope }: Relation,
  items: readonly NamedExpression[],
  groupBy: readonly Expression[],
  isWindowed: boolean,
): GroupKey[] {
  const texts = new Map<string, string>()
  for (const { name, expression } of items) {
    const marked = isWindowed ? withoutWindowBounds(expression) : expression
    const text = printExpression(qualify(marked, scope, 'SELECT'))
    if (!texts.has(text)) texts.set(text, name)
  }
  const taken = new Set<string>()
  return groupBy.map((given, position) => {
    const expression = qualify(given, scope, 'GROUP BY')
    refuseAggregates(expression, 'GROUP BY')
    const typed = compile(expression, { ...context, scope, clause: 'GROUP BY' })
    const text = printExpression(expression)
    const type = typeOf(typed, `GROUP BY ${text}`)
    const name = texts.get(text) ?? nameOf(expression, position)
    if (taken.has(text)) throw new SqlError(`GROUP BY: ${text} is there twice`)
    taken.add(text)
    const base = { name, type, text, evaluate: guarded(typed, context.onFailure) }
    return expression.kind === 'column'
      ? { ...base, index: scope.find(expression, 'GROUP BY').index }
      : base
  })
}

function nameOf(expression: Expression, position: number): string {
  if (expression.kind === 'column') return expression.name
  return expression.kind === 'field' ? expression.name : `KSQL_COL_${position}`
}

function refuseAggregates(expression: Expression, clause: string): void {
  walk(expression, (part) => {
    if (part.kind === 'call' && isAggregate(part.name)) {
      throw new SqlError(
        `${clause} does not support aggregate functions: ${part.name} is an aggregate function.`,
      )
    }
    return true
  })
}

/** The aggregate functions of a query, each once, and their arguments. */
export class AggregateCalls {
  readonly all: Array<BoundAggregate & { readonly name: string; readonly text: string }> = []
  readonly #context: PlanContext
  readonly #input: Relation

  constructor(context: PlanContext, input: Relation) {
    this.#context = context
    this.#input = input
  }

  /** Returns the name of the column that has the result of a call. */
  add(call: FunctionCall, clause: string): string {
    const text = printExpression(call)
    const known = this.all.find((one) => one.text === text)
    if (known !== undefined) return known.name
    for (const parameter of call.parameters) {
      walk(parameter, (part) => {
        if (part.kind === 'call' && isAggregate(part.name)) {
          throw new SqlError(`Aggregate functions can not be nested: ${call.name}(${part.name}())`)
        }
        return true
      })
    }
    const { scope, kind } = this.#input
    const bound = bindAggregate(call, { ...this.#context, scope, clause })
    if (kind === 'TABLE' && bound.aggregator.undo === undefined) {
      throw new SqlError(
        `The aggregation function ${call.name} cannot be applied to a table source, only to a stream source.`,
      )
    }
    const name = `KSQL_AGG_VARIABLE_${this.all.length}`
    this.all.push({ ...bound, name, text })
    return name
  }
}

/** Puts the columns of the aggregated table in the place of keys and aggregate functions. */
export class Rewriter {
  readonly #scope: Scope
  readonly #keys: readonly GroupKey[]
  readonly #calls: AggregateCalls
  readonly #isWindowed: boolean

  constructor(scope: Scope, keys: readonly GroupKey[], calls: AggregateCalls, isWindowed: boolean) {
    this.#isWindowed = isWindowed
    this.#scope = scope
    this.#keys = keys
    this.#calls = calls
  }

  rewrite(expression: Expression, clause: string): Expression {
    const column = (name: string): Expression => ({
      kind: 'column',
      name,
      at: { line: 1, column: 1 },
    })
    const marked = this.#isWindowed ? withoutWindowBounds(expression) : expression
    const qualified = qualify(marked, this.#scope, clause)
    const replaced = rewrite(qualified, (part) => {
      const key = this.#keys.find(({ text }) => text === printExpression(part))
      if (key !== undefined) return column(key.name)
      if (part.kind !== 'call' || !isAggregate(part.name)) return undefined
      return column(this.#calls.add(part, clause))
    })
    walk(replaced, (part) => {
      if (part.kind === 'column' && part.source !== undefined) {
        throw new SqlError(
          `Non-aggregate ${clause} expression(s) not part of GROUP BY: ${part.name}. Either add the column to the GROUP BY or remove it from the ${clause}.`,
          part.at,
        )
      }
      return part.kind !== 'lambda'
    })
    return rewrite(replaced, (part) => {
      if (part.kind !== 'call' || part.name !== BOUND) return undefined
      const [name] = part.parameters
      return name?.kind === 'literal' ? column(String(name.value)) : undefined
    })
  }
}

/** Marks the bounds of the new window, which are no columns of the source. */
const BOUND = '$BOUND'

function withoutWindowBounds(expression: Expression): Expression {
  return rewrite(expression, (part) => {
    const isBound =
      part.kind === 'column' && (part.name === 'WINDOWSTART' || part.name === 'WINDOWEND')
    if (!isBound) return undefined
    const { name, at } = part
    const literal = { kind: 'literal', value: name, type: null } as const
    return { kind: 'call', name: BOUND, parameters: [literal], at }
  })
}
