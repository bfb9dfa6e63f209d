/** Serves example pages next to the API if the binding exists, as in `edgelog dev`. The Worker itself contains none. */
import type { MiddlewareHandler } from 'hono'
import type { AppEnv } from './env.ts'
import type { App } from './route.ts'

/** Everything comes from this origin, nothing is inline, and no other site may frame the pages. */
const CONTENT_SECURITY_POLICY = [
  "default-src 'self'",
  "img-src 'self' data:",
  "object-src 'none'",
  "base-uri 'none'",
  "form-action 'none'",
  "frame-ancestors 'none'",
].join('; ')

/**
 * Adds the pages. They come before authentication, because the user enters the token there.
 * Without the binding these paths are not part of the API.
 */
export function addExamples(app: App): void {
  app.use('/examples/*', serveFile)
}

const serveFile: MiddlewareHandler<AppEnv> = async (c, next) => {
  const files = c.env.EDGELOG_EXAMPLES
  const isRead = c.req.method === 'GET' || c.req.method === 'HEAD'
  if (files === undefined || !isRead) return await next()
  const file = await files.fetch(c.req.raw)
  // A missing page gets the API's error for unknown paths.
  if (file.status === 404) return await next()
  const response = new Response(file.body, file)
  response.headers.set('Cache-Control', 'no-cache')
  response.headers.set('Content-Security-Policy', CONTENT_SECURITY_POLICY)
  response.headers.set('Referrer-Policy', 'no-referrer')
  response.headers.set('X-Content-Type-Options', 'nosniff')
  return response
}
