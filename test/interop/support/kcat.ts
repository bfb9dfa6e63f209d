/** Runs kcat as a process. */
import { type ChildProcess, spawn } from 'node:child_process'
import { afterEach } from 'vitest'
import { findKcat } from './find-kcat.ts'

/** Running processes; those that a failed test leaves behind are killed after it. */
const started = new Set<ChildProcess>()
afterEach(() => {
  for (const child of started) child.kill('SIGKILL')
})

export interface RunningKcat {
  readonly child: ChildProcess
  /** Output so far. */
  readonly output: { stdout: string; stderr: string }
  readonly ended: Promise<number | null>
}

export function startKcat(bootstrap: string, args: readonly string[]): RunningKcat {
  const child = spawn(findKcat(), ['-b', bootstrap, ...args], { stdio: 'pipe' })
  started.add(child)
  const output = { stdout: '', stderr: '' }
  child.stdout.setEncoding('utf8').on('data', (text) => {
    output.stdout += text
  })
  child.stderr.setEncoding('utf8').on('data', (text) => {
    output.stderr += text
  })
  // Ignores EPIPE from a process that exits before it reads its input.
  child.stdin.on('error', () => {})
  const ended = new Promise<number | null>((resolve) => {
    child.once('close', (code) => {
      started.delete(child)
      resolve(code)
    })
  })
  return { child, output, ended }
}

/** Runs kcat to its end. @throws {Error} with its stderr if it fails. */
export async function kcat(
  bootstrap: string,
  args: readonly string[],
  input = '',
): Promise<{ readonly stdout: string; readonly stderr: string }> {
  const { child, output, ended } = startKcat(bootstrap, args)
  child.stdin?.end(input)
  const code = await ended
  if (code !== 0) throw new Error(`kcat ${args.join(' ')} ended with ${code}: ${output.stderr}`)
  return output
}
