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
  | { readonly op: 'error'; readonly error: ErrorBody }
  | { readonly op: 'ping' }

export class TailConnection {
  readonly #client: WebSocket
  readonly #cluster: Cluster
  /** Undefined while the partition has not answered yet. */
  readonly #partitions = new Map<number, WebSocket | undefined>()
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
    for (const id of [...this.#partitions.keys()]) this.#unsubscribe(id)
    if (this.#client.readyState === WebSocket.OPEN) this.#client.close(1000)
  }

  #say(notice: TailNotice): void {
    if (this.#client.readyState === WebSocket.OPEN) this.#client.send(JSON.stringify(notice))
  }

  async #receive(data: string | ArrayBuffer | Blob): Promise<void> {
    try {
      const control = parseControl(data)
      if (control.op === 'subscribe') await this.#subscribe(control)
      else if (control.op === 'unsubscribe') this.#unsubscribe(control.id)
      else this.#partitions.get(control.id)?.send(String(control.bytes))
    } catch (error) {
      this.#say({ op: 'error', error: bodyOf(error) })
    }
  }

  async #subscribe({ id, topic, partition, offset, creditBytes }: Subscribe): Promise<void> {
    if (this.#partitions.has(id)) throw invalid(`id: ${id} is in use`)
    if (this.#partitions.size >= TAIL_SUBSCRIPTIONS_MAX) {
      throw invalid(`id: at most ${TAIL_SUBSCRIPTIONS_MAX} subscriptions are allowed`)
    }
    this.#partitions.set(id, undefined)
    try {
      const name = parseTopicName(topic, 'topic')
      const tail = await openTail(this.#cluster, name, partition, { offset, creditBytes })
      const { socket, ...position } = tail
      if (!this.#partitions.has(id) || this.#client.readyState !== WebSocket.OPEN) {
        socket.accept()
        socket.close(1000)
        return
      }
      this.#partitions.set(id, socket)
      this.#say({ op: 'subscribed', id, ...position })
      this.#passOn(id, socket)
    } catch (error) {
      this.#partitions.delete(id)
      this.#say({ op: 'closed', id, error: bodyOf(error) })
    }
  }

  /** Frames go on as they come, behind the id of their subscription: `id uint32 | frame`. */
  #passOn(id: number, socket: WebSocket): void {
    socket.binaryType = 'arraybuffer'
    socket.addEventListener('message', ({ data }) => {
      if (!(data instanceof ArrayBuffer) || this.#client.readyState !== WebSocket.OPEN) return
      const message = new Uint8Array(4 + data.byteLength)
      new DataView(message.buffer).setUint32(0, id)
      message.set(new Uint8Array(data), 4)
      this.#client.send(message)
    })
    const closed = (event: { code: number; reason: string }) => {
      if (this.#partitions.get(id) !== socket) return
      this.#partitions.delete(id)
      this.#say({ op: 'closed', id, error: tailClosedError(event).toBody() })
    }
    socket.addEventListener('close', closed)
    socket.addEventListener('error', () => closed({ code: 1006, reason: '' }))
    socket.accept()
  }

  #unsubscribe(id: number): void {
    const socket = this.#partitions.get(id)
    this.#partitions.delete(id)
    socket?.close(1000)
  }
}

function parseControl(data: string | ArrayBuffer | Blob): z.infer<typeof Control> {
  if (typeof data !== 'string' || data.length > TAIL_CONTROL_BYTES_MAX) {
    throw invalid(`a control message is JSON text of at most ${TAIL_CONTROL_BYTES_MAX} characters`)
  }
  return parseWith(Control, parseJson(data, 'message'), 'message')
}

function invalid(message: string): EdgelogError {
  return new EdgelogError('invalid_request', message)
}

function bodyOf(error: unknown): ErrorBody {
  if (error instanceof EdgelogError) return error.toBody()
  console.error('tail:', error)
  return new EdgelogError('internal', 'an error of the server').toBody()
}
