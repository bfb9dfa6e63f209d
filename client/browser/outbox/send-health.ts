/**
 * The health of sending: delays after failures, of one partition or of all, and the state that the page sees.
 *
 * No record is given up: failures are retried with growing delays, and sooner when the page reports a change.
 */
import type { EdgelogError } from '../../../src/core/errors.ts'
import { retryDelayMs } from '../../http/backoff.ts'
import type { Connection } from '../../http/connection.ts'
import { retryAfterMsOf } from '../../http/request-error.ts'
import { AUTH_RETRY_MS, SEND_BACKOFF_MS, SEND_BACKOFF_MS_MAX, WAKE_JITTER_MS } from '../limits.ts'

export type SenderState = 'idle' | 'offline' | 'connecting' | 'live' | 'backingOff' | 'authNeeded'

export interface SendHealthContext {
  readonly connection: Connection
  /** Called when the token is rejected; resolves to whether there is another one now. */
  readonly renewToken: () => Promise<boolean>
  readonly stateChanged: (state: SenderState, error: EdgelogError | undefined) => void
}

interface Delay {
  readonly failures: number
  readonly untilMs: number
  /** The whole delay; the remaining part is never longer, even if the clock is set back. */
  readonly delayMs: number
  /** End of the delay that the server requested; events do not shorten it. */
  readonly notBeforeMs: number
}

/** Key of delays that apply to all partitions. */
export const EVERYWHERE = ''

/** Key of a partition. */
export function keyOf({ topic, partition }: { topic: string; partition: number }): string {
  return `${partition}/${topic}`
}

export class SendHealth {
  readonly #context: SendHealthContext
  readonly #delays = new Map<string, Delay>()
  #state: SenderState = 'idle'

  constructor(context: SendHealthContext) {
    this.#context = context
  }

  get state(): SenderState {
    return this.#state
  }

  setState(state: SenderState, error?: EdgelogError): void {
    if (state === this.#state && error === undefined) return
    this.#state = state
    this.#context.stateChanged(state, error)
  }

  /** Reports an error that changes nothing for the records behind it. */
  report(error: EdgelogError): void {
    this.setState(this.#state, error)
  }

  succeed(key: string): void {
    this.#delays.delete(EVERYWHERE)
    this.#delays.delete(key)
    this.setState('live')
  }

  fail(key: string, error: EdgelogError | undefined): void {
    const { connection } = this.#context
    const failures = (this.#delays.get(key)?.failures ?? 0) + 1
    const delayMs = retryDelayMs(connection, error, failures, SEND_BACKOFF_MS, SEND_BACKOFF_MS_MAX)
    this.#delay(key, failures, delayMs, retryAfterMsOf(error))
    this.setState('backingOff', error)
  }

  /** @param token the rejected token; there may be another one by now */
  async pauseForToken(error: EdgelogError | undefined, token: string | undefined): Promise<void> {
    const { connection, renewToken } = this.#context
    if (connection.token !== token || (await renewToken()) || connection.token !== token) {
      this.fail(EVERYWHERE, error)
      return
    }
    this.#delay(EVERYWHERE, this.#delays.get(EVERYWHERE)?.failures ?? 0, AUTH_RETRY_MS, 0)
    this.setState('authNeeded', error)
  }

  /** Retries delayed partitions within a second, because the network or the token may have changed. */
  hint(isToken: boolean): void {
    const { clock, random } = this.#context.connection
    const jitterMs = isToken ? 0 : random() * WAKE_JITTER_MS
    const soonMs = clock.now() + jitterMs
    if (this.#state === 'offline') this.#delay(EVERYWHERE, 0, jitterMs, 0)
    for (const [key, delay] of this.#delays) {
      const untilMs = Math.max(delay.notBeforeMs, Math.min(delay.untilMs, soonMs))
      this.#delays.set(key, { ...delay, untilMs })
    }
  }

  /** Returns the time until requests to a partition may be sent; not positive: now. */
  waitMs(key: string): number {
    const nowMs = this.#context.connection.clock.now()
    const waits = [EVERYWHERE, key].map((one) => {
      const { untilMs = nowMs, delayMs = 0 } = this.#delays.get(one) ?? {}
      // More time than the whole delay is left only if the clock was set back.
      return untilMs - nowMs > delayMs ? 0 : untilMs - nowMs
    })
    return Math.max(...waits)
  }

  #delay(key: string, failures: number, delayMs: number, atLeastMs: number): void {
    const nowMs = this.#context.connection.clock.now()
    const untilMs = nowMs + delayMs
    this.#delays.set(key, { failures, untilMs, delayMs, notBeforeMs: nowMs + atLeastMs })
  }
}
