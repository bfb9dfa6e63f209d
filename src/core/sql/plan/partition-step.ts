/** PARTITION BY: gives the records of a stream another key. */
import { SqlError } from '../errors.ts'
import { compile, typeOf } from '../expressions/compile.ts'
import { qualify, textOfExpression } from '../expressions/qualify.ts'
import { Scope } from '../expressions/scope.ts'
import { guarded, type Row } from '../expressions/typed.ts'
import type { Expression, SelectItem } from '../syntax/ast.ts'
import { printExpression } from '../syntax/print.ts'
import type { Value } from '../types/value.ts'
import {
  newKeyFormat,
  type PlanContext,
  type Relation,
  type RelationKey,
  type StreamRelation,
} from './relation.ts'
import { plainKey, type RecordKey } from './serdes.ts'

export function addPartitioning(
  context: PlanContext,
  relation: Relation,
  partitionBy: readonly Expression[],
  select: readonly SelectItem[],
): StreamRelation {
  if (relation.kind === 'TABLE') {
    throw new SqlError(
      'PARTITION BY clause on tables/aggregates is not supported; a stream is allowed',
    )
  }
  if (relation.window !== undefined && !relation.isJoined) {
    throw new SqlError('PARTITION BY on a windowed stream is not supported')
  }
  const { scope } = relation
  if (partitionBy.length === 0) {
    throw new SqlError(
      'PARTITION BY requires at least one expression; PARTITION BY NULL takes the key away',
    )
  }
  // PARTITION BY NULL takes the key away.
  const given = partitionBy.filter(
    ({ kind }, _index, all) => !(all.length === 1 && isNull(all[0], kind)),
  )
  const columns = [...scope.columns]
  const parts = given.map((one, position) => {
    const expression = qualify(one, scope, 'PARTITION BY')
    const typed = compile(expression, { ...context, scope, clause: 'PARTITION BY' })
    const text = printExpression(expression)
    const type = typeOf(typed, `PARTITION BY ${text}`)
    const evaluate = guarded(typed, context.onFailure)
    if (expression.kind === 'column') {
      const { index } = scope.find(expression, 'PARTITION BY')
      const { source, name } = expression
      const isPrefixed = relation.isJoined && source !== undefined
      const key = {
        name: isPrefixed ? `${source}_${name}` : name,
        type,
        indexes: [index],
        texts: [text],
      }
      return { key, evaluate, isNew: false }
    }
    const name = aliasOf(text, select, scope) ?? nameOf(expression, position)
    columns.push({ name, type, isPseudo: true })
    const own = printExpression({ kind: 'column', name, at: { line: 1, column: 1 } })
    const key = { name, type, indexes: [columns.length - 1], texts: [text, own] }
    return { key, evaluate, isNew: true }
  })
  const key: RelationKey[] = parts.map((part) => part.key)
  const added = parts.filter(({ isNew }) => isNew)
  const { stream, window: _, keyFormat, ...rest } = relation
  const oldKey = relation.key.flatMap(({ indexes }) => indexes)
  const ofKey = keyRow(relation)
  return {
    ...rest,
    oldKey,
    keyFormat: key.length === 0 ? { name: 'NONE' } : newKeyFormat(context, keyFormat),
    scope: new Scope(columns),
    key,
    stream: stream.map<RecordKey, Row>((recordKey, row) => {
      // A tombstone has a key only.
      const known = row ?? ofKey(recordKey)
      const values = parts.map(({ evaluate }) => evaluate(known))
      const isNone = values.length === 0 || (values.length === 1 && values[0] === null)
      if (row === null) return [(isNone ? null : values) as RecordKey, null as never]
      const extended =
        added.length === 0 ? row : [...row, ...added.map((part) => part.evaluate(row))]
      return [(isNone ? null : values) as RecordKey, extended]
    }),
  }
}

/** Returns the function that makes a row of the columns of a key. */
function keyRow({ key, scope }: Relation): (recordKey: RecordKey | null) => Row {
  return (recordKey) => {
    const row: Value[] = scope.columns.map(() => null)
    const values = recordKey === null ? [] : plainKey(recordKey)
    for (const [position, { indexes }] of key.entries()) {
      for (const index of indexes) row[index] = values[position] ?? null
    }
    return row
  }
}

function isNull(expression: Expression | undefined, kind: string): boolean {
  return kind === 'literal' && expression?.kind === 'literal' && expression.value === null
}

/** The alias that SELECT gives to the same expression. */
function aliasOf(text: string, select: readonly SelectItem[], scope: Scope): string | undefined {
  for (const item of select) {
    if (item.kind !== 'expression' || item.alias === undefined) continue
    if (textOfExpression(item.expression, scope, 'SELECT') === text) return item.alias
  }
  return undefined
}

function nameOf(expression: Expression, position: number): string {
  return expression.kind === 'field' ? expression.name : `KSQL_COL_${position}`
}
