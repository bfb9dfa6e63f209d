/** Runs the statements of a request, one after the other. */
import { EdgelogError } from '../../core/errors.ts'
import { type CatalogState, rowOf } from '../../core/sql/catalog/catalog-state.ts'
import { checkSessionProperty, propertyName } from '../../core/sql/catalog/known-properties.ts'
import { EvaluationError, SqlError } from '../../core/sql/errors.ts'
import { type ChangeStatement, execute, isChange } from '../../core/sql/statements/execute.ts'
import type {
  ResultOfStatement,
  StatementResult,
} from '../../core/sql/statements/statement-results.ts'
import type { Statement } from '../../core/sql/syntax/ast.ts'
import { bindParameters, type Parameters } from '../../core/sql/syntax/bind-parameters.ts'
import { substituteVariables } from '../../core/sql/syntax/lexer.ts'
import { parseStatement } from '../../core/sql/syntax/parse-statement.ts'
import { type StatementText, splitStatements } from '../../core/sql/syntax/statement-text.ts'
import type { Access } from '../access.ts'
import type { Cluster } from '../cluster.ts'
import { assertTopic } from './assert-topic.ts'
import { changeCatalog } from './change-catalog.ts'
import { describeFunction, describeSource, describeSources } from './describe.ts'
import { explain } from './explain.ts'
import { listOf } from './list.ts'
import { printTopic } from './print-topic.ts'
import { type LatestCatalog, readCatalog } from './read-catalog.ts'
import { type ResultRows, withFirstRows } from './result-rows.ts'
import { runQuery } from './run-query.ts'
import { changeSession, isOfSession, type Session, type SessionStatement } from './session.ts'
import { executeContext, type StatementContext } from './statement-context.ts'

export interface StatementRequest {
  readonly text: string
  readonly properties?: Readonly<Record<string, string>>
  /** Texts that are put into the statements in place of `${name}`. */
  readonly variables?: Readonly<Record<string, string>>
  /** Values of `:name`. */
  readonly parameters?: Parameters
}

/**
 * Runs statements. The first one that is refused ends the request; the earlier ones stay.
 *
 * @throws {EdgelogError} `invalid_statement`, or the error of the log; `details` has `statement`, `line`, `column`, and
 * `results` of the earlier statements.
 */
export async function runStatements(
  cluster: Cluster,
  access: Access,
  request: StatementRequest,
): Promise<readonly StatementResult[]> {
  const run = new StatementRun(cluster, access, request)
  return await run.run(request.text)
}

function mapBy(
  values: Readonly<Record<string, string>>,
  nameOf: (given: string) => string,
): Map<string, string> {
  return new Map(Object.entries(values).map(([name, value]) => [nameOf(name), value]))
}

/**
 * Begins the query that a request consists of: one SELECT or PRINT alone.
 *
 * @param signal Ends a query that goes on for ever.
 * @returns undefined if the request has statements of other kinds.
 * @throws {EdgelogError} as `runStatements`; so do the rows of the query.
 */
export async function openQuery(
  cluster: Cluster,
  access: Access,
  request: StatementRequest,
  signal: AbortSignal,
): Promise<ResultRows | undefined> {
  const run = new StatementRun(cluster, access, request)
  return await run.openQuery(request.text, signal)
}

/** A query that began before the catalog was read, or why it failed. */
type Early =
  | { readonly opened: ResultRows | undefined }
  | { readonly error: unknown; readonly opened: undefined }

class StatementRun {
  readonly #cluster: Cluster
  readonly #access: Access
  readonly #parameters: Parameters
  readonly #session: Session
  readonly #results: StatementResult[] = []
  #statement: string | undefined

