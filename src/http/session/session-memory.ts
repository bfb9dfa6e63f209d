/** The bytes that sessions hold: of requests without a response, and of responses that the client has not consumed. */
import { EdgelogError } from '../../core/errors.ts'
import { SESSIONS_HELD_BYTES_MAX } from '../../core/limits.ts'

/** Memory of the sessions of one app: all share the memory of the isolate. */
export interface SessionsMemory {
  sessionsCount: number
  heldBytes: number
}

export function newSessionsMemory(): SessionsMemory {
  return { sessionsCount: 0, heldBytes: 0 }
}

/** The part of one session. */
export class SessionMemory {
  readonly #all: SessionsMemory
  #heldBytes = 0
  #isReleased = false

  constructor(all: SessionsMemory) {
    this.#all = all
    all.sessionsCount += 1
  }

  /** @param changeBytes negative for bytes that are no longer held. */
  hold(changeBytes: number): void {
    if (this.#isReleased) return
    this.#heldBytes += changeBytes
    this.#all.heldBytes += changeBytes
  }

  /** @throws {EdgelogError} `throttled` if all sessions hold too much, and this one more than an even share. */
  check(): void {
    const { heldBytes, sessionsCount } = this.#all
    if (heldBytes <= SESSIONS_HELD_BYTES_MAX) return
    if (this.#heldBytes * sessionsCount <= SESSIONS_HELD_BYTES_MAX) return
    throw new EdgelogError('throttled', 'the sessions of this server hold too many bytes')
  }

  /** Releases everything; later changes count for nothing. */
  release(): void {
    if (this.#isReleased) return
    this.#all.heldBytes -= this.#heldBytes
    this.#all.sessionsCount -= 1
    this.#isReleased = true
  }
}
