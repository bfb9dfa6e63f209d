/** INSERT INTO ... VALUES: the statement becomes a record. */
import { EvaluationError, SqlError } from '../errors.ts'
import { compile } from '../expressions/compile.ts'
import type { CompileEnvironment } from '../expressions/compile-context.ts'
import { Scope } from '../expressions/scope.ts'
import { codecOf } from '../formats/formats.ts'
import type { Expression, InsertValues } from '../syntax/ast.ts'
import { printExpression } from '../syntax/print.ts'
import { castOf } from '../types/cast.ts'
import { BIGINT, quoteName, type SqlType, showType } from '../types/sql-type.ts'
import type { Value } from '../types/value.ts'
import { columnsOf, type Source, type SourceColumn } from './source.ts'

/** A record for the topic of a source. */
export interface InsertedRecord {
  readonly topic: string
  readonly key: Uint8Array | null
  readonly value: Uint8Array | null
  readonly timestamp: number
}

export function insertedRecord(
  { columns, values }: InsertValues,
  source: Source,
  environment: CompileEnvironment,
  isTombstone = false,
): InsertedRecord {
  refuseUnwritable(source)
  const writable = source.columns.filter(isWritable)
  const names = columns.length > 0 ? columns : writable.map(({ name }) => name)
  if (names.length !== values.length) {
    throw new SqlError(
      `Expected ${columns.length > 0 ? 'number columns and values to match' : `a value for each column. Expected: ${names.length} values`}: ${names.join(', ')}; got ${values.length} values`,
    )
  }
  const row = new Map<string, Value>()
  let timestamp = environment.nowMs()
  for (const [index, name] of names.entries()) {
    const expression = values[index] as Expression
    if (name === 'ROWTIME') {
      timestamp = Number(computed(expression, { name, type: BIGINT }, environment) ?? timestamp)
      continue
    }
    row.set(name, computed(expression, writableColumn(source, name), environment))
  }
  return recordOf(source, row, timestamp, isTombstone)
}

/** @throws {SqlError} for a source that takes no rows. */
export function refuseUnwritable({ name, kind, isReadOnly, window }: Source): void {
  if (isReadOnly === true) {
    throw new SqlError(`Cannot insert values into read-only ${kind.toLowerCase()}: ${name}`)
  }
  if (window !== undefined) throw new SqlError('Cannot insert values into windowed stream/table')
}

function isWritable({ part }: SourceColumn): boolean {
  return part === 'key' || part === 'value'
}

/** @throws {SqlError} for a column that is unknown, or cannot be written. */
export function writableColumn(source: Source, name: string): SourceColumn {
  const column = source.columns.find((one) => one.name === name)
  if (column === undefined) throw unknownColumn(name, source)
  if (isWritable(column)) return column
  throw new SqlError(`Cannot insert into HEADER columns: ${quoteName(name)}`)
}

export function recordOf(
  source: Source,
  row: ReadonlyMap<string, Value>,
  timestamp: number,
  isTombstone: boolean,
): InsertedRecord {
  const keys = columnsOf(source, 'key')
  const columns = columnsOf(source, 'value')
  const pick = (part: readonly SourceColumn[]) => part.map(({ name }) => row.get(name) ?? null)
  const key = pick(keys)
  if (source.kind === 'TABLE' && key.includes(null)) {
    const names = keys.map(({ name }) => quoteName(name)).join(', ')
    throw new SqlError(
      `Failed to insert values into '${source.name}'. Value for primary key column(s) ${names} is required for tables`,
    )
  }
  if (timestamp < 0) throw new SqlError(`ROWTIME: ${timestamp}; 0 or more is allowed`)
  const isKeyless = keys.length === 0 || (keys.length === 1 && key[0] === null)
  return {
    topic: source.topic,
    key: isKeyless ? null : codecOf(source.keyFormat, keys).serialize(key),
    value: isTombstone ? null : codecOf(source.valueFormat, columns).serialize(pick(columns)),
    timestamp,
  }
}

function unknownColumn(name: string, source: Source): SqlError {
  return new SqlError(
    `Column name ${quoteName(name)} does not exist. ${source.name} has ${source.columns.map((one) => one.name).join(', ')}`,
  )
}

/** Computes a value, and turns it into one of the type of its column if nothing is lost. */
function computed(
  expression: Expression,
  { name, type }: { readonly name: string; readonly type: SqlType },
  environment: CompileEnvironment,
): Value {
  try {
    const scope = new Scope([])
    const typed = compile(expression, { scope, environment, clause: 'VALUES' })
    const value = typed.evaluate([], [])
    if (value === null || typed.type === null) return null
    if (!canInsert(typed.type, type)) {
      throw new SqlError(
        `Expected type ${showType(type)} for field ${quoteName(name)} but got ${showType(typed.type)}(${printExpression(expression)})`,
      )
    }
    return castOf(typed.type, type)(value as never)
  } catch (error) {
    if (!(error instanceof EvaluationError)) throw error
    throw new SqlError(`${quoteName(name)}: ${error.message}`)
  }
}

const WIDTHS = ['INTEGER', 'BIGINT', 'DECIMAL', 'DOUBLE']
const OF_TEXTS: ReadonlySet<string> = new Set(['TIME', 'DATE', 'TIMESTAMP', 'STRING'])

function canInsert(from: SqlType, to: SqlType): boolean {
  if (from.kind === 'ARRAY' && to.kind === 'ARRAY') return canInsert(from.element, to.element)
  if (from.kind === 'MAP' && to.kind === 'MAP') {
    return canInsert(from.key, to.key) && canInsert(from.value, to.value)
  }
  if (from.kind === 'STRUCT' && to.kind === 'STRUCT') {
    return from.fields.every((field) => {
      const same = to.fields.find(({ name }) => name === field.name)
      return same !== undefined && canInsert(field.type, same.type)
    })
  }
  if (from.kind === 'STRING' && OF_TEXTS.has(to.kind)) return true
  const width = WIDTHS.indexOf(from.kind)
  if (width >= 0) return width <= WIDTHS.indexOf(to.kind)
  return from.kind === to.kind
}
