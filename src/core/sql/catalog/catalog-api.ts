/** The RPC interface of the catalog's Durable Object. Types only. */
import type { Result } from '../../errors.ts'
import type { StartPosition } from '../../streams/application-api.ts'
import type { TopicConfigOverrides } from '../../topic/topic-config.ts'
import type { SqlType } from '../types/sql-type.ts'
import type { CatalogQuery, CatalogState } from './catalog-state.ts'
import type { Source } from './source.ts'

/** A change outside of the catalog. Each can be repeated. */
export type CatalogEffect =
  | {
      readonly kind: 'create-topic'
      readonly name: string
      readonly partitions: number
      readonly overrides: TopicConfigOverrides
    }
  | { readonly kind: 'delete-topic'; readonly name: string }
  /** Creates the application of a query, or gives it the definition that the catalog has now. */
  | { readonly kind: 'deploy'; readonly id: string; readonly from: StartPosition }
  | { readonly kind: 'stop' | 'pause' | 'resume'; readonly id: string }

/** Rows by name; null: the row is deleted. */
export interface CatalogChanges {
  readonly sources: Readonly<Record<string, Source | null>>
  readonly types: Readonly<Record<string, SqlType | null>>
  readonly queries: Readonly<Record<string, CatalogQuery | null>>
}

export interface CatalogCommit {
  /** Unique: a commit that is repeated, because its response was lost, is stored once. */
  readonly id: string
  /** The catalog that the statement was decided against. */
  readonly sequence: number
  readonly changes: CatalogChanges
  readonly effects: readonly CatalogEffect[]
}

export interface PendingEffect {
  /** Effects are carried out in the order of their numbers. */
  readonly number: number
  /** The catalog's sequence after the statement. */
  readonly sequence: number
  readonly effect: CatalogEffect
  /** Why it failed last. */
  readonly error?: string
}

export interface CatalogView {
  readonly sequence: number
  /** Undefined: as the caller knows it. */
  readonly state?: CatalogState
  /** Effects that are not carried out yet. */
  readonly pending: readonly PendingEffect[]
}

export type CommitResult =
  /** Another statement was faster: the caller reads and decides again. */
  | { readonly kind: 'conflict' }
  /** `pending`: the effects of this commit that are not carried out yet. The catalog goes on with them. */
  | {
      readonly kind: 'committed'
      readonly sequence: number
      readonly pending: readonly PendingEffect[]
    }

export interface CatalogApi {
  /** Returns the catalog, without its state if the caller knows it. */
  read(knownSequence: number): Promise<Result<CatalogView>>
  /**
   * Stores the changes and effects of a statement in one commit, and then carries the effects out. Waits for them for
   * some seconds. The latest commit can be repeated.
   *
   * Errors: `policy_violation` for a catalog that becomes too large; `throttled` for too many effects.
   */
  commit(commit: CatalogCommit): Promise<Result<CommitResult>>
}

/** The name of the only object of the class. */
export const CATALOG_OBJECT_NAME = 'default'
