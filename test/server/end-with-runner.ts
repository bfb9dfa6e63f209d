/** Ends this process when the process that started it has ended: an aborted run must not leave programs behind. */
const CHECK_INTERVAL_MS = 500

/** @param end ends this process; it may have others to end */
export function endWithRunner(end: () => void): void {
  const runner = process.ppid
  setInterval(() => {
    if (process.ppid !== runner) end()
  }, CHECK_INTERVAL_MS).unref()
}
