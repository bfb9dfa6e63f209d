/** JOIN: of two streams, a stream and a table, or two tables. */
import { joinWindows } from '../../streams/dsl/windows.ts'
import { SqlError } from '../errors.ts'
import { Scope } from '../expressions/scope.ts'
import type { Row } from '../expressions/typed.ts'
import type { JoinClause, JoinType } from '../syntax/ast.ts'
import { equalTypes, showType } from '../types/sql-type.ts'
import { durationMs } from './durations.ts'
import { checkWindows, joinedKey, rowJoiner, type Side, sidesOf } from './join-sides.ts'
import {
  newKeyFormat,
  type PlanContext,
  type Relation,
  type RelationKey,
  type RowStream,
  type RowTable,
  type StreamRelation,
  type TableRelation,
} from './relation.ts'
import { type Key, keySerde, type RecordKey, rowSerde, windowedSerde } from './serdes.ts'

export function addJoin(
  context: PlanContext,
  left: Relation,
  right: Relation,
  join: JoinClause,
  number: number,
): Relation {
  const [leftSide, rightSide] = sidesOf(context, left, right, join.on)
  if (!equalTypes(leftSide.type, rightSide.type)) {
    throw new SqlError(
      `Invalid join condition: types don't match. Got ${leftSide.text}{${showType(leftSide.type)}} = ${rightSide.text}{${showType(rightSide.type)}}.`,
    )
  }
  const name = `join-${number}`
  checkWindows(leftSide, rightSide)
  for (const { valueFormat } of [left, right]) {
    if (valueFormat.name === 'KAFKA') {
      throw new SqlError(
        "JOIN: a source has the 'KAFKA' value format. This format does not yet support JOIN; JSON and DELIMITED are allowed",
      )
    }
  }
  if (right.kind === 'TABLE' && join.within !== undefined) {
    const kind = left.kind === 'TABLE' ? 'table-table' : 'stream-table'
    throw new SqlError(
      `A window definition was provided for a ${kind} join. WITHIN is allowed for two streams`,
    )
  }
  if (left.kind === 'STREAM' && right.kind === 'STREAM') {
    return joinStreams(context, leftSide, rightSide, left, right, join, name)
  }
  if (left.kind === 'STREAM' && right.kind === 'TABLE') {
    return joinStreamTable(context, leftSide, rightSide, left, right, join, name)
  }
  if (left.kind === 'TABLE' && right.kind === 'TABLE') {
    return joinTables(context, leftSide, rightSide, left, right, join, name)
  }
  throw new SqlError(
    'Invalid join order: table-stream joins are not supported; only stream-table joins. Swap the join sides.',
  )
}

interface JoinBase {
  readonly base: Omit<StreamRelation, 'kind' | 'stream'>
  readonly joiner: (key: RecordKey | null, one: Row | null, other: Row | null) => Row
  readonly key: RelationKey
}

function joinBase(context: PlanContext, left: Side, right: Side, type: JoinType): JoinBase {
  const { key, isNew } = joinedKey(left, right, type)
  // A key that an earlier join made has no name any more.
  const columns = [...left.relation.scope.columns, ...right.relation.scope.columns].map((column) =>
    column.source === undefined ? { ...column, name: `$${column.name}` } : column,
  )
  const synthetic = isNew ? [{ name: key.name, type: key.type, isPseudo: true }] : []
  const rows = rowJoiner(left.relation, right.relation)
  const { keyFormat, valueFormat, window, topic } = left.relation
  return {
    base: {
      scope: new Scope([...columns, ...synthetic]),
      key: [key],
      keyFormat: keyFormat.name === 'NONE' ? newKeyFormat(context, keyFormat) : keyFormat,
      valueFormat,
      topic,
      isJoined: true,
      ...(window === undefined || !left.isKey ? {} : { window }),
    },
    joiner: (recordKey, one, other) => {
      const row = rows(one, other)
      if (!isNew) return row
      const [value = null] =
        recordKey === null
          ? []
          : Array.isArray(recordKey)
            ? recordKey
            : (recordKey as { key: Key }).key
      return [...row, value]
    },
    key,
  }
}

/** Returns the stream with its records under the key of the join. */
function keyed(side: Side, stream: RowStream, base: JoinBase['base'], name: string): RowStream {
  const { relation, evaluate, isKey } = side
  const hasKey = isKey && relation.keyFormat.name === base.keyFormat.name
  if (hasKey) return stream
  return stream.selectKey<RecordKey>(
    (_key, row) => {
      const value = row === null ? null : evaluate(row)
      return (value === null ? null : [value]) as RecordKey
    },
    { name },
  )
}

function joinStreams(
  context: PlanContext,
  left: Side,
  right: Side,
  leftRelation: StreamRelation,
  rightRelation: StreamRelation,
  { type, within }: JoinClause,
  name: string,
): StreamRelation {
  if (within === undefined) {
    throw new SqlError(
      'Stream-stream joins must have a WITHIN clause specified. None was provided.',
    )
  }
  const { base, joiner, key } = joinBase(context, left, right, type)
  const { before, after, grace } = within
  const windows = {
    ...joinWindows({
      beforeMs: durationMs(before),
      afterMs: durationMs(after),
      graceMs: grace === undefined ? DAY_MS : durationMs(grace),
    }),
    // Without a grace, a row without a partner is joined with null at once, and again with a partner that comes later.
    ...(grace === undefined ? { isEager: true } : {}),
  }
  const one = keyed(left, leftRelation.stream, base, `${name}-left-key`)
  const other = keyed(right, rightRelation.stream, base, `${name}-right-key`)
  const inner = keySerde(base.keyFormat, [key])
  const options = {
    key: windowedSerde(inner, base.window),
    value: rowSerde(leftRelation.scope.columns),
    otherValue: rowSerde(rightRelation.scope.columns),
    name,
  }
  const join = (l: Row | null, r: Row | null, k: RecordKey) => joiner(k, l, r)
  if (type === 'INNER')
    return { kind: 'STREAM', ...base, stream: one.join(other, join, windows, options) }
  if (type === 'LEFT')
    return { kind: 'STREAM', ...base, stream: one.leftJoin(other, join, windows, options) }
  if (type === 'FULL')
    return { kind: 'STREAM', ...base, stream: one.outerJoin(other, join, windows, options) }
  const swapped = { ...windows, beforeMs: windows.afterMs, afterMs: windows.beforeMs }
  const swappedOptions = { ...options, value: options.otherValue, otherValue: options.value }
  const stream = other.leftJoin(one, (r, l, k) => joiner(k, l, r), swapped, swappedOptions)
  return { kind: 'STREAM', ...base, stream }
}

