/** The folder that a run of tests has for its temporary files, in memory where there is room for it. */
import { existsSync, mkdirSync, readdirSync, rmSync, statfsSync } from 'node:fs'
import { freemem, tmpdir } from 'node:os'
import { join } from 'node:path'

/** Linux keeps the files of this folder in memory. */
const MEMORY = '/dev/shm'
const PREFIX = 'edgelog-tests-'
/** A small machine, or a container with a small folder, keeps its disk. */
const FREE_BYTES_MIN = 8 * 2 ** 30

/**
 * Sets `TMPDIR` to a new folder until the process ends, in the `TMPDIR` that is set or else in memory.
 *
 * Servers sync each append, which took a fifth of the time of all tests on a disk. Nothing is tested less: kills end
 * processes, and what a process has written to a file outlives it on a disk and in memory alike.
 *
 * Programs that the tests start again and again keep their compiled code in this folder.
 */
export function useRunFolder(): void {
  const parent = process.env.TMPDIR ?? (hasRoomInMemory() ? MEMORY : tmpdir())
  removeLeftovers(parent)
  const folder = join(parent, `${PREFIX}${process.pid}`)
  mkdirSync(folder, { recursive: true })
  process.env.TMPDIR = folder
  process.env.NODE_COMPILE_CACHE ??= join(folder, 'compiled')
  process.once('exit', () => rmSync(folder, { recursive: true, force: true, maxRetries: 10 }))
}

function hasRoomInMemory(): boolean {
  if (!existsSync(MEMORY) || freemem() < FREE_BYTES_MIN) return false
  const { bavail, bsize } = statfsSync(MEMORY)
  return bavail * bsize >= FREE_BYTES_MIN
}

/** Removes the folders of processes that were killed. */
function removeLeftovers(parent: string): void {
  for (const name of readdirSync(parent)) {
    if (!name.startsWith(PREFIX) || isRunning(Number(name.slice(PREFIX.length)))) continue
    rmSync(join(parent, name), { recursive: true, force: true })
  }
}

function isRunning(pid: number): boolean {
  try {
    return process.kill(pid, 0)
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM'
  }
}
