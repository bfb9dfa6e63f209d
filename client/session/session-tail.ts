/**
 * The tail of a session in the form of a socket to `/v1/tail`: text messages are the same, and its binary messages are
 * the parts of frames. So one client of tails works over both.
 */
import { TAIL_PARTS_SUBPROTOCOL } from '../../src/core/log/tail-protocol.ts'
import type { ClientSocket, CloseReason } from '../http/web-socket.ts'

/** Sends text messages of a tail. */
interface TailCarrier {
  sendText(text: string): void
}

type Listener = (event: { data: unknown } & CloseReason) => void

export class SessionTail implements ClientSocket {
  binaryType = 'arraybuffer'
  readonly protocol = TAIL_PARTS_SUBPROTOCOL
  readonly #onClosed: () => void
  readonly #listeners = new Map<string, Listener>()
  /** Ids of the subscriptions. */
  readonly #subscribed = new Set<number>()
  #carrier: TailCarrier | undefined
  #isOver = false

  /** @param onClosed called once, at its end */
  constructor(onClosed: () => void) {
    this.#onClosed = onClosed
  }

  get isOver(): boolean {
    return this.#isOver
  }

  addEventListener(type: string, listener: (event: never) => void): void {
    this.#listeners.set(type, listener as Listener)
  }

  /** Opens the tail over a session that is open. */
  open(carrier: TailCarrier): void {
    this.#carrier = carrier
    this.#emit('open')
  }

  receive(data: string | Uint8Array): void {
    // A socket's message has a buffer of its own.
    this.#emit('message', typeof data === 'string' ? data : data.slice().buffer)
  }

  send(text: string): void {
    const { op, id } = JSON.parse(text) as { readonly op: string; readonly id: number }
    if (op === 'subscribe') this.#subscribed.add(id)
    if (op === 'unsubscribe') this.#subscribed.delete(id)
    this.#carrier?.sendText(text)
  }

  /** Ends the subscriptions; the session goes on. */
  close(): void {
    if (this.#isOver) return
    this.#isOver = true
    for (const id of this.#subscribed) {
      this.#carrier?.sendText(JSON.stringify({ op: 'unsubscribe', id }))
    }
    this.#onClosed()
  }

  /** The session is over, or did not open. */
  lost(): void {
    if (this.#isOver) return
    this.#isOver = true
    this.#onClosed()
    this.#emit('close')
  }

  #emit(type: string, data?: unknown): void {
    this.#listeners.get(type)?.({ data, code: 1006, reason: '' })
  }
}
