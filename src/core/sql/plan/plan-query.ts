/** Makes the nodes of a query: sources, joins, filter, grouping or new keys, and the columns of the result. */
import { isAggregate } from '../aggregates/aggregate-names.ts'
import type { SourceWindow } from '../catalog/source.ts'
import { SqlError } from '../errors.ts'
import { compile } from '../expressions/compile.ts'
import { guarded, type Row } from '../expressions/typed.ts'
import type { Column } from '../formats/format.ts'
import type { ChosenFormat } from '../formats/formats.ts'
import type { Expression, Query } from '../syntax/ast.ts'
import { walk } from '../syntax/rewrite.ts'
import { INTEGER, showType } from '../types/sql-type.ts'
import { addAggregation } from './aggregate-step.ts'
import { addTableFunctions } from './explode-step.ts'
import { addJoin } from './join-step.ts'
import { addPartitioning } from './partition-step.ts'
import { planProjection } from './project-step.ts'
import type { Materialized, PlanContext, Relation, RowStream } from './relation.ts'
import { expandSelect, type NamedExpression } from './select-items.ts'
import {
  isWindowed,
  type Key,
  keySerde,
  type RecordKey,
  rowSerde,
  windowedSerde,
} from './serdes.ts'
import { addSource } from './source-step.ts'

/** The result of a query. */
export type QueryResultPlan = {
  readonly key: readonly Column[]
  readonly value: readonly Column[]
  /** For each column of `value`, its place in the key; -1 if it is none. */
  readonly keyPlaces: readonly number[]
  readonly keyFormat: ChosenFormat
  readonly valueFormat: ChosenFormat
  readonly window?: SourceWindow
  /** The topic that has as many partitions as the result should have. */
  readonly topic: string
  /** The rows of the result, or the updates of its table, before `toResult`. */
  readonly records: RowStream
  /** Returns the values of the columns of `value`. */
  readonly toResult: (row: Row, key: RecordKey | null) => Row
} & ({ readonly kind: 'STREAM' } | { readonly kind: 'TABLE'; readonly materialized: Materialized })

/** @param sinkName Name of the result, for errors. */
export function addQuery(context: PlanContext, query: Query, sinkName: string): QueryResultPlan {
  checkClauses(query)
  const joined = addSources(context, query)
  const filtered =
    query.where === undefined ? joined : addFilter(context, joined, query.where, 'WHERE')
  const keyed =
    query.partitionBy === undefined
      ? filtered
      : addPartitioning(context, filtered, query.partitionBy, query.select)
  const compileContext = { ...context, scope: keyed.scope, clause: 'SELECT' }
  const selected = expandSelect(query.select, keyed, compileContext, !context.isPersistent)
  const { relation: exploded, items } = addTableFunctions(context, keyed, selected)
  const grouped = context.isPersistent ? query : withOneGroup(query, items)
  if (grouped.groupBy !== undefined) return addGroups(context, grouped, exploded, items, sinkName)
  refuseAggregatesWithoutGroups(items, query)
  return project(context, exploded, items, sinkName)
}

function checkClauses({ groupBy, window, having, emit, partitionBy, where }: Query): void {
  if (window !== undefined && groupBy === undefined) {
    throw new SqlError('WINDOW clause requires a GROUP BY clause.')
  }
  if (having !== undefined && groupBy === undefined) {
    throw new SqlError('HAVING clause requires a GROUP BY clause.')
  }
  if (emit === 'FINAL' && window === undefined) {
    throw new SqlError('EMIT FINAL is only supported for windowed aggregations.')
  }
  if (partitionBy !== undefined && groupBy !== undefined) {
    throw new SqlError('PARTITION BY and GROUP BY cannot be used together.')
  }
  if (where !== undefined) {
    walk(where, (part) => {
      if (part.kind !== 'call' || !isAggregate(part.name)) return true
      throw new SqlError(`WHERE does not support aggregate functions: ${part.name}; HAVING does`)
    })
  }
}

function addSources(context: PlanContext, { from, joins }: Query): Relation {
  const aliases = new Set([from.alias])
  const sources = [from, ...joins.map(({ source }) => source)]
  for (const { name, at } of sources) {
    const source = context.sourceOf(name)
    if (!context.isPersistent || source.kind === 'STREAM' || source.window === undefined) continue
    throw new SqlError(
      `${name}: KSQL does not support persistent queries on windowed tables; a stream is allowed`,
      at,
    )
  }
  let relation = addSource(context, context.sourceOf(from.name), from)
  for (const [index, join] of joins.entries()) {
    const { source } = join
    if (aliases.has(source.alias)) {
      throw new SqlError(
        `Each side of the join must have a unique alias: ${source.alias}; give the source an alias`,
        source.at,
      )
    }
    aliases.add(source.alias)
    const right = addSource(context, context.sourceOf(source.name), source)
    relation = addJoin(context, relation, right, join, index + 1)
  }
  return relation
}

