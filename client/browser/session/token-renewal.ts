/** Requests another token from the page when the server rejects the current one. */
import { sleep } from '../../clock.ts'
import { TOKEN_INTERVAL_MS, TOKEN_TIMEOUT_MS } from '../limits.ts'
import type { Session } from './session.ts'

export class TokenRenewal {
  readonly #session: Session
  #renewedAtMs = 0
  #given: AbortController | undefined
  #renewing: Promise<boolean> | undefined

  constructor(session: Session) {
    this.#session = session
  }

  /** @returns whether there is another token now */
  renew(): Promise<boolean> {
    this.#renewing ??= this.#request().finally(() => {
      this.#renewing = undefined
    })
    return this.#renewing
  }

  /** Ends the request, because a token was set elsewhere. */
  given(): void {
    this.#given?.abort()
  }

  async #request(): Promise<boolean> {
    const { connection, options, closed } = this.#session
    const { token: provider } = options
    if (typeof provider !== 'function') return false
    // Limits the calls of a provider that returns wrong tokens.
    const { clock } = connection
    const waitMs = Math.min(this.#renewedAtMs - clock.now(), 0) + TOKEN_INTERVAL_MS
    await sleep(clock, waitMs, closed)
    this.#renewedAtMs = clock.now()
    const before = connection.token
    const given = new AbortController()
    this.#given = given
    try {
      // A token set meanwhile, or closing, ends the wait for a response that may never arrive.
      const end = AbortSignal.any([given.signal, closed])
      const token = await Promise.race([provider(), sleep(clock, TOKEN_TIMEOUT_MS, end)])
      const isNew = typeof token === 'string' && token !== before && !end.aborted
      if (isNew) this.#session.setToken(token)
      return connection.token !== before
    } catch (error) {
      this.#session.failed(error)
      return false
    }
  }
}
