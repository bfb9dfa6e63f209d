/** Installs test tools that a fresh Debian machine does not have. */
import { spawn } from 'node:child_process'

/**
 * Installs a package with a program of the same name, and resolves to
 * that program's output. Concurrent callers wait for one installation.
 */
export function aptInstall(name: string): Promise<string> {
  const install = `command -v ${name} || { apt-get update && apt-get install -y --no-install-recommends ${name}; }`
  const child = spawn('flock', [`/tmp/edgelog-${name}.lock`, 'sh', '-c', install], {
    env: { ...process.env, DEBIAN_FRONTEND: 'noninteractive' },
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  const output: string[] = []
  for (const stream of [child.stdout, child.stderr]) {
    stream.on('data', (text: Buffer) => output.push(text.toString()))
  }
  return new Promise((resolve) => {
    child.once('error', (error) => resolve(String(error)))
    child.once('close', () => resolve(output.join('')))
  })
}
