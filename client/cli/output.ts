/** Exit codes, and standard output, which may fail: `head` stops reading, a disk is full, a terminal is closed. */

/** Done; refused or failed; called wrongly; cut short by Ctrl-C. */
export const EXIT = { ok: 0, failed: 1, usage: 2, interrupted: 130 } as const

const failed = new AbortController()

/** Aborted when standard output has failed: what goes on until Ctrl-C ends then as well. */
export const outputFailed: AbortSignal = failed.signal

/** Watches standard output from here on. A reader that has enough is no error; all else is exit code 1. */
export function watchOutput(): void {
  // Without a listener a failure of standard error would be a stack trace, and there is nowhere to report it.
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

/** Resolves when the bytes are written, to whether they were. */
export function writeOutput(bytes: Uint8Array): Promise<boolean> {
  return new Promise((resolve) => {
    process.stdout.write(bytes, (error) => resolve(error === undefined || error === null))
  })
}
