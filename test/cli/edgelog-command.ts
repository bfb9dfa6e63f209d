/** Runs the command line as its users do: as a process, with pipes and exit codes. */
import { type ChildProcess, spawn } from 'node:child_process'

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
  return spawn(process.execPath, ['bin/edgelog.js', ...args], {
    env: { ...process.env, EDGELOG_URL: url, ...env },
    stdio: 'pipe',
  })
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

/** Watches what a process prints from its start on. */
export function watch(child: ChildProcess): { readonly printed: (text: string) => Promise<void> } {
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
  }
}