const DAY_MS = 86_400_000

function joinStreamTable(
  context: PlanContext,
  left: Side,
  right: Side,
  leftRelation: StreamRelation,
  rightRelation: TableRelation,
  { type }: JoinClause,
  name: string,
): StreamRelation {
  if (type === 'RIGHT' || type === 'FULL') {
    throw new SqlError(
      `Invalid join type: ${type} OUTER JOIN of a stream and a table is not supported; INNER and LEFT are allowed`,
    )
  }
  requirePrimaryKey(right)
  const { base, joiner, key } = joinBase(context, left, right, type)
  const stream = keyed(left, leftRelation.stream, base, `${name}-key`)
  const table = tableInFormat(rightRelation, base, `${name}-table`)
  const options = {
    key: windowedSerde(keySerde(base.keyFormat, [key]), base.window),
    value: rowSerde(leftRelation.scope.columns),
    name,
  }
  const joined =
    type === 'INNER'
      ? stream.join(table, (l, r, k) => joiner(k, l, r), options)
      : stream.leftJoin(table, (l, r, k) => joiner(k, l, r), options)
  return { kind: 'STREAM', ...base, stream: joined }
}

function requirePrimaryKey({ isKey, relation, text }: Side): void {
  if (isKey) return
  const names = relation.key.flatMap(({ texts }) => texts)
  throw new SqlError(
    `Invalid join condition: joins on a table must be on its primary key, ${names.join(', ')}. Got ${text}`,
  )
}

/** Returns the table with its keys in the format of the join. */
function tableInFormat(relation: TableRelation, base: JoinBase['base'], name: string): RowTable {
  if (relation.keyFormat.name === base.keyFormat.name) return relation.table
  const serdes = {
    key: windowedSerde(keySerde(base.keyFormat, relation.key), relation.window),
    value: rowSerde(relation.scope.columns),
  }
  return relation.table
    .toStream()
    .selectKey((key) => key)
    .toTable({ ...serdes, name })
}

function joinTables(
  context: PlanContext,
  left: Side,
  right: Side,
  leftRelation: TableRelation,
  rightRelation: TableRelation,
  { type }: JoinClause,
  name: string,
): TableRelation {
  requirePrimaryKey(right)
  if (!left.isKey) return joinByForeignKey(left, leftRelation, rightRelation, type, name)
  const { base, joiner } = joinBase(context, left, right, type)
  const other = tableInFormat(rightRelation, base, `${name}-table`)
  const join = (l: Row | null, r: Row | null, k: RecordKey) => joiner(k, l, r)
  const one = leftRelation.table
  const table =
    type === 'INNER'
      ? one.join(other, join)
      : type === 'LEFT'
        ? one.leftJoin(other, join)
        : type === 'FULL'
          ? one.outerJoin(other, join)
          : other.leftJoin(one, (r, l, k) => joiner(k, l, r))
  return { kind: 'TABLE', ...base, table }
}

function joinByForeignKey(
  left: Side,
  leftRelation: TableRelation,
  rightRelation: TableRelation,
  type: JoinType,
  name: string,
): TableRelation {
  if (leftRelation.isJoined || rightRelation.isJoined) {
    throw new SqlError(
      'Invalid join condition: foreign-key table-table joins are not supported as part of n-way joins.',
    )
  }
  if (type === 'RIGHT' || type === 'FULL') {
    throw new SqlError(
      `Invalid join type: ${type} OUTER JOIN by foreign key is not supported; INNER and LEFT are allowed`,
    )
  }
  const rows = rowJoiner(leftRelation, rightRelation)
  const columns = [...leftRelation.scope.columns, ...rightRelation.scope.columns]
  const options = {
    name,
    foreignKey: (row: Row) => {
      const value = left.evaluate(row)
      return (value === null ? null : [value]) as RecordKey | null
    },
    key: windowedSerde(keySerde(leftRelation.keyFormat, leftRelation.key), leftRelation.window),
    value: rowSerde(columns),
  }
  const one = leftRelation.table
  const table =
    type === 'INNER'
      ? one.join<RecordKey, Row, Row>(rightRelation.table, rows, options)
      : one.leftJoin<RecordKey, Row, Row>(rightRelation.table, rows, options)
  const { key, keyFormat, valueFormat, window, topic } = leftRelation
  return {
    kind: 'TABLE',
    scope: new Scope(columns),
    // In a join, names of columns begin with their source.
    key: key.map((one) => ({
      ...one,
      name: `${leftRelation.scope.columns[one.indexes[0] ?? 0]?.source}_${one.name}`,
    })),
    ...{ keyFormat, valueFormat, topic, isJoined: true, table },
    ...(window === undefined ? {} : { window }),
  }
}
