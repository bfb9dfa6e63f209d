/**
 * Queries that are read once: SELECT of one stream or table, row by row. They are no topologies: where a record or a
 * row of a store is, the condition and the columns are computed.
 */
import type { RecordHeader } from '../../batch/record.ts'
import { isAggregate } from '../aggregates/aggregate-names.ts'
import { columnsOf, type Source } from '../catalog/source.ts'
import { SqlError } from '../errors.ts'
import { compile, typeOf } from '../expressions/compile.ts'
import type { CompileEnvironment, Language } from '../expressions/compile-context.ts'
import { textOfExpression } from '../expressions/qualify.ts'
import { type FailureListener, guarded, type Row } from '../expressions/typed.ts'
import { codecOf } from '../formats/formats.ts'
import { TABLE_FUNCTIONS } from '../functions/functions.ts'
import { callsAggregate } from '../plan/plan-query.ts'
import { expandSelect } from '../plan/select-items.ts'
import { keySerde, type RecordKey, windowedSerde } from '../plan/serdes.ts'
import { type RecordParts, rowMaker, sourceScope, timeReader } from '../plan/source-step.ts'
import type { Expression, Query } from '../syntax/ast.ts'
import { walk } from '../syntax/rewrite.ts'
import { quoteName, type SqlType, showType } from '../types/sql-type.ts'
import type { Value } from '../types/value.ts'

export interface ResultColumn {
  readonly name: string
  readonly type: SqlType
  readonly isKey: boolean
}

export interface SelectPlan {
  readonly source: Source
  readonly columns: readonly ResultColumn[]
  /** Returns the columns of the result for a row of the source; undefined if the condition does not hold. */
  readonly select: (row: Row) => Row | undefined
  /** Returns the columns of the result that are keys; the others are null. */
  readonly selectKey: (row: Row) => Row
  readonly limit?: number
}

/**
 * Plans a query of one source.
 *
 * @throws {SqlError} for clauses that need more than one row at a time.
 */
export function planSelect(
  query: Query,
  source: Source,
  environment: CompileEnvironment,
  onFailure: FailureListener = () => {},
): SelectPlan {
  refuseClauses(query)
  const { alias } = query.from
  const scope = sourceScope(source, alias)
  const context = { scope, environment, clause: 'SELECT' }
  const key = columnsOf(source, 'key').map(({ name, type }) => {
    const at = { line: 1, column: 1 }
    const text = textOfExpression({ kind: 'column', source: alias, name, at }, scope, 'SELECT')
    const index = source.columns.findIndex((column) => column.name === name)
    return { name, type, indexes: [index], texts: [text] }
  })
  const relation = { scope, key, isJoined: false }
  const items = expandSelect(query.select, relation as never, context, true)
  const keyTexts = new Set(key.flatMap(({ texts }) => texts))
  const windows = new Set(['WINDOWSTART', 'WINDOWEND'])
  const columns = items.map(({ name, expression }) => {
    const typed = compile(expression, context)
    const isWindow =
      expression.kind === 'column' && windows.has(expression.name) && windows.has(name)
    const isKey = keyTexts.has(textOfExpression(expression, scope, 'SELECT')) || isWindow
    const evaluate = guarded(typed, onFailure)
    return { column: { name, type: typeOf(typed, `SELECT ${name}`), isKey }, evaluate }
  })
  refuseDuplicates(columns.map(({ column }) => column.name))
  const holds = conditionOf(query.where, { ...context, clause: 'WHERE' }, onFailure)
  const all = columns.map(({ evaluate }) => evaluate)
  return {
    source,
    columns: columns.map(({ column }) => column),
    select: (row) => (holds(row) ? all.map((evaluate): Value => evaluate(row)) : undefined),
    selectKey: (row) =>
      columns.map(({ column, evaluate }): Value => (column.isKey ? evaluate(row) : null)),
    ...(query.limit === undefined ? {} : { limit: query.limit }),
  }
}

