/** Finds the keys that a condition asks for, so that a query reads them and not the whole table. */
import { columnsOf, type Source } from '../catalog/source.ts'
import { EvaluationError, SqlError } from '../errors.ts'
import { cast } from '../expressions/coercion.ts'
import { compile } from '../expressions/compile.ts'
import type { CompileEnvironment } from '../expressions/compile-context.ts'
import { Scope } from '../expressions/scope.ts'
import { KEY_LOOKUPS_MAX } from '../limits.ts'
import type { Expression } from '../syntax/ast.ts'
import { rewrite } from '../syntax/rewrite.ts'
import { identityOf } from '../types/compare-values.ts'
import type { SqlType } from '../types/sql-type.ts'
import type { Value } from '../types/value.ts'

/** The values of one column that a condition allows. */
type Allowed = ReadonlyMap<string, readonly Value[]>

/** From and to which start of a window a condition asks; both included. */
export interface WindowBounds {
  readonly fromMs: number
  readonly toMs: number
}

/**
 * Returns the keys of which a row must have one; undefined if the condition does not say. The condition must still be
 * checked for each row.
 */
export function keysOf(
  where: Expression | undefined,
  source: Source,
  environment: CompileEnvironment,
): ReadonlyArray<readonly Value[]> | undefined {
  const keys = columnsOf(source, 'key')
  if (where === undefined || keys.length === 0) return undefined
  const allowed = alternatives(where, keys, environment)
  if (allowed === undefined) return undefined
  const found = new Map<unknown, readonly Value[]>()
  for (const one of allowed) {
    const lists = keys.map(({ name }) => one.get(name))
    if (lists.includes(undefined)) return undefined
    for (const key of product(lists as ReadonlyArray<readonly Value[]>)) {
      found.set(identityOf(key), key)
      if (found.size > KEY_LOOKUPS_MAX) return undefined
    }
  }
  return [...found.values()]
}

/** Returns whether a condition is a range of the only key: one comparison with a constant. */
export function isKeyRange(
  where: Expression | undefined,
  source: Source,
  environment: CompileEnvironment,
): boolean {
  const [key, ...others] = columnsOf(source, 'key')
  if (where?.kind !== 'comparison' || key === undefined || others.length > 0) return false
  if (!['<', '<=', '>', '>='].includes(where.operator)) return false
  const sides = [where.left, where.right]
  const isKey = (side: Expression) => side.kind === 'column' && side.name === key.name
  const bound = sides.find((side) => !isKey(side))
  return (
    sides.some(isKey) && bound !== undefined && constant(bound, key.type, environment) !== undefined
  )
}

type KeyColumns = ReadonlyArray<{ readonly name: string; readonly type: SqlType }>

/** Returns the ways in which a condition can hold; undefined if it has one that no column limits. */
function alternatives(
  where: Expression,
  keys: KeyColumns,
  environment: CompileEnvironment,
): readonly Allowed[] | undefined {
  if (where.kind === 'or') {
    const left = alternatives(where.left, keys, environment)
    const right = alternatives(where.right, keys, environment)
    return left && right && [...left, ...right]
  }
  if (where.kind === 'and') {
    const left = alternatives(where.left, keys, environment)
    const right = alternatives(where.right, keys, environment)
    if (left === undefined || right === undefined) return left ?? right
    if (left.length * right.length > KEY_LOOKUPS_MAX) return left
    // Both sides must hold; where both limit a column, the left one is looked up and the right one checked.
    return left.flatMap((one) => right.map((other) => new Map([...other, ...one])))
  }
  if (where.kind === 'comparison' && where.operator === '=') {
    const [column, value] =
      where.left.kind === 'column' ? [where.left, where.right] : [where.right, where.left]
    return limit(column, [value], keys, environment)
  }
  if (where.kind === 'in' && !where.isNot) return limit(where.of, where.list, keys, environment)
  return undefined
}

function limit(
  column: Expression,
  values: readonly Expression[],
  keys: KeyColumns,
  environment: CompileEnvironment,
): readonly Allowed[] | undefined {
  const key = keys.find(({ name }) => column.kind === 'column' && column.name === name)
  if (key === undefined) return undefined
  const constants = values.map((value) => constant(value, key.type, environment))
  if (constants.includes(undefined)) return undefined
  return [new Map([[key.name, constants as readonly Value[]]])]
}

/** Returns the value of an expression without columns; undefined if it has some, or is not of the type. */
function constant(
  expression: Expression,
  type: SqlType,
  environment: CompileEnvironment,
): Value | undefined {
  let hasColumn = false
  rewrite(expression, (part) => {
    if (part.kind === 'column') hasColumn = true
    return undefined
  })
  if (hasColumn) return undefined
  try {
    const typed = compile(expression, { scope: new Scope([]), environment, clause: 'WHERE' })
    return cast(typed, type).evaluate([], [])
  } catch (error) {
    if (error instanceof SqlError || error instanceof EvaluationError) return undefined
    throw error
  }
}

function product(lists: ReadonlyArray<readonly Value[]>): Value[][] {
  return lists.reduce<Value[][]>(
    (keys, list) =>
      keys.flatMap((key) => list.map((value) => [...key, value])).slice(0, KEY_LOOKUPS_MAX + 1),
    [[]],
  )
}

/** Returns the starts of windows that a condition asks for; it must still be checked for each row. */
export function windowBoundsOf(
  where: Expression | undefined,
  environment: CompileEnvironment,
): WindowBounds {
  let fromMs = 0
  let toMs = Number.MAX_SAFE_INTEGER
  const visit = (part: Expression): void => {
    if (part.kind === 'and') {
      visit(part.left)
      visit(part.right)
    }
    if (part.kind !== 'comparison' || part.left.kind !== 'column') return
    if (part.left.name !== 'WINDOWSTART') return
    const time = constant(part.right, { kind: 'BIGINT' }, environment)
    if (typeof time !== 'number') return
    const { operator } = part
    if (operator === '=' || operator === '>=' || operator === '>') fromMs = Math.max(fromMs, time)
    if (operator === '=' || operator === '<=' || operator === '<') toMs = Math.min(toMs, time)
  }
  if (where !== undefined) visit(where)
  return { fromMs, toMs }
}
