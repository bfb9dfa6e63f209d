/** The Hono app: what every request passes through, and the routes. */
import { OpenAPIHono } from '@hono/zod-openapi'
import type { MiddlewareHandler } from 'hono'
import { newCaches } from '../broker/cluster.ts'
import { type Authorizer, allowAll } from '../core/access/authorizer.ts'
import { EdgelogError } from '../core/errors.ts'
import { crossOrigin, requireAccess } from './access.ts'
import { errorAnswer, unexpectedAnswer } from './answers.ts'
import type { AppEnv } from './env.ts'
import { addExamples } from './examples.ts'
import { addFetchRoutes } from './fetch.ts'
import { addGroupOffsetRoutes } from './group-offsets.ts'
import { addGroupRoutes } from './groups.ts'
import { addKafkaRoute } from './kafka.ts'
import { addOpenApiRoutes } from './openapi.ts'
import { addProduceRoutes } from './produce.ts'
import type { App } from './route.ts'
import { addTailRoutes } from './tail/tail-routes.ts'
import { addTopicRoutes } from './topics.ts'

export interface AppOptions {
  readonly authorizer?: Authorizer
}

/**
 * The HTTP API as a Hono app, to be served by itself or mounted in a Worker of your own that has the
 * bindings `PARTITION`, `COORDINATOR` and `GROUP`.
 */
export function createApp({ authorizer = allowAll }: AppOptions = {}): OpenAPIHono<AppEnv> {
  const app = new OpenAPIHono<AppEnv>()
  app.onError((error, c) =>
    error instanceof EdgelogError ? errorAnswer(error) : unexpectedAnswer(error, c),
  )
  const caches = newCaches()
  app.use(async (c, next) => {
    c.set('caches', caches)
    c.set('authorizer', authorizer)
    await next()
  })
  addExamples(app)
  app.use(setCommonHeaders)
  app.use(async (c, next) => {
    // The middleware copies the response several times: only for who needs it.
    const isCrossOrigin = c.req.header('origin') !== undefined
    const isUpgrade = c.req.header('upgrade') !== undefined
    return isCrossOrigin && !isUpgrade ? await crossOrigin(c, next) : await next()
  })
  app.use(requireAccess)
  app.get('/healthz', (c) => c.json({ status: 'ok' }))
  addTopicRoutes(app)
  addProduceRoutes(app)
  addFetchRoutes(app)
  addTailRoutes(app)
  addGroupRoutes(app)
  addGroupOffsetRoutes(app)
  addKafkaRoute(app)
  addOpenApiRoutes(app)
  refuseOtherMethods(app)
  app.notFound((c) => {
    throw new EdgelogError('not_found', `${c.req.method} ${c.req.path} is not part of the API`)
  })
  return app
}

const setCommonHeaders: MiddlewareHandler<AppEnv> = async (c, next) => {
  await next()
  // A switched connection carries no headers that a page could see.
  if (c.res.status === 101) return
  const { headers } = c.res
  headers.set('X-Content-Type-Options', 'nosniff')
  headers.set('Cache-Control', 'no-store')
  if (!headers.has('Vary')) headers.set('Vary', 'Origin')
}

/** A known path with another method says which methods there are. */
function refuseOtherMethods(app: App): void {
  const methodsByPath = new Map<string, Set<string>>()
  for (const { path, method } of app.routes) {
    if (method === 'ALL') continue
    methodsByPath.set(path, (methodsByPath.get(path) ?? new Set()).add(method))
  }
  for (const [path, methods] of methodsByPath) {
    app.all(path, (c) => {
      const allowed = [...methods]
        .flatMap((method) => (method === 'GET' ? ['GET', 'HEAD'] : method))
        .join(', ')
      throw new EdgelogError('method_not_allowed', `${c.req.path}: ${allowed} is allowed`, {
        details: { allow: allowed },
      })
    })
  }
}
