/** Time, so that tests can control it. */
export interface Clock {
  nowMs(): number
  /** Runs `work` later. Returns a function that cancels it. */
  schedule(delayMs: number, work: () => void): () => void
}

export const SYSTEM_CLOCK: Clock = {
  nowMs: () => Date.now(),
  schedule: (delayMs, work) => {
    const timer = setTimeout(work, delayMs)
    return () => clearTimeout(timer)
  },
}

/** Returns the result of `work`, or undefined if it takes longer than `delayMs`; it then continues. */
export async function within<T>(
  clock: Clock,
  delayMs: number,
  work: Promise<T>,
): Promise<T | undefined> {
  let cancel = () => {}
  const late = new Promise<undefined>((resolve) => {
    cancel = clock.schedule(delayMs, () => resolve(undefined))
  })
  return await Promise.race([work, late]).finally(() => cancel())
}
