/** The other end of a tail's WebSocket, in the hands of a test. */
import { TAIL_FRAME_HEADER_BYTES } from '../../src/core/log/tail-protocol.ts'

type Listener = (event: { data: unknown }) => void

export interface Subscribed {
  readonly op: string
  readonly id: number
  readonly offset?: number
  readonly creditBytes?: number
  readonly bytes?: number
}

export class FakeTail {
  readonly sockets: FakeSocket[] = []
  /** New connections fail. */
  isRefusing = false

  /** To be given to `connect` as its `WebSocket`. */
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
  /** As an old server leaves it. */
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
    for (const listener of this.#listeners.get(type) ?? []) listener({ data })
  }

  say(notice: object): void {
    this.emit('message', JSON.stringify(notice))
  }

  frame(id: number, highWatermark: number, batches: Uint8Array): void {
    const message = new Uint8Array(4 + TAIL_FRAME_HEADER_BYTES + batches.length)
    const view = new DataView(message.buffer)
    view.setUint32(0, id)
    view.setBigInt64(4, BigInt(highWatermark))
    message.set(batches, 4 + TAIL_FRAME_HEADER_BYTES)
    this.emit('message', message.buffer)
  }
}
