/**
 * The subscriptions of one client, for all transports. Forwards the frames of the partitions to the client, and its
 * credit to them. Credit works end to end, so no frames accumulate here.
 */
import type { Broker } from '../../broker/broker.ts'
import { tailClosedError } from '../../broker/tail.ts'
import { EdgelogError, type ErrorBody } from '../../core/errors.ts'
import { TAIL_CREDIT_BYTES_MAX, TAIL_SUBSCRIPTIONS_MAX } from '../../core/limits.ts'
import type { LogEnds } from '../../core/log/log-ends.ts'
import { encodeTailMessage, TAIL_FRAME_HEADER_BYTES } from '../../core/log/tail-protocol.ts'
import { parseTopicName } from '../../core/topic/topic-name.ts'
import { report } from '../../events/report.ts'
import type { TailControl, TailSubscription } from './tail-schemas.ts'

/** A message of the server other than a frame; docs/PROTOCOL.md, "Live tail". */
export type TailNotice =
  | (LogEnds & {
      readonly op: 'subscribed'
      readonly id: number
      readonly topicId: string
      readonly offset: number
    })
  | { readonly op: 'closed'; readonly id: number; readonly error: ErrorBody }
  /** A rejected message, with its id if it had one. */
  | { readonly op: 'error'; readonly id?: number; readonly error: ErrorBody }
  | { readonly op: 'ping' }

/** The client side: a WebSocket, an event stream, or the response of a long poll. */
export interface TailSink {
  /** True while the client is connected. */
  readonly isOpen: boolean
  notify(notice: TailNotice): void
  /**
   * Sends one frame.
   *
   * @param message `id uint32 | frame`.
   * @param windowBytes bytes that the client allows in flight: few on a slow line.
   */
  sendFrame(id: number, message: Uint8Array<ArrayBuffer>, windowBytes: number): void
}

interface Subscription {
  readonly id: number
  /** Undefined until the partition has responded. */
  socket: WebSocket | undefined
  /** Credit granted and not used up yet. */
  creditBytes: number
  /** The credit after the last grant. */
  windowBytes: number
}

export class TailSubscriptions {
  readonly #broker: Broker
  readonly #sink: TailSink
  readonly #subscriptions = new Map<number, Subscription>()

  constructor(broker: Broker, sink: TailSink) {
    this.#broker = broker
    this.#sink = sink
  }

  get size(): number {
    return this.#subscriptions.size
  }

  /**
   * Serves a message of the client. Resolves when the sink has received what follows from it.
   *
   * @throws {EdgelogError} as `subscribe`.
   */
  async receive(control: TailControl): Promise<void> {
    if (control.op === 'subscribe') await this.subscribe(control)
    else if (control.op === 'unsubscribe') this.unsubscribe(control.id)
    else this.grant(control.id, control.bytes)
  }

  /**
   * Subscribes to a partition. Resolves when the sink has received `subscribed` or `closed`.
   *
   * @throws {EdgelogError} `invalid_request` for an id in use, or for too many subscriptions.
   */
  async subscribe({ id, topic, partition, ...options }: TailSubscription): Promise<void> {
    if (this.#subscriptions.has(id)) throw invalid(`id: ${id} is in use`)
    if (this.#subscriptions.size >= TAIL_SUBSCRIPTIONS_MAX) {
      throw invalid(`id: at most ${TAIL_SUBSCRIPTIONS_MAX} subscriptions are allowed`)
    }
    const { creditBytes } = options
    const windowBytes = creditBytes
    const subscription: Subscription = { id, socket: undefined, creditBytes, windowBytes }
    this.#subscriptions.set(id, subscription)
    try {
      const name = parseTopicName(topic, 'topic')
      const { socket, ...position } = await this.#broker.records.openTail(name, partition, options)
      subscription.socket = socket
      if (this.#isCurrent(subscription)) {
        this.#sink.notify({ op: 'subscribed', id, ...position })
        this.#forwardFrames(subscription, socket)
      }
      socket.accept()
      // The client unsubscribed while the tail was being opened.
      if (!this.#isCurrent(subscription)) socket.close(1000)
    } catch (error) {
      if (!this.#isCurrent(subscription)) return
      this.#subscriptions.delete(id)
      this.#sink.notify({ op: 'closed', id, error: errorBodyOf(error) })
    }
  }

  /** Adds credit. Ignored if the id is not, or not yet, subscribed. */
  grant(id: number, bytes: number): void {
    const subscription = this.#subscriptions.get(id)
    if (subscription?.socket === undefined) return
    const windowBytes = Math.min(subscription.creditBytes + bytes, TAIL_CREDIT_BYTES_MAX)
    subscription.creditBytes = windowBytes
    subscription.windowBytes = windowBytes
    subscription.socket.send(String(bytes))
  }

  unsubscribe(id: number): void {
    const subscription = this.#subscriptions.get(id)
    this.#subscriptions.delete(id)
    subscription?.socket?.close(1000)
  }

  unsubscribeAll(): void {
    for (const id of [...this.#subscriptions.keys()]) this.unsubscribe(id)
  }

  #isCurrent(subscription: Subscription): boolean {
    return this.#sink.isOpen && this.#subscriptions.get(subscription.id) === subscription
  }

  /** Forwards frames as they arrive, prefixed with the id of their subscription. */
  #forwardFrames(subscription: Subscription, socket: WebSocket): void {
    const { id } = subscription
    socket.binaryType = 'arraybuffer'
    socket.addEventListener('message', ({ data }) => {
      if (!(data instanceof ArrayBuffer) || !this.#isCurrent(subscription)) return
      subscription.creditBytes -= data.byteLength - TAIL_FRAME_HEADER_BYTES
      this.#sink.sendFrame(
        id,
        encodeTailMessage(id, new Uint8Array(data)),
        subscription.windowBytes,
      )
    })
    const closed = (event: { code: number; reason: string }) => {
      if (!this.#isCurrent(subscription)) return
      this.#subscriptions.delete(id)
      this.#sink.notify({ op: 'closed', id, error: tailClosedError(event).toBody() })
    }
    socket.addEventListener('close', closed)
    socket.addEventListener('error', () => closed({ code: 1006, reason: '' }))
  }
}

function invalid(message: string): EdgelogError {
  return new EdgelogError('invalid_request', message)
}

export function errorBodyOf(error: unknown): ErrorBody {
  if (error instanceof EdgelogError) return error.toBody()
  report({ type: 'tail_failed', source: 'subscription', error })
  return new EdgelogError('internal', 'internal server error').toBody()
}
