/** The route that runs statements, or one query whose rows are read. */
import { readJson } from '../app/body.ts'
import { brokerOf } from '../app/env.ts'
import { negotiate } from '../app/negotiate.ts'
import { jsonResponses } from '../app/responses.ts'
import { type App, addRoute, parseWith } from '../app/route.ts'
import { JSON_MEDIA_TYPE, NoParams, NoQuery } from '../app/schemas.ts'
import { StatementOperations } from '../broker/sql/statement-operations.ts'
import { STATEMENTS_BODY_BYTES_MAX } from '../core/sql/limits.ts'
import { EVENTS, JSON_DOCUMENT, NDJSON, rowsResponse } from './rows.ts'
import { ResultsResponse, StatementsBody } from './schemas.ts'

export function addStatementRoute(app: App): void {
  addRoute(
    app,
    {
      method: 'post',
      path: '/v1/sql',
      summary: 'Run statements of SQL',
      body: { content: { [JSON_MEDIA_TYPE]: { schema: StatementsBody } } },
      responses: jsonResponses(200, ResultsResponse, 'The results; the rows of SELECT and PRINT', [
        NDJSON,
        EVENTS,
      ]),
    },
    { params: NoParams, query: NoQuery },
    async (c) => {
      const body = parseWith(StatementsBody, await readJson(c, STATEMENTS_BODY_BYTES_MAX))
      const { sql: text, variables } = body
      const properties = Object.fromEntries(
        Object.entries(body.properties).map(([name, value]) => [name, String(value)]),
      )
      const parameters = new Map(Object.entries(body.parameters))
      const request = { text, properties, variables, parameters }
      const statements = brokerOf(c).with(StatementOperations)
      const leave = new AbortController()
      c.req.raw.signal.addEventListener('abort', () => leave.abort())
      const rows = await statements.openQuery(request, leave.signal)
      if (rows === undefined) return c.json({ results: await statements.run(request) })
      return await rowsResponse(rows, negotiate(c, [NDJSON, EVENTS, JSON_DOCUMENT]), leave)
    },
  )
}
