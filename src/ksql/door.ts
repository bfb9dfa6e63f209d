/** The door of ksqlDB's HTTP API, below `/ksqldb`. docs/KSQLDB.md describes it. */
import type { Door } from '../app/door.ts'
import type { App } from '../app/route.ts'
import { EdgelogError } from '../core/errors.ts'
import { addInsertsRoute } from './inserts.ts'
import { addQueryRoutes } from './query.ts'
import { BASE_PATH, errorResponse } from './route.ts'
import { addServerRoutes } from './server-info.ts'
import { addStatementRoutes } from './statements.ts'
import { addTerminateRoute } from './terminate.ts'

export const ksqlDoor: Door = {
  name: 'ksql',
  bindings: [],
  // Rejected here, in ksqlDB's form; Basic authentication is accepted too.
  openPaths: [/^\/ksqldb(\/|$)/],
  mount(app) {
    addStatementRoutes(app)
    addQueryRoutes(app)
    addInsertsRoute(app)
    addServerRoutes(app)
    addTerminateRoute(app)
    refuseOthers(app)
    return undefined
  },
}

/** Other methods and paths, in ksqlDB's form of errors. */
function refuseOthers(app: App): void {
  const paths = app.routes.filter(({ method }) => method !== 'ALL').map(({ path }) => path)
  for (const path of new Set(paths.filter((one) => one.startsWith(BASE_PATH)))) {
    app.all(path, async (c) => {
      const why = `${c.req.method} ${c.req.path} is not part of the API`
      return errorResponse(new EdgelogError('method_not_allowed', why), c)
    })
  }
  app.all(`${BASE_PATH}/*`, async (c) =>
    errorResponse(new EdgelogError('not_found', `Path not found: ${c.req.path}`), c),
  )
}
