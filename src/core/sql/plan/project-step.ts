/** The end of a query: the columns of its result. */
import { SqlError } from '../errors.ts'
import { compile, typeOf } from '../expressions/compile.ts'
import type { CompileContext } from '../expressions/compile-context.ts'
import { textOfExpression } from '../expressions/qualify.ts'
import { guarded, type Row } from '../expressions/typed.ts'
import type { Column } from '../formats/format.ts'
import { quoteName } from '../types/sql-type.ts'
import type { Value } from '../types/value.ts'
import type { PlanContext, Relation, RelationKey } from './relation.ts'
import type { NamedExpression } from './select-items.ts'

export interface Projection {
  /** The columns of the key, with their names in the result. */
  readonly key: readonly Column[]
  /** A result that is read has the columns of the key among these, in the order of SELECT. */
  readonly value: readonly Column[]
  /** For each column of `value`, its place in the key; -1 if it is none. */
  readonly keyPlaces: readonly number[]
  /** Returns the values of the columns of `value`. */
  readonly project: (row: Row) => Row
}

/** Decides which columns of SELECT are the key, and which the value. */
export function planProjection(
  context: PlanContext,
  relation: Relation,
  items: readonly NamedExpression[],
  sinkName: string,
): Projection {
  const { scope } = relation
  const compileContext: CompileContext = {
    scope,
    environment: context.environment,
    clause: 'SELECT',
  }
  const texts = items.map(({ expression }) => textOfExpression(expression, scope, 'SELECT'))
  const keyItems = relation.key.map((key) => findKey(key, texts))
  const key = relation.key.map((one, index) => {
    const found = keyItems[index] ?? []
    const [first, second] = found
    if (first === undefined) {
      if (context.isPersistent) throw missingKey(one, sinkName, relation)
      return { name: one.name, type: one.type }
    }
    if (second !== undefined && context.isPersistent) throw repeatedKey(one, found, items)
    return { name: (items[first] as NamedExpression).name, type: one.type }
  })
  const isKey = new Set(context.isPersistent ? keyItems.map(([first]) => first) : [])
  const values = items.flatMap(({ name, expression }, index) => {
    if (isKey.has(index)) return []
    const keyPlace = keyItems.findIndex(([first]) => first === index)
    const typed = compile(expression, compileContext)
    const { type } = typed.type === null ? { type: typeOf(typed, `SELECT ${name}`) } : typed
    const evaluate = guarded(typed, context.onFailure)
    return [{ name, type: type as Column['type'], keyPlace, evaluate }]
  })
  refuseDuplicates(context.isPersistent ? [...key, ...values] : values)
  if (values.length === 0 && context.isPersistent) {
    throw new SqlError('The projection contains no value columns.')
  }
  const evaluate = values.map((value) => value.evaluate)
  return {
    key,
    value: values.map(({ name, type }) => ({ name, type })),
    keyPlaces: values.map(({ keyPlace }) => keyPlace),
    project: (row) => evaluate.map((one): Value => one(row)),
  }
}

/** Returns the places of a key in SELECT: those of its first expression that is there. */
function findKey({ texts }: RelationKey, selected: readonly string[]): number[] {
  for (const text of texts) {
    const found = selected.flatMap((one, index) => (one === text ? [index] : []))
    if (found.length > 0) return found
  }
  return []
}

function missingKey({ name, texts }: RelationKey, sink: string, { kind }: Relation): SqlError {
  const names = texts.length > 1 ? `one of ${texts.join(', ')}` : (texts[0] ?? quoteName(name))
  return new SqlError(
    `Key missing from projection (ie, SELECT). The query used to build ${quoteName(sink)} must include the key of the ${kind.toLowerCase()}, ${names}, in its projection`,
  )
}

function repeatedKey(
  { name }: RelationKey,
  found: readonly number[],
  items: readonly NamedExpression[],
): SqlError {
  const names = found.map((index) => quoteName((items[index] as NamedExpression).name))
  const listed = `${names.slice(0, -1).join(', ')} and ${names.at(-1)}`
  return new SqlError(
    `The projection contains a key column (${quoteName(name)}) more than once, aliased as: ${listed}. Each key column must only be in the projection once. AS_VALUE copies a key column into the value`,
  )
}

function refuseDuplicates(columns: readonly Column[]): void {
  const seen = new Set<string>()
  for (const { name } of columns) {
    if (seen.has(name)) {
      throw new SqlError(`Duplicate column names: ${quoteName(name)}; give one of them an alias`)
    }
    seen.add(name)
  }
}
