/** What a bad network or a bad proxy does to one exchange, and what it answers by itself. */
import type { IncomingMessage, ServerResponse } from 'node:http'
import { Transform } from 'node:stream'

export type Fault =
  | { readonly kind: 'pass' }
  /** The server has answered and the request has taken effect, but nobody hears of it. */
  | { readonly kind: 'dropReply' }
  /** Of the answer this much arrives, then the connection is cut; half of it, if left out. */
  | { readonly kind: 'cutReply'; readonly afterBytes?: number }
  /** Before the request is passed on. */
  | { readonly kind: 'delay'; readonly ms: number }
  /** Holds answers back until their end, which a stream does not have; sockets open, and are mute. */
  | { readonly kind: 'buffer' }
  /** Takes the request and says nothing, ever. */
  | { readonly kind: 'swallow' }
  /** Closes the connection before the server has seen the request. */
  | { readonly kind: 'refuse' }
  /** Answers by itself; without `cors` a page of another origin may not even see the status. */
  | { readonly kind: 'answer'; readonly status: number; readonly cors: boolean }
  /** A login page with status 200 for whatever is asked. */
  | { readonly kind: 'captivePortal'; readonly cors: boolean }
  /** Answers, each by itself. */
  | { readonly kind: 'slow'; readonly bytesPerSecond: number }
  /** Both ways, and shared by all exchanges. */
  | { readonly kind: 'slowLine'; readonly line: SharedLine }

const PORTAL = '<!doctype html><title>Welcome</title><form>Accept the terms of this network</form>'

const SLICES_PER_SECOND = 20

/** Answers in the place of the server. */
export function answerByItself(
  fault: Extract<Fault, { kind: 'answer' | 'captivePortal' }>,
  call: IncomingMessage,
  answer: ServerResponse,
): void {
  if (fault.cors && call.method === 'OPTIONS') {
    answer.writeHead(204, corsHeaders(call)).end()
    return
  }
  const status = fault.kind === 'answer' ? fault.status : 200
  const body = fault.kind === 'answer' ? `<h1>${status}</h1>` : PORTAL
  answer.writeHead(status, {
    'content-type': 'text/html',
    ...(fault.cors && corsHeaders(call)),
  })
  answer.end(body)
}

function corsHeaders({ headers }: IncomingMessage): Record<string, string> {
  return {
    'access-control-allow-origin': headers.origin ?? '*',
    'access-control-allow-headers': headers['access-control-request-headers'] ?? '*',
    'access-control-allow-methods': '*',
  }
}

/** Lets bytes through at a rate. */
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

/** A line that all exchanges share, each way at its rate. Counts the bytes of bodies that have passed. */
export class SharedLine {
  readonly #bytesPerSecond: number
  readonly passedBytes = { toServer: 0, toPage: 0 }
  readonly #freeAtMs = { toServer: 0, toPage: 0 }

  constructor(bytesPerSecond: number) {
    this.#bytesPerSecond = bytesPerSecond
  }

  /** The way of one exchange. */
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

/** Holds everything back until the end. */
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
