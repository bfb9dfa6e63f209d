/**
 * The Hono app: the middleware of every request, and the doors. It imports no door
 * itself, so a Worker bundles only the doors that it imports.
 */
import { OpenAPIHono } from '@hono/zod-openapi'
import type { MiddlewareHandler } from 'hono'
import { newCaches } from '../broker/cluster.ts'
import { type Authorizer, allowAll } from '../core/access/authorizer.ts'
import { EdgelogError } from '../core/errors.ts'
import { crossOrigin, requireAccess } from './access.ts'
import type { EdgelogEnv } from './bindings.ts'
import type { Door } from './door.ts'
import type { AppEnv } from './env.ts'
import { addExamples } from './examples.ts'
import { addOpenApiRoutes } from './openapi.ts'
import { errorResponse, unexpectedErrorResponse } from './responses.ts'
import type { App } from './route.ts'

export interface AppOptions {
  /** The doors that the app serves. */
  readonly doors: readonly Door[]
  /** Decides what a caller may do; the default allows everything to every accepted caller. */
  readonly authorizer?: Authorizer
}

/** The handlers of a Worker. */
export interface EdgelogApp {
  fetch(request: Request, env: EdgelogEnv, ctx?: ExecutionContext): Response | Promise<Response>
  /** Serves a TCP connection of a Kafka client, where the runtime listens on TCP or another Worker connects. */
  connect(socket: Socket, env: EdgelogEnv): Promise<void>
}

/**
 * Makes the app, to be served directly or mounted in a Worker of your own.
 *
 * @example
 * const log = createApp({ doors: [httpDoor], authorizer: (_, operation) => operation !== 'delete' })
 */
export function createApp({ doors, authorizer = allowAll }: AppOptions): EdgelogApp {
  const app = new OpenAPIHono<AppEnv>()
  app.onError((error, c) =>
    error instanceof EdgelogError ? errorResponse(error) : unexpectedErrorResponse(error, c),
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
    // The middleware copies the response several times, so run it only for cross-origin requests.
    const isCrossOrigin = c.req.header('origin') !== undefined
    const isUpgrade = c.req.header('upgrade') !== undefined
    return isCrossOrigin && !isUpgrade ? await crossOrigin(c, next) : await next()
  })
  app.use(requireAccess(new Set(doors.flatMap(({ openPaths = [] }) => openPaths))))
  app.get('/healthz', (c) => c.json({ status: 'ok' }))
  app.use(requireBindings(doors))
  const tcpDoors = doors.flatMap((door) => {
    const connect = door.mount(app)
    return connect === undefined ? [] : [{ door, connect }]
  })
  addOpenApiRoutes(app)
  refuseOtherMethods(app)
  app.notFound((c) => {
    throw new EdgelogError('not_found', `${c.req.method} ${c.req.path} is not part of the API`)
  })
  const [tcp] = tcpDoors
  return {
    fetch: (request, env, ctx) => app.fetch(request, env, ctx),
    async connect(socket, env) {
      if (tcp === undefined) throw new Error('connect: no door of this app serves TCP connections')
      checkBindings(tcp.door, env)
      await tcp.connect(socket, { env, caches, authorizer })
    },
  }
}

/** Fails all requests while the Worker lacks a binding; otherwise each door would fail in its own way. */
function requireBindings(doors: readonly Door[]): MiddlewareHandler<AppEnv> {
  // The bindings are the same for all requests of an isolate.
  let areThere = false
  return async (c, next) => {
    if (!areThere) {
      for (const door of doors) checkBindings(door, c.env)
      areThere = true
    }
    await next()
  }
}

function checkBindings({ name, bindings }: Door, env: EdgelogEnv): void {
  const missing = bindings.filter((binding) => env[binding] === undefined)
  if (missing.length > 0) throw missingBindings(name, missing)
}

function missingBindings(door: string, missing: readonly string[]): EdgelogError {
  const why = `door ${door}: the Worker needs the bindings ${missing.join(', ')}; add them to wrangler.toml`
  return new EdgelogError('internal', why)
}

const setCommonHeaders: MiddlewareHandler<AppEnv> = async (c, next) => {
  await next()
  // The headers of an upgraded connection are not visible to pages.
  if (c.res.status === 101) return
  const { headers } = c.res
  headers.set('X-Content-Type-Options', 'nosniff')
  headers.set('Cache-Control', 'no-store')
  if (!headers.has('Vary')) headers.set('Vary', 'Origin')
}

/** Returns the allowed methods for a known path with another method. */
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
