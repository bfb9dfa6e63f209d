/** Reads a source: its records become rows of all its columns. */
import type { RecordHeader } from '../../batch/record.ts'
import type { ProcessorContext } from '../../streams/processor.ts'
import type { StreamRecord } from '../../streams/stream-record.ts'
import { columnsOf, type Source } from '../catalog/source.ts'
import type { Language } from '../expressions/compile-context.ts'
import { Scope, type ScopeColumn } from '../expressions/scope.ts'
import type { Row } from '../expressions/typed.ts'
import type { SourceReference } from '../syntax/ast.ts'
import { printExpression } from '../syntax/print.ts'
import { BIGINT, INTEGER } from '../types/sql-type.ts'
import type { Value } from '../types/value.ts'
import type { PlanContext, Relation, RelationKey } from './relation.ts'
import {
  isWindowed,
  type Key,
  keySerde,
  plainKey,
  type RecordKey,
  rowSerde,
  valueSerde,
  windowedSerde,
} from './serdes.ts'

/** Returns the columns of a source and its pseudo columns, in the order of its rows. */
export function sourceScope(source: Source, alias: string): Scope {
  const columns: ScopeColumn[] = source.columns.map(({ name, type, part }) => ({
    ...{ source: alias, name, type, isKey: part === 'key' },
  }))
  const pseudo = (name: string, type: ScopeColumn['type']) => {
    columns.push({ source: alias, name, type, isPseudo: true })
  }
  pseudo('ROWTIME', BIGINT)
  pseudo('ROWPARTITION', INTEGER)
  pseudo('ROWOFFSET', BIGINT)
  if (source.window !== undefined) {
    pseudo('WINDOWSTART', BIGINT)
    pseudo('WINDOWEND', BIGINT)
  }
  return new Scope(columns)
}

export interface RecordParts {
  readonly key: RecordKey | null
  readonly value: Row | null
  readonly timestamp: number
  readonly headers: readonly RecordHeader[]
  readonly partition: number
  readonly offset: number
}

/** Returns the function that makes the row of a record, in the order of `sourceScope`. */
export function rowMaker(source: Source): (record: RecordParts) => Row {
  const keyCount = columnsOf(source, 'key').length
  let inKey = 0
  let inValue = 0
  const read = source.columns.map(({ part }): ((record: RecordParts) => Value) => {
    if (part === 'key') {
      const index = inKey++
      return ({ key }) => (key === null ? null : (plainKey(key)[index] ?? null))
    }
    if (part === 'value') {
      const index = inValue++
      return ({ value }) => value?.[index] ?? null
    }
    if (part === 'headers') return ({ headers }) => headers.map(({ key, value }) => [key, value])
    const { header } = part
    return ({ headers }) => headers.findLast(({ key }) => key === header)?.value ?? null
  })
  // Most sources have their columns as the record has them.
  const isPlain = source.columns.every(
    ({ part }, index) => part === (index < keyCount ? 'key' : 'value'),
  )
  const isWindowedSource = source.window !== undefined
  return (record) => {
    const { key, value, timestamp, partition, offset } = record
    if (isPlain && !isWindowedSource && key !== null && value !== null) {
      return [...(key as Key), ...value, timestamp, partition, offset]
    }
    const row: Value[] = read.map((one) => one(record))
    row.push(timestamp, partition, offset)
    if (!isWindowedSource) return row
    const window = key !== null && isWindowed(key) ? key : undefined
    row.push(window?.startMs ?? null, window?.endMs ?? null)
    return row
  }
}

/** Returns the function that finds the time of a record; undefined if it is that of the record. */
export function timeReader(
  source: Source,
  { parseTimestamp }: Language,
): ((row: Row) => number) | undefined {
  const { timestamp } = source
  if (timestamp === undefined) return undefined
  const index = source.columns.findIndex(({ name }) => name === timestamp.column)
  const { pattern } = timestamp
  return (row) => {
    const value = row[index] ?? null
    // A record without a time is refused, as one with a negative time.
    if (value === null) return -1
    return pattern === undefined ? Number(value) : parseTimestamp(String(value), pattern)
  }
}

export function addSource(
  context: PlanContext,
  source: Source,
  { alias }: SourceReference,
): Relation {
  const { builder } = context
  const keys = columnsOf(source, 'key')
  const scope = sourceScope(source, alias)
  const key = windowedSerde(keySerde(source.keyFormat, keys), source.window)
  const value = valueSerde(source.valueFormat, columnsOf(source, 'value'))
  const name = `source-${alias}`
  const makeRow = rowMaker(source)
  const timeOf = timeReader(source, context.environment)
  const hasKey = keys.length > 0
  const rows = builder
    .stream<RecordKey, Row>(source.topic, { key: hasKey ? key : IGNORED_KEY, value, name })
    .processValues<Row>(
      (processor: ProcessorContext<RecordKey, Row>) => ({
        process(record: StreamRecord<RecordKey, Row>) {
          forwardRow(processor, record, makeRow, timeOf)
        },
      }),
      { name: `rows-${alias}` },
    )
  const base = {
    scope,
    key: relationKeys(source, alias),
    keyFormat: source.keyFormat,
    valueFormat: source.valueFormat,
    topic: source.topic,
    isJoined: false,
    ...(source.window === undefined ? {} : { window: source.window }),
  }
  if (source.kind === 'STREAM') return { kind: 'STREAM', ...base, stream: rows }
  const store = `table-${alias}`
  const serdes = { key, value: rowSerde(scope.columns) }
  return {
    kind: 'TABLE',
    ...base,
    table: rows.toTable({ name: store, ...serdes }),
    materialized: { store, view: (_key, row) => row },
  }
}

/** The keys of a source without key columns are not read. */
const IGNORED_KEY = {
  name: 'sql-ignored',
  serialize: () => new Uint8Array(),
  deserialize: () => [],
}

function forwardRow(
  processor: ProcessorContext<RecordKey, Row>,
  { key, value, timestamp: recordTime, headers }: StreamRecord<RecordKey, Row>,
  makeRow: (record: RecordParts) => Row,
  timeOf: ((row: Row) => number) | undefined,
): void {
  // A tombstone stays one.
  if (value === null) {
    processor.forward({ key, value })
    return
  }
  const { position } = processor
  const { partition, offset } = position ?? { partition: 0, offset: 0 }
  const parts = { key, value, timestamp: recordTime, headers, partition, offset }
  const row = makeRow(parts)
  const timestamp = timeOf === undefined ? recordTime : timeOf(row)
  if (timestamp < 0) return
  const timed = timestamp === recordTime ? row : makeRow({ ...parts, timestamp })
  processor.forward({ key, value: timed, timestamp })
}

function relationKeys(source: Source, alias: string): RelationKey[] {
  return source.columns.flatMap(({ name, type, part }, index) => {
    if (part !== 'key') return []
    const at = { line: 1, column: 1 }
    const column = { kind: 'column', source: alias, name, at } as const
    return [{ name, type, indexes: [index], texts: [printExpression(column)] }]
  })
}
