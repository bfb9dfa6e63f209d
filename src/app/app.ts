/**
 * The Hono app: the middleware of every request, and the doors. It imports no door
 * itself, so a Worker bundles only the doors that it imports.
 */
import { OpenAPIHono } from '@hono/zod-openapi'
import type { MiddlewareHandler } from 'hono'
import { newCaches } from '../broker/cluster.ts'
import { type Authorizer, allowAll } from '../core/access/authorizer.ts'
import { EdgelogError } from '../core/errors.ts'
import { admit, crossOrigin } from './access.ts'
import type { EdgelogEnv } from './bindings.ts'
import type { Door } from './door.ts'
import type { AppContext, AppEnv, AppVariables } from './env.ts'
import { addExamples } from './examples.ts'
import { addOpenApiRoutes } from './openapi.ts'
import { COMMON_HEADERS, errorResponse, unexpectedErrorResponse } from './responses.ts'
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
  addExamples(app)
  const shared = { caches: newCaches(), authorizer }
  app.use(serveRequest(doors, shared))
  app.get('/healthz', (c) => c.json({ status: 'ok' }))
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
      await tcp.connect(socket, { env, ...shared })
    },
  }
}

/**
 * Makes the middleware of every request: it lets the request in, and completes the response. It is one function,
 * because each middleware costs every request a call, promises and closures.
 */
function serveRequest(
  doors: readonly Door[],
  shared: AppVariables['shared'],
): MiddlewareHandler<AppEnv> {
  const isOpen = openPathsOf(doors)
  const checkAllBindings = bindingsCheck(doors)
  const letIn = (c: AppContext, origin: string | undefined) => {
    admit(c, origin, isOpen)
    if (c.req.path !== '/healthz') checkAllBindings(c.env)
  }
  return async (c, next) => {
    const origin = c.req.header('origin')
    c.set('shared', shared)
    if (origin === undefined || c.req.header('upgrade') !== undefined) {
      letIn(c, origin)
      await next()
    } else {
      c.set('isFromPage', true)
      // The middleware copies the response several times, so it runs only for the requests of pages.
      const preflight = await crossOrigin(c, async () => {
        letIn(c, origin)
        await next()
      })
      if (preflight !== undefined) c.res = preflight
    }
    if (c.get('hasCommonHeaders') !== true) setCommonHeaders(c.res)
  }
}

/** Makes the check whether a door itself rejects callers without a token on a path. */
function openPathsOf(doors: readonly Door[]): (path: string) => boolean {
  const all = doors.flatMap(({ openPaths = [] }) => openPaths)
  const paths = new Set(all.filter((path) => typeof path === 'string'))
  const patterns = all.filter((path) => path instanceof RegExp)
  return (path) => paths.has(path) || patterns.some((pattern) => pattern.test(path))
}

/** Makes the check that fails all requests while a binding is missing; otherwise each door fails in its own way. */
function bindingsCheck(doors: readonly Door[]): (env: EdgelogEnv) => void {
  // The bindings are the same for all requests of an isolate.
  let areThere = false
  return (env) => {
    if (areThere) return
    for (const door of doors) checkBindings(door, env)
    areThere = true
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

function setCommonHeaders({ status, headers }: Response): void {
  // The headers of an upgraded connection are not visible to pages.
  if (status === 101) return
  for (const [name, value] of Object.entries(COMMON_HEADERS)) {
    if (name !== 'Vary' || !headers.has(name)) headers.set(name, value)
  }
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
