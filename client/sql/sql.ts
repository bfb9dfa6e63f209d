/** `log.sql`: statements and queries of SQL, with parameters that cannot become text of a statement. */
import type { CallOptions } from '../call-options.ts'
import type {
  DoneStatements,
  OpenQuery,
  SqlColumn,
  SqlRequest,
  SqlRowLine,
  SqlStatementResult,
} from './open-statements.ts'
import { type SqlParameter, type SqlParameters, textOfTemplate, textWith } from './sql-text.ts'

export interface SqlOptions extends CallOptions {
  /** The values of `:name` in the text. */
  readonly parameters?: SqlParameters
  /** As by SET, such as `{ 'auto.offset.reset': 'earliest' }`. */
  readonly properties?: Readonly<Record<string, string>>
  /** As by DEFINE: texts that replace `${name}` before the text is parsed. They can inject; parameters cannot. */
  readonly variables?: Readonly<Record<string, string>>
  /** True: numbers with more digits than JavaScript keeps, of BIGINT and DECIMAL columns, are texts. */
  readonly exactNumbers?: boolean
}

/** A change of a result. `isTombstone`: the row was removed, and only its key columns have values. */
export interface SqlChange<Row> {
  readonly row: Row
  readonly isTombstone: boolean
}

/** A row by the names of its columns, which are in upper case unless the query quotes them. */
export type SqlRow = Readonly<Record<string, unknown>>

/** The results of statements, or the rows of a query. */
export class SqlResult<Row = SqlRow> implements AsyncIterable<Row> {
  /** A result for each statement; empty for a query. */
  readonly statements: readonly SqlStatementResult[]
  /** The columns of a query; empty for statements. */
  readonly columns: readonly SqlColumn[]
  readonly queryId: string | undefined
  readonly #query: OpenQuery | undefined

  /** @internal Made by `log.sql`. */
  constructor(statements: readonly SqlStatementResult[], query: OpenQuery | undefined) {
    this.statements = statements
    this.columns = query?.columns ?? []
    this.queryId = query?.queryId
    this.#query = query
  }

  /** Yields the rows as they arrive, without those that were removed. Leaving the loop ends the query. */
  async *[Symbol.asyncIterator](): AsyncGenerator<Row, void, undefined> {
    for await (const { row, isTombstone } of this.changes()) if (!isTombstone) yield row
  }

  /** Yields rows, and removed rows of a table, as they arrive. The rows of a query can be read once. */
  async *changes(): AsyncGenerator<SqlChange<Row>, void, undefined> {
    for await (const some of this.changeLists()) yield* some
  }

  /** Yields lists of the changes that arrive together. */
  async *changeLists(): AsyncGenerator<readonly SqlChange<Row>[], void, undefined> {
    if (this.#query === undefined) return
    const { columns, rows } = this.#query
    const toRow = ({ values }: SqlRowLine) =>
      Object.fromEntries(columns.map(({ name }, index) => [name, values[index]])) as Row
    for await (const some of rows) {
      yield some.map((line) => ({ row: toRow(line), isTombstone: line.isTombstone }))
    }
  }

  /** Returns all rows. A query with EMIT CHANGES ends by its LIMIT only. */
  async rows(): Promise<Row[]> {
    const all: Row[] = []
    for await (const row of this) all.push(row)
    return all
  }

  /** Ends the query. Its rows end. */
  async close(): Promise<void> {
    this.#query?.close()
  }
}

/** Statements that were sent: a promise of the result, whose rows can be read without waiting for it. */
export interface SqlCall<Row> extends Promise<SqlResult<Row>>, AsyncIterable<Row> {
  rows(): Promise<Row[]>
}

/** Sends statements. */
export interface Sql {
  <Row = SqlRow>(parts: TemplateStringsArray, ...values: readonly SqlParameter[]): SqlCall<Row>
  <Row = SqlRow>(text: string, options?: SqlOptions): SqlCall<Row>
}

export interface SqlContext {
  /** Carries out statements, or begins a query. */
  readonly open: (request: SqlRequest) => Promise<OpenQuery | DoneStatements>
  /** Closes a query together with the client. */
  readonly keep: (query: { close(): Promise<void> }) => void
  readonly leave: (query: { close(): Promise<void> }) => void
}

export function createSql(context: SqlContext): Sql {
  return <Row>(
    given: TemplateStringsArray | string,
    ...rest: readonly [(SqlOptions | undefined)?] | readonly SqlParameter[]
  ) => {
    const opened = run<Row>(context, () => requestOf(given, rest))
    return Object.assign(opened, {
      rows: async () => (await opened).rows(),
      [Symbol.asyncIterator]: async function* () {
        yield* await opened
      },
    })
  }
}

function requestOf(
  given: TemplateStringsArray | string,
  rest: readonly [(SqlOptions | undefined)?] | readonly SqlParameter[],
): SqlRequest {
  if (typeof given !== 'string') return textOfTemplate(given, rest as readonly SqlParameter[])
  const { parameters = {}, ...options } = (rest[0] ?? {}) as SqlOptions
  return { ...options, ...textWith(given, parameters) }
}

async function run<Row>(
  { open, keep, leave }: SqlContext,
  request: () => SqlRequest,
): Promise<SqlResult<Row>> {
  const opened = await open(request())
  if (opened.kind === 'statements') return new SqlResult<Row>(opened.results, undefined)
  const query = { ...opened, rows: leaving(opened, () => leave(result)) }
  const result: SqlResult<Row> = new SqlResult<Row>([], query)
  keep(result)
  return result
}

/** Passes on the rows of a query, and calls `leave` when they end. */
async function* leaving(
  { rows }: OpenQuery,
  leave: () => void,
): AsyncGenerator<readonly SqlRowLine[], 'limit' | 'end'> {
  try {
    return yield* rows
  } finally {
    leave()
  }
}
