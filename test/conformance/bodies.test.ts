/** The rules for the body of any route: section 1.2 of the protocol. */
import { gzipSync } from 'node:zlib'
import { describe, expect, test } from 'vitest'
import { uniqueName } from '../server/shared-server.ts'
import { expectError, useTarget } from './target.ts'

const target = useTarget()
const { request, topic } = target

const JSON_TYPE = 'application/json'

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
        .replace('{application}', 'no-such-application')
      const mediaTypes = Object.keys(requestBody.content)
      return [{ method: method.toUpperCase(), path: filledIn, mediaTypes }]
    }),
  )
}

describe('Content-Encoding', () => {
  test('is rejected with 415 by every route that takes a body', async () => {
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

  test('is rejected also if the body is plain JSON, whatever the coding', async () => {
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

async function postJson(path: string, body: string) {
  return await request('POST', path, { body, headers: { 'Content-Type': JSON_TYPE } })
}

describe('JSON', () => {
  test('keeps the exact numbers of config, or is rejected', async () => {
    const kept = [
      ['1e3', 1000],
      ['1000.0', 1000],
      ['-0', 0],
      ['" 1000 "', 1000],
      ['9007199254740991', 9_007_199_254_740_991],
      ['"9223372036854775807"', '9223372036854775807'],
    ] as const
    for (const [source, value] of kept) {
      const name = await topic()
      const response = await request('PATCH', `/v1/topics/${name}`, {
        body: `{"config":{"retention.ms":${source}}}`,
        headers: { 'Content-Type': JSON_TYPE },
      })
      expect((await response.json()).config['retention.ms'], source).toBe(value)
    }
    const name = uniqueName('never')
    for (const [config, code] of [
      ['{"retention.ms":9007199254740992}', 'invalid_config'],
      ['{"retention.ms":9007199254740993}', 'invalid_request'],
      ['{"retention.ms":1000.00000000000000001}', 'invalid_request'],
      ['{"retention.ms":1.5}', 'invalid_config'],
      ['{"retention.ms":1,"retention.ms":2}', 'invalid_request'],
      ['{"min.cleanable.dirty.ratio":0.50000000000000000001}', 'invalid_request'],
      ['{"__proto__":1}', 'invalid_request'],
      ['{"1":1}', 'invalid_config'],
    ] as const) {
      const response = await postJson('/v1/topics', `{"name":"${name}","config":${config}}`)
      await expectError(response, 400, code)
    }
    const twice = await postJson('/v1/topics', `{"name":"a","name":"${name}"}`)
    expect((await expectError(twice, 400, 'invalid_request')).message).toBe(
      'name: given twice; once is allowed',
    )
    const parts = await postJson(
      '/v1/topics',
      `{"name":"${name}","partitions":1.00000000000000000001}`,
    )
    await expectError(parts, 400, 'invalid_request')
    expect((await request('GET', `/v1/topics/${name}`)).status).toBe(404)
  })

  test('keeps the metadata and the offset of a commit, or is rejected', async () => {
    const name = await topic()
    const sent = await request('POST', `/v1/topics/${name}/records`, {
      json: { records: [{ value: '' }] },
    })
    expect(sent.status).toBe(200)
    const path = `/v1/groups/${uniqueName('group')}/offsets`
    const commit = (fields: string) =>
      postJson(path, `{"offsets":[{"topic":"${name}","partition":0,${fields}}]}`)
    for (const [offset, metadata] of [
      ['1.0', '\u0000a\ufeff😀\u2028'],
      ['1e0', '{"a": 1.0}'],
      ['0', ' '],
      ['-0', '\ufeff'],
    ] as const) {
      const response = await commit(`"offset":${offset},"metadata":${JSON.stringify(metadata)}`)
      expect(response.status, await response.text()).toBe(204)
      const { offsets } = await (await request('GET', path)).json()
      expect(offsets).toEqual([
        expect.objectContaining({ offset: Math.abs(Number(offset)), metadata }),
      ])
    }
    for (const fields of [
      '"offset":1,"metadata":"\\ud800"',
      '"offset":1,"metadata":"a","metadata":"b"',
      '"offset":1,"offset":0',
      '"offset":0.99999999999999999999',
      '"offset":9007199254740993',
    ]) {
      await expectError(await commit(fields), 400, 'invalid_request')
    }
    await request('DELETE', path.replace('/offsets', ''))
  })

  test('is rejected if a member or a pattern contains a lone surrogate', async () => {
    const path = `/v1/groups/${uniqueName('group')}/heartbeat`
    for (const fields of [
      '"memberId":"\\ud800","topics":["t"]',
      '"clientId":"\\udc00","topics":["t"]',
      '"topicPattern":"\\ud800"',
      '"topics":["t"],"topics":["u"]',
    ]) {
      const response = await postJson(path, `{"memberEpoch":0,${fields}}`)
      await expectError(response, 400, 'invalid_request')
    }
  })
})
