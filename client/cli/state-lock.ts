/**
 * One server for each state folder: two would write into the same databases. The lock is a socket whose
 * name comes from the folder, and not a file with a process id, so that the system lets go of it
 * whatever way its owner ends, and nobody is kept out by an id that was given out again.
 */
import { createHash } from 'node:crypto'
import { realpath, rm } from 'node:fs/promises'
import { connect, createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

/**
 * Holds a state folder, which exists, for this process.
 *
 * @returns what to call to let go of it.
 * @throws {Error} if a server that runs holds it.
 */
export async function lockState(
  stateDir: string,
  platform: NodeJS.Platform = process.platform,
): Promise<() => Promise<void>> {
  const name = socketName(await realpath(stateDir), platform)
  try {
    return await listen(name)
  } catch (cause) {
    if (!isErrorOf(cause, 'EADDRINUSE')) throw cause
    const isFile = name.startsWith('/')
    if (!isFile || (await isAnswered(name))) {
      throw new Error(`state folder ${stateDir} is in use, choose another with --state`, { cause })
    }
    // A file outlives a server that was killed.
    await rm(name, { force: true })
    return await listen(name)
  }
}

/** On Linux and Windows a name alone; elsewhere a file, in a folder whose path is short enough. */
function socketName(stateDir: string, platform: NodeJS.Platform): string {
  const name = `edgelog-${createHash('sha256').update(stateDir).digest('hex').slice(0, 32)}`
  if (platform === 'linux') return `\0${name}`
  if (platform === 'win32') return `\\\\.\\pipe\\${name}`
  return join(tmpdir(), `${name}.sock`)
}

function listen(name: string): Promise<() => Promise<void>> {
  return new Promise((resolve, reject) => {
    const server = createServer((socket) => socket.destroy())
    server.once('error', reject)
    server.listen(name, () => {
      // Holding a folder is no reason to go on running.
      server.unref()
      resolve(() => new Promise((end) => server.close(() => end())))
    })
  })
}

function isAnswered(name: string): Promise<boolean> {
  return new Promise((resolve) => {
    const probe = connect(name, () => {
      probe.destroy()
      resolve(true)
    })
    probe.once('error', () => resolve(false))
  })
}

function isErrorOf(error: unknown, code: string): boolean {
  return error instanceof Error && (error as NodeJS.ErrnoException).code === code
}
