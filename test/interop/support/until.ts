import { setTimeout as sleep } from 'node:timers/promises'

const WAIT_MS_MAX = 20_000

/** Waits for what others bring about. @throws {Error} that says what did not come. */
export async function until(
  what: string | (() => string),
  isSo: () => boolean | Promise<boolean>,
  maxMs: number = WAIT_MS_MAX,
): Promise<void> {
  const deadlineMs = Date.now() + maxMs
  while (!(await isSo())) {
    if (Date.now() > deadlineMs) {
      throw new Error(`did not happen: ${typeof what === 'string' ? what : what()}`)
    }
    await sleep(20)
  }
}
