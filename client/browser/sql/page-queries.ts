/** Parses, plans and runs queries in a page. Loaded by the first query. */
import { EdgelogError } from '../../../src/core/errors.ts'
import { defineSource } from '../../../src/core/sql/catalog/define-source.ts'
import { startOf } from '../../../src/core/sql/catalog/session-properties.ts'
import type { Source } from '../../../src/core/sql/catalog/source.ts'
import { SqlError } from '../../../src/core/sql/errors.ts'
import type { Environment } from '../../../src/core/sql/functions/function.ts'
import { nearestName } from '../../../src/core/sql/nearest-name.ts'
import { columnJson, rowTexts } from '../../../src/core/sql/query/row-text.ts'
import { planSelect } from '../../../src/core/sql/query/select-plan.ts'
import { rowSelector, type SelectedRow } from '../../../src/core/sql/query/select-row.ts'
import type { Query } from '../../../src/core/sql/syntax/ast.ts'
import { bindParameters } from '../../../src/core/sql/syntax/bind-parameters.ts'
import { substituteVariables } from '../../../src/core/sql/syntax/lexer.ts'
import {
  parseStatement,
  type StatementText,
  splitStatements,
} from '../../../src/core/sql/syntax/parse-statement.ts'
import type { SqlType } from '../../../src/core/sql/types/sql-type.ts'
import {
  type OpenQuery,
  parseRowJson,
  type SqlRequest,
  type SqlRowLine,
} from '../../sql/open-statements.ts'
import { BrowserClient } from '../browser-client.ts'
import { type PageLog, pullRows, pushRows } from './read-page-log.ts'

const ENVIRONMENT: Environment = { nowMs: Date.now, random: Math.random }

export class PageQueries {
  readonly #log: BrowserClient
  readonly #text: string
  #sources: ReadonlyMap<string, Source> | undefined
  #types: ReadonlyMap<string, SqlType> = new Map()
  #count = 0

  constructor(log: BrowserClient, sources: string) {
    this.#log = log
    this.#text = sources
  }

  /** @throws {EdgelogError} `invalid_statement`. */
  async open(request: SqlRequest): Promise<OpenQuery> {
    request.signal?.throwIfAborted()
    const sources = located(this.#text, () => this.#defined())
    const { query, source } = located(request.text, () => this.#parse(request, sources))
    const plan = located(request.text, () => planSelect(query, source, ENVIRONMENT))
    const select = rowSelector(source, plan)
    const properties = new Map(Object.entries(request.properties ?? {}))
    const stop = new AbortController()
    const { session, load } = BrowserClient.parts(this.#log)
    for (const ending of [session.closed, ...(request.signal ? [request.signal] : [])]) {
      ending.addEventListener('abort', () => stop.abort(ending.reason), { signal: stop.signal })
    }
    const log: PageLog = {
      ...(await load()).reading.log(),
      consumer: (topic, from) => this.#log.consumer({ topics: [topic], from }),
    }
    const place = { log, source, select, signal: stop.signal }
    const rows = query.emit === undefined ? pullRows(place) : pushRows(place, startOf(properties))
    const write = rowTexts(plan.columns)
    const toLine = ({ values, isTombstone = false }: SelectedRow): SqlRowLine => ({
      // By the text of JSON, as from the server: the values have the same forms.
      values: parseRowJson(write(values), request.exactNumbers === true) as readonly unknown[],
      isTombstone,
    })
    return {
      ...{ kind: 'query', queryId: `page_${++this.#count}`, columns: plan.columns.map(columnJson) },
      rows: lines(rows, toLine, query.limit, request.signal, stop),
      close: () => stop.abort(),
    }
  }

  #parse(
    { text, parameters, variables }: SqlRequest,
    sources: ReadonlyMap<string, Source>,
  ): { query: Query; source: Source } {
    const given = new Map(
      Object.entries(variables ?? {}).map(([name, value]) => [name.toUpperCase(), value]),
    )
    const [one, ...others] = splitStatements(substituteVariables(text, given))
    const query = one && this.#statement(bindParameters(one, new Map(Object.entries(parameters))))
    if (query?.kind !== 'query' || others.length > 0) {
      throw new SqlError('one SELECT is allowed in a page; the server runs other statements')
    }
    const source = sources.get(query.from.name)
    if (source !== undefined) return { query, source }
    const near = nearestName(query.from.name, [...sources.keys()])
    const hint = near === undefined ? '' : ` Did you mean ${near}?`
    throw new SqlError(`${query.from.name} does not exist.${hint}`, query.from.at)
  }

  #statement(one: StatementText) {
    return parseStatement(one, (name) => this.#types.get(name))
  }

  #defined(): ReadonlyMap<string, Source> {
    if (this.#sources !== undefined) return this.#sources
    const sources = new Map<string, Source>()
    const types = new Map<string, SqlType>()
    this.#types = types
    for (const one of splitStatements(this.#text)) {
      const statement = this.#statement(one)
      if (statement.kind === 'create-type') types.set(statement.name, statement.type)
      else if (statement.kind === 'create-source') {
        sources.set(statement.name, defineSource(statement, one.text, {}).source)
      } else {
        throw new SqlError('sources: CREATE STREAM, TABLE and TYPE are allowed, without AS SELECT')
      }
    }
    this.#sources = sources
    return sources
  }
}

/** Passes rows on until there are as many as the limit allows. */
async function* lines(
  rows: AsyncGenerator<readonly SelectedRow[], void>,
  toLine: (row: SelectedRow) => SqlRowLine,
  limit: number | undefined,
  signal: AbortSignal | undefined,
  stop: AbortController,
): AsyncGenerator<readonly SqlRowLine[], 'limit' | 'end'> {
  let left = limit ?? Number.POSITIVE_INFINITY
  try {
    if (left === 0) return 'limit'
    for await (const some of rows) {
      const kept = some.length > left ? some.slice(0, left) : some
      left -= kept.length
      if (kept.length > 0) yield kept.map(toLine)
      if (left === 0) return 'limit'
    }
    signal?.throwIfAborted()
    return 'end'
  } catch (error) {
    signal?.throwIfAborted()
    throw error
  } finally {
    stop.abort()
  }
}

/** Runs work, and turns an error of the statement into one of the client. */
function located<T>(statement: string, work: () => T): T {
  try {
    return work()
  } catch (error) {
    if (!(error instanceof SqlError)) throw error
    const details = { statement, ...error.position, results: [] }
    throw new EdgelogError('invalid_statement', error.message, { details, cause: error })
  }
}
