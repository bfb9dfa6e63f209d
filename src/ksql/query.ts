/** `/query` and `/query-stream`: one SELECT or PRINT, and its rows. `/close-query` ends one. */
import { z } from '@hono/zod-openapi'
import { readText } from '../app/body.ts'
import type { AppContext } from '../app/env.ts'
import { negotiate } from '../app/negotiate.ts'
import { type App, parseWith } from '../app/route.ts'
import { parseExactJson } from '../core/json/exact-json.ts'
import { STATEMENTS_BODY_BYTES_MAX } from '../core/sql/limits.ts'
import { BAD_REQUEST, KsqlError } from './errors.ts'
import { FRAMINGS } from './framing.ts'
import { OpenQueries } from './open-queries.ts'
import { readRequest } from './request.ts'
import { addKsqlRoute, DELIMITED, JSON_TYPE, jsonResponse, KSQL_JSON } from './route.ts'
import { rowsResponse } from './rows.ts'
import { statementsOf } from './statements-of.ts'

export function addQueryRoutes(app: App): void {
  const open = new OpenQueries()
  const mediaTypes = [KSQL_JSON, DELIMITED, JSON_TYPE]
  addKsqlRoute(
    app,
    { method: 'post', path: '/query', summary: 'Run a query as ksqlDB', mediaTypes },
    async (c) => {
      // Plain JSON is what the elements of `/query` are.
      const chosen = negotiate(c, [KSQL_JSON, JSON_TYPE, DELIMITED])
      const form = chosen === DELIMITED ? DELIMITED : KSQL_JSON
      return await query(c, open, form, chosen)
    },
  )
  addKsqlRoute(
    app,
    { method: 'post', path: '/query-stream', summary: 'Stream the rows of a query', mediaTypes },
    async (c) => {
      const chosen = negotiate(c, [DELIMITED, JSON_TYPE, KSQL_JSON])
      return await query(c, open, chosen, chosen)
    },
  )
  addCloseRoute(app, open)
}

async function query(
  c: AppContext,
  open: OpenQueries,
  form: keyof typeof FRAMINGS,
  mediaType: string,
): Promise<Response> {
  const request = await readRequest(c)
  open.refuseTooMany(request.text)
  const leaving = new AbortController()
  const leave = () => leaving.abort()
  c.req.raw.signal.addEventListener('abort', leave)
  const result = await statementsOf(c).openQuery(request, leaving.signal)
  if (result === undefined) {
    const why = 'The statement is not a query: SELECT and PRINT are; /ksql runs all others'
    throw new KsqlError(BAD_REQUEST, why, request.text)
  }
  const { queryId } = result
  const isPull = result.kind === 'pull-table' || result.kind === 'pull-stream'
  if (!isPull) open.add(queryId, leave)
  const onEnd = () => open.remove(queryId)
  return rowsResponse(c, result, { framing: FRAMINGS[form], mediaType }, leave, onEnd)
}

const CloseBody = z.looseObject({ queryId: z.string('the id of a query is needed') })

function addCloseRoute(app: App, open: OpenQueries): void {
  addKsqlRoute(
    app,
    { method: 'post', path: '/close-query', summary: 'End a push query of this instance' },
    async (c) => {
      const body = parseExactJson(await readText(c, STATEMENTS_BODY_BYTES_MAX))
      const { queryId } = parseWith(CloseBody, body)
      if (!open.close(queryId)) throw new KsqlError(BAD_REQUEST, `No query with id ${queryId}`)
      return jsonResponse(c, {})
    },
  )
}
