/** A client of `GET /v1/session` that does what a test says, right or wrong. */
import { expect } from 'vitest'
import { WebSocket } from 'ws'
import { concatenate } from '../../src/core/bytes/concatenate.ts'
import {
  decodeAppended,
  decodeHeadAndBody,
  decodeRefused,
  decodeSessionEntries,
  encodeAppend,
  encodeHeadAndBody,
  encodeSessionEntry,
  SESSION_ENTRY,
  SESSION_SUBPROTOCOL,
  type SessionAppended,
  type SessionEntry,
} from '../../src/core/log/session-protocol.ts'
import {
  decodeTailFrame,
  decodeTailPart,
  type TailFrame,
} from '../../src/core/log/tail-protocol.ts'

const WAIT = { timeout: 60_000 }

export interface Notice {
  readonly op: string
  readonly id?: number
  readonly ref?: number
  readonly mark?: number
  readonly error?: { readonly code: string; readonly message: string }
}

export interface CallResponse {
  readonly status: number
  readonly headers: Readonly<Record<string, string>>
  readonly text: string
  readonly body: Uint8Array
}

export interface Refused {
  readonly status: number
  readonly code: string
  readonly message: string
  readonly details?: Record<string, unknown>
}

export class SessionClient {
  readonly entries: SessionEntry[] = []
  readonly notices: Notice[] = []
  /** Bytes of all messages received. */
  receivedBytes = 0
  /** Echoes marks as a client that consumes everything at once. */
  consumes = true
  readonly closed: Promise<{ readonly code: number; readonly reason: string }>
  readonly socket: WebSocket

  private constructor(socket: WebSocket) {
    this.socket = socket
    socket.on('message', (data: Buffer, isBinary: boolean) => {
      this.receivedBytes += data.length
      if (isBinary) this.entries.push(...decodeSessionEntries(new Uint8Array(data)))
      else this.#receiveNotice(JSON.parse(data.toString()))
    })
    this.closed = new Promise((resolve) => {
      socket.once('close', (code, reason) => resolve({ code, reason: reason.toString() }))
    })
  }

  static async open(url: string, protocols: readonly string[] = []): Promise<SessionClient> {
    const token = process.env.EDGELOG_TOKEN
    const socket = new WebSocket(
      `${url.replace('http', 'ws')}/v1/session`,
      [SESSION_SUBPROTOCOL, ...protocols],
      token === undefined ? {} : { headers: { authorization: `Bearer ${token}` } },
    )
    const session = new SessionClient(socket)
    await new Promise((resolve, reject) => socket.once('open', resolve).once('error', reject))
    expect(socket.protocol).toBe(SESSION_SUBPROTOCOL)
    return session
  }

  #receiveNotice(notice: Notice): void {
    this.notices.push(notice)
    if (notice.op === 'mark' && this.consumes) this.text({ op: 'consumed', mark: notice.mark })
  }

  /** Echoes the last mark, and from now on every mark. */
  consume(): void {
    this.consumes = true
    const last = this.notices.findLast(({ op }) => op === 'mark')
    if (last !== undefined) this.text({ op: 'consumed', mark: last.mark })
  }

  text(message: object | string): void {
    this.socket.send(typeof message === 'string' ? message : JSON.stringify(message))
  }

  bytes(message: Uint8Array): void {
    this.socket.send(message)
  }

  name(ref: number, topic: string, partition = 0, more: object = {}): void {
    this.text({ op: 'open', ref, topic, partition, ...more })
  }

  append(id: number, batches: Uint8Array, ref = 0, expectedOffset?: number): void {
    this.bytes(encodeAppend(id, { ref, expectedOffset, batches }))
  }

  call(id: number, head: object, body: Uint8Array = new Uint8Array(0)): void {
    this.bytes(encodeSessionEntry(SESSION_ENTRY.call, id, ...encodeHeadAndBody(head, body)))
  }

  callJson(id: number, method: string, path: string, json?: unknown): void {
    const body = new TextEncoder().encode(json === undefined ? '' : JSON.stringify(json))
    const headers = json === undefined ? {} : { 'content-type': 'application/json' }
    this.call(id, { method, path, headers }, body)
  }

  /** Waits for a text message. */
  async notice(matches: (notice: Notice) => boolean): Promise<Notice> {
    await expect.poll(() => this.notices.some(matches), WAIT).toBe(true)
    return this.notices.find(matches) as Notice
  }

  /** Waits for the entries that respond to a request; several for a call. */
  async #entriesOf(id: number): Promise<SessionEntry[]> {
    const ends = ({ kind, id: own }: SessionEntry) =>
      own === id && kind !== SESSION_ENTRY.part && kind !== SESSION_ENTRY.tail
    await expect.poll(() => this.entries.some(ends), WAIT).toBe(true)
    return this.entries.filter((entry) => entry.id === id && entry.kind !== SESSION_ENTRY.tail)
  }

  async appended(id: number): Promise<SessionAppended> {
    const [entry] = (await this.#entriesOf(id)) as [SessionEntry]
    expect(entry.kind, new TextDecoder().decode(entry.content)).toBe(SESSION_ENTRY.appended)
    return decodeAppended(entry.content)
  }

  async refused(id: number): Promise<Refused> {
    const [entry] = (await this.#entriesOf(id)) as [SessionEntry]
    expect(entry.kind).toBe(SESSION_ENTRY.refused)
    const { status, text } = decodeRefused(entry.content)
    return { status, ...JSON.parse(text).error }
  }

  async response(id: number): Promise<CallResponse> {
    const parts = await this.#entriesOf(id)
    expect(parts.at(-1)?.kind).toBe(SESSION_ENTRY.lastPart)
    const { head, body } = decodeHeadAndBody(concatenate(parts.map(({ content }) => content)))
    return { ...JSON.parse(head), body, text: new TextDecoder().decode(body) }
  }

  /** Returns the whole frames of a subscription so far. */
  frames(id: number): TailFrame[] {
    const frames: TailFrame[] = []
    let parts: Uint8Array[] = []
    for (const entry of this.entries) {
      if (entry.kind !== SESSION_ENTRY.tail || entry.id !== id) continue
      const { leftBytes, bytes } = decodeTailPart(entry.content)
      parts.push(bytes)
      if (leftBytes > 0) continue
      frames.push(decodeTailFrame(concatenate(parts), 4))
      parts = []
    }
    return frames
  }

  terminate(): void {
    this.socket.terminate()
  }
}
