/** Pages beside the API, where somebody has bound them: `edgelog dev` does. The Worker carries none. */
import type { MiddlewareHandler } from 'hono'
import type { AppEnv } from './env.ts'
import type { App } from './route.ts'

/** All comes from this origin, inline nothing, and no other site may frame the pages. */
const CONTENT_SECURITY_POLICY = [
  "default-src 'self'",
  "img-src 'self' data:",
  "object-src 'none'",
  "base-uri 'none'",
  "form-action 'none'",
  "frame-ancestors 'none'",
].join('; ')

/**
 * Before all else, so that the pages need no token: they are where one is typed in. Without the
 * binding the paths are no part of the API, as ever.
 */
export function addExamples(app: App): void {
  app.use('/examples/*', passOn)
}

const passOn: MiddlewareHandler<AppEnv> = async (c, next) => {
  const files = c.env.EDGELOG_EXAMPLES
  const isRead = c.req.method === 'GET' || c.req.method === 'HEAD'
  if (files === undefined || !isRead) return await next()
  const file = await files.fetch(c.req.raw)
  // A missing page is a refusal of the API, like every other unknown path.
  if (file.status === 404) return await next()
  const answer = new Response(file.body, file)
  answer.headers.set('Cache-Control', 'no-cache')
  answer.headers.set('Content-Security-Policy', CONTENT_SECURITY_POLICY)
  answer.headers.set('Referrer-Policy', 'no-referrer')
  answer.headers.set('X-Content-Type-Options', 'nosniff')
  return answer
}
