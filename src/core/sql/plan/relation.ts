/** A stream or table on its way through a plan: its rows, and the nodes that make them. */
import type { KStream, KTable } from '../../streams/dsl/dsl.ts'
import type { StreamsBuilder } from '../../streams/dsl/streams-builder.ts'
import type { Source, SourceWindow } from '../catalog/source.ts'
import { type FormatDefaults, keyFormatOf } from '../catalog/with-properties.ts'
import type { CompileEnvironment } from '../expressions/compile-context.ts'
import type { Scope } from '../expressions/scope.ts'
import type { FailureListener, Row } from '../expressions/typed.ts'
import type { ChosenFormat } from '../formats/formats.ts'
import type { SqlType } from '../types/sql-type.ts'
import type { Key, RecordKey } from './serdes.ts'

export interface PlanContext {
  readonly builder: StreamsBuilder
  readonly environment: CompileEnvironment
  readonly defaults: FormatDefaults
  readonly onFailure: FailureListener
  /** @throws {SqlError} if there is no such source. */
  readonly sourceOf: (name: string) => Source
  /** True for a query whose result is a source; false for one that is read once. */
  readonly isPersistent: boolean
  /** The format that the statement gives the keys of the result: keys that are made on the way have it too. */
  readonly newKeyFormat?: ChosenFormat
}

export type RowStream = KStream<RecordKey, Row>
export type RowTable = KTable<RecordKey, Row>

/** A column of a key. */
export interface RelationKey {
  /** Its name unless SELECT gives it another. */
  readonly name: string
  readonly type: SqlType
  /**
   * The places of its value in the row, in the order in which SELECT is searched for one; the expressions that have it,
   * as text.
   */
  readonly indexes: readonly number[]
  readonly texts: readonly string[]
}

/** A table in a store that queries read. */
export interface Materialized {
  readonly store: string
  /** Returns the row of the relation that a row of the store stands for; null: there is none. */
  readonly view: (key: Key, stored: Row, timestamp: number) => Row | null
}

interface RelationBase {
  readonly scope: Scope
  readonly key: readonly RelationKey[]
  readonly keyFormat: ChosenFormat
  readonly valueFormat: ChosenFormat
  readonly window?: SourceWindow
  /** The topic that decides the number of partitions of the result. */
  readonly topic: string
  /** True if the columns of several sources are in the scope. */
  readonly isJoined: boolean
  /** The places of a key that PARTITION BY replaced. */
  readonly oldKey?: readonly number[]
}

export interface StreamRelation extends RelationBase {
  readonly kind: 'STREAM'
  readonly stream: RowStream
}

export interface TableRelation extends RelationBase {
  readonly kind: 'TABLE'
  readonly table: RowTable
  /** Returns the row that a value of `table` stands for; default: the value is the row. */
  readonly rowOf?: (stored: Row, key: RecordKey) => Row
  readonly materialized?: Materialized
}

export type Relation = StreamRelation | TableRelation

/** Returns the format of a key that a relation gets by grouping, partitioning or joining. */
export function newKeyFormat(context: PlanContext, before: ChosenFormat): ChosenFormat {
  if (context.newKeyFormat !== undefined) return context.newKeyFormat
  return before.name === 'NONE' ? keyFormatOf({}, context.defaults) : before
}
