/** Which callers are accepted, and from where; needs servers of its own, with and without a token. */
import { request as httpRequest } from 'node:http'
import { connect } from 'node:net'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { ServerProcess } from '../server/server-process.ts'
import { expectError } from './target.ts'

const TOKEN = 'a-secret_token.of-some-length'
const ORIGIN = 'https://app.example'

let open: ServerProcess
let closed: ServerProcess
beforeAll(async () => {
  open = await ServerProcess.start({ origins: `${ORIGIN}, https://other.example` })
  closed = await ServerProcess.start({ token: TOKEN, origins: ORIGIN })
})
afterAll(async () => {
  await Promise.all([open.stop(), closed.stop()])
})

/** `fetch` does not allow a `Host` header. */
function statusFor(url: string, headers: Record<string, string>): Promise<number> {
  return new Promise((resolve, reject) => {
    const sent = httpRequest(url, { headers }, (response) => {
      response.resume()
      resolve(response.statusCode ?? 0)
    })
    sent.on('error', reject)
    sent.end()
  })
}

describe('a server with EDGELOG_TOKEN', () => {
  const call = (headers: Record<string, string> = {}, path = '/v1/topics') =>
    fetch(`${closed.url}${path}`, { headers })

  test('requires the token for every call but /healthz', async () => {
    expect((await call({}, '/healthz')).status).toBe(200)
    const refused = await call()
    expect(refused.headers.get('www-authenticate')).toContain('Bearer')
    await expectError(refused, 401, 'unauthorized')
    expect((await call({ Authorization: `Bearer ${TOKEN}` })).status).toBe(200)
    expect((await call({ Authorization: `bearer ${TOKEN}` })).status).toBe(200)
    for (const path of ['/v1/openapi.json', '/v1/tail', '/v1/topics/x/records', '/nowhere']) {
      await expectError(await call({}, path), 401, 'unauthorized')
    }
  })

  test.each([
    'Bearer',
    'Bearer ',
    `Bearer ${TOKEN}x`,
    `Bearer ${TOKEN.slice(0, -1)}`,
    `Basic ${TOKEN}`,
    TOKEN,
    `Bearer ${TOKEN} ${TOKEN}`,
  ])('rejects the Authorization header %j', async (authorization) => {
    await expectError(await call({ Authorization: authorization }), 401, 'unauthorized')
  })

  test('accepts a Host other than localhost with the token', async () => {
    const headers = { Host: 'log.example', Authorization: `Bearer ${TOKEN}` }
    expect(await statusFor(`${closed.url}/v1/topics`, headers)).toBe(200)
  })

  test('accepts the token as a subprotocol of a WebSocket', async () => {
    const url = `${closed.url.replace('http', 'ws')}/v1/tail`
    const opens = (protocols: string[]) =>
      new Promise<boolean>((resolve) => {
        const socket = new WebSocket(url, protocols)
        socket.addEventListener('open', () => {
          socket.close()
          resolve(true)
        })
        socket.addEventListener('error', () => resolve(false))
      })
    const bearer = (token: string) => `edgelog.bearer.${Buffer.from(token).toString('base64url')}`
    expect(await opens(['edgelog.tail.v1', bearer(TOKEN)])).toBe(true)
    expect(await opens(['edgelog.tail.v1', bearer('wrong')])).toBe(false)
    expect(await opens(['edgelog.tail.v1'])).toBe(false)
  })
})

describe('a server without EDGELOG_TOKEN', () => {
  test.each(['localhost', '127.0.0.1:80', '127.8.8.8', '[::1]', 'edgelog.localhost'])(
    'accepts the Host %s',
    async (host) => {
      expect(await statusFor(`${open.url}/v1/topics`, { Host: host })).toBe(200)
    },
  )

  test.each(['log.example', 'localhost.example', '127.0.0.1.example', '10.0.0.1', '0.0.0.0'])(
    'rejects the Host %s',
    async (host) => {
      expect(await statusFor(`${open.url}/v1/topics`, { Host: host })).toBe(403)
    },
  )
})

