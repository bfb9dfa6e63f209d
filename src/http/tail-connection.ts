/**
 * One client's connection to `/v1/tail`. It only passes on: control messages to the partitions it
 * follows, their frames to the client. Credit runs end to end, so nothing piles up here.
 */
import { z } from '@hono/zod-openapi'
import type { Cluster } from '../broker/cluster.ts'
import { openTail, tailClosedError } from '../broker/tail.ts'
import { EdgelogError, type ErrorBody } from '../core/errors.ts'
import {
  OFFSET_MAX,
  PARTITIONS_MAX,
  PING_INTERVAL_MS,
  TAIL_CONTROL_BYTES_MAX,
  TAIL_CREDIT_BYTES_MAX,
  TAIL_SUBSCRIPTIONS_MAX,
} from '../core/limits.ts'
import { parseTopicName } from '../core/topic/topic-name.ts'
import { parseJson } from './body.ts'
import { parseWith } from './route.ts'

export const TAIL_SUBPROTOCOL = 'edgelog.tail.v1'

const Id = z.int().min(0).max(0xffff_ffff)
const Credit = z.int().min(1).max(TAIL_CREDIT_BYTES_MAX)

const Control = z.discriminatedUnion('op', [
  z.strictObject({
    op: z.literal('subscribe'),
    id: Id,
    topic: z.string(),
    partition: z
      .int()
      .min(0)
      .max(PARTITIONS_MAX - 1),
    offset: z.union([z.int().min(0).max(OFFSET_MAX), z.enum(['earliest', 'latest'])]),
    creditBytes: Credit,
  }),
  z.strictObject({ op: z.literal('credit'), id: Id, bytes: Credit }),
  z.strictObject({ op: z.literal('unsubscribe'), id: Id }),
])

type Subscribe = Extract<z.infer<typeof Control>, { op: 'subscribe' }>

/** What the server says, besides frames; docs/PROTOCOL.md, "Live tail". */
export type TailNotice =
  | {
      readonly op: 'subscribed'
      readonly id: number
      readonly offset: number
      readonly highWatermark: number
      readonly logStartOffset: number
    }
  | { readonly op: 'closed'; readonly id: number; readonly error: ErrorBody }
  /** A message that was refused, with its id where it had one. */
  | { readonly op: 'error'; readonly id?: number; readonly error: ErrorBody }
  | { readonly op: 'ping' }

interface Subscription {
  readonly id: number
  /** Undefined while the partition has not answered yet. */
  socket: WebSocket | undefined
}

export class TailConnection {
  readonly #client: WebSocket
  readonly #cluster: Cluster
  readonly #subscriptions = new Map<number, Subscription>()
  #pingTimer: ReturnType<typeof setInterval> | undefined

  constructor(client: WebSocket, cluster: Cluster) {
    this.#client = client
    this.#cluster = cluster
  }

  open(): void {
    this.#client.accept()
    this.#client.binaryType = 'arraybuffer'
    this.#client.addEventListener('message', ({ data }) => void this.#receive(data))
    this.#client.addEventListener('close', () => this.#end())
    this.#client.addEventListener('error', () => this.#end())
    this.#pingTimer = setInterval(() => this.#say({ op: 'ping' }), PING_INTERVAL_MS)
  }

  #end(): void {
    clearInterval(this.#pingTimer)
    for (const id of [...this.#subscriptions.keys()]) this.#unsubscribe(id)
    if (this.#client.readyState === WebSocket.OPEN) this.#client.close(1000)
  }

  #say(notice: TailNotice): void {
    if (this.#client.readyState === WebSocket.OPEN) this.#client.send(JSON.stringify(notice))
  }

  async #receive(data: string | ArrayBuffer | Blob): Promise<void> {
    let id: number | undefined
    try {
      const message = parseMessage(data)
      id = idOf(message)
      const control = parseWith(Control, message, 'message')
      if (control.op === 'subscribe') await this.#subscribe(control)
      else if (control.op === 'unsubscribe') this.#unsubscribe(control.id)
      else this.#subscriptions.get(control.id)?.socket?.send(String(control.bytes))
    } catch (error) {
      this.#say({ op: 'error', ...(id !== undefined && { id }), error: bodyOf(error) })
    }
  }

  async #subscribe({ id, topic, partition, offset, creditBytes }: Subscribe): Promise<void> {
    if (this.#subscriptions.has(id)) throw invalid(`id: ${id} is in use`)
    if (this.#subscriptions.size >= TAIL_SUBSCRIPTIONS_MAX) {
      throw invalid(`id: at most ${TAIL_SUBSCRIPTIONS_MAX} subscriptions are allowed`)
    }
    const subscription: Subscription = { id, socket: undefined }
    this.#subscriptions.set(id, subscription)
    try {
      const name = parseTopicName(topic, 'topic')
      const tail = await openTail(this.#cluster, name, partition, { offset, creditBytes })
      const { socket, ...position } = tail
      subscription.socket = socket
      if (this.#isCurrent(subscription)) {
        this.#say({ op: 'subscribed', id, ...position })
        this.#passOn(subscription, socket)
      }
      socket.accept()
      // Unsubscribed while it was opened.
      if (!this.#isCurrent(subscription)) socket.close(1000)
    } catch (error) {
      if (!this.#isCurrent(subscription)) return
      this.#subscriptions.delete(id)
      this.#say({ op: 'closed', id, error: bodyOf(error) })
    }
  }

  #isCurrent(subscription: Subscription): boolean {
    const isOpen = this.#client.readyState === WebSocket.OPEN
    return isOpen && this.#subscriptions.get(subscription.id) === subscription
  }

  /** Frames go on as they come, behind the id of their subscription: `id uint32 | frame`. */
  #passOn(subscription: Subscription, socket: WebSocket): void {
    const { id } = subscription
    socket.binaryType = 'arraybuffer'
    socket.addEventListener('message', ({ data }) => {
      if (!(data instanceof ArrayBuffer) || !this.#isCurrent(subscription)) return
      const message = new Uint8Array(4 + data.byteLength)
      new DataView(message.buffer).setUint32(0, id)
      message.set(new Uint8Array(data), 4)
      this.#client.send(message)
    })
    const closed = (event: { code: number; reason: string }) => {
      if (!this.#isCurrent(subscription)) return
      this.#subscriptions.delete(id)
      this.#say({ op: 'closed', id, error: tailClosedError(event).toBody() })
    }
    socket.addEventListener('close', closed)
    socket.addEventListener('error', () => closed({ code: 1006, reason: '' }))
  }

  #unsubscribe(id: number): void {
    const subscription = this.#subscriptions.get(id)
    this.#subscriptions.delete(id)
    subscription?.socket?.close(1000)
  }
}

function parseMessage(data: string | ArrayBuffer | Blob): unknown {
  if (typeof data !== 'string' || data.length > TAIL_CONTROL_BYTES_MAX) {
    throw invalid(`a control message is JSON text of at most ${TAIL_CONTROL_BYTES_MAX} characters`)
  }
  return parseJson(data, 'message')
}

/** So that also a message of the wrong shape can be told by its id. */
function idOf(message: unknown): number | undefined {
  const id = typeof message === 'object' && message !== null && 'id' in message && message.id
  return typeof id === 'number' ? id : undefined
}

function invalid(message: string): EdgelogError {
  return new EdgelogError('invalid_request', message)
}

function bodyOf(error: unknown): ErrorBody {
  if (error instanceof EdgelogError) return error.toBody()
  console.error('tail:', error)
  return new EdgelogError('internal', 'an error of the server').toBody()
}
