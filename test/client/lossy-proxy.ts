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
    server.on('request', (call, answer) => void this.#pass(call, answer))
  }

  close(): Promise<void> {
    this.#server.closeAllConnections()
    return new Promise((resolve) => this.#server.close(() => resolve()))
  }

  async #pass(call: IncomingMessage, answer: ServerResponse): Promise<void> {
    const parts: Buffer[] = []
    for await (const part of call) parts.push(part as Buffer)
    const body = Buffer.concat(parts)
    const { faults } = this
    if (!faults?.matches(call)) return this.#forward(call, body, answer)
    await new Promise((resolve) => setTimeout(resolve, this.#random() * faults.delayMsMax))
    if (this.#random() * 100 >= faults.percent) return this.#forward(call, body, answer)
    this.harmed += 1
    const fate = FATES[Math.floor(this.#random() * FATES.length)]
    if (fate === 'lostBefore') call.socket.destroy()
    else if (fate === 'html502') answer.writeHead(502, { 'content-type': 'text/html' }).end(HTML)
    else if (fate === 'throttled') answer.writeHead(429, { 'retry-after': '0' }).end()
    else this.#forward(call, body, answer, fate)
  }

  #forward(call: IncomingMessage, body: Buffer, answer: ServerResponse, fate?: string): void {
    const { method, headers, url } = call
    const onward = request(this.#target + url, { method: method ?? 'GET', headers }, (reply) => {
      const parts: Buffer[] = []
      reply.on('data', (part: Buffer) => parts.push(part))
      reply.on('error', () => call.socket.destroy())
      reply.on('end', () => {
        const text = Buffer.concat(parts)
        if (fate === 'lostAfter') call.socket.destroy()
        else if (fate === 'html503After') answer.writeHead(503).end(HTML)
        else {
          const { 'transfer-encoding': _, ...replyHeaders } = reply.headers
          answer.writeHead(reply.statusCode ?? 500, {
            ...replyHeaders,
            'content-length': text.length,
          })
          if (fate !== 'cutAnswer') answer.end(text)
          else answer.write(text.subarray(0, text.length / 2), () => call.socket.destroy())
        }
      })
    })
    onward.on('error', () => call.socket.destroy())
    answer.on('close', () => onward.destroy())
    onward.end(body)
  }
}

export async function startLossyProxy(target: string, random: () => number): Promise<LossyProxy> {
  const port = await freePort()
  const server = createServer()
  await new Promise<void>((resolve) => server.listen(port, '127.0.0.1', resolve))
  return new LossyProxy(`http://127.0.0.1:${port}`, server, target, random)
}
