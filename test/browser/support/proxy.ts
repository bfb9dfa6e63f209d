/**
 * A proxy between page and server with configurable faults per
 * path, which can change while it runs; counts the exchanges.
 */
import {
  createServer,
  type IncomingMessage,
  request,
  type Server,
  type ServerResponse,
} from 'node:http'
import type { Duplex, Transform } from 'node:stream'
import { setTimeout as sleep } from 'node:timers/promises'
import { freePort } from '../../server/free-port.ts'
import { answerByItself, buffered, type Fault, slowed } from './faults.ts'
import { cutIn, headOf, tunnel } from './tunnel.ts'

export interface Rule {
  /** Matched against path and query. */
  readonly path: RegExp
  /** All methods except browsers' preflights by default. */
  readonly method?: string
  readonly fault: Fault
  /** Number of times that it applies; always by default. */
  readonly times?: number
}

/** One request, or one WebSocket. */
export interface Exchange {
  readonly method: string
  readonly path: string
  readonly isWebSocket: boolean
  readonly startedAtMs: number
  readonly fault: Fault['kind']
  /** Status of the response that reached the page, if any. */
  status?: number
  isOpen: boolean
}

const PASS: Fault = { kind: 'pass' }

export class FaultyProxy {
  readonly url: string
  readonly #port: number
  #target: URL
  readonly #exchanges = new Map<Exchange, Duplex>()
  #rules: Array<{ readonly rule: Rule; left: number }> = []
  #server: Server | undefined

  constructor(port: number, target: string) {
    this.url = `http://127.0.0.1:${port}`
    this.#port = port
    this.#target = new URL(target)
  }

  /** Sets the rules; the first that matches a request decides. Exchanges in progress continue unchanged. */
  setRules(...rules: Rule[]): void {
    this.#rules = rules.map((rule) => ({ rule, left: rule.times ?? Number.POSITIVE_INFINITY }))
  }

  /** Replaces the server; open exchanges stay with the previous one. */
  setTarget(target: string): void {
    this.#target = new URL(target)
  }

  /** Sets one fault for everything. */
  setFault(fault: Fault): void {
    this.setRules({ path: /^/, fault })
  }

  /** Returns all requests since the start or the last `forget`, without preflights. */
  exchanges(path = /^/): Exchange[] {
    return [...this.#exchanges.keys()].filter(
      (one) => one.method !== 'OPTIONS' && path.test(one.path),
    )
  }

  open(path = /^/): Exchange[] {
    return this.exchanges(path).filter(({ isOpen }) => isOpen)
  }

