/** Table functions in SELECT: each row becomes as many rows as the longest of their results has values. */
import { SqlError } from '../errors.ts'
import { callCompiler } from '../expressions/call.ts'
import { compiler } from '../expressions/compile.ts'
import { Scope, type ScopeColumn } from '../expressions/scope.ts'
import { guarded, type Row } from '../expressions/typed.ts'
import { TABLE_FUNCTIONS } from '../functions/functions.ts'
import type { FunctionCall } from '../syntax/ast.ts'
import { printExpression } from '../syntax/print.ts'
import { rewrite } from '../syntax/rewrite.ts'
import { arrayOf } from '../types/sql-type.ts'
import type { Value } from '../types/value.ts'
import type { PlanContext, Relation } from './relation.ts'
import type { NamedExpression } from './select-items.ts'

const compileTableCall = callCompiler(TABLE_FUNCTIONS)

export function addTableFunctions(
  context: PlanContext,
  relation: Relation,
  items: readonly NamedExpression[],
): { relation: Relation; items: readonly NamedExpression[] } {
  const calls = new Map<string, FunctionCall>()
  const rewritten = items.map(({ name, expression }) => ({
    name,
    expression: rewrite(expression, (part) => {
      if (part.kind !== 'call' || !TABLE_FUNCTIONS.has(part.name)) return undefined
      const text = printExpression(part)
      if (!calls.has(text)) calls.set(text, part)
      const index = [...calls.keys()].indexOf(text)
      return { kind: 'column', name: `KSQL_SYNTH_${index}`, at: part.at }
    }),
  }))
  if (calls.size === 0) return { relation, items }
  if (relation.kind === 'TABLE') {
    throw new SqlError('Table source is not supported with table functions; a stream is allowed')
  }
  const { scope } = relation
  const compileContext = { ...context, scope, clause: 'SELECT' }
  const columns: ScopeColumn[] = [...scope.columns]
  const explode = [...calls.values()].map((call, index) => {
    const typed = compileTableCall(call, compileContext, compiler)
    if (typed.type === null) throw new SqlError(`${call.name}: its values have no type`)
    columns.push({ name: `KSQL_SYNTH_${index}`, type: typed.type, isPseudo: true })
    return guarded({ ...typed, type: arrayOf(typed.type) }, context.onFailure)
  })
  const stream = relation.stream.flatMapValues((row: Row | null): Iterable<Row> => {
    if (row === null) return []
    const lists = explode.map((one) => (one(row) ?? []) as readonly Value[])
    const length = Math.max(...lists.map((list) => list.length))
    return Array.from({ length }, (_, at) => [...row, ...lists.map((list) => list[at] ?? null)])
  })
  return { relation: { ...relation, scope: new Scope(columns), stream }, items: rewritten }
}
