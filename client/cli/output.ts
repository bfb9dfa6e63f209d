/** Exit codes, and failures of standard output: `head` stops reading, a disk is full, a terminal is closed. */

/** Done; rejected or failed; wrong usage; interrupted by Ctrl-C. */
export const EXIT = { ok: 0, failed: 1, usage: 2, interrupted: 130 } as const

const failed = new AbortController()

/** Aborted when standard output has failed, which ends commands that run until Ctrl-C. */
export const outputFailed: AbortSignal = failed.signal

/** Starts watching standard output. A reader that closes the pipe is no error; every other failure is exit code 1. */
export function watchOutput(): void {
  // Without a listener a failure of standard error would print a stack trace, and there is nowhere to report it.
  process.stderr.on('error', () => undefined)
  process.stdout.on('error', (error: NodeJS.ErrnoException) => {
    if (failed.signal.aborted) return
    if (error.code !== 'EPIPE') {
      process.exitCode = EXIT.failed
      console.error(`edgelog: cannot write to standard output: ${error.message}`)
    }
    failed.abort()
  })
}

/** Writes bytes; resolves to whether they were written. */
export function writeOutput(bytes: Uint8Array): Promise<boolean> {
  return new Promise((resolve) => {
    process.stdout.write(bytes, (error) => resolve(error === undefined || error === null))
  })
}
