/** The routes below `/ksqldb`: they authenticate as ksqlDB's clients do, and have errors in ksqlDB's form. */
import { z } from '@hono/zod-openapi'
import { authenticate, isLoopback } from '../app/access.ts'
import { type AppContext, callerError } from '../app/env.ts'
import { type App, addRoute } from '../app/route.ts'
import { EdgelogError } from '../core/errors.ts'
import { errorBody, errorStatus } from './errors.ts'

export const BASE_PATH = '/ksqldb'
export const KSQL_JSON = 'application/vnd.ksql.v1+json'
export const JSON_TYPE = 'application/json'
export const DELIMITED = 'application/vnd.ksqlapi.delimited.v1'

/** ksqlDB ignores parameters that it does not know. */
const AnyParams = z.looseObject({})

export interface KsqlRoute {
  readonly method: 'get' | 'post'
  /** Below `/ksqldb`, with parameters in braces. */
  readonly path: string
  readonly summary: string
  readonly mediaTypes?: readonly string[]
}

type Handler = (c: AppContext, params: Readonly<Record<string, string>>) => Promise<Response>

export function addKsqlRoute(app: App, route: KsqlRoute, handle: Handler): void {
  const { method, summary, mediaTypes = [KSQL_JSON, JSON_TYPE] } = route
  const content = Object.fromEntries(mediaTypes.map((mediaType) => [mediaType, { schema: {} }]))
  const description = {
    ...{ method, summary, path: `${BASE_PATH}${route.path}` },
    responses: { 200: { description: 'As ksqlDB: docs/KSQLDB.md', content } },
  }
  const params = z.object(
    Object.fromEntries(
      [...route.path.matchAll(/\{(\w+)\}/g)].map(([, name]) => [name, z.string()]),
    ),
  )
  addRoute(app, description, { params, query: AnyParams }, async (c, call) => {
    try {
      letIn(c)
      return await handle(c, call.params as Record<string, string>)
    } catch (error) {
      return errorResponse(error, c)
    }
  })
}

export function errorResponse(error: unknown, c: AppContext): Response {
  const body = errorBody(error, c)
  const status = errorStatus(body)
  const headers = new Headers({ 'Content-Type': jsonType(c) })
  if (status === 401) headers.set('WWW-Authenticate', 'Basic realm="edgelog"')
  return new Response(JSON.stringify(body), { status, headers })
}

export function jsonResponse(c: AppContext, value: unknown): Response {
  return new Response(JSON.stringify(value), { headers: { 'Content-Type': jsonType(c) } })
}

/** Returns ksqlDB's own media type if the client names it: all others expect plain JSON. */
function jsonType(c: AppContext): string {
  return c.req.header('accept')?.includes(KSQL_JSON) === true ? KSQL_JSON : JSON_TYPE
}

/**
 * Lets a caller with the token in: as a bearer token, or as the password of Basic authentication, which is all that
 * clients of ksqlDB have.
 *
 * @throws {EdgelogError} `unauthorized`, `forbidden`.
 */
function letIn(c: AppContext): void {
  if (callerError(c) === undefined) return
  const caller = authenticate(
    c.env,
    () => basicPassword(c.req.header('authorization')),
    () => isLoopback(new URL(c.req.url).hostname),
  )
  if (caller instanceof EdgelogError) throw caller
  c.set('caller', caller)
}

function basicPassword(header: string | undefined): string | undefined {
  const [, encoded] = /^Basic +(\S+) *$/i.exec(header ?? '') ?? []
  if (encoded === undefined) return undefined
  try {
    const bytes = Uint8Array.from(atob(encoded), (character) => character.charCodeAt(0))
    const text = new TextDecoder().decode(bytes)
    return text.slice(text.indexOf(':') + 1)
  } catch {
    // Not base64, so not the token.
    return undefined
  }
}