  /** Drops the finished exchanges. */
  forget(): void {
    for (const exchange of [...this.#exchanges.keys()]) {
      if (!exchange.isOpen) this.#exchanges.delete(exchange)
    }
  }

  /** Returns the number of requests in `ms`: the rate counts, because a busy machine takes longer. */
  async requestsIn(ms: number): Promise<number> {
    this.forget()
    const startedAtMs = performance.now()
    await sleep(ms)
    return (this.exchanges().length * ms) / (performance.now() - startedAtMs)
  }

  /** Cuts open exchanges. */
  cut(path = /^/): void {
    for (const exchange of this.open(path)) this.#exchanges.get(exchange)?.destroy()
  }

  /** Keeps open WebSockets open, but drops all further messages of the server. */
  mute(path = /^/): void {
    for (const exchange of this.open(path)) this.#exchanges.get(exchange)?.emit('mute')
  }

  /** Listens again, on the same port. */
  async up(): Promise<void> {
    const server = createServer()
    server.keepAliveTimeout = 60_000
    server.on('connection', (socket) => socket.on('error', () => undefined))
    server.on('request', (call, result) => void this.#request(call, result))
    server.on('upgrade', (call, socket, head) => void this.#upgrade(call, socket, head))
    await new Promise<void>((resolve, reject) => {
      server.once('error', reject)
      server.listen(this.#port, '127.0.0.1', resolve)
    })
    this.#server = server
  }

  /** Refuses connections, and cuts the open ones. */
  async down(): Promise<void> {
    const server = this.#server
    this.#server = undefined
    if (server === undefined) return
    const closed = new Promise((resolve) => server.close(resolve))
    server.closeAllConnections()
    this.cut()
    await closed
  }

  #begin(call: IncomingMessage, connection: Duplex, isWebSocket: boolean) {
    const { method = 'GET', url: path = '/' } = call
    const fault = this.#faultOf(method, path)
    const exchange: Exchange = {
      method,
      path,
      isWebSocket,
      startedAtMs: Date.now(),
      fault: fault.kind,
      isOpen: true,
    }
    this.#exchanges.set(exchange, connection)
    return { exchange, fault }
  }

  #faultOf(method: string, path: string): Fault {
    const found = this.#rules.find(({ rule, left }) => left > 0 && matches(rule, method, path))
    if (found === undefined) return PASS
    // A preflight is answered like the request that it precedes, and is not counted.
    if (method !== 'OPTIONS') found.left -= 1
    return found.rule.fault
  }

  #onward(call: IncomingMessage) {
    const { hostname, port, pathname } = this.#target
    return request({
      hostname,
      port,
      path: pathname.replace(/\/$/, '') + (call.url ?? '/'),
      method: call.method ?? 'GET',
      headers: call.headers,
      agent: false,
    })
  }

  async #request(call: IncomingMessage, result: ServerResponse): Promise<void> {
    const { socket } = call
    const { exchange, fault } = this.#begin(call, socket, false)
    result.on('close', () => {
      exchange.isOpen = false
    })
    if (fault.kind === 'refuse') return void socket.destroy()
    if (fault.kind === 'answer' || fault.kind === 'captivePortal') {
      call.resume()
      answerByItself(fault, call, result)
      exchange.status = result.statusCode
      return
    }
    if (fault.kind === 'swallow') return void call.resume()
    if (fault.kind === 'delay') await sleep(fault.ms)
    const onward = this.#onward(call)
    onward.on('error', () => socket.destroy())
    result.on('close', () => onward.destroy())
    onward.on('response', (resultOf) => {
      resultOf.on('error', () => socket.destroy())
      if (fault.kind === 'dropReply') {
        // Awaits its end: the server has finished the request.
        resultOf.resume().on('end', () => socket.destroy())
        return
      }
      exchange.status = resultOf.statusCode ?? 0
      result.writeHead(resultOf.statusCode ?? 500, resultOf.headers)
      result.flushHeaders()
      if (fault.kind === 'cutReply') cutIn(resultOf, result, socket, fault.afterBytes)
      else {
        const way = through(resultOf, fault)
        way.pipe(result)
        result.on('close', () => way.destroy())
      }
    })
    if (fault.kind !== 'slowLine') call.pipe(onward)
    else {
      const way = call.pipe(fault.line.way('toServer'))
      way.pipe(onward)
      result.on('close', () => way.destroy())
    }
  }

  async #upgrade(call: IncomingMessage, socket: Duplex, head: Buffer): Promise<void> {
    const { exchange, fault } = this.#begin(call, socket, true)
    socket.on('close', () => {
      exchange.isOpen = false
    })
    if (fault.kind === 'refuse') return void socket.destroy()
    if (fault.kind === 'swallow') {
      socket.resume().on('end', () => socket.end())
      return
    }
    if (fault.kind === 'answer' || fault.kind === 'captivePortal') {
      const status = fault.kind === 'answer' ? fault.status : 200
      exchange.status = status
      socket.end(`HTTP/1.1 ${status} Proxy\r\ncontent-type: text/html\r\nconnection: close\r\n\r\n`)
      return
    }
    if (fault.kind === 'delay') await sleep(fault.ms)
    const onward = this.#onward(call)
    onward.on('error', () => socket.destroy())
    onward.on('response', (resultOf) => {
      // The server rejected the WebSocket.
      exchange.status = resultOf.statusCode ?? 0
      socket.write(headOf(resultOf))
      resultOf.pipe(socket)
    })
    onward.on('upgrade', (resultOf, upstream, upstreamHead) => {
      if (fault.kind === 'dropReply') {
        socket.destroy()
        upstream.destroy()
        return
      }
      exchange.status = resultOf.statusCode ?? 0
      socket.write(headOf(resultOf))
      tunnel(socket, head, upstream, upstreamHead, fault)
    })
    onward.end()
  }
}

/** Starts a proxy in front of `target`. */
export async function startProxy(target: string): Promise<FaultyProxy> {
  const proxy = new FaultyProxy(await freePort(), target)
  await proxy.up()
  return proxy
}

function matches({ path, method, fault }: Rule, called: string, url: string): boolean {
  if (!path.test(url)) return false
  const asksFirst = called === 'OPTIONS' && method !== 'OPTIONS'
  // If the proxy itself responds, the preflight fails or passes accordingly; all other faults let it pass.
  if (asksFirst) return fault.kind === 'answer' || fault.kind === 'captivePortal'
  return method === undefined || method === called
}

function through(resultOf: IncomingMessage, fault: Fault): IncomingMessage | Transform {
  if (fault.kind === 'slow') return resultOf.pipe(slowed(fault.bytesPerSecond))
  if (fault.kind === 'slowLine') return resultOf.pipe(fault.line.way('toPage'))
  if (fault.kind === 'buffer') return resultOf.pipe(buffered())
  return resultOf
}