  constructor(
    cluster: Cluster,
    access: Access,
    { properties = {}, variables = {}, parameters = new Map() }: StatementRequest,
  ) {
    this.#cluster = cluster
    this.#access = access
    this.#parameters = parameters
    this.#session = {
      properties: mapBy(properties, propertyName),
      variables: mapBy(variables, (name) => name.toUpperCase()),
    }
  }

  async run(text: string): Promise<readonly StatementResult[]> {
    try {
      for (const [name, value] of this.#session.properties) checkSessionProperty(name, value)
      const statements = splitStatements(text)
      let catalog = await readCatalog(this.#cluster)
      if (statements.length > 1) this.#checkAll(statements, catalog)
      for (const given of statements) {
        const one = this.#begin(given, this.#session)
        const done = await this.#runOne(one, catalog)
        catalog = done.catalog
        this.#results.push({ statement: one.text, ...done.result })
      }
      return this.#results
    } catch (error) {
      throw this.#located(error)
    }
  }

  async openQuery(text: string, signal: AbortSignal): Promise<ResultRows | undefined> {
    try {
      const [given, other] = splitStatements(text)
      if (given === undefined || !QUERY_WORDS.has(given.tokens[0]?.text ?? '')) return undefined
      for (const [name, value] of this.#session.properties) checkSessionProperty(name, value)
      const one = this.#begin(given, this.#session)
      if (other !== undefined) {
        throw new SqlError('SELECT and PRINT: a request has one query alone, or other statements')
      }
      const opened = await this.#openWithLatest(one, signal)
      return opened && { ...opened, rows: this.#locatedRows(opened.rows) }
    } catch (error) {
      throw this.#located(error)
    }
  }

  /**
   * Opens a query against the latest catalog. One that has an end begins with the catalog that is known, while the
   * catalog is asked whether that is still the latest. If it was a moment ago, it is asked only if the query fails.
   */
  async #openWithLatest(one: StatementText, signal: AbortSignal): Promise<ResultRows | undefined> {
    const { catalog } = this.#cluster
    const known = catalog.state
    const isFresh = catalog.isFresh(Date.now())
    const reading = isFresh ? undefined : readCatalog(this.#cluster)
    // Its error is thrown below.
    reading?.catch(() => {})
    const early = await this.#openEarly(one, known, signal)
    if (isFresh && early?.opened !== undefined) return early.opened
    const { state } = await (reading ?? readCatalog(this.#cluster))
    if (early !== undefined && state.sequence === known.sequence) {
      if ('error' in early) throw early.error
      return early.opened
    }
    return await this.#open(parseWith(one, state), state, signal)
  }

  /** Begins a query that has an end. @returns undefined for one that has none, or if no catalog is known. */
  async #openEarly(
    one: StatementText,
    known: CatalogState,
    signal: AbortSignal,
  ): Promise<Early | undefined> {
    if (known.sequence === 0) return undefined
    try {
      const statement = parseWith(one, known)
      if (statement.kind !== 'query' || statement.emit !== undefined) return undefined
      const opened = await this.#open(statement, known, signal)
      return { opened: opened && (await withFirstRows(opened)) }
    } catch (error) {
      return { error, opened: undefined }
    }
  }

  async #open(
    statement: Statement,
    state: CatalogState,
    signal: AbortSignal,
  ): Promise<ResultRows | undefined> {
    const { properties } = this.#session
    if (statement.kind === 'print') {
      return await printTopic(this.#cluster, this.#access, statement, signal)
    }
    if (statement.kind !== 'query') return undefined
    return await runQuery(this.#cluster, this.#access, state, statement, properties, signal)
  }

  async *#locatedRows(rows: ResultRows['rows']): ResultRows['rows'] {
    try {
      return yield* rows
    } catch (error) {
      throw this.#located(error)
    }
  }

  /** Decides about all statements before the first one is carried out, so that few requests end half-way. */
  #checkAll(statements: readonly StatementText[], { state: before }: LatestCatalog): void {
    const { properties, variables } = this.#session
    const session = { properties: new Map(properties), variables: new Map(variables) }
    let state = before
    for (const given of statements) {
      const one = this.#begin(given, session)
      const statement = parseWith(one, state)
      if (isChange(statement)) {
        state = execute(state, statement, one.text, executeContext(session.properties)).state
      } else if (isOfSession(statement)) changeSession(statement, session)
      else if (isNotHere(statement)) throw new SqlError(NOT_HERE[statement.kind])
    }
  }

  /** Returns a statement with its variables and parameters. DEFINE holds for the statements behind it. */
  #begin(given: StatementText, { variables }: Session): StatementText {
    this.#statement = given.text
    const text = substituteVariables(given.text, variables)
    const [one = given, ...others] = text === given.text ? [given] : splitStatements(text)
    if (others.length > 0) {
      throw new SqlError('variables: a statement with them is several; one is allowed')
    }
    return bindParameters(one, this.#parameters)
  }

  async #runOne(
    one: StatementText,
    catalog: LatestCatalog,
  ): Promise<{ readonly result: ResultOfStatement; readonly catalog: LatestCatalog }> {
    const statement = parseWith(one, catalog.state)
    const context: StatementContext = {
      ...{ cluster: this.#cluster, access: this.#access, catalog },
      ...this.#session,
    }
    if (isChange(statement)) {
      const parse = ({ state }: LatestCatalog) => parseWith(one, state) as ChangeStatement
      return await changeCatalog(context, one.text, parse)
    }
    if (isOfSession(statement)) {
      return { result: changeSession(statement, this.#session), catalog }
    }
    return { result: await this.#look(statement, context), catalog }
  }

  /** Runs a statement that does not change the catalog. */
  async #look(
    statement: Exclude<Statement, ChangeStatement | SessionStatement>,
    context: StatementContext,
  ): Promise<ResultOfStatement> {
    switch (statement.kind) {
      case 'list':
        return await listOf(statement, context)
      case 'describe':
        return await describeSource(statement, context)
      case 'describe-all':
        return await describeSources(statement, context)
      case 'describe-function':
        return describeFunction(statement.name)
      case 'explain':
        return await explain(statement.what, context)
      case 'assert-topic':
        return await assertTopic(statement, context)
      default:
        throw new SqlError(NOT_HERE[statement.kind])
    }
  }

  /** Returns an error with the statement, its place, and the results before it. */
  #located(error: unknown): unknown {
    const isOfStatement = error instanceof SqlError || error instanceof EvaluationError
    if (!isOfStatement && !(error instanceof EdgelogError)) return error
    const position = error instanceof SqlError ? error.position : undefined
    const details = {
      ...(error instanceof EdgelogError ? error.details : {}),
      ...(this.#statement === undefined ? {} : { statement: this.#statement }),
      ...position,
      results: this.#results,
    }
    const code = error instanceof EdgelogError ? error.code : 'invalid_statement'
    return new EdgelogError(code, error.message, { details, cause: error })
  }
}

function parseWith(one: StatementText, { types }: CatalogState): Statement {
  return parseStatement(one, (name) => rowOf(types, name))
}

const QUERY_WORDS: ReadonlySet<string> = new Set(['SELECT', 'PRINT'])

function isNotHere(statement: Statement): statement is Statement & { kind: keyof typeof NOT_HERE } {
  return statement.kind in NOT_HERE
}

/** Statements that this call does not run, and why. */
const NOT_HERE = {
  query: 'SELECT: is sent alone in a request',
  print: 'PRINT: is sent alone in a request',
  'assert-values': 'ASSERT VALUES: is a statement of tests; ASSERT TOPIC is allowed',
  'assert-source': 'ASSERT STREAM and TABLE: are statements of tests; ASSERT TOPIC is allowed',
} as const
