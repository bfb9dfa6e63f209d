/** GROUP BY: groups rows by expressions, and aggregates each group, or each window of it. */

import type { KGroupedStream, KTable } from '../../streams/dsl/dsl.ts'
import { sessionWindows, timeWindows } from '../../streams/dsl/windows.ts'
import type { Aggregator } from '../aggregates/aggregate-function.ts'
import type { SourceWindow } from '../catalog/source.ts'
import { EvaluationError, SqlError } from '../errors.ts'
import { Scope, type ScopeColumn } from '../expressions/scope.ts'
import { guarded, type Row } from '../expressions/typed.ts'
import type { Column } from '../formats/format.ts'
import type { Expression, WindowClause } from '../syntax/ast.ts'
import { printExpression } from '../syntax/print.ts'
import { BIGINT, type SqlType } from '../types/sql-type.ts'
import type { Value } from '../types/value.ts'
import { durationMs } from './durations.ts'
import { AggregateCalls, type GroupKey, groupKeys, Rewriter } from './grouped-columns.ts'
import {
  type Materialized,
  newKeyFormat,
  type PlanContext,
  type Relation,
  type RelationKey,
  type TableRelation,
} from './relation.ts'
import type { NamedExpression } from './select-items.ts'
import { isWindowed, type Key, keySerde, type RecordKey, rowSerde } from './serdes.ts'

export interface Grouping {
  readonly groupBy: readonly Expression[]
  readonly window?: WindowClause
  readonly having?: Expression
  readonly isFinal: boolean
}

export interface Aggregated {
  readonly relation: TableRelation
  /** The items of SELECT and HAVING over the columns of the relation. */
  readonly items: readonly NamedExpression[]
  readonly having?: Expression
}

export function addAggregation(
  context: PlanContext,
  input: Relation,
  items: readonly NamedExpression[],
  grouping: Grouping,
): Aggregated {
  const { scope } = input
  if (grouping.window !== undefined && input.kind === 'TABLE') {
    throw new SqlError('WINDOW: a table cannot be grouped by windows; a stream is allowed')
  }
  if (input.valueFormat.name === 'KAFKA') {
    throw new SqlError(
      "GROUP BY: the source has the 'KAFKA' value format. This format does not yet support GROUP BY; JSON and DELIMITED are allowed",
    )
  }
  const keys = groupKeys(context, input, items, grouping.groupBy, grouping.window !== undefined)
  const calls = new AggregateCalls(context, input)
  const rewriter = new Rewriter(scope, keys, calls, grouping.window !== undefined)
  const selected = items.map(({ name, expression }) => ({
    name,
    expression: rewriter.rewrite(expression, 'SELECT'),
  }))
  const having = grouping.having && rewriter.rewrite(grouping.having, 'HAVING')
  if (calls.all.length === 0 && grouping.having === undefined) {
    const hasOnlyKeys = selected.length > 0
    if (!hasOnlyKeys) throw new SqlError('GROUP BY: SELECT has no columns')
  }
  const relation = aggregate(context, input, keys, calls, grouping)
  return { relation, items: selected, ...(having === undefined ? {} : { having }) }
}

