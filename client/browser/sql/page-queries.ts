/** Runs queries in a page. Loaded by the first query. */
import { EdgelogError } from '../../../src/core/errors.ts'
import { startOf } from '../../../src/core/sql/catalog/session-properties.ts'
import { SqlError } from '../../../src/core/sql/errors.ts'
import { columnJson, rowTexts } from '../../../src/core/sql/query/row-text.ts'
import type { SelectedRow } from '../../../src/core/sql/query/select-row.ts'
import {
  type OpenQuery,
  parseRowJson,
  type SqlRequest,
  type SqlRowLine,
} from '../../sql/open-statements.ts'
import { BrowserClient } from '../browser-client.ts'
import { type Definitions, define, prepare } from './prepare-query.ts'
import { type PageLog, pullRows, pushRows } from './read-page-log.ts'

export class PageQueries {
  readonly #log: BrowserClient
  readonly #text: string
  #definitions: Definitions | undefined
  #count = 0

  constructor(log: BrowserClient, sources: string) {
    this.#log = log
    this.#text = sources
  }

  /** @throws {EdgelogError} `invalid_statement`. */
  async open(request: SqlRequest): Promise<OpenQuery> {
    request.signal?.throwIfAborted()
    const definitions = await located(this.#text, async () => this.#defined())
    const { query, source, plan, select } = await located(request.text, () =>
      prepare(request, definitions),
    )
    request.signal?.throwIfAborted()
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

  #defined(): Definitions {
    this.#definitions ??= define(this.#text)
    return this.#definitions
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
async function located<T>(statement: string, work: () => Promise<T>): Promise<T> {
  try {
    return await work()
  } catch (error) {
    if (!(error instanceof SqlError)) throw error
    const details = { statement, ...error.position, results: [] }
    throw new EdgelogError('invalid_statement', error.message, { details, cause: error })
  }
}
