/** Runs the command line as users do: as a process, with pipes and exit codes. */
import { type ChildProcess, spawn } from 'node:child_process'
import { afterAll } from 'vitest'

/** Processes left by failed tests, ended with the file. */
const started = new Set<ChildProcess>()
afterAll(() => {
  for (const child of started) child.kill('SIGKILL')
})

export interface Outcome {
  readonly code: number | null
  readonly stdout: string
  readonly stderr: string
}

export function start(
  url: string,
  args: readonly string[],
  env: NodeJS.ProcessEnv = {},
): ChildProcess {
  const child = spawn(process.execPath, ['bin/edgelog.js', ...args], {
    env: { ...process.env, EDGELOG_URL: url, ...env },
    stdio: 'pipe',
  })
  started.add(child)
  child.once('exit', () => started.delete(child))
  return child
}

export function ended(child: ChildProcess): Promise<Outcome> {
  let stdout = ''
  let stderr = ''
  child.stdout?.on('data', (bytes) => {
    stdout += bytes
  })
  child.stderr?.on('data', (bytes) => {
    stderr += bytes
  })
  return new Promise((resolve) => child.on('close', (code) => resolve({ code, stdout, stderr })))
}

export async function edgelog(url: string, args: readonly string[], input = ''): Promise<Outcome> {
  const child = start(url, args)
  child.stdin?.end(input)
  return await ended(child)
}

/** Watches the output of a process from its start. */
export function watch(child: ChildProcess): {
  readonly printed: (text: string) => Promise<void>
  /** Returns standard output so far. */
  readonly text: () => string
} {
  let all = ''
  let look = () => {}
  child.stdout?.on('data', (bytes) => {
    all += bytes
    look()
  })
  return {
    printed: (text) =>
      new Promise((resolve, reject) => {
        look = () => {
          if (all.includes(text)) resolve()
        }
        look()
        child.on('close', () => reject(new Error(`ended before it printed ${text}: ${all}`)))
      }),
    text: () => all,
  }
}