function refuseClauses({
  joins,
  groupBy,
  partitionBy,
  window,
  having,
  select,
  where,
}: Query): void {
  const clauses = {
    JOIN: joins[0],
    'GROUP BY': groupBy,
    'PARTITION BY': partitionBy,
    WINDOW: window,
    HAVING: having,
  }
  for (const [name, clause] of Object.entries(clauses)) {
    if (clause === undefined) continue
    throw new SqlError(
      `Pull queries don't support ${name} clauses. Add EMIT CHANGES to make it a push query; CREATE ... AS SELECT may have it too.`,
    )
  }
  const expressions = select.flatMap((item) =>
    item.kind === 'expression' ? [item.expression] : [],
  )
  for (const expression of [...expressions, ...(where === undefined ? [] : [where])]) {
    walk(expression, (part) => {
      if (part.kind !== 'call' || !isAggregate(part.name)) return true
      throw new SqlError(
        `Use of aggregate function ${part.name} requires a GROUP BY clause.`,
        part.at,
      )
    })
  }
}

function refuseDuplicates(names: readonly string[]): void {
  const twice = names.find((name, index) => names.indexOf(name) !== index)
  if (twice !== undefined) {
    throw new SqlError(`Duplicate column names: ${quoteName(twice)}; give one of them an alias`)
  }
}

function conditionOf(
  where: Expression | undefined,
  context: Parameters<typeof compile>[1],
  onFailure: FailureListener,
): (row: Row) => boolean {
  if (where === undefined) return () => true
  const typed = compile(where, context)
  if (typed.type?.kind !== 'BOOLEAN') {
    const found = typed.type === null ? 'NULL' : showType(typed.type)
    throw new SqlError(
      `Type error in WHERE expression: Should evaluate to boolean but is ${found} instead.`,
    )
  }
  const evaluate = guarded(typed, onFailure)
  return (row) => evaluate(row) === true
}

/** Returns whether a query needs more than one row at a time: it is then a topology. */
export function needsTopology({
  joins,
  groupBy,
  partitionBy,
  window,
  having,
  select,
}: Query): boolean {
  const clauses = [joins[0], groupBy, partitionBy, window, having]
  return (
    clauses.some((clause) => clause !== undefined) ||
    select.some(
      (item) =>
        item.kind === 'expression' &&
        (callsAggregate(item.expression) || callsTableFunction(item.expression)),
    )
  )
}

function callsTableFunction(expression: Expression): boolean {
  let isFound = false
  walk(expression, (part) => {
    isFound ||= part.kind === 'call' && TABLE_FUNCTIONS.has(part.name)
    return !isFound
  })
  return isFound
}

/** Returns the schema of a result as ksqlDB shows it: `ID` BIGINT KEY, `NAME` STRING. */
export function schemaText(columns: readonly ResultColumn[]): string {
  return columns
    .map(({ name, type, isKey }) => `${quoteName(name)} ${showType(type)}${isKey ? ' KEY' : ''}`)
    .join(', ')
}

/** A record of a log, with its place. */
export interface LogEntry {
  readonly key: Uint8Array | null
  readonly value: Uint8Array | null
  readonly timestamp: number
  readonly headers: readonly RecordHeader[]
  readonly partition: number
  readonly offset: number
}

/** The row of a record; `isTombstone`: the table has no row with its key any more. */
export interface ReadRow {
  readonly row: Row
  readonly isTombstone: boolean
}

/** Returns the function that reads the records of a source. It throws for bytes that its formats do not have. */
export function recordReader(source: Source, language: Language): (entry: LogEntry) => ReadRow {
  const keys = columnsOf(source, 'key')
  const key =
    keys.length === 0 ? undefined : windowedSerde(keySerde(source.keyFormat, keys), source.window)
  const values = codecOf(source.valueFormat, columnsOf(source, 'value'))
  const makeRow = rowMaker(source)
  const timeOf = timeReader(source, language)
  return (entry) => {
    const recordKey = entry.key === null || key === undefined ? null : key.deserialize(entry.key)
    const value = entry.value === null ? null : values.deserialize(entry.value)
    const parts: RecordParts = { ...entry, key: recordKey, value }
    const row = makeRow(parts)
    const isTombstone = entry.value === null
    if (timeOf === undefined || isTombstone) return { row, isTombstone }
    return { row: makeRow({ ...parts, timestamp: timeOf(row) }), isTombstone }
  }
}

/** Returns the function that makes the row of a source of a row of its store. */
export function storedRowReader(
  source: Source,
): (key: RecordKey, value: Row, timestamp: number) => Row {
  const makeRow = rowMaker(source)
  return (key, value, timestamp) =>
    makeRow({ key, value, timestamp, headers: [], partition: 0, offset: 0 })
}
