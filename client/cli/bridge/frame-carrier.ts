/** Sends request frames to the server over HTTP, and streams the response bytes back. */
import { Agent, type IncomingMessage, request } from 'node:http'
import { Agent as SecureAgent, request as secureRequest } from 'node:https'
import { URL } from 'node:url'
import { type Frame, FrameError } from '../../../src/core/kafka/frame-cutter.ts'
import { type CallerHeaders, headersOf } from './caller-headers.ts'
import { CALLS_MAX, HTTP_IDLE_MS } from './limits.ts'
import { ResponseReader } from './response-reader.ts'

/** One call: frames of one connection. */
export interface FrameCall extends CallerHeaders {
  readonly frames: readonly Frame[]
  readonly signal: AbortSignal
}

const KAFKA_TYPE = 'application/vnd.edgelog.kafka'
/** Bytes of an error response that are kept for its message. */
const REFUSAL_BYTES_MAX = 4_096

export class FrameCarrier {
  readonly #url: URL
  readonly #request: typeof request
  readonly #agent: Agent

  constructor(serverUrl: string) {
    this.#url = new URL('/kafka', serverUrl)
    const isSecure = this.#url.protocol === 'https:'
    const options = { keepAlive: true, timeout: HTTP_IDLE_MS, maxSockets: CALLS_MAX }
    this.#agent = isSecure ? new SecureAgent(options) : new Agent(options)
    this.#request = isSecure ? secureRequest : request
  }

  /**
   * Resolves when the whole response was passed to `write`; true if the connection is to be closed.
   *
   * @throws {FrameError} if the server rejects the call, or its response is truncated; the error of `write`
   */
  async carry(call: FrameCall, write: (part: Uint8Array) => Promise<void>): Promise<boolean> {
    const response = await this.#send(call)
    if (response.statusCode !== 200) throw new FrameError(await refusalOf(response))
    const answer = new ResponseReader()
    for await (const chunk of response as AsyncIterable<Uint8Array>) {
      await write(answer.push(chunk))
    }
    if (!answer.isBetweenFrames) throw new FrameError('the response of the server was truncated')
    return answer.mustClose
  }

  close(): void {
    this.#agent.destroy()
  }

  #send(call: FrameCall): Promise<IncomingMessage> {
    const { frames, signal } = call
    const sizeBytes = frames.reduce((sum, frame) => sum + frame.length, 0)
    return new Promise((resolve, reject) => {
      const outgoing = this.#request(
        this.#url,
        {
          method: 'POST',
          agent: this.#agent,
          signal,
          headers: {
            'content-type': KAFKA_TYPE,
            'content-length': sizeBytes,
            ...headersOf(call),
          },
        },
        resolve,
      )
      outgoing.on('error', reject)
      for (const frame of frames) outgoing.write(frame)
      outgoing.end()
    })
  }
}

async function refusalOf(response: IncomingMessage): Promise<string> {
  let text = ''
  for await (const chunk of response) {
    if (text.length < REFUSAL_BYTES_MAX) text += String(chunk)
  }
  return `the server responded with ${response.statusCode}: ${messageOf(text)}`
}

function messageOf(text: string): string {
  try {
    return (JSON.parse(text) as { error: { message: string } }).error.message
  } catch {
    // Not an edgelog response: show its first characters.
    return text.slice(0, 200)
  }
}