describe('a web page', () => {
  const preflight = (origin: string, server = open) =>
    fetch(`${server.url}/v1/topics`, {
      method: 'OPTIONS',
      headers: {
        Origin: origin,
        'Access-Control-Request-Method': 'POST',
        'Access-Control-Request-Headers': 'content-type,edgelog-transaction,if-match',
      },
    })
  const call = (origin: string) => fetch(`${open.url}/v1/topics`, { headers: { Origin: origin } })

  test('of an allowed origin may send what a preflight lists, without credentials', async () => {
    for (const server of [open, closed]) {
      const { status, headers } = await preflight(ORIGIN, server)
      expect(status).toBe(204)
      expect(headers.get('access-control-allow-origin')).toBe(ORIGIN)
      const methods = ['GET', 'HEAD', 'POST', 'PATCH', 'PUT', 'DELETE']
      expect(headers.get('access-control-allow-methods')?.split(',')).toEqual(methods)
      expect(headers.get('access-control-allow-headers')?.split(',')).toEqual([
        'authorization',
        'content-type',
        'edgelog-transaction',
        'if-match',
        'if-none-match',
        'last-event-id',
      ])
      expect(headers.get('access-control-allow-credentials')).toBeNull()
      expect(headers.get('vary')).toContain('Origin')
    }
  })

  test('may read a response with the headers that a client needs', async () => {
    const { status, headers } = await call(ORIGIN)
    expect(status).toBe(200)
    expect(headers.get('access-control-allow-origin')).toBe(ORIGIN)
    const exposed = headers.get('access-control-expose-headers')
    expect(exposed).toContain('edgelog-next-offset')
    expect(exposed).toContain('edgelog-last-stable-offset')
    expect(exposed).toContain('edgelog-tombstones-gone-below')
    expect(headers.get('vary')).toContain('Origin')
    expect((await call('http://localhost:5173')).status).toBe(200)
    expect((await call('http://127.0.0.1:3000')).status).toBe(200)
  })

  test.each([
    'https://evil.example',
    'null',
    'http://localhost.evil.example',
    'https://app.example.evil',
  ])('of the origin %s can neither change nor read anything', async (origin) => {
    const refused = await call(origin)
    expect(refused.headers.get('access-control-allow-origin')).toBeNull()
    await expectError(refused, 403, 'forbidden')
    expect((await preflight(origin)).headers.get('access-control-allow-origin')).toBeNull()
    const created = await fetch(`${open.url}/v1/topics`, {
      method: 'POST',
      headers: { Origin: origin, 'Content-Type': 'application/json' },
      body: JSON.stringify({ name: 'evil' }),
    })
    expect(created.status).toBe(403)
    expect((await fetch(`${open.url}/v1/topics/evil`)).status).toBe(404)
  })

  test('may also read errors', async () => {
    const response = await fetch(`${open.url}/v1/topics/nowhere`, { headers: { Origin: ORIGIN } })
    expect(response.status).toBe(404)
    expect(response.headers.get('access-control-allow-origin')).toBe(ORIGIN)
  })

  const produce = (headers: Record<string, string> = {}) =>
    fetch(`${open.url}/v1/topics/produced/records`, {
      method: 'POST',
      headers: { 'Content-Type': 'application/json', ...headers },
      body: JSON.stringify({ records: [{ value: '' }] }),
    })

  test('gets Vary: Origin also in responses to requests without an Origin', async () => {
    await fetch(`${open.url}/v1/topics`, {
      method: 'POST',
      headers: { 'Content-Type': 'application/json' },
      body: JSON.stringify({ name: 'produced' }),
    })
    const produced = await produce()
    expect(produced.status).toBe(200)
    expect(produced.headers.get('content-type')).toBe('application/json')
    const responses = [
      produced,
      await fetch(`${open.url}/v1/topics`),
      await fetch(`${open.url}/v1/topics/nowhere`),
      await fetch(`${closed.url}/v1/topics`),
    ]
    for (const { headers } of responses) {
      expect(headers.get('vary')).toBe('Origin')
      expect(headers.get('x-content-type-options')).toBe('nosniff')
      expect(headers.get('cache-control')).toBe('no-store')
    }
  })

  test('may produce, and names its origin once in Vary', async () => {
    const { status, headers } = await produce({ Origin: ORIGIN })
    expect(status).toBe(200)
    expect(headers.get('access-control-allow-origin')).toBe(ORIGIN)
    expect(headers.get('vary')).toBe('Origin')
    expect(headers.get('x-content-type-options')).toBe('nosniff')
  })
})

describe('a caller that disconnects', () => {
  test('in the middle of a body leaves nothing behind', async () => {
    const create = { name: 'half', partitions: 1 }
    await fetch(`${open.url}/v1/topics`, {
      method: 'POST',
      headers: { 'Content-Type': 'application/json' },
      body: JSON.stringify(create),
    })
    const { port } = new URL(open.url)
    const half = JSON.stringify({ records: [{ value: 'never' }] })
    for (const framing of ['Content-Length: 4000', 'Transfer-Encoding: chunked']) {
      await new Promise<void>((resolve) => {
        const socket = connect(Number(port), '127.0.0.1', () => {
          const head = `POST /v1/topics/half/records HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n${framing}\r\n\r\n`
          const chunk = framing.startsWith('T')
            ? `${half.length.toString(16)}\r\n${half}\r\n`
            : half
          socket.write(head + chunk)
          setTimeout(() => socket.destroy(), 100)
        })
        socket.on('close', () => resolve())
        socket.on('error', () => resolve())
      })
    }
    const read = await fetch(`${open.url}/v1/topics/half/partitions/0/records`)
    expect(await read.json()).toMatchObject({ records: [], highWatermark: 0 })
  })
})
