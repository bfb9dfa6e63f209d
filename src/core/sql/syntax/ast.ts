/** Statements and expressions as data. Names are as they are compared: in upper case, unless they were quoted. */
import type { SqlPosition } from '../errors.ts'
import type { SqlType } from '../types/sql-type.ts'
import type { Value } from '../types/value.ts'

export type ComparisonOperator = '=' | '<>' | '<' | '<=' | '>' | '>='
export type ArithmeticOperator = '+' | '-' | '*' | '/' | '%'
export type IntervalUnit =
  | 'MILLISECONDS'
  | 'SECONDS'
  | 'MINUTES'
  | 'HOURS'
  | 'DAYS'
  | 'WEEKS'
  | 'MONTHS'
  | 'YEARS'

export interface ColumnReference {
  readonly kind: 'column'
  /** Name or alias of the source. */
  readonly source?: string
  readonly name: string
  readonly at: SqlPosition
}

export interface FunctionCall {
  readonly kind: 'call'
  readonly name: string
  readonly parameters: readonly Expression[]
  readonly at: SqlPosition
}

export interface Literal {
  readonly kind: 'literal'
  readonly value: Value
  /** Null: the literal NULL, which fits any type. */
  readonly type: SqlType | null
}

export interface LambdaExpression {
  readonly kind: 'lambda'
  readonly names: readonly string[]
  readonly body: Expression
}

export interface CaseExpression {
  readonly kind: 'case'
  /** The value that is compared, of CASE x WHEN 1 THEN ... */
  readonly operand?: Expression
  readonly branches: ReadonlyArray<{ readonly when: Expression; readonly result: Expression }>
  readonly otherwise?: Expression
}

export type Expression =
  | Literal
  | ColumnReference
  | FunctionCall
  | LambdaExpression
  | CaseExpression
  | { readonly kind: 'field'; readonly of: Expression; readonly name: string }
  | { readonly kind: 'subscript'; readonly of: Expression; readonly index: Expression }
  | { readonly kind: 'negate'; readonly of: Expression }
  | { readonly kind: 'not'; readonly of: Expression }
  | {
      readonly kind: 'arithmetic'
      readonly operator: ArithmeticOperator
      readonly left: Expression
      readonly right: Expression
    }
  | {
      readonly kind: 'comparison'
      readonly operator: ComparisonOperator
      readonly left: Expression
      readonly right: Expression
    }
  /** `isNot`: IS NOT DISTINCT FROM. */
  | {
      readonly kind: 'distinct'
      readonly left: Expression
      readonly right: Expression
      readonly isNot: boolean
    }
  | { readonly kind: 'and' | 'or'; readonly left: Expression; readonly right: Expression }
  | { readonly kind: 'is-null'; readonly of: Expression; readonly isNot: boolean }
  | {
      readonly kind: 'between'
      readonly of: Expression
      readonly low: Expression
      readonly high: Expression
      readonly isNot: boolean
    }
  | {
      readonly kind: 'in'
      readonly of: Expression
      readonly list: readonly Expression[]
      readonly isNot: boolean
    }
  | {
      readonly kind: 'like'
      readonly of: Expression
      readonly pattern: Expression
      readonly escapedBy?: string
      readonly isNot: boolean
    }
  | { readonly kind: 'cast'; readonly of: Expression; readonly type: SqlType }
  | { readonly kind: 'array'; readonly elements: readonly Expression[] }
  | {
      readonly kind: 'map'
      readonly entries: ReadonlyArray<{ readonly key: Expression; readonly value: Expression }>
    }
  | {
      readonly kind: 'struct'
      readonly fields: ReadonlyArray<{ readonly name: string; readonly value: Expression }>
    }
  | { readonly kind: 'unit'; readonly unit: IntervalUnit }

export type SelectItem =
  | { readonly kind: 'expression'; readonly expression: Expression; readonly alias?: string }
  /** `*`, or `source.*`. */
  | { readonly kind: 'all'; readonly source?: string }
  /** `struct->*`. */
  | { readonly kind: 'all-fields'; readonly of: Expression }

export interface Duration {
  readonly amount: number
  readonly unit: IntervalUnit
}

export interface SourceReference {
  readonly name: string
  readonly alias: string
  readonly at: SqlPosition
}

export type JoinType = 'INNER' | 'LEFT' | 'RIGHT' | 'FULL'

export interface JoinClause {
  readonly type: JoinType
  readonly source: SourceReference
  readonly within?: {
    readonly before: Duration
    readonly after: Duration
    readonly grace?: Duration
  }
  readonly on: Expression
}

