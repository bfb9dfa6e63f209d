/**
 * Queries that are read, and need more than one row at a time: joins, groups, windows. Their topology runs in memory,
 * and ends with its reader.
 */
import { StreamsBuilder } from '../../streams/dsl/streams-builder.ts'
import type { ProcessorContext } from '../../streams/processor.ts'
import type { StreamRecord } from '../../streams/stream-record.ts'
import type { Topology } from '../../streams/topology.ts'
import type { Row } from '../expressions/typed.ts'
import type { QueryWorld } from '../plan/persistent-query.ts'
import { addQuery, type QueryResultPlan } from '../plan/plan-query.ts'
import { isWindowed, type RecordKey } from '../plan/serdes.ts'
import type { Query } from '../syntax/ast.ts'
import type { Value } from '../types/value.ts'
import type { ResultColumn } from './select-plan.ts'

export interface TransientRow {
  readonly values: Row
  readonly isTombstone: boolean
}

export interface TransientPlan {
  readonly columns: readonly ResultColumn[]
  readonly topology: Topology
}

const WINDOW_BOUNDS: ReadonlySet<string> = new Set(['WINDOWSTART', 'WINDOWEND'])

/**
 * @param emit Called with each row of the result, while the topology runs.
 * @throws {SqlError} as for queries that are stored.
 */
export function planTransient(
  query: Query,
  world: QueryWorld,
  emit: (row: TransientRow) => void,
): TransientPlan {
  const builder = new StreamsBuilder()
  const plan = addQuery({ ...world, builder, isPersistent: false }, query, 'the result')
  plan.records.process(
    () =>
      ({
        process({ key, value }: StreamRecord<RecordKey | null, Row | null>) {
          if (value === null) {
            // Only a table has rows that go.
            if (plan.kind === 'TABLE') emit({ values: keyValues(plan, key), isTombstone: true })
            return
          }
          emit({ values: withKey(plan, key, plan.toResult(value, key)), isTombstone: false })
        },
      }) satisfies ReturnType<(context: ProcessorContext<RecordKey, Row>) => object>,
  )
  return {
    columns: plan.value.map(({ name, type }, index) => ({
      ...{ name, type },
      isKey: isKeyColumn(plan, index),
    })),
    topology: builder.build('transient', { onError: 'skip' }),
  }
}

function isKeyColumn({ keyPlaces, value, window }: QueryResultPlan, index: number): boolean {
  const isBound = window !== undefined && WINDOW_BOUNDS.has(value[index]?.name ?? '')
  return (keyPlaces[index] ?? -1) >= 0 || isBound
}

/** A row of an outer join may have its key on the other side only. */
function withKey({ keyPlaces }: QueryResultPlan, key: RecordKey | null, row: Row): Row {
  if (key === null) return row
  const columns = isWindowed(key) ? key.key : key
  return row.map((value, index) => {
    const place = keyPlaces[index] ?? -1
    return place >= 0 ? (columns[place] ?? value) : value
  })
}

function keyValues({ keyPlaces, value }: QueryResultPlan, key: RecordKey | null): Row {
  const columns = key === null ? [] : isWindowed(key) ? key.key : key
  return value.map(({ name }, index): Value => {
    if (key !== null && isWindowed(key) && name === 'WINDOWSTART') return key.startMs
    if (key !== null && isWindowed(key) && name === 'WINDOWEND') return key.endMs
    const place = keyPlaces[index] ?? -1
    return place >= 0 ? (columns[place] ?? null) : null
  })
}
