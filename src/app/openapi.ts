/** The description of the API, generated from the routes. */
import { errorResponses } from './responses.ts'
import type { App } from './route.ts'

export function addOpenApiRoutes(app: App): void {
  app.openAPIRegistry.registerComponent('securitySchemes', 'bearer', {
    type: 'http',
    scheme: 'bearer',
    description: 'The secret EDGELOG_TOKEN, if one is set',
  })
  app.openAPIRegistry.registerPath({
    method: 'get',
    path: '/healthz',
    summary: 'Check that the server is up',
    security: [],
    responses: { 200: { description: '{"status": "ok"}' } },
  })
  app.openAPIRegistry.registerPath({
    method: 'get',
    path: '/v1/openapi.json',
    summary: 'Get this description',
    responses: { 200: { description: 'OpenAPI 3.1' }, ...errorResponses() },
  })
  app.get('/v1/openapi.json', (c) =>
    c.json(
      app.getOpenAPI31Document({
        openapi: '3.1.0',
        info: {
          title: 'edgelog',
          version: '1',
          description: "Apache Kafka's log over HTTP. docs/PROTOCOL.md is normative.",
          license: { name: 'Apache-2.0' },
        },
        security: [{ bearer: [] }, {}],
      }),
    ),
  )
}
