/** `/ksql`: all statements but SELECT and PRINT. */
import type { App } from '../app/route.ts'
import { SqlError } from '../core/sql/errors.ts'
import { splitStatements } from '../core/sql/syntax/statement-text.ts'
import { entityOf } from './entities.ts'
import { KsqlError, QUERY_ENDPOINT } from './errors.ts'
import { readRequest } from './request.ts'
import { addKsqlRoute, jsonResponse } from './route.ts'
import { statementsOf } from './statements-of.ts'

export function addStatementRoutes(app: App): void {
  addKsqlRoute(
    app,
    { method: 'post', path: '/ksql', summary: 'Run statements as ksqlDB' },
    async (c) => {
      const request = await readRequest(c)
      refuseQueries(request.text)
      const results = await statementsOf(c).run(request)
      return jsonResponse(
        c,
        results.flatMap((result) => entityOf(result) ?? []),
      )
    },
  )
}

function refuseQueries(text: string): void {
  const query = cutStatements(text).find(({ tokens: [first] }) =>
    ['SELECT', 'PRINT'].includes(first?.text ?? ''),
  )
  if (query === undefined) return
  throw new KsqlError(
    QUERY_ENDPOINT,
    "The following statement types should be issued to the websocket endpoint '/query':\n\t* PRINT\n\t* SELECT",
    query.text,
  )
}

/** Returns no statements for a text that cannot be cut into them: running it fails with the reason. */
function cutStatements(text: string): ReturnType<typeof splitStatements> {
  try {
    return splitStatements(text)
  } catch (error) {
    if (error instanceof SqlError) return []
    throw error
  }
}
