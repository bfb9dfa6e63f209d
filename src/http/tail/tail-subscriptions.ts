/**
 * What one client follows, whichever way it is told of it. It only passes on: frames of the partitions
 * to the client, and its credit to them. Credit runs end to end, so nothing piles up here.
 */
import type { Cluster } from '../../broker/cluster.ts'
import { openTail, tailClosedError } from '../../broker/tail.ts'
import { EdgelogError, type ErrorBody } from '../../core/errors.ts'
import { TAIL_CREDIT_BYTES_MAX, TAIL_SUBSCRIPTIONS_MAX } from '../../core/limits.ts'
import type { LogEnds } from '../../core/log/log-ends.ts'
import { encodeTailMessage, TAIL_FRAME_HEADER_BYTES } from '../../core/log/tail-protocol.ts'
import { parseTopicName } from '../../core/topic/topic-name.ts'
import { report } from '../../events/report.ts'
import type { TailSubscription } from './tail-schemas.ts'

/** What the server says, besides frames; docs/PROTOCOL.md, "Live tail". */
export type TailNotice =
  | (LogEnds & {
      readonly op: 'subscribed'
      readonly id: number
      readonly topicId: string
      readonly offset: number
    })
  | { readonly op: 'closed'; readonly id: number; readonly error: ErrorBody }
  /** A message that was refused, with its id where it had one. */
  | { readonly op: 'error'; readonly id?: number; readonly error: ErrorBody }
  | { readonly op: 'ping' }

/** The client's end: a WebSocket, an event stream, the answer of a long poll. */
export interface TailSink {
  /** Somebody takes what comes. */
  readonly isOpen: boolean
  say(notice: TailNotice): void
  /**
   * @param message `id uint32 | frame`.
   * @param windowBytes what the client granted to be under way: little on a slow line.
   */
  pass(id: number, message: Uint8Array<ArrayBuffer>, windowBytes: number): void
}

interface Subscription {
  readonly id: number
  /** Undefined while the partition has not answered yet. */
  socket: WebSocket | undefined
  /** Granted and not used up yet. */
  creditBytes: number
  /** The credit after the last grant. */
  windowBytes: number
}

export class TailSubscriptions {
  readonly #cluster: Cluster
  readonly #sink: TailSink
  readonly #subscriptions = new Map<number, Subscription>()

  constructor(cluster: Cluster, sink: TailSink) {
    this.#cluster = cluster
    this.#sink = sink
  }

  get size(): number {
    return this.#subscriptions.size
  }

  /**
   * Resolves when the sink was told `subscribed` or `closed`.
   *
   * @throws {EdgelogError} `invalid_request` for an id in use, or one subscription too many.
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
      const { socket, ...position } = await openTail(this.#cluster, name, partition, options)
      subscription.socket = socket
      if (this.#isCurrent(subscription)) {
        this.#sink.say({ op: 'subscribed', id, ...position })
        this.#passOn(subscription, socket)
      }
      socket.accept()
      // Unsubscribed while it was opened.
      if (!this.#isCurrent(subscription)) socket.close(1000)
    } catch (error) {
      if (!this.#isCurrent(subscription)) return
      this.#subscriptions.delete(id)
      this.#sink.say({ op: 'closed', id, error: errorBodyOf(error) })
    }
  }

  /** Passed over where the id is not, or not yet, subscribed. */
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

  /** Frames go on as they come, behind the id of their subscription. */
  #passOn(subscription: Subscription, socket: WebSocket): void {
    const { id } = subscription
    socket.binaryType = 'arraybuffer'
    socket.addEventListener('message', ({ data }) => {
      if (!(data instanceof ArrayBuffer) || !this.#isCurrent(subscription)) return
      subscription.creditBytes -= data.byteLength - TAIL_FRAME_HEADER_BYTES
      this.#sink.pass(id, encodeTailMessage(id, new Uint8Array(data)), subscription.windowBytes)
    })
    const closed = (event: { code: number; reason: string }) => {
      if (!this.#isCurrent(subscription)) return
      this.#subscriptions.delete(id)
      this.#sink.say({ op: 'closed', id, error: tailClosedError(event).toBody() })
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
  return new EdgelogError('internal', 'an error of the server').toBody()
}
