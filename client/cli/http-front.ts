/**
 * A port of its own for one API of the server: passes requests on, below the path of the API. It speaks HTTP/1.1 and,
 * unlike the local runtime, HTTP/2 with prior knowledge, which some clients insist on.
 */

import {
  Agent,
  createServer as createHttp1,
  request as httpRequest,
  type IncomingMessage,
  type ServerResponse,
} from 'node:http'
import { createServer as createHttp2 } from 'node:http2'
import { createServer, type Socket } from 'node:net'
import { pipeline } from 'node:stream/promises'
import {
  FRONT_CONNECTIONS_MAX,
  FRONT_FIRST_BYTES_MS,
  FRONT_REQUESTS_MAX,
  FRONT_STREAMS_MAX,
} from './limits.ts'

export interface HttpFront {
  readonly port: number
  close(): Promise<void>
}

export interface HttpFrontOptions {
  readonly host: string
  /** 0: any free port. */
  readonly port: number
  /** Address of the server, with the path of the API. */
  readonly target: URL
}

/** Requests of both versions: Node gives those of HTTP/2 the same form. */
type FrontRequest = IncomingMessage & { readonly authority?: string }

/** @throws {Error} with the code `EADDRINUSE` if the port is taken. */
export async function startHttpFront({ host, port, target }: HttpFrontOptions): Promise<HttpFront> {
  const agent = new Agent({ keepAlive: true, maxSockets: FRONT_REQUESTS_MAX })
  const pass = (request: FrontRequest, response: ServerResponse) =>
    passOn(request, response, target, agent)
  const http1 = createHttp1(pass)
  const http2 = createHttp2(
    { settings: { maxConcurrentStreams: FRONT_STREAMS_MAX } },
    pass as never,
  )
  const sockets = new Set<Socket>()
  const server = createServer((socket) => {
    sockets.add(socket)
    socket.once('close', () => sockets.delete(socket))
    socket.on('error', () => socket.destroy())
    chooseProtocol(socket, (isHttp2) => (isHttp2 ? http2 : http1).emit('connection', socket))
  })
  server.maxConnections = FRONT_CONNECTIONS_MAX
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject)
    server.listen(port, host, resolve)
  })
  const address = server.address()
  return {
    port: typeof address === 'object' && address !== null ? address.port : port,
    async close() {
      const closed = new Promise((resolve) => server.close(resolve))
      for (const socket of sockets) socket.destroy()
      agent.destroy()
      await closed
    },
  }
}

/** The begin of a connection of HTTP/2, by which it differs from all requests of HTTP/1.1. */
const PREFACE = 'PRI'

function chooseProtocol(socket: Socket, choose: (isHttp2: boolean) => void): void {
  socket.setTimeout(FRONT_FIRST_BYTES_MS, () => socket.destroy())
  const look = () => {
    const bytes = socket.read() as Buffer | null
    if (bytes === null) return
    socket.unshift(bytes)
    if (bytes.length < PREFACE.length) return
    socket.off('readable', look)
    socket.setTimeout(0)
    choose(bytes.toString('latin1', 0, PREFACE.length) === PREFACE)
  }
  socket.on('readable', look)
}

function passOn(request: FrontRequest, response: ServerResponse, target: URL, agent: Agent): void {
  const { url = '/', method = 'GET' } = request
  const headers = endToEnd(request.headers)
  // The server compares the host with the origin of a page.
  const host = request.authority ?? request.headers.host
  if (host !== undefined) headers.host = host
  const { hostname, port, pathname } = target
  const path = `${pathname}${url.startsWith('/') ? url : `/${url}`}`
  const upstream = httpRequest({ host: hostname, port, method, path, headers, agent })
  upstream.once('response', (answer) => {
    response.writeHead(answer.statusCode ?? 502, endToEnd(answer.headers))
    const isLines = answer.headers['content-type']?.includes('delimited') === true
    // One of the two has left: so does the other.
    const passed = isLines ? passLines(answer, response) : pipeline(answer, response)
    passed.catch(() => response.destroy())
  })
  upstream.once('error', () => {
    if (response.headersSent) response.destroy()
    else refuse(response)
  })
  // Tells the server that the client has left.
  response.once('close', () => upstream.destroy())
  request.pipe(upstream)
}

/** Headers of a connection, which are not passed on. Names with a colon belong to HTTP/2. */
const HOP_BY_HOP = new Set([
  'connection',
  'http2-settings',
  'keep-alive',
  'proxy-authenticate',
  'proxy-authorization',
  'proxy-connection',
  'te',
  'trailer',
  'transfer-encoding',
  'upgrade',
])

function endToEnd(headers: NodeJS.Dict<string | string[]>): Record<string, string | string[]> {
  return Object.fromEntries(
    Object.entries(headers).filter(
      (entry): entry is [string, string | string[]] =>
        entry[1] !== undefined && !entry[0].startsWith(':') && !HOP_BY_HOP.has(entry[0]),
    ),
  )
}

function refuse(response: ServerResponse): void {
  const message = 'the server does not respond'
  const body = JSON.stringify({ '@type': 'generic_error', error_code: 50200, message })
  response.writeHead(502, { 'Content-Type': 'application/json' })
  response.end(body)
}

/**
 * Passes each line on by itself, and waits for it: clients parse each frame of HTTP/2 as a line, and writes that wait
 * share a frame.
 */
async function passLines(answer: IncomingMessage, response: ServerResponse): Promise<void> {
  const write = (bytes: Buffer) =>
    new Promise<void>((resolve, reject) => {
      response.write(bytes, (error) => (error ? reject(error) : resolve()))
    })
  for await (const chunk of answer as AsyncIterable<Buffer>) {
    let from = 0
    while (from < chunk.length) {
      const end = chunk.indexOf(NEWLINE, from)
      const to = end < 0 ? chunk.length : end + 1
      await write(chunk.subarray(from, to))
      from = to
    }
  }
  response.end()
}

const NEWLINE = 0x0a
