/** Repeats a call that may succeed after a while. */
import { sleep } from '../clock.ts'
import { RETRY_BACKOFF_MS, RETRY_BACKOFF_MS_MAX } from '../limits.ts'
import { retryDelayMs } from './backoff.ts'
import type { Connection } from './connection.ts'
import { isTransient } from './request-error.ts'

interface RetryOptions {
  /** Time after which the call is not repeated. */
  readonly timeoutMs: number
  /** Ends the pauses; the call itself must watch it too. */
  readonly signal?: AbortSignal | undefined
  readonly retryBackoffMs?: number
  readonly retryBackoffMsMax?: number
}

/**
 * Repeats `call` while its error is transient, with growing pauses.
 *
 * @throws the error of the last call; the reason of `signal` if it was aborted.
 */
export async function retryTransient<T>(
  connection: Connection,
  options: RetryOptions,
  call: () => Promise<T>,
): Promise<T> {
  const { retryBackoffMs = RETRY_BACKOFF_MS, retryBackoffMsMax = RETRY_BACKOFF_MS_MAX } = options
  const { timeoutMs, signal } = options
  const { clock } = connection
  const deadlineMs = clock.now() + timeoutMs
  for (let attempts = 1; ; attempts++) {
    signal?.throwIfAborted()
    try {
      return await call()
    } catch (error) {
      if (!isTransient(error) || clock.now() >= deadlineMs) throw error
      const delayMs = retryDelayMs(connection, error, attempts, retryBackoffMs, retryBackoffMsMax)
      await sleep(clock, delayMs, signal)
    }
  }
}
