/** A WebSocket whose calls are logged, if it is a session. */
import type { WebSocketConstructor } from '../../../client/http/web-socket.ts'
import { concatenate } from '../../../src/core/bytes/concatenate.ts'
import {
  decodeHeadAndBody,
  decodeSessionEntries,
  SESSION_ENTRY,
} from '../../../src/core/log/session-protocol.ts'
import type { CallLog, MadeCall } from './call-log.ts'

interface OpenCall {
  readonly call: MadeCall
  readonly parts: Uint8Array[]
}

export function loggingSocket(log: Pick<CallLog, 'made'>): WebSocketConstructor {
  const decoder = new TextDecoder()
  class LoggingSocket extends WebSocket {
    readonly #calls = new Map<number, OpenCall>()

    constructor(url: string, protocols: string[]) {
      super(url, protocols)
      // Before the listener of the client: the log has a response before the client acts on it.
      this.addEventListener('message', ({ data }) => {
        if (data instanceof ArrayBuffer) this.#received(new Uint8Array(data))
      })
    }

    override send(message: string | Uint8Array<ArrayBuffer>): void {
      if (typeof message !== 'string') this.#sent(message)
      super.send(message)
    }

    #sent(message: Uint8Array): void {
      for (const { kind, id, content } of decodeSessionEntries(message)) {
        if (kind !== SESSION_ENTRY.call) continue
        const { head, body } = decodeHeadAndBody(content)
        const { method, path } = JSON.parse(head) as { method: string; path: string }
        const call = log.made(method, path.replace(/\?.*/, ''), decoder.decode(body), true)
        this.#calls.set(id, { call, parts: [] })
      }
    }

    #received(message: Uint8Array): void {
      for (const { kind, id, content } of decodeSessionEntries(message)) {
        const open = this.#calls.get(id)
        if (kind === SESSION_ENTRY.tail || open === undefined) continue
        open.parts.push(content)
        if (kind === SESSION_ENTRY.part) continue
        this.#calls.delete(id)
        if (kind !== SESSION_ENTRY.lastPart) continue
        const { head, body } = decodeHeadAndBody(concatenate(open.parts))
        const { status } = JSON.parse(head) as { status: number }
        if (status < 400) open.call.succeeded(decoder.decode(body))
      }
    }
  }
  return LoggingSocket as unknown as WebSocketConstructor
}