export interface WindowClause {
  readonly kind: 'TUMBLING' | 'HOPPING' | 'SESSION'
  /** The size, or the gap of sessions. */
  readonly size: Duration
  readonly advanceBy?: Duration
  readonly retention?: Duration
  readonly grace?: Duration
}

export type Emit = 'CHANGES' | 'FINAL'

export interface Query {
  readonly kind: 'query'
  readonly select: readonly SelectItem[]
  readonly from: SourceReference
  readonly joins: readonly JoinClause[]
  readonly window?: WindowClause
  readonly where?: Expression
  readonly groupBy?: readonly Expression[]
  readonly partitionBy?: readonly Expression[]
  readonly having?: Expression
  readonly emit?: Emit
  readonly limit?: number
}

export type SourceKind = 'STREAM' | 'TABLE'

/** The role of a column: `{ header }` has the values of one header. */
export type ColumnRole = 'KEY' | 'PRIMARY KEY' | 'HEADERS' | { readonly header: string }

export interface ColumnDefinition {
  readonly name: string
  readonly type: SqlType
  readonly role?: ColumnRole
}

/** The properties of WITH, by their names in upper case. */
export type Properties = ReadonlyMap<string, Value>

export interface CreateSource {
  readonly kind: 'create-source'
  readonly sourceKind: SourceKind
  readonly orReplace: boolean
  readonly ifNotExists: boolean
  /** CREATE SOURCE STREAM or TABLE: read-only. */
  readonly isReadOnly: boolean
  readonly name: string
  readonly columns: readonly ColumnDefinition[]
  readonly properties: Properties
}

export interface CreateAs {
  readonly kind: 'create-as'
  readonly sourceKind: SourceKind
  readonly orReplace: boolean
  readonly ifNotExists: boolean
  readonly name: string
  readonly properties: Properties
  readonly query: Query
}

export interface InsertValues {
  readonly kind: 'insert-values'
  readonly target: string
  /** Empty: all columns. */
  readonly columns: readonly string[]
  readonly values: readonly Expression[]
}

export type Listed =
  | 'STREAMS'
  | 'TABLES'
  | 'TOPICS'
  | 'QUERIES'
  | 'FUNCTIONS'
  | 'PROPERTIES'
  | 'TYPES'
  | 'VARIABLES'
  | 'CONNECTORS'

export type Statement =
  | CreateSource
  | CreateAs
  | InsertValues
  | Query
  | {
      readonly kind: 'insert-into'
      readonly target: string
      readonly properties: Properties
      readonly query: Query
    }
  | {
      readonly kind: 'create-type'
      readonly name: string
      readonly type: SqlType
      readonly ifNotExists: boolean
    }
  | { readonly kind: 'drop-type'; readonly name: string; readonly ifExists: boolean }
  | {
      readonly kind: 'drop-source'
      readonly sourceKind: SourceKind
      readonly name: string
      readonly ifExists: boolean
      readonly deletesTopic: boolean
    }
  | {
      readonly kind: 'alter-source'
      readonly sourceKind: SourceKind
      readonly name: string
      readonly columns: readonly ColumnDefinition[]
    }
  | {
      readonly kind: 'list'
      readonly what: Listed
      readonly isAll: boolean
      readonly isExtended: boolean
    }
  | { readonly kind: 'describe'; readonly name: string; readonly isExtended: boolean }
  | {
      readonly kind: 'describe-all'
      readonly what: 'STREAMS' | 'TABLES'
      readonly isExtended: boolean
    }
  | { readonly kind: 'describe-function'; readonly name: string }
  | { readonly kind: 'explain'; readonly what: string | Statement }
  | {
      readonly kind: 'print'
      readonly topic: string
      readonly fromBeginning: boolean
      readonly interval?: number
      readonly limit?: number
    }
  /** Without an id: all queries. */
  | { readonly kind: 'terminate' | 'pause' | 'resume'; readonly id?: string }
  | { readonly kind: 'set'; readonly property: string; readonly value: string }
  | { readonly kind: 'unset'; readonly property: string }
  | { readonly kind: 'define'; readonly name: string; readonly value: string }
  | { readonly kind: 'undefine'; readonly name: string }
  | {
      readonly kind: 'assert-topic'
      readonly topic: string
      readonly properties: Properties
      readonly isAbsent: boolean
      readonly timeout?: Duration
    }
  /** `values` null: ASSERT NULL VALUES, with the key columns in `key`. */
  | {
      readonly kind: 'assert-values'
      readonly insert: InsertValues
      readonly isTombstone: boolean
    }
  | { readonly kind: 'assert-source'; readonly source: CreateSource }