/** Keeps the rows for which a condition holds. */
export function addFilter<R extends Relation>(
  context: PlanContext,
  relation: R,
  condition: Expression,
  clause: string,
): R {
  const { scope } = relation
  const typed = compile(condition, { ...context, scope, clause })
  if (typed.type?.kind !== 'BOOLEAN') {
    const found = typed.type === null ? 'NULL' : showType(typed.type)
    throw new SqlError(
      `Type error in ${clause} expression: Should evaluate to boolean but is ${found} instead.`,
    )
  }
  const evaluate = guarded(typed, context.onFailure)
  const holds = (row: Row | null) => row !== null && evaluate(row) === true
  if (relation.kind === 'STREAM') {
    return { ...relation, stream: relation.stream.filter((_key, row) => holds(row)) }
  }
  const { materialized, rowOf = asIs } = relation
  return {
    ...relation,
    table: relation.table.filter((key, stored) =>
      holds(stored === null ? null : rowOf(stored, key)),
    ),
    ...(materialized === undefined
      ? {}
      : {
          materialized: {
            store: materialized.store,
            view: (key: Key, stored: Row, timestamp: number) => {
              const row = materialized.view(key, stored, timestamp)
              return holds(row) ? row : null
            },
          },
        }),
  }
}

/** A query that is read, and has aggregates without GROUP BY, has one group. */
function withOneGroup(query: Query, items: readonly NamedExpression[]): Query {
  const hasAggregate = items.some(({ expression }) => callsAggregate(expression))
  if (query.groupBy !== undefined || !hasAggregate) return query
  return { ...query, groupBy: [{ kind: 'literal', value: 0, type: INTEGER }] }
}

export function callsAggregate(expression: Expression): boolean {
  let isFound = false
  walk(expression, (part) => {
    isFound ||= part.kind === 'call' && isAggregate(part.name)
    return !isFound
  })
  return isFound
}

function refuseAggregatesWithoutGroups(items: readonly NamedExpression[], query: Query): void {
  for (const { expression } of items) {
    walk(expression, (part) => {
      if (part.kind !== 'call' || !isAggregate(part.name) || query.groupBy !== undefined)
        return true
      throw new SqlError(
        `Use of aggregate function ${part.name} requires a GROUP BY clause.`,
        part.at,
      )
    })
  }
}

function addGroups(
  context: PlanContext,
  { groupBy = [], window, having, emit }: Query,
  input: Relation,
  items: readonly NamedExpression[],
  sinkName: string,
): QueryResultPlan {
  const aggregated = addAggregation(context, input, items, {
    groupBy,
    isFinal: emit === 'FINAL',
    ...(window === undefined ? {} : { window }),
    ...(having === undefined ? {} : { having }),
  })
  const relation =
    aggregated.having === undefined
      ? aggregated.relation
      : addFilter(context, aggregated.relation, aggregated.having, 'HAVING')
  return project(context, relation, aggregated.items, sinkName)
}

/** Makes the rows of the result. */
function project(
  context: PlanContext,
  relation: Relation,
  items: readonly NamedExpression[],
  sinkName: string,
): QueryResultPlan {
  const projection = planProjection(context, relation, items, sinkName)
  const { keyFormat, valueFormat, window, topic } = relation
  const { key, value, keyPlaces } = projection
  const base = {
    ...{ key, value, keyPlaces, keyFormat, valueFormat, topic },
    ...(window === undefined ? {} : { window }),
  }
  const { project: toRow } = projection
  if (relation.kind === 'STREAM') {
    return { kind: 'STREAM', ...base, records: relation.stream, toResult: toRow }
  }
  const { materialized, rowOf = asIs } = relation
  if (materialized !== undefined) {
    const view: Materialized['view'] = (key, stored, timestamp) => {
      const row = materialized.view(key, stored, timestamp)
      return row === null ? null : projection.project(row)
    }
    return {
      kind: 'TABLE',
      ...base,
      records: relation.table.toStream(),
      toResult: (stored, rowKey) => toRow(rowOf(stored, rowKey as RecordKey)),
      materialized: { store: materialized.store, view },
    }
  }
  // The rows of a join are in no store yet.
  const table = relation.table.mapValues(toRow, {
    name: 'result',
    key: windowedSerde(keySerde(keyFormat, relation.key), window),
    value: rowSerde(projection.value),
  })
  return {
    kind: 'TABLE',
    ...base,
    records: table.toStream(),
    toResult: asIs,
    materialized: { store: 'result', view: (_key, row) => row },
  }
}

function asIs(row: Row): Row {
  return row
}

/** Returns the key of a record of the result; a lone column that is null is no key. */
export function resultKey(key: RecordKey | null): RecordKey | null {
  if (key === null) return null
  const columns = isWindowed(key) ? key.key : key
  return columns.length === 0 || (columns.length === 1 && columns[0] === null) ? null : key
}
