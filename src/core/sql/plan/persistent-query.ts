/** Queries that write a topic: CREATE ... AS SELECT, and INSERT INTO ... SELECT. */

import { StreamsBuilder } from '../../streams/dsl/streams-builder.ts'
import type { ProcessorContext } from '../../streams/processor.ts'
import type { StreamRecord } from '../../streams/stream-record.ts'
import type { Topology } from '../../streams/topology.ts'
import { checkFormats, RESERVED_COLUMNS, timestampOf } from '../catalog/define-source.ts'
import { columnsOf, type Source, type SourceColumn } from '../catalog/source.ts'
import {
  checkProperties,
  type FormatDefaults,
  keyFormatOf,
  valueFormatOf,
  type WithProperties,
} from '../catalog/with-properties.ts'
import { SqlError } from '../errors.ts'
import type { CompileEnvironment, Language } from '../expressions/compile-context.ts'
import type { FailureListener, Row } from '../expressions/typed.ts'
import type { ChosenFormat } from '../formats/formats.ts'
import type { CreateAs, Query } from '../syntax/ast.ts'
import { equalTypes, quoteName, showType } from '../types/sql-type.ts'
import { applicationNameOf } from './application-name.ts'
import { addQuery, type QueryResultPlan, resultKey } from './plan-query.ts'
import type { Materialized, PlanContext } from './relation.ts'
import { keySerde, plainKey, type RecordKey, valueSerde, windowedSerde } from './serdes.ts'
import { timeReader } from './source-step.ts'

export interface QueryWorld {
  /** @throws {SqlError} if there is no such source. */
  readonly sourceOf: (name: string) => Source
  readonly environment: CompileEnvironment
  readonly onFailure: FailureListener
  readonly defaults: FormatDefaults
}

/** A query that is ready to run. */
export interface PersistentPlan {
  /** The source that the query writes. */
  readonly sink: Source
  readonly properties: WithProperties
  /** The topic whose number of partitions the sink gets unless the statement gives one. */
  readonly partitionsOf: string
  readonly topology: Topology
  /** Only for tables. */
  readonly materialized?: Materialized
}

/** @param id Id of the query; its application is named by it. */
export function planCreateAs(
  statement: CreateAs,
  text: string,
  id: string,
  world: QueryWorld,
): PersistentPlan {
  const { name, sourceKind, query } = statement
  const properties = checkProperties(statement.properties, 'sink')
  const { builder, plan } = planned(query, name, world, properties)
  if (plan.kind !== sourceKind) {
    throw new SqlError(
      `Invalid result type. Your SELECT query produces a ${plan.kind}. Please use CREATE ${plan.kind} AS SELECT statement instead.`,
    )
  }
  const columns: SourceColumn[] = [
    ...plan.key.map((column) => ({ ...column, part: 'key' as const })),
    ...plan.value.map((column) => ({ ...column, part: 'value' as const })),
  ]
  for (const { name: column } of plan.value) {
    if (!RESERVED_COLUMNS.has(column)) continue
    throw new SqlError(
      `Reserved column name in select: ${quoteName(column)}. Please remove or alias the column.`,
    )
  }
  if (
    plan.key.length === 0 &&
    properties.keyFormat !== undefined &&
    plan.keyFormat.name === 'NONE'
  ) {
    throw new SqlError('Key format specified for stream without key columns.')
  }
  const { topic = name } = properties
  const sink: Source = {
    ...{ name, kind: plan.kind, columns, topic, statement: text, queryId: id },
    ...sinkFormats(plan, properties, world.defaults),
    ...(plan.window === undefined ? {} : { window: plan.window }),
    ...timestampOf(properties, columns),
  }
  checkFormats(sink)
  const topology = finish(builder, plan, sink, id, world.environment)
  return { sink, properties, partitionsOf: plan.topic, topology, ...materializedOf(plan) }
}

/** INSERT INTO: the result has the columns of a stream that exists. */
export function planInsertInto(
  query: Query,
  sink: Source,
  id: string,
  world: QueryWorld,
): PersistentPlan {
  if (sink.kind === 'TABLE') {
    throw new SqlError(
      'INSERT INTO can only be used to insert into a stream. ' +
        `${quoteName(sink.name)} is a table.`,
    )
  }
  if (sink.isReadOnly === true) {
    throw new SqlError(`Cannot insert into read-only stream: ${quoteName(sink.name)}`)
  }
  const { builder, plan } = planned(query, sink.name, world, {})
  if (plan.kind === 'TABLE') {
    throw new SqlError('INSERT INTO can only be used with a query that produces a stream')
  }
  checkCompatible(plan, sink)
  const topology = finish(builder, plan, sink, id, world.environment)
  return { sink, properties: {}, partitionsOf: plan.topic, topology }
}

