/** A proxy that counts what reaches the server: requests, and sockets, which it can refuse, cut and freeze. */
import {
  createServer,
  type IncomingMessage,
  request,
  type Server,
  type ServerResponse,
} from 'node:http'
import { connect, type Socket } from 'node:net'
import { freePort } from '../server/free-port.ts'

export class CountingProxy {
  readonly url: string
  readonly #server: Server
  readonly #target: string
  readonly #sockets = new Set<Socket>()
  /** Requests with their paths, such as `POST /v1/groups/g/heartbeat`. */
  readonly requests: string[] = []
  /** Paths of the sockets that were opened. */
  readonly opened: string[] = []
  /** True to refuse new sockets, as a proxy without support for them. */
  isRefusing = false

  private constructor(port: number, target: string) {
    this.url = `http://127.0.0.1:${port}`
    this.#target = target
    this.#server = createServer((call, response) => this.#forward(call, response))
    this.#server.on('upgrade', (call: IncomingMessage, socket: Socket) => {
      if (this.isRefusing) socket.end('HTTP/1.1 400 Bad Request\r\n\r\n')
      else this.#join(call, socket)
    })
    this.#server.listen(port, '127.0.0.1')
  }

  static async start(target: string): Promise<CountingProxy> {
    const proxy = new CountingProxy(await freePort(), target)
    await new Promise((resolve) => proxy.#server.once('listening', resolve))
    return proxy
  }

  countOf(path: string): number {
    return this.requests.filter((made) => made.includes(path)).length
  }

  cutSockets(): void {
    for (const socket of this.#sockets) socket.destroy()
  }

  /** Lets nothing pass any more through the sockets that are open. */
  freezeSockets(): void {
    for (const socket of this.#sockets) {
      socket.removeAllListeners('data')
      socket.pause()
    }
  }

  async close(): Promise<void> {
    this.cutSockets()
    this.#server.closeAllConnections()
    await new Promise((resolve) => this.#server.close(resolve))
  }

  #forward(call: IncomingMessage, response: ServerResponse): void {
    const { method = 'GET', headers, url = '/' } = call
    this.requests.push(`${method} ${url.replace(/\?.*/, '')}`)
    const onward = request(this.#target + url, { method, headers }, (result) => {
      response.writeHead(result.statusCode ?? 500, result.headers)
      result.pipe(response)
      result.on('error', () => call.socket.destroy())
    })
    onward.on('error', () => call.socket.destroy())
    response.on('close', () => onward.destroy())
    call.pipe(onward)
  }

  #join(call: IncomingMessage, client: Socket): void {
    this.opened.push((call.url ?? '').replace(/\?.*/, ''))
    const { port, hostname } = new URL(this.#target)
    const server = connect(Number(port), hostname)
    const head = call.rawHeaders.flatMap((name, index, all) =>
      index % 2 === 0 ? [`${name}: ${all[index + 1]}`] : [],
    )
    server.write([`GET ${call.url} HTTP/1.1`, ...head, '', ''].join('\r\n'))
    for (const [from, to] of [
      [client, server],
      [server, client],
    ] as const) {
      this.#sockets.add(from)
      from.on('data', (bytes) => to.write(bytes))
      from.on('error', () => undefined)
      from.on('close', () => {
        this.#sockets.delete(from)
        to.destroy()
      })
    }
  }
}
