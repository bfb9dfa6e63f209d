/** The session of one connection: opened by its first frame, replaced when the server asks for it. */
import type { KafkaSession } from './kafka-session.ts'

export class SessionHolder {
  readonly #open: () => Promise<KafkaSession | undefined>
  readonly #onClosed: (error: unknown) => void
  #session: KafkaSession | undefined

  /**
   * @param open resolves to undefined if there are no sessions.
   * @param onClosed receives the end of a session that was not ended here; undefined where a broker would close the
   * connection after its last response.
   */
  constructor(open: () => Promise<KafkaSession | undefined>, onClosed: (error: unknown) => void) {
    this.#open = open
    this.#onClosed = onClosed
  }

  get isOpen(): boolean {
    return this.#session !== undefined
  }

  /** Returns the session for the next frames, which come behind all earlier ones; undefined if there is none. */
  async get(): Promise<KafkaSession | undefined> {
    if (this.#session?.isWornOut) await this.end()
    if (this.#session !== undefined) return this.#session
    const session = await this.#open()
    this.#session = session
    if (session !== undefined) void this.#watch(session)
    return session
  }

  /** Waits for all responses. @throws {FrameError} if frames may have no response. */
  async end(): Promise<void> {
    const session = this.#session
    this.#session = undefined
    session?.end()
    await session?.closed
  }

  /** Waits for the frames with an effect, and not for responses that may take long. */
  async leave(): Promise<void> {
    const session = this.#session
    this.#session = undefined
    session?.leave()
    await session?.closed
  }

  async #watch(session: KafkaSession): Promise<void> {
    try {
      const isLikeBroker = await session.closed
      if (isLikeBroker || this.#session === session) this.#onClosed(undefined)
    } catch (error) {
      this.#onClosed(error)
    }
  }
}
