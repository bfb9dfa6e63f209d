/** One client's WebSocket to `/v1/tail`: receives control messages, sends notices and frames. */

import { parseWith } from '../../app/route.ts'
import type { Broker } from '../../broker/broker.ts'
import { EdgelogError } from '../../core/errors.ts'
import { parseExactJson } from '../../core/json/exact-json.ts'
import { PING_INTERVAL_MS, TAIL_CONTROL_BYTES_MAX } from '../../core/limits.ts'
import { tailFrameBytesMax, tailParts } from '../../core/log/tail-protocol.ts'
import { Control } from './tail-schemas.ts'
import {
  errorBodyOf,
  type TailNotice,
  type TailSink,
  TailSubscriptions,
} from './tail-subscriptions.ts'

export class TailConnection implements TailSink {
  readonly #client: WebSocket
  readonly #isInParts: boolean
  readonly #subscriptions: TailSubscriptions
  #pingTimer: ReturnType<typeof setInterval> | undefined

  constructor(client: WebSocket, broker: Broker, isInParts: boolean) {
    this.#client = client
    this.#isInParts = isInParts
    this.#subscriptions = new TailSubscriptions(broker, this)
  }

  open(): void {
    this.#client.accept()
    this.#client.binaryType = 'arraybuffer'
    this.#client.addEventListener('message', ({ data }) => void this.#receive(data))
    this.#client.addEventListener('close', () => this.#end())
    this.#client.addEventListener('error', () => this.#end())
    this.#pingTimer = setInterval(() => this.notify({ op: 'ping' }), PING_INTERVAL_MS)
  }

  get isOpen(): boolean {
    return this.#client.readyState === WebSocket.OPEN
  }

  notify(notice: TailNotice): void {
    if (this.isOpen) this.#client.send(JSON.stringify(notice))
  }

  sendFrame(_id: number, message: Uint8Array, windowBytes: number): void {
    const partBytesMax = this.#isInParts ? tailFrameBytesMax(windowBytes) : undefined
    if (partBytesMax === undefined) this.#client.send(message)
    else for (const part of tailParts(message, partBytesMax)) this.#client.send(part)
  }

  #end(): void {
    clearInterval(this.#pingTimer)
    this.#subscriptions.unsubscribeAll()
    if (this.isOpen) this.#client.close(1000)
  }

  async #receive(data: string | ArrayBuffer | Blob): Promise<void> {
    let id: number | undefined
    try {
      const message = parseMessage(data)
      id = idOf(message)
      await this.#subscriptions.receive(parseWith(Control, message, 'message'))
    } catch (error) {
      this.notify({ op: 'error', ...(id !== undefined && { id }), error: errorBodyOf(error) })
    }
  }
}

function parseMessage(data: string | ArrayBuffer | Blob): unknown {
  if (typeof data !== 'string' || data.length > TAIL_CONTROL_BYTES_MAX) {
    throw new EdgelogError(
      'invalid_request',
      `message: JSON text of at most ${TAIL_CONTROL_BYTES_MAX} characters is allowed`,
    )
  }
  return parseExactJson(data, 'message')
}

/** Returns the id of a message, also if the message is otherwise invalid. */
function idOf(message: unknown): number | undefined {
  const id = typeof message === 'object' && message !== null && 'id' in message && message.id
  return typeof id === 'number' ? id : undefined
}