function planned(
  query: Query,
  sinkName: string,
  world: QueryWorld,
  properties: WithProperties,
): { builder: StreamsBuilder; plan: QueryResultPlan } {
  if (query.limit !== undefined) {
    throw new SqlError('LIMIT: is allowed in a query that is read, not in one that makes a source')
  }
  const builder = new StreamsBuilder()
  const keyFormat =
    properties.keyFormat === undefined
      ? {}
      : { newKeyFormat: keyFormatOf(properties, world.defaults) }
  const context: PlanContext = { ...world, builder, isPersistent: true, ...keyFormat }
  return { builder, plan: addQuery(context, query, sinkName) }
}

function materializedOf(plan: QueryResultPlan): Pick<PersistentPlan, 'materialized'> {
  return plan.kind === 'TABLE' ? { materialized: plan.materialized } : {}
}

/** A result has the formats of its source unless the statement names others. */
function sinkFormats(
  plan: QueryResultPlan,
  properties: WithProperties,
  defaults: FormatDefaults,
): { keyFormat: ChosenFormat; valueFormat: ChosenFormat } {
  const { keyFormat, keyDelimiter, valueFormat } = properties
  const hasNewKey = keyFormat !== undefined || keyDelimiter !== undefined
  const key = hasNewKey
    ? keyFormatOf({ keyFormat: plan.keyFormat.name, ...properties }, defaults)
    : plan.keyFormat
  const { name, delimiter } = plan.valueFormat
  // How a lone column is wrapped is not taken from the source.
  const value = valueFormatOf(
    {
      valueFormat: name,
      ...(delimiter === undefined || valueFormat !== undefined
        ? {}
        : { valueDelimiter: delimiter }),
      ...properties,
    },
    defaults,
    plan.value.length,
  )
  return { keyFormat: key, valueFormat: value }
}

function checkCompatible(plan: QueryResultPlan, sink: Source): void {
  const keys = columnsOf(sink, 'key')
  const values = columnsOf(sink, 'value')
  const isSame =
    keys.length === plan.key.length &&
    values.length === plan.value.length &&
    keys.every(({ type }, index) => equalTypes(type, plan.key[index]?.type ?? type)) &&
    values.every(
      ({ name, type }, index) =>
        name === plan.value[index]?.name && equalTypes(type, plan.value[index]?.type ?? type),
    )
  if (isSame) return
  const show = (columns: readonly { name: string; type: SourceColumn['type'] }[]) =>
    columns.map(({ name, type }) => `${quoteName(name)} ${showType(type)}`).join(', ')
  throw new SqlError(
    `Incompatible schema between results and sink.\nResult schema is [${show(plan.key)}] KEY, ${show(plan.value)}\nSink schema is [${show(keys)}] KEY, ${show(values)}`,
  )
}

/** Adds the topic of the result. */
function finish(
  builder: StreamsBuilder,
  plan: QueryResultPlan,
  sink: Source,
  id: string,
  language: Language,
): Topology {
  const keys = columnsOf(sink, 'key')
  const values = columnsOf(sink, 'value')
  const { isUnwrapped = false, name } = sink.valueFormat
  // A lone column that is null, and is not wrapped, is a tombstone.
  const isLone = values.length === 1 && (isUnwrapped || name === 'KAFKA')
  const timeOf = timeReader({ ...sink, columns: [...keys, ...values] }, language)
  const toSink = (processor: ProcessorContext<RecordKey, Row>) => ({
    process({ key, value: row, timestamp }: StreamRecord<RecordKey | null, Row | null>) {
      const value = row === null ? null : plan.toResult(row, key)
      const isTombstone = value === null || (isLone && value[0] === null)
      const timed =
        timeOf === undefined || value === null
          ? timestamp
          : timeOf([...(key === null ? keys.map(() => null) : plainKey(key)), ...value])
      if (timed < 0) return
      processor.forward({
        key: resultKey(key) as RecordKey,
        value: (isTombstone ? null : value) as Row,
        timestamp: timed,
      })
    },
  })
  plan.records.process<RecordKey, Row>(toSink).to(sink.topic, {
    key: windowedSerde(keySerde(sink.keyFormat, keys), sink.window),
    value: valueSerde(sink.valueFormat, values),
    name: 'sink',
  })
  return builder.build(applicationNameOf(id), { onError: 'skip' })
}
