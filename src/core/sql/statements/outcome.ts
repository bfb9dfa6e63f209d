/** The result of deciding about a statement. */

import type { StartPosition } from '../../streams/application-api.ts'
import type { CatalogState, QueryDefinition } from '../catalog/catalog-state.ts'
import type { InsertedRecord } from '../catalog/insert-values.ts'
import type { Source } from '../catalog/source.ts'
import type { FormatDefaults, WithProperties } from '../catalog/with-properties.ts'
import type { CompileEnvironment } from '../expressions/compile-context.ts'
import type { SourceKind } from '../syntax/ast.ts'

/** The topic of a source, to be created if it is missing. */
export interface WantedTopic {
  readonly name: string
  readonly properties: WithProperties
  /** True if it must exist, unless the statement gives a number of partitions. */
  readonly mustExist: boolean
  /** The topic that has as many partitions. */
  readonly partitionsOf?: string
  /** True if it has the rows of a table. */
  readonly isTable: boolean
  /** True if its keys have windows. */
  readonly isWindowed: boolean
  /** How long its windows are kept at least, if the query says it. */
  readonly windowRetentionMs?: number
}

export type Effect =
  | { readonly kind: 'create-topic'; readonly topic: WantedTopic }
  | { readonly kind: 'delete-topic'; readonly name: string }
  | {
      readonly kind: 'start' | 'replace'
      readonly query: QueryDefinition
      /** Where a query that starts begins to read. */
      readonly from: StartPosition
    }
  | { readonly kind: 'stop' | 'pause' | 'resume'; readonly id: string }
  | { readonly kind: 'produce'; readonly record: InsertedRecord }

export interface Outcome {
  readonly state: CatalogState
  readonly effects: readonly Effect[]
  readonly message: string
  readonly queryId?: string
}

export interface ExecuteContext {
  readonly environment: CompileEnvironment
  readonly defaults: FormatDefaults
  /** By default `latest`. */
  readonly from?: StartPosition
}

export function shown(kind: SourceKind): string {
  return kind === 'STREAM' ? 'Stream' : 'Table'
}

export function withSource(state: CatalogState, source: Source): CatalogState {
  return {
    ...state,
    sequence: state.sequence + 1,
    sources: { ...state.sources, [source.name]: source },
  }
}
