/** An HTTP load over keep-alive connections, at minimal cost to the caller, to compare servers. */
import { Agent, request } from 'node:http'

export interface Call {
  readonly method: 'GET' | 'POST' | 'PUT'
  readonly path: string
  readonly body?: Uint8Array
  readonly headers?: Record<string, string>
}

const ANSWERED: ReadonlySet<number | undefined> = new Set([200, 201, 204])

export class HttpLoad {
  readonly #port: number
  readonly #agent = new Agent({ keepAlive: true, maxSockets: 64 })

  constructor(url: string) {
    this.#port = Number(new URL(url).port)
  }

  /** Makes one call. @throws for a status other than 200, 201 or 204. */
  call({ method, path, body, headers = {} }: Call): Promise<Buffer> {
    return new Promise((resolve, reject) => {
      const sent = request(
        {
          host: '127.0.0.1',
          port: this.#port,
          method,
          path,
          agent: this.#agent,
          headers: body === undefined ? headers : { ...headers, 'Content-Length': body.length },
        },
        (response) => {
          const parts: Buffer[] = []
          response.on('data', (part) => parts.push(part))
          response.on('end', () => {
            const bytes = Buffer.concat(parts)
            if (ANSWERED.has(response.statusCode)) resolve(bytes)
            else reject(new Error(`${method} ${path}: ${response.statusCode} ${bytes}`))
          })
        },
      )
      sent.on('error', reject)
      sent.end(body)
    })
  }

  /** Makes `count` calls, `inFlight` at a time. @returns calls per second. */
  async rate(count: number, inFlight: number, next: (index: number) => Call): Promise<number> {
    let started = 0
    const worker = async () => {
      while (started < count) {
        const index = started
        started += 1
        await this.call(next(index))
      }
    }
    const startedAtMs = performance.now()
    await Promise.all(Array.from({ length: inFlight }, worker))
    return count / ((performance.now() - startedAtMs) / 1_000)
  }
}

export function postJson(path: string, value: unknown): Call {
  const body = Buffer.from(JSON.stringify(value))
  return { method: 'POST', path, body, headers: { 'Content-Type': 'application/json' } }
}

export function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b)
  return sorted[Math.floor(sorted.length / 2)] ?? Number.NaN
}
