/** The server's end of a tail's WebSocket, controlled by the test. */
import { readBatchHeaders } from '../../src/core/batch/record-batch.ts'
import { encodeTailFrame, encodeTailMessage } from '../../src/core/log/tail-protocol.ts'

type Listener = (event: { data: unknown; code: number; reason: string }) => void

export interface Subscribed {
  readonly op: string
  readonly id: number
  readonly offset?: number
  readonly creditBytes?: number
  readonly bytes?: number
}

export class FakeTail {
  readonly sockets: FakeSocket[] = []
  /** True to make new connections fail. */
  isRefusing = false

  /** The `WebSocket` option for `connect`. */
  get WebSocket() {
    const sockets = this.sockets
    const isRefusing = () => this.isRefusing
    return class extends FakeSocket {
      constructor(url: string, protocols: string[]) {
        super(url, protocols)
        sockets.push(this)
        const refused = isRefusing()
        queueMicrotask(() => this.emit(refused ? 'error' : 'open'))
      }
    }
  }

  get socket(): FakeSocket | undefined {
    return this.sockets.at(-1)
  }
}

export class FakeSocket {
  readonly url: string
  readonly protocols: readonly string[]
  readonly sent: Subscribed[] = []
  binaryType = 'blob'
  /** Empty, as with an old server. */
  protocol = ''
  isClosed = false
  readonly #listeners = new Map<string, Listener[]>()

  constructor(url: string, protocols: string[]) {
    this.url = url
    this.protocols = protocols
  }

  addEventListener(type: string, listener: Listener): void {
    this.#listeners.set(type, [...(this.#listeners.get(type) ?? []), listener])
  }

  send(text: string): void {
    this.sent.push(JSON.parse(text))
  }

  close(): void {
    this.isClosed = true
  }

  emit(type: string, data?: unknown): void {
    for (const listener of this.#listeners.get(type) ?? []) {
      listener({ data, code: 1006, reason: '' })
    }
  }

  say(notice: object): void {
    this.emit('message', JSON.stringify(notice))
  }

  frame(id: number, highWatermark: number, batches: Uint8Array, range = rangeOf(batches)): void {
    const ends = { highWatermark, lastStableOffset: highWatermark, logStartOffset: 0 }
    const frame = encodeTailFrame({ ...range, ...ends }, [batches], batches.length)
    this.emit('message', encodeTailMessage(id, frame).buffer)
  }
}

/** Returns the offsets from the first to the last batch. */
function rangeOf(batches: Uint8Array): { readonly from: number; readonly to: number } {
  const headers = readBatchHeaders(batches)
  const from = headers[0]?.baseOffset ?? 0
  const last = headers.at(-1)
  return { from, to: last === undefined ? from : last.baseOffset + last.lastOffsetDelta + 1 }
}
