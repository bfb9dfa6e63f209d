/**
 * The sending half of a session. Entries of one turn share a message. The client shows what it has consumed by echoing
 * marks: random numbers that it can only know if it has read everything before them.
 *
 *     part  part  mark 71  part  part  mark 12  part
 *                    ^ echoed                     everything behind it is not consumed
 */
import { concatenate } from '../../core/bytes/concatenate.ts'
import {
  SESSION_MARK_BYTES,
  SESSION_PART_BYTES,
  SESSION_STALLED_PINGS_MAX,
  SESSION_WINDOW_BYTES,
} from '../../core/limits.ts'
import { encodeSessionEntry, SESSION_ENTRY } from '../../core/log/session-protocol.ts'
import type { SessionMemory } from './session-memory.ts'

interface Mark {
  readonly mark: number
  /** Bytes between the preceding mark and this one. */
  readonly sizeBytes: number
}

export class SessionOutput {
  readonly #socket: WebSocket
  readonly #memory: SessionMemory
  /** Entries of this turn, which are sent at its end. */
  #entries: Uint8Array[] = []
  #entriesBytes = 0
  /** Sent and not consumed, oldest first; at most as many as fit into the window and the started requests. */
  readonly #marks: Mark[] = []
  #unmarkedBytes = 0
  #unconsumedBytes = 0
  #waiting: Array<() => void> = []
  /** Pings since the client last consumed something. */
  #stalledPings = 0

  constructor(socket: WebSocket, memory: SessionMemory) {
    this.#socket = socket
    this.#memory = memory
  }

  get isOpen(): boolean {
    return this.#socket.readyState === WebSocket.OPEN
  }

  /** True if the client has consumed enough for another response. */
  get hasCredit(): boolean {
    return this.#unconsumedBytes <= SESSION_WINDOW_BYTES
  }

  get unconsumedBytes(): number {
    return this.#unconsumedBytes
  }

  /** Resolves when the client has consumed something, or the session is over. */
  consumption(): Promise<void> {
    return new Promise((resolve) => this.#waiting.push(resolve))
  }

  /** Sends an entry, together with the others of this turn. */
  send(entry: Uint8Array): void {
    if (this.#entries.length === 0) queueMicrotask(() => this.#flush())
    this.#entries.push(entry)
    this.#entriesBytes += entry.length
    if (this.#entriesBytes >= SESSION_PART_BYTES) this.#flush()
  }

  /** Sends bytes in parts while the client has credit. */
  async sendParts(id: number, bytes: Uint8Array): Promise<void> {
    for (let at = 0; ; at += SESSION_PART_BYTES) {
      while (!this.hasCredit && this.isOpen) await this.consumption()
      const part = bytes.subarray(at, at + SESSION_PART_BYTES)
      const isLast = at + SESSION_PART_BYTES >= bytes.length
      const kind = isLast ? SESSION_ENTRY.lastPart : SESSION_ENTRY.part
      this.send(encodeSessionEntry(kind, id, part))
      if (isLast || !this.isOpen) return
      // The responses to other requests come in between.
      await Promise.resolve()
    }
  }

  notify(notice: object): void {
    this.#flush()
    this.#transmit(JSON.stringify(notice))
  }

  /** Sends a ping. Returns false if the client has had no credit for too long. */
  ping(): boolean {
    this.#stalledPings = this.hasCredit ? 0 : this.#stalledPings + 1
    this.notify({ op: 'ping' })
    return this.#stalledPings < SESSION_STALLED_PINGS_MAX
  }

  /** The client has consumed everything before a mark. Returns false if no such mark is open. */
  consumed(mark: number): boolean {
    const index = this.#marks.findIndex((sent) => sent.mark === mark)
    if (index < 0) return false
    for (const { sizeBytes } of this.#marks.splice(0, index + 1)) {
      this.#unconsumedBytes -= sizeBytes
      this.#memory.hold(-sizeBytes)
    }
    this.#stalledPings = 0
    this.#wake()
    return true
  }

  close(code: number, reason: string): void {
    this.#flush()
    if (this.isOpen) this.#socket.close(code, reason)
    this.#wake()
  }

  #flush(): void {
    const entries = this.#entries
    if (entries.length === 0) return
    this.#entries = []
    this.#entriesBytes = 0
    this.#transmit(concatenate(entries))
  }

  #transmit(message: Uint8Array | string): void {
    if (!this.isOpen) return
    this.#socket.send(message)
    this.#unconsumedBytes += message.length
    this.#unmarkedBytes += message.length
    this.#memory.hold(message.length)
    if (this.#unmarkedBytes < SESSION_MARK_BYTES) return
    const [mark = 0] = crypto.getRandomValues(new Uint32Array(1))
    this.#marks.push({ mark, sizeBytes: this.#unmarkedBytes })
    this.#unmarkedBytes = 0
    this.#socket.send(JSON.stringify({ op: 'mark', mark }))
  }

  #wake(): void {
    const waiting = this.#waiting
    this.#waiting = []
    for (const wake of waiting) wake()
  }
}
