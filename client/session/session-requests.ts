/** The requests of a session that have no response yet: how many there may be, and how their responses are taken. */
import { DecodeError } from '../../src/core/bytes/decode-error.ts'
import { EdgelogError } from '../../src/core/errors.ts'
import { SESSION_WINDOW_BYTES } from '../../src/core/limits.ts'
import {
  decodeAppended,
  decodeRefused,
  SESSION_ENTRY,
  type SessionAppended,
  type SessionEntry,
} from '../../src/core/log/session-protocol.ts'
import { type RequestError, refusalOf } from '../http/request-error.ts'
import { SESSION_REQUESTS_MAX } from '../limits.ts'
import type { CallResponse } from './call-response.ts'

interface Pending {
  readonly sizeBytes: number
  /**
   * Takes an entry of the response. Returns whether it was the last one.
   *
   * @throws {DecodeError} for an entry that is not of such a response
   */
  take(entry: SessionEntry): boolean
  fail(error: RequestError): void
}

export class SessionRequests {
  readonly #pending = new Map<number, Pending>()
  #pendingBytes = 0
  #nextId = 0
  #waiting: Array<() => void> = []

  get count(): number {
    return this.#pending.size
  }

  /** True if another request may be sent. */
  get hasRoom(): boolean {
    return this.count < SESSION_REQUESTS_MAX && this.#pendingBytes <= SESSION_WINDOW_BYTES
  }

  /** Resolves when a request has its response, or when the wait is over. */
  room(signal: AbortSignal): Promise<void> {
    return new Promise((resolve) => {
      this.#waiting.push(resolve)
      signal.addEventListener('abort', () => resolve(), { once: true })
    })
  }

  /** Ends the waits for room. */
  wake(): void {
    const waiting = this.#waiting
    this.#waiting = []
    for (const wake of waiting) wake()
  }

  newId(): number {
    const id = this.#nextId
    this.#nextId = (id + 1) % 2 ** 32
    return id
  }

  add(id: number, pending: Pending): void {
    this.#pending.set(id, pending)
    this.#pendingBytes += pending.sizeBytes
  }

  has(id: number): boolean {
    return this.#pending.has(id)
  }

  /** Takes an entry of a response. @throws {DecodeError} if there is no such response. */
  take(entry: SessionEntry): void {
    if (!RESPONSES.has(entry.kind)) throw new DecodeError(0, `an entry of kind ${entry.kind}`)
    if (this.#pending.get(entry.id)?.take(entry)) this.settle(entry.id)
  }

  /** Removes a request that has its response, or needs none any more. */
  settle(id: number): Pending | undefined {
    const request = this.#pending.get(id)
    if (request === undefined) return undefined
    this.#pending.delete(id)
    this.#pendingBytes -= request.sizeBytes
    return request
  }

  failAll(error: RequestError): void {
    for (const id of [...this.#pending.keys()]) this.settle(id)?.fail(error)
    this.wake()
  }
}

/** Kinds of the entries of responses. */
const RESPONSES: ReadonlySet<number> = new Set([
  SESSION_ENTRY.appended,
  SESSION_ENTRY.refused,
  SESSION_ENTRY.part,
  SESSION_ENTRY.lastPart,
])

/** @throws {DecodeError} for an entry that is no response to an append. */
export function takeAppended(
  { kind, content }: SessionEntry,
  nowMs: number,
  resolve: (appended: SessionAppended) => void,
  reject: (error: RequestError) => void,
): boolean {
  if (kind === SESSION_ENTRY.appended) resolve(decodeAppended(content))
  else if (kind === SESSION_ENTRY.refused) {
    const { status, text } = decodeRefusal(content)
    void refusalOf(new Response(text, { status }), nowMs).then(reject)
  } else throw new DecodeError(0, `an entry of kind ${kind} for an append`)
  return true
}

/** @throws {DecodeError} for an entry that is no response to a call. */
export function takeCallPart(response: CallResponse, { kind, content }: SessionEntry): boolean {
  if (kind === SESSION_ENTRY.refused) {
    const { status, text } = decodeRefusal(content)
    response.refuse(status, text)
    return true
  }
  if (kind === SESSION_ENTRY.appended)
    throw new DecodeError(0, `an entry of kind ${kind} for a call`)
  const isLast = kind === SESSION_ENTRY.lastPart
  response.take(content, isLast)
  return isLast
}

/** @throws {DecodeError} for a status that is no error. */
function decodeRefusal(content: Uint8Array): { readonly status: number; readonly text: string } {
  const refused = decodeRefused(content)
  if (refused.status >= 400 && refused.status <= 599) return refused
  throw new DecodeError(0, `an error with status ${refused.status}`)
}

/** Returns whether a request was aborted because its response did not come in time. */
export function isTimeLimit(reason: unknown): boolean {
  return reason instanceof EdgelogError && reason.code === 'unavailable'
}
