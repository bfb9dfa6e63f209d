/** The port of ksqlDB's clients, over both versions of HTTP. */
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import { type ClientHttp2Session, connect as connectHttp2 } from 'node:http2'
import { type AddressInfo, connect } from 'node:net'
import { afterEach, describe, expect, test } from 'vitest'
import { type HttpFront, startHttpFront } from '../../client/cli/http-front.ts'

const HOST = '127.0.0.1'
const closing: Array<() => unknown> = []
afterEach(async () => {
  for (const close of closing.splice(0).reverse()) await close()
})

/** Starts a front, and the server behind it. */
async function start(
  handle: (request: IncomingMessage, response: ServerResponse) => void,
): Promise<HttpFront> {
  const server = createServer(handle)
  await new Promise<void>((resolve) => server.listen(0, HOST, resolve))
  closing.push(() => new Promise((resolve) => server.close(resolve)))
  closing.push(() => server.closeAllConnections())
  const { port } = server.address() as AddressInfo
  const front = await startHttpFront({
    host: HOST,
    port: 0,
    target: new URL(`http://${HOST}:${port}/api`),
  })
  closing.push(() => front.close())
  return front
}

function session({ port }: HttpFront): ClientHttp2Session {
  const made = connectHttp2(`http://${HOST}:${port}`)
  closing.push(() => made.destroy())
  return made
}

interface Http2Answer {
  readonly status: number
  readonly type: string
  readonly chunks: readonly string[]
}

function http2Post(client: ClientHttp2Session, path: string, body: string): Promise<Http2Answer> {
  return new Promise((resolve, reject) => {
    const stream = client.request({ ':method': 'POST', ':path': path, te: 'trailers' })
    const chunks: string[] = []
    let status = 0
    let type = ''
    stream.setEncoding('utf8')
    stream.on('response', (headers) => {
      status = Number(headers[':status'])
      type = String(headers['content-type'])
    })
    stream.on('data', (chunk: string) => chunks.push(chunk))
    stream.on('end', () => resolve({ status, type, chunks }))
    stream.on('error', reject)
    stream.end(body)
  })
}

function echo(request: IncomingMessage, response: ServerResponse): void {
  const { method, url, headers } = request
  response.writeHead(201, { 'Content-Type': 'text/plain', Connection: 'keep-alive' })
  response.write(`${method} ${url} ${headers.host} `)
  request.pipe(response)
}

describe('startHttpFront()', () => {
  test('passes requests of both versions on, below the path of the API', async () => {
    const front = await start(echo)
    const host = `${HOST}:${front.port}`
    const body = 'ü'.repeat(100_000)
    const response = await fetch(`http://${host}/a?b=1`, { method: 'POST', body })
    expect([response.status, await response.text()]).toEqual([
      201,
      `POST /api/a?b=1 ${host} ${body}`,
    ])
    const client = session(front)
    const both = await Promise.all([http2Post(client, '/x', body), http2Post(client, '/y', '')])
    expect(both.map(({ chunks }) => chunks.join(''))).toEqual([
      `POST /api/x ${host} ${body}`,
      `POST /api/y ${host} `,
    ])
    expect(both[0]).toMatchObject({ status: 201, type: 'text/plain' })
  })

  test('sends each line of delimited rows in a frame of its own', async () => {
    const front = await start((_, response) => {
      response.writeHead(200, { 'Content-Type': 'application/vnd.ksqlapi.delimited.v1' })
      response.write('{"a":1}\n[1]\n[2')
      response.end(']\n[3]\n')
    })
    const { chunks } = await http2Post(session(front), '/', '')
    expect(chunks.join('')).toBe('{"a":1}\n[1]\n[2]\n[3]\n')
    for (const chunk of chunks) expect(chunk.indexOf('\n')).toBeOneOf([-1, chunk.length - 1])
  })

  test('streams rows as they come, and ends the request of a client that leaves', async () => {
    const left = Promise.withResolvers<void>()
    const front = await start((_, response) => {
      response.writeHead(200)
      response.write('first')
      response.once('close', () => left.resolve())
    })
    const stream = session(front).request({ ':path': '/' })
    const chunk = await new Promise<Buffer>((resolve) => stream.once('data', resolve))
    expect(chunk.toString()).toBe('first')
    stream.close()
    await left.promise
  })

  test('responds with 502 while the server does not respond', async () => {
    const front = await startHttpFront({
      host: HOST,
      port: 0,
      target: new URL(`http://${HOST}:1/`),
    })
    closing.push(() => front.close())
    const response = await fetch(`http://${HOST}:${front.port}/info`)
    expect([
      response.status,
      ((await response.json()) as { error_code: number }).error_code,
    ]).toEqual([502, 50200])
  })

  test('tells the versions apart however the first bytes are cut', async () => {
    const front = await start(echo)
    const answer = await new Promise<string>((resolve) => {
      const socket = connect(front.port, HOST)
      closing.push(() => socket.destroy())
      socket.setNoDelay(true)
      socket.once('data', (bytes) => resolve(bytes.toString()))
      const request = 'PROPFIND / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n'
      socket.write(request.slice(0, 1), () =>
        socket.write(request.slice(1, 2), () => socket.write(request.slice(2))),
      )
    })
    expect(answer).toMatch(/^HTTP\/1\.1 201 /)
  })

  test('closes with its connections open, and refuses a port that is taken', async () => {
    const front = await start(echo)
    const client = session(front)
    await http2Post(client, '/', '')
    const target = new URL(`http://${HOST}:1/`)
    await expect(startHttpFront({ host: HOST, port: front.port, target })).rejects.toThrow(
      'EADDRINUSE',
    )
    await front.close()
    await expect(fetch(`http://${HOST}:${front.port}/`)).rejects.toThrow()
  })
})
