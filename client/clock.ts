/** The client's clock and timers; tests replace them. */
import { TIMER_MS_MAX } from './limits.ts'

export type Timer = unknown

export interface Clock {
  /** Milliseconds since 1970. */
  now(): number
  setTimeout(work: () => void, delayMs: number): Timer
  clearTimeout(timer: Timer): void
}

export const systemClock: Clock = {
  now: () => Date.now(),
  // A delay beyond the maximum would fire at once.
  setTimeout: (work, delayMs) => setTimeout(work, Math.min(delayMs, TIMER_MS_MAX)),
  clearTimeout: (timer) => clearTimeout(timer as ReturnType<typeof setTimeout>),
}

/** Waits for `work`, at most `timeoutMs`. */
export async function within(
  clock: Clock,
  timeoutMs: number,
  work: Promise<unknown>,
): Promise<void> {
  const end = new AbortController()
  try {
    await Promise.race([work, sleep(clock, timeoutMs, end.signal)])
  } finally {
    end.abort()
  }
}

/** Waits for `delayMs`, or until `signal` aborts; never rejects. */
export function sleep(clock: Clock, delayMs: number, signal?: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal?.aborted) {
      resolve()
      return
    }
    const end = () => {
      clock.clearTimeout(timer)
      signal?.removeEventListener('abort', end)
      resolve()
    }
    const timer = clock.setTimeout(end, delayMs)
    signal?.addEventListener('abort', end)
  })
}
