/**
 * Puts the temporary files of a run of tests into memory: servers sync each append, and on a disk that took a fifth of the time
 * of all tests. Nothing is tested less: kills end processes, and what a process has written to a file outlives it on a disk
 * and in memory alike. Benchmarks stay on the disk.
 */
import { existsSync, mkdirSync, readdirSync, rmSync, statfsSync } from 'node:fs'
import { freemem } from 'node:os'
import { join } from 'node:path'

/** Linux keeps the files of this folder in memory. */
const MEMORY = '/dev/shm'
const PREFIX = 'edgelog-tests-'
/** A run takes about 1 GiB at its highest; a small machine, or a container with a small folder, keeps its disk. */
const FREE_BYTES_MIN = 8 * 2 ** 30

/** Sets `TMPDIR` to a folder in memory until the process ends, where there is room and no one has set it. */
export function keepTemporaryFilesInMemory(): void {
  if (process.env.TMPDIR !== undefined || !hasRoom()) return
  removeLeftovers()
  const folder = join(MEMORY, `${PREFIX}${process.pid}`)
  mkdirSync(folder, { recursive: true })
  process.env.TMPDIR = folder
  process.once('exit', () => rmSync(folder, { recursive: true, force: true, maxRetries: 3 }))
}

function hasRoom(): boolean {
  if (!existsSync(MEMORY) || freemem() < FREE_BYTES_MIN) return false
  const { bavail, bsize } = statfsSync(MEMORY)
  return bavail * bsize >= FREE_BYTES_MIN
}

/** Removes the folders of processes that were killed. */
function removeLeftovers(): void {
  for (const name of readdirSync(MEMORY)) {
    if (!name.startsWith(PREFIX) || existsSync(join('/proc', name.slice(PREFIX.length)))) continue
    rmSync(join(MEMORY, name), { recursive: true, force: true })
  }
}
