/** Queries over the records that a page has. */
import { createSql, type Sql } from '../../sql/sql.ts'
import { BrowserClient } from '../browser-client.ts'
import { loadCode } from './load-code.ts'
import type { PageQueries } from './page-queries.ts'

export interface PageSqlOptions {
  /** CREATE STREAM and CREATE TABLE statements of the topics, and CREATE TYPE: written here, or from `readSources`. */
  readonly sources: string
}

/**
 * Returns a function as `log.sql`, whose queries read this browser's copy of the log, offline too. SELECT of one stream
 * or table is allowed, with and without EMIT CHANGES. A topic that is read is kept in this browser from then on.
 *
 * The first query loads the language, and each query the families of the functions that it calls, unless another query
 * did. An error of `sources` is one of each query.
 *
 * @throws {EdgelogError} `invalid_request` for another client. Of the calls: `invalid_statement`; `unavailable` if the
 * code cannot be loaded, or a topic is not in this browser and there is no network.
 * @example
 * const rows = await sqlOver(log, { sources })`SELECT * FROM orders WHERE total > ${100};`.rows()
 */
export function sqlOver(log: BrowserClient, { sources }: PageSqlOptions): Sql {
  // Checks that it is a client of a page.
  BrowserClient.parts(log)
  let loading: Promise<PageQueries> | undefined
  const load = async () => {
    const { PageQueries } = await loadCode(import('./page-queries.ts'))
    return new PageQueries(log, sources)
  }
  return createSql({
    open: async (request) => {
      loading ??= load().catch((error: unknown) => {
        loading = undefined
        throw error
      })
      return await (await loading).open(request)
    },
    // The end of the client ends its consumers, and so the queries.
    keep: () => undefined,
    leave: () => undefined,
  })
}
