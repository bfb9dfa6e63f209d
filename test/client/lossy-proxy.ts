/** A proxy with the faults of bad networks: it drops, delays, reorders, cuts, and responds itself. */
import {
  createServer,
  type IncomingMessage,
  request,
  type Server,
  type ServerResponse,
} from 'node:http'
import { freePort } from '../server/free-port.ts'

export interface Faults {
  /** Returns whether a call may be disturbed. */
  readonly matches: (call: IncomingMessage) => boolean
  /** Percentage of disturbed calls. */
  readonly percent: number
  readonly delayMsMax: number
}

const HTML = '<html><body>Bad gateway</body></html>'
const FATES = [
  'lostBefore',
  'lostAfter',
  'html502',
  'html503After',
  'cutAnswer',
  'throttled',
] as const

export class LossyProxy {
  readonly url: string
  readonly #server: Server
  readonly #target: string
  readonly #random: () => number
  faults: Faults | undefined
  /** Number of disturbed calls. */
  harmed = 0

  constructor(url: string, server: Server, target: string, random: () => number) {
    this.url = url
    this.#server = server
    this.#target = target
    this.#random = random
    server.on('request', (call, response) => void this.#pass(call, response))
  }

  close(): Promise<void> {
    this.#server.closeAllConnections()
    return new Promise((resolve) => this.#server.close(() => resolve()))
  }

  async #pass(call: IncomingMessage, response: ServerResponse): Promise<void> {
    const parts: Buffer[] = []
    for await (const part of call) parts.push(part as Buffer)
    const body = Buffer.concat(parts)
    const { faults } = this
    if (!faults?.matches(call)) return this.#forward(call, body, response)
    await new Promise((resolve) => setTimeout(resolve, this.#random() * faults.delayMsMax))
    if (this.#random() * 100 >= faults.percent) return this.#forward(call, body, response)
    this.harmed += 1
    const fate = FATES[Math.floor(this.#random() * FATES.length)]
    if (fate === 'lostBefore') call.socket.destroy()
    else if (fate === 'html502') response.writeHead(502, { 'content-type': 'text/html' }).end(HTML)
    else if (fate === 'throttled') response.writeHead(429, { 'retry-after': '0' }).end()
    else this.#forward(call, body, response, fate)
  }

  #forward(call: IncomingMessage, body: Buffer, response: ServerResponse, fate?: string): void {
    const { method, headers, url } = call
    const onward = request(this.#target + url, { method: method ?? 'GET', headers }, (resultOf) => {
      const parts: Buffer[] = []
      resultOf.on('data', (part: Buffer) => parts.push(part))
      resultOf.on('error', () => call.socket.destroy())
      resultOf.on('end', () => {
        const text = Buffer.concat(parts)
        if (fate === 'lostAfter') call.socket.destroy()
        else if (fate === 'html503After') response.writeHead(503).end(HTML)
        else {
          const { 'transfer-encoding': _, ...replyHeaders } = resultOf.headers
          response.writeHead(resultOf.statusCode ?? 500, {
            ...replyHeaders,
            'content-length': text.length,
          })
          if (fate !== 'cutAnswer') response.end(text)
          else response.write(text.subarray(0, text.length / 2), () => call.socket.destroy())
        }
      })
    })
    onward.on('error', () => call.socket.destroy())
    response.on('close', () => onward.destroy())
    onward.end(body)
  }
}

export async function startLossyProxy(target: string, random: () => number): Promise<LossyProxy> {
  const port = await freePort()
  const server = createServer()
  await new Promise<void>((resolve) => server.listen(port, '127.0.0.1', resolve))
  return new LossyProxy(`http://127.0.0.1:${port}`, server, target, random)
}
