/** The effects of a bad network or proxy on one exchange, and the responses of the proxy itself. */
import type { IncomingMessage, ServerResponse } from 'node:http'
import { Transform } from 'node:stream'

export type Fault =
  | { readonly kind: 'pass' }
  /** The server has responded and the request has taken effect, but the response is lost. */
  | { readonly kind: 'dropReply' }
  /** The connection is cut after this much of the response; after half of it by default. */
  | { readonly kind: 'cutReply'; readonly afterBytes?: number }
  /** Before the request is passed on. */
  | { readonly kind: 'delay'; readonly ms: number }
  /** Responses are held back until their end, which streams do not have; sockets open, and stay silent. */
  | { readonly kind: 'buffer' }
  /** The request is accepted, but never answered. */
  | { readonly kind: 'swallow' }
  /** The connection is closed before the server has received the request. */
  | { readonly kind: 'refuse' }
  /** The proxy responds itself; without `cors` a page of another origin cannot even read the status. */
  | { readonly kind: 'answer'; readonly status: number; readonly cors: boolean }
  /** A login page with status 200 for every request. */
  | { readonly kind: 'captivePortal'; readonly cors: boolean }
  /** Slow responses, each with its own rate. */
  | { readonly kind: 'slow'; readonly bytesPerSecond: number }
  /** Both directions, and shared by all exchanges. */
  | { readonly kind: 'slowLine'; readonly line: SharedLine }

const PORTAL = '<!doctype html><title>Welcome</title><form>Accept the terms of this network</form>'

const SLICES_PER_SECOND = 20

/** Responds in place of the server. */
export function answerByItself(
  fault: Extract<Fault, { kind: 'answer' | 'captivePortal' }>,
  call: IncomingMessage,
  result: ServerResponse,
): void {
  if (fault.cors && call.method === 'OPTIONS') {
    result.writeHead(204, corsHeaders(call)).end()
    return
  }
  const status = fault.kind === 'answer' ? fault.status : 200
  const body = fault.kind === 'answer' ? `<h1>${status}</h1>` : PORTAL
  result.writeHead(status, {
    'content-type': 'text/html',
    ...(fault.cors && corsHeaders(call)),
  })
  result.end(body)
}

function corsHeaders({ headers }: IncomingMessage): Record<string, string> {
  return {
    'access-control-allow-origin': headers.origin ?? '*',
    'access-control-allow-headers': headers['access-control-request-headers'] ?? '*',
    'access-control-allow-methods': '*',
  }
}

/** Returns a stream with a limited rate. */
export function slowed(bytesPerSecond: number): Transform {
  const sliceBytes = Math.max(1, Math.ceil(bytesPerSecond / SLICES_PER_SECOND))
  return new Transform({
    async transform(chunk: Buffer, _encoding, done) {
      for (let at = 0; at < chunk.length; at += sliceBytes) {
        await new Promise((resolve) => setTimeout(resolve, 1_000 / SLICES_PER_SECOND))
        if (this.destroyed) return
        this.push(chunk.subarray(at, at + sliceBytes))
      }
      done()
    },
  })
}

const LINE_SLICE_BYTES = 1_024

/** A line that all exchanges share, with a rate per direction. Counts the bytes of bodies that have passed. */
export class SharedLine {
  readonly #bytesPerSecond: number
  readonly passedBytes = { toServer: 0, toPage: 0 }
  readonly #freeAtMs = { toServer: 0, toPage: 0 }

  constructor(bytesPerSecond: number) {
    this.#bytesPerSecond = bytesPerSecond
  }

  /** Returns the stream of one exchange in one direction. */
  way(direction: 'toServer' | 'toPage'): Transform {
    const line = this
    return new Transform({
      highWaterMark: LINE_SLICE_BYTES,
      async transform(chunk: Buffer, _encoding, done) {
        for (let at = 0; at < chunk.length; at += LINE_SLICE_BYTES) {
          const slice = chunk.subarray(at, at + LINE_SLICE_BYTES)
          await line.#turn(direction, slice.length)
          if (this.destroyed) return
          this.push(slice)
        }
        done()
      },
    })
  }

  async #turn(direction: 'toServer' | 'toPage', sizeBytes: number): Promise<void> {
    const nowMs = Date.now()
    const passedAtMs =
      Math.max(nowMs, this.#freeAtMs[direction]) + (sizeBytes / this.#bytesPerSecond) * 1_000
    this.#freeAtMs[direction] = passedAtMs
    this.passedBytes[direction] += sizeBytes
    await new Promise((resolve) => setTimeout(resolve, passedAtMs - nowMs))
  }
}

/** Returns a stream that holds everything back until the end. */
export function buffered(): Transform {
  const held: Buffer[] = []
  return new Transform({
    transform(chunk: Buffer, _encoding, done) {
      held.push(chunk)
      done()
    },
    flush(done) {
      for (const chunk of held) this.push(chunk)
      done()
    },
  })
}
