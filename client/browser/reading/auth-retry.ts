/** Retries reads after a token was rejected, as after a network error, instead of failing them. */
import { EdgelogError } from '../../../src/core/errors.ts'
import type { Connection } from '../../http/connection.ts'
import { RequestError, refusalOf, retryAfterMsOf } from '../../http/request-error.ts'
import { AUTH_RETRY_MS } from '../limits.ts'
import type { LastError } from '../sync/sync.ts'

export interface AuthRetryContext {
  readonly connection: Connection
  /** Asks the page for another token; resolves when the page has answered. */
  readonly renewToken: () => Promise<boolean>
  /** Called when the token is rejected, or no longer rejected. */
  readonly changed: () => void
}

interface Refused extends LastError {
  readonly token: string | undefined
}

export class AuthRetry {
  /** A connection whose requests are retried, and not sent with a token that was rejected recently. */
  readonly connection: Connection
  readonly #context: AuthRetryContext
  #refused: Refused | undefined

  constructor(context: AuthRetryContext) {
    this.#context = context
    const { connection } = context
    this.connection = {
      ...connection,
      get token() {
        return connection.token
      },
      fetch: (input, init) => this.#fetch(input, init),
    }
  }

  /** The reason why reading is suspended; undefined if the token is not known to be rejected. */
  get refusal(): LastError | undefined {
    if (this.#refused === undefined) return undefined
    const { token, ...refusal } = this.#refused
    const { connection } = this.#context
    const sinceMs = Math.abs(connection.clock.now() - refusal.atMs)
    return token === connection.token && sinceMs < AUTH_RETRY_MS ? refusal : undefined
  }

  /** Clears the rejection: there is another token, or the same one is to be retried. */
  forget(): void {
    this.#refused = undefined
  }

  /** @throws {RequestError} `unavailable` if the token is rejected, so that the caller retries */
  async retry<T>(work: () => Promise<T>): Promise<T> {
    const { connection, renewToken, changed } = this.#context
    const { token } = connection
    try {
      return await work()
    } catch (error) {
      if (!(error instanceof EdgelogError)) throw error
      const { code, message } = error
      if (code !== 'unauthorized' && code !== 'forbidden') throw error
      if (token === connection.token) {
        this.#refused = { token, code, message, atMs: connection.clock.now() }
        changed()
        void renewToken()
      }
      throw later(error)
    }
  }

  async #fetch(input: string, init: RequestInit | undefined): Promise<Response> {
    const { connection, changed } = this.#context
    const { refusal } = this
    if (refusal !== undefined) throw later(new EdgelogError(refusal.code, refusal.message))
    return await this.retry(async () => {
      const response = await connection.fetch(input, init)
      const { status } = response
      if (status === 401 || status === 403) throw await refusalOf(response, connection.clock.now())
      if (this.#refused !== undefined) {
        this.forget()
        changed()
      }
      return response
    })
  }
}

function later(cause: EdgelogError): RequestError {
  const retryAfterMs = retryAfterMsOf(cause)
  const why = `the token is refused: ${cause.message}`
  return new RequestError('unavailable', why, { status: 0, isForeign: false, retryAfterMs, cause })
}