function aggregate(
  context: PlanContext,
  input: Relation,
  keys: readonly GroupKey[],
  calls: AggregateCalls,
  { window, isFinal }: Grouping,
): TableRelation {
  const key: RelationKey[] = keys.map(({ name, type }, index) => ({
    ...{
      name,
      type,
      indexes: [index],
      texts: [printExpression({ kind: 'column', name, at: { line: 1, column: 1 } })],
    },
  }))
  const isSameKey = groupsByOwnKey(input, keys)
  const keyFormat = isSameKey ? input.keyFormat : newKeyFormat(context, input.keyFormat)
  const windowOfKeys = window && sourceWindow(window)
  const aggregators = calls.all.map(({ aggregator }) => aggregator)
  const columns: ScopeColumn[] = [
    ...keys.map(({ name, type }) => ({ name, type })),
    ...calls.all.map(({ name, aggregator }) => ({ name, type: aggregator.resultType })),
    { name: 'ROWTIME', type: BIGINT, isPseudo: true },
    ...(window === undefined
      ? []
      : ['WINDOWSTART', 'WINDOWEND'].map((name) => ({ name, type: BIGINT, isPseudo: true }))),
  ]
  const states = rowSerde(
    aggregators.map(({ stateType }, index) => ({ name: `S${index}`, type: stateType })),
  )
  const serdes = { key: keySerde(keyFormat, key), value: states }
  const store = 'aggregate'
  const tableOfStates = addNodes(context, input, keys, calls, { ...serdes, window, isFinal, store })
  const view: Materialized['view'] = (rowKey, stored, timestamp) => {
    const plain = isWindowed(rowKey as RecordKey) ? (rowKey as never as { key: Key }).key : rowKey
    const row: Value[] = [...plain]
    for (const [index, aggregator] of aggregators.entries()) {
      row.push(guardResult(aggregator, stored[index] ?? null, context))
    }
    row.push(timestamp)
    if (window !== undefined) {
      const { startMs, endMs } = rowKey as never as { startMs: number; endMs: number }
      row.push(startMs, endMs)
    }
    return row
  }
  return {
    kind: 'TABLE',
    scope: new Scope(columns),
    key,
    keyFormat,
    valueFormat: input.valueFormat,
    topic: input.topic,
    isJoined: false,
    ...(windowOfKeys === undefined ? {} : { window: windowOfKeys }),
    table: tableOfStates,
    // The rows are made behind the table, so that they are not made of its old values too.
    rowOf: (stored, rowKey) => view(rowKey as Key, stored, 0) as Row,
    materialized: { store, view },
  }
}

function guardResult(aggregator: Aggregator, state: Value, { onFailure }: PlanContext): Value {
  try {
    return aggregator.result(state)
  } catch (error) {
    if (!(error instanceof EvaluationError)) throw error
    onFailure(error.message)
    return null
  }
}

interface AggregateNodes {
  readonly key: ReturnType<typeof keySerde>
  readonly value: ReturnType<typeof rowSerde>
  readonly window: WindowClause | undefined
  readonly isFinal: boolean
  readonly store: string
}

/** The rows that are grouped have the arguments of the functions only: internal topics carry no more. */
function addNodes(
  context: PlanContext,
  input: Relation,
  keys: readonly GroupKey[],
  calls: AggregateCalls,
  { key, value, window, isFinal, store }: AggregateNodes,
): KTable<RecordKey, Row> {
  const arities = calls.all.map(({ parameters }) => parameters.length)
  const argumentColumns: Column[] = calls.all.flatMap(({ parameters }) =>
    parameters.map(({ type }, index) => ({ name: `A${index}`, type: type as SqlType })),
  )
  const evaluate = calls.all.flatMap(({ parameters }) =>
    parameters.map((typed) => guarded(typed, context.onFailure)),
  )
  const argumentsOf = (row: Row): Row => evaluate.map((one) => one(row))
  const keyOf = (row: Row): Key | null => {
    const group = keys.map((one) => one.evaluate(row))
    return group.includes(null) ? null : group
  }
  const add = (_key: unknown, values: Row, states: Row) =>
    step(calls, arities, states, values, context, (aggregator, state, own) =>
      aggregator.add(state, own),
    )
  const initial = (): Row => calls.all.map(({ aggregator }) => aggregator.initial())
  const serdes = { key, value }
  const groupedSerdes = { key, value: rowSerde(argumentColumns), name: 'group' }
  if (input.kind === 'TABLE') {
    const undo = (_key: unknown, values: Row, states: Row) =>
      step(calls, arities, states, values, context, (aggregator, state, own) =>
        aggregator.undo === undefined ? state : aggregator.undo(state, own),
      )
    const grouped = input.table.groupBy<Key, Row>(
      (_key, row) => [keyOf(row) as Key, argumentsOf(row)],
      groupedSerdes,
    )
    return grouped.aggregate<Row>(initial, add, undo, { ...serdes, name: store }) as never
  }
  const isSameKey = groupsByOwnKey(input, keys)
  const stream = input.stream.filter((_key, row) => row !== null && keyOf(row) !== null)
  const grouped = isSameKey
    ? stream.mapValues((row) => argumentsOf(row)).groupByKey(groupedSerdes as never)
    : stream
        .map<Key, Row>((_key, row) => [keyOf(row) as Key, argumentsOf(row)])
        .groupByKey(groupedSerdes)
  const asGrouped = grouped as unknown as KGroupedStream<Key, Row>
  if (window === undefined)
    return asGrouped.aggregate<Row>(initial, add, { ...serdes, name: store }) as never
  const emit = isFinal ? ({ emit: 'onWindowClose' } as const) : {}
  const options = { ...serdes, name: store, ...emit, ...retentionOption(window, isFinal) }
  if (window.kind === 'SESSION') {
    const merge = (_key: unknown, one: Row, other: Row): Row =>
      calls.all.map(({ aggregator }, index) =>
        aggregator.merge(one[index] ?? null, other[index] ?? null),
      )
    return asGrouped
      .windowedBy(
        sessionWindows({ gapMs: durationMs(window.size), graceMs: graceMs(window, isFinal) }),
      )
      .aggregate<Row>(initial, add, merge, options) as never
  }
  return asGrouped
    .windowedBy(streamsWindows(window, isFinal))
    .aggregate<Row>(initial, add, options) as never
}

