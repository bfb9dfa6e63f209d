import { SqlError } from '../errors.ts'
import { compile, typeOf } from '../expressions/compile.ts'
import { qualify } from '../expressions/qualify.ts'
import { Scope, type ScopeColumn } from '../expressions/scope.ts'
import { guarded, type Row } from '../expressions/typed.ts'
import type { Expression, JoinType } from '../syntax/ast.ts'
import { printExpression } from '../syntax/print.ts'
import { walk } from '../syntax/rewrite.ts'
import type { SqlType } from '../types/sql-type.ts'
import type { Value } from '../types/value.ts'
import type { PlanContext, Relation, RelationKey } from './relation.ts'

/** One side of a join: the relation, and the expression that is compared. */
export interface Side {
  readonly relation: Relation
  readonly expression: Expression
  readonly text: string
  readonly type: SqlType
  readonly evaluate: (row: Row) => Value
  /** True if the expression is the key of the relation. */
  readonly isKey: boolean
}

export function checkWindows(left: Side, right: Side): void {
  const [one, other] = [left.relation.window, right.relation.window]
  if (one === undefined && other === undefined) return
  if (one === undefined || other === undefined) {
    throw new SqlError('Can not join windowed source to non-windowed source.')
  }
  const isSame = (one.kind === 'SESSION') === (other.kind === 'SESSION')
  if (!isSame)
    throw new SqlError('Incompatible windowed sources: one has sessions, and the other has not.')
  if (left.isKey && right.isKey) return
  throw new SqlError(
    'Implicit repartitioning of windowed sources is not supported: join them by their keys',
  )
}

export function sidesOf(
  context: PlanContext,
  left: Relation,
  right: Relation,
  on: Expression,
): [Side, Side] {
  if (on.kind !== 'comparison' || on.operator !== '=') {
    throw new SqlError(
      `Unsupported join expression: ${printExpression(on)}. An equality such as L.A = R.B is allowed`,
    )
  }
  const both = new Scope([...left.scope.columns, ...right.scope.columns])
  const names = new Set(right.scope.columns.map(({ source }) => source))
  const sideOf = (given: Expression): 'left' | 'right' => {
    const found = new Set<'left' | 'right'>()
    walk(qualify(given, both, 'JOIN ON'), (part) => {
      if (part.kind === 'column') found.add(names.has(part.source) ? 'right' : 'left')
      return true
    })
    const [one, other] = found
    if (one === undefined || other !== undefined) {
      throw new SqlError(
        `Invalid comparison expression '${printExpression(on)}' in join: each side of the comparision must contain references from exactly one source.`,
      )
    }
    return one
  }
  const first = sideOf(on.left)
  if (first === sideOf(on.right)) {
    throw new SqlError(
      `Invalid comparison expression '${printExpression(on)}' in join: both sides are of the same source; each source must be on one side.`,
    )
  }
  const [leftPart, rightPart] = first === 'left' ? [on.left, on.right] : [on.right, on.left]
  return [side(context, left, leftPart), side(context, right, rightPart)]
}

function side(context: PlanContext, relation: Relation, given: Expression): Side {
  const { scope, key } = relation
  const expression = qualify(given, scope, 'JOIN ON')
  const typed = compile(expression, { ...context, scope, clause: 'JOIN ON' })
  const text = printExpression(expression)
  const isKey = key.length === 1 && (key[0] as RelationKey).texts.includes(text)
  const type = typeOf(typed, `JOIN ON ${text}`)
  return { relation, expression, text, type, isKey, evaluate: guarded(typed, context.onFailure) }
}

/** Returns a function that puts the rows of both sides behind one another; a side without a row has nulls. */
export function rowJoiner(
  left: Relation,
  right: Relation,
): (one: Row | null, other: Row | null) => Row {
  const leftNulls: Row = left.scope.columns.map(() => null)
  const rightNulls: Row = right.scope.columns.map(() => null)
  return (one, other) => [...(one ?? leftNulls), ...(other ?? rightNulls)]
}

/** The key of the result: a column of either side, or ROWKEY where both may be missing or none is a column. */
export function joinedKey(
  left: Side,
  right: Side,
  type: JoinType,
): { key: RelationKey; isNew: boolean } {
  const offset = left.relation.scope.columns.length
  const columns = type === 'FULL' ? [] : [...keyPlaces(left, 0), ...keyPlaces(right, offset)]
  const [first] = columns
  const indexes = columns.map(({ index }) => index)
  const texts = columns.map(({ text }) => text)
  if (first !== undefined)
    return { key: { name: first.name, type: left.type, indexes, texts }, isNew: false }
  const name = syntheticName(left.relation, right.relation)
  const text = printExpression({ kind: 'column', name, at: { line: 1, column: 1 } })
  const index = offset + right.relation.scope.columns.length
  return { key: { name, type: left.type, indexes: [index], texts: [text] }, isNew: true }
}

interface KeyPlace {
  readonly name: string
  readonly index: number
  readonly text: string
}

/** The columns of one side that have the value of the key. A key of an earlier join may be in several. */
function keyPlaces({ relation, expression, text, isKey }: Side, offset: number): KeyPlace[] {
  const { scope, key } = relation
  if (isKey) {
    return key.flatMap(({ indexes, texts }) =>
      indexes.map((index, position) => ({
        name: joinedName(scope.columns[index]),
        index: index + offset,
        text: texts[position] ?? text,
      })),
    )
  }
  if (expression.kind !== 'column') return []
  const { index, column } = scope.find(expression, 'JOIN ON')
  return [{ name: joinedName(column), index: index + offset, text }]
}

function joinedName(column: ScopeColumn | undefined): string {
  return column?.source === undefined
    ? (column?.name ?? SYNTHETIC)
    : `${column.source}_${column.name}`
}

/** Name of a key that no column has. */
const SYNTHETIC = 'ROWKEY'

function syntheticName(left: Relation, right: Relation): string {
  const taken = new Set(
    [...left.scope.columns, ...right.scope.columns].flatMap(({ name, source }) =>
      source === undefined ? [] : [name],
    ),
  )
  let name = SYNTHETIC
  for (let number = 1; taken.has(name); number++) name = `${SYNTHETIC}_${number}`
  return name
}
