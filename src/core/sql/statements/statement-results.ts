/** The results of statements, for doors to show in their forms. */
import type { ApplicationDescription, ApplicationStatus } from '../../streams/application-api.ts'

export type StatementResult = { readonly statement: string } & ResultOfStatement

export type ResultOfStatement =
  | StatusResult
  | {
      readonly kind: 'inserted'
      readonly topic: string
      readonly partition: number
      readonly offset: number
    }
  | {
      readonly kind: 'sources'
      readonly sourceKind: 'STREAM' | 'TABLE'
      readonly sources: readonly SourceDescription[]
      readonly isExtended: boolean
    }
  | { readonly kind: 'source'; readonly source: SourceDescription; readonly isExtended: boolean }
  | { readonly kind: 'topics'; readonly topics: readonly ShownTopic[] }
  | { readonly kind: 'queries'; readonly queries: readonly QuerySummary[] }
  | { readonly kind: 'query'; readonly query: QueryDescription }
  | { readonly kind: 'functions'; readonly functions: readonly FunctionSummary[] }
  | { readonly kind: 'function'; readonly function: FunctionDescription }
  | {
      readonly kind: 'types'
      readonly types: readonly { readonly name: string; readonly type: string }[]
    }
  | { readonly kind: 'properties'; readonly properties: readonly ShownProperty[] }
  | {
      readonly kind: 'variables'
      readonly variables: readonly { readonly name: string; readonly value: string }[]
    }
  /** SET, UNSET, DEFINE, UNDEFINE: they hold for the later statements of the request. */
  | {
      readonly kind: 'session'
      readonly change: 'set' | 'unset' | 'define' | 'undefine'
      readonly name: string
      readonly value?: string
    }
  | { readonly kind: 'assertion'; readonly topic: string; readonly exists: boolean }

/** The result of a statement that changes the catalog. */
export interface StatusResult {
  readonly kind: 'status'
  /** The thing that changed and the change, as in `stream/CLICKS/create`. */
  readonly commandId: string
  /** `EXECUTING`: the statement is stored, and the server goes on with what `pending` names. */
  readonly status: 'SUCCESS' | 'EXECUTING'
  readonly message: string
  readonly queryId?: string
  /** Number of the catalog after the statement. */
  readonly sequence: number
  readonly pending?: readonly string[]
}

export interface ShownColumn {
  readonly name: string
  readonly type: string
  readonly part: 'key' | 'value' | 'headers'
  readonly header?: string
}

export interface SourceDescription {
  readonly name: string
  readonly kind: 'STREAM' | 'TABLE'
  readonly columns: readonly ShownColumn[]
  readonly topic: string
  readonly keyFormat: string
  readonly valueFormat: string
  readonly window?: { readonly kind: string; readonly sizeMs?: number }
  readonly timestamp?: string
  readonly isReadOnly: boolean
  readonly statement: string
  /** Ids of the queries that read it, and of those that write it. */
  readonly readers: readonly string[]
  readonly writers: readonly string[]
  /** Only if it is asked for, the caller may describe the topic, and the topic exists. */
  readonly partitions?: number
}

export interface ShownTopic {
  readonly name: string
  readonly partitions: number
}

export interface QuerySummary {
  readonly id: string
  readonly statement: string
  readonly sink: string
  readonly sinkTopic: string
  readonly reads: readonly string[]
  /** `unresponsive`: its application did not respond, or does not exist yet. */
  readonly status: ApplicationStatus | 'unresponsive'
  readonly error?: string
}

export interface QueryDescription extends Omit<QuerySummary, 'status'> {
  readonly status?: QuerySummary['status']
  readonly columns: readonly ShownColumn[]
  /** Each node on a line, with its inputs and, if it runs, the records that it has processed and dropped. */
  readonly topology: string
  /** Tasks, positions, lag, and expressions that failed, if the query runs. */
  readonly application?: ApplicationDescription
}

export interface FunctionSummary {
  readonly name: string
  readonly type: 'SCALAR' | 'TABLE' | 'AGGREGATE'
}

export interface FunctionDescription extends FunctionSummary {
  readonly description: string
  readonly signatures: readonly string[]
}

export interface ShownProperty {
  readonly name: string
  readonly value: string
  readonly isDefault: boolean
}
