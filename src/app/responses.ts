/** The responses that all routes share: errors, and their part of the OpenAPI description. */
import type { RouteConfig, z } from '@hono/zod-openapi'
import { EdgelogError, ERRORS } from '../core/errors.ts'
import { report } from '../events/report.ts'
import type { AppContext } from './env.ts'
import { ErrorResponse, JSON_MEDIA_TYPE } from './schemas.ts'

type Responses = RouteConfig['responses']

/** The headers of every response, unless it has another `Vary`. */
export const COMMON_HEADERS = {
  'X-Content-Type-Options': 'nosniff',
  'Cache-Control': 'no-store',
  Vary: 'Origin',
} as const

const JSON_INIT: ResponseInit = {
  headers: new Headers({ ...COMMON_HEADERS, 'Content-Type': JSON_MEDIA_TYPE }),
}

/** Returns JSON with all its headers at once: to set them later costs as much as the response itself. */
export function okJson(c: AppContext, value: unknown): Response {
  if (c.get('isFromPage') === true) return c.json(value)
  c.set('hasCommonHeaders', true)
  return new Response(JSON.stringify(value), JSON_INIT)
}

export function errorResponse(error: EdgelogError): Response {
  const headers = new Headers(COMMON_HEADERS)
  if (error.code === 'throttled') {
    const retryAfterMs = Number(error.details?.retryAfterMs ?? 1_000)
    headers.set('Retry-After', String(Math.ceil(retryAfterMs / 1_000)))
  }
  if (error.code === 'method_not_allowed') headers.set('Allow', String(error.details?.allow))
  if (error.code === 'unsupported_media_type' && error.details !== undefined) {
    headers.set('Accept-Encoding', String(error.details.acceptEncoding))
  }
  if (error.code === 'unauthorized') headers.set('WWW-Authenticate', 'Bearer realm="edgelog"')
  return Response.json({ error: error.toBody() }, { status: ERRORS[error.code].http, headers })
}

/** Reports an unexpected error under a new request id; the response contains only that id. */
export function unexpectedErrorResponse(error: unknown, c: AppContext): Response {
  const requestId = crypto.randomUUID()
  const { method, path } = c.req
  report({ type: 'unexpected_error', requestId, method, path, error })
  const response = errorResponse(
    new EdgelogError('internal', `internal server error, logged as request ${requestId}`),
  )
  response.headers.set('X-Request-Id', requestId)
  return response
}

/** Describes a JSON response, together with the error that every call may return. */
export function jsonResponses(
  status: number,
  schema: z.ZodType,
  description: string,
  alsoAs: readonly string[] = [],
): Responses {
  const others = alsoAs.map((mediaType) => [mediaType, { schema: { type: 'string' } }] as const)
  return {
    [status]: {
      description,
      content: { [JSON_MEDIA_TYPE]: { schema }, ...Object.fromEntries(others) },
    },
    ...errorResponses(),
  }
}

export function errorResponses(): Responses {
  return {
    default: {
      description: 'An error of the table in docs/PROTOCOL.md',
      content: { [JSON_MEDIA_TYPE]: { schema: ErrorResponse } },
    },
  }
}