/** Calls each aggregate function with its arguments. A function that fails keeps its state. */
function step(
  calls: AggregateCalls,
  arities: readonly number[],
  states: Row,
  values: Row,
  { onFailure }: PlanContext,
  apply: (aggregator: Aggregator, state: Value, own: Row) => Value,
): Row {
  let from = 0
  return calls.all.map(({ aggregator }, index) => {
    const own = values.slice(from, from + (arities[index] ?? 0))
    from += arities[index] ?? 0
    const state = states[index] ?? null
    try {
      return apply(aggregator, state, own)
    } catch (error) {
      if (!(error instanceof EvaluationError)) throw error
      onFailure(error.message)
      return state
    }
  })
}

/** Returns whether the groups are the keys that the records have. */
function groupsByOwnKey(input: Relation, keys: readonly GroupKey[]): boolean {
  if (input.window !== undefined || input.key.length !== keys.length) return false
  return input.key.every(({ indexes }, position) => {
    const index = keys[position]?.index
    return index !== undefined && indexes.includes(index)
  })
}

const DAY_MS = 86_400_000

/**
 * The grace of windows unless the query gives one: they change for a day, or as long as they are kept if that is less.
 * Final ones are closed at once.
 */
function graceMs({ kind, size, grace, retention }: WindowClause, isFinal: boolean): number {
  if (grace !== undefined) return durationMs(grace)
  if (isFinal) return 0
  const keptMs = retention === undefined ? Number.POSITIVE_INFINITY : durationMs(retention)
  const sizeMs = durationMs(size)
  const changesMs = kind === 'SESSION' ? DAY_MS + sizeMs : DAY_MS
  return Math.max(0, Math.min(changesMs, keptMs) - sizeMs)
}

/** How long the rows of windows are kept, if the query says it. */
function retentionOption(
  window: WindowClause,
  isFinal: boolean,
): { readonly retentionMs?: number } {
  if (window.retention === undefined) return {}
  const retentionMs = durationMs(window.retention)
  const [sizeMs, ownGraceMs] = [durationMs(window.size), graceMs(window, isFinal)]
  if (retentionMs >= sizeMs + ownGraceMs) return { retentionMs }
  throw new SqlError(
    `WINDOW: RETENTION must not be less than SIZE and GRACE PERIOD together: ${retentionMs} ms is less than ${sizeMs} and ${ownGraceMs} ms`,
  )
}

function streamsWindows(window: WindowClause, isFinal: boolean) {
  const { size, advanceBy } = window
  const sizeMs = durationMs(size)
  if (sizeMs < 1) throw new SqlError('WINDOW: SIZE must be 1 millisecond or more')
  const advanceMs = advanceBy === undefined ? sizeMs : durationMs(advanceBy)
  if (advanceMs < 1 || advanceMs > sizeMs) {
    throw new SqlError('WINDOW: ADVANCE BY must be 1 millisecond or more, and not more than SIZE')
  }
  return timeWindows({ sizeMs, advanceMs, graceMs: graceMs(window, isFinal) })
}

export function sourceWindow({ kind, size }: WindowClause): SourceWindow {
  return kind === 'SESSION' ? { kind } : { kind, sizeMs: durationMs(size) }
}
