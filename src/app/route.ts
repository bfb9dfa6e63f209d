/** Routes with their description: the schemas that validate a call also appear in OpenAPI. */
import type { OpenAPIHono, RouteConfig, z } from '@hono/zod-openapi'
import { EdgelogError } from '../core/errors.ts'
import { fieldName } from '../core/json/field-name.ts'
import type { AppContext, AppEnv } from './env.ts'

export type App = OpenAPIHono<AppEnv>

interface RouteSchemas<Params extends z.ZodType, Query extends z.ZodType> {
  readonly params: Params
  readonly query: Query
}

type Described = Omit<RouteConfig, 'request'> & { readonly body?: RequestBody }
type RequestBody = NonNullable<NonNullable<RouteConfig['request']>['body']>

/** The validated parameters that a handler receives. */
export interface Call<Params, Query> {
  readonly params: Params
  readonly query: Query
}

/**
 * Registers one route with its description. Bodies are only described here; the handler reads them, because it decides
 * on the size limit and the media type.
 */
export function addRoute<Params extends z.ZodObject, Query extends z.ZodObject>(
  app: App,
  { body, ...description }: Described,
  schemas: RouteSchemas<Params, Query>,
  handle: (c: AppContext, call: Call<z.output<Params>, z.output<Query>>) => Promise<Response>,
): void {
  app.openAPIRegistry.registerPath({
    ...description,
    request: { params: schemas.params, query: schemas.query, ...(body && { body }) },
  })
  const path = description.path.replaceAll(/\{(\w+)\}/g, ':$1')
  app.on(description.method.toUpperCase(), path, async (c) => {
    const params = parseWith(schemas.params, c.req.param(), '', 'path')
    const query = parseWith(schemas.query, c.req.query(), '', 'query')
    return await handle(c, { params, query })
  })
}

/**
 * Checks a value against its schema.
 *
 * @param prefix put before the names of its fields, e.g. `records[3]`.
 * @param whole name of the value itself in the message if there is no prefix.
 * @throws {EdgelogError} `invalid_request` with the field and what is allowed.
 */
export function parseWith<Schema extends z.ZodType>(
  schema: Schema,
  value: unknown,
  prefix = '',
  whole = 'body',
): z.output<Schema> {
  const result = schema.safeParse(value)
  if (result.success) return result.data
  const [issue] = result.error.issues
  const where = fieldName(prefix, issue?.path ?? []) || whole
  throw new EdgelogError('invalid_request', `${where}: ${issue?.message ?? 'not valid'}`)
}
