/** What holds for the body of any route. */
import { gzipSync } from 'node:zlib'
import { describe, expect, test } from 'vitest'
import { expectError, useTarget } from './target.ts'

const target = useTarget()
const { request, topic } = target

interface Route {
  readonly method: string
  readonly path: string
  readonly mediaTypes: readonly string[]
}

type Operations = Record<string, { readonly requestBody?: { readonly content: object } }>

/** Returns the routes that take a body, by the description of the API. */
async function routesWithBody(topicName: string): Promise<Route[]> {
  const response = await request('GET', '/v1/openapi.json')
  const { paths } = await response.json<{ readonly paths: Record<string, Operations> }>()
  return Object.entries(paths).flatMap(([path, operations]) =>
    Object.entries(operations).flatMap(([method, { requestBody }]) => {
      if (requestBody === undefined) return []
      const filledIn = path
        .replace('{topic}', topicName)
        .replace('{partition}', '0')
        .replace('{group}', 'no-such-group')
      const mediaTypes = Object.keys(requestBody.content)
      return [{ method: method.toUpperCase(), path: filledIn, mediaTypes }]
    }),
  )
}

describe('Content-Encoding', () => {
  test('is refused with 415 by every route that takes a body', async () => {
    const name = await topic()
    const routes = await routesWithBody(name)
    expect(routes.map(({ path }) => path)).toEqual(expect.arrayContaining(['/kafka', '/v1/tail']))
    for (const { method, path, mediaTypes } of routes) {
      for (const mediaType of mediaTypes) {
        const response = await request(method, path, {
          body: gzipSync('{"records":[{"value":"x"}]}'),
          headers: { 'Content-Type': mediaType, 'Content-Encoding': 'gzip' },
        })
        expect(response.headers.get('accept-encoding'), path).toBe('identity')
        const error = await expectError(response, 415, 'unsupported_media_type')
        expect(error.message).toBe('Content-Encoding: identity, or none, is allowed; got gzip')
      }
    }
  })

  test('is refused also where the body is plain JSON, and whatever the coding', async () => {
    const path = `/v1/topics/${await topic()}/records`
    for (const coding of ['gzip', 'br', 'deflate', 'x', 'identity, gzip', 'GZIP']) {
      const response = await request('POST', path, {
        json: { records: [{ value: 'x' }] },
        headers: { 'Content-Encoding': coding },
      })
      await expectError(response, 415, 'unsupported_media_type')
    }
  })

  test('may be identity, in any case', async () => {
    const path = `/v1/topics/${await topic()}/records`
    for (const coding of ['identity', 'Identity']) {
      const response = await request('POST', path, {
        json: { records: [{ value: 'x' }] },
        headers: { 'Content-Encoding': coding },
      })
      expect(response.status, await response.text()).toBe(200)
    }
  })

  test('is not named as the reason of a 415 for the Content-Type', async () => {
    const response = await request('POST', '/v1/topics', {
      body: '{}',
      headers: { 'Content-Type': 'text/plain' },
    })
    expect(response.headers.get('accept-encoding')).toBeNull()
    await expectError(response, 415, 'unsupported_media_type')
  })
})
