import { setTimeout as sleep } from 'node:timers/promises'

/** Long, for a busy machine. */
const WAIT_MS_MAX = 60_000

/** For `vi.waitFor` and `vi.waitUntil`, whose own limit is one second. */
export const WAIT = { timeout: WAIT_MS_MAX, interval: 20 } as const

/**
 * Waits until a condition holds.
 *
 * @param what name of the condition in the error
 * @throws {Error} if it does not hold within a minute
 */
export async function until(
  what: string | (() => string),
  isSo: () => boolean | Promise<boolean>,
): Promise<void> {
  const deadlineMs = Date.now() + WAIT_MS_MAX
  while (!(await isSo())) {
    if (Date.now() > deadlineMs) {
      throw new Error(`did not happen: ${typeof what === 'string' ? what : what()}`)
    }
    await sleep(20)
  }
}
