/** Reads the resident memory of processes on Linux. */
import { readdir, readFile } from 'node:fs/promises'

/** Returns the resident megabytes of processes and their descendants. */
export async function residentMb(pids: readonly (number | undefined)[]): Promise<number> {
  const statuses = new Map<number, string>()
  for (const name of await readdir('/proc')) {
    if (!/^\d+$/.test(name)) continue
    const status = await readFile(`/proc/${name}/status`, 'utf8').catch(ignoreEnded)
    if (status !== undefined) statuses.set(Number(name), status)
  }
  const counted = new Set<number>()
  const waiting = pids.filter((pid) => pid !== undefined)
  for (const pid of waiting) {
    if (counted.has(pid)) continue
    counted.add(pid)
    for (const [child, status] of statuses) {
      if (field(status, 'PPid') === pid) waiting.push(child)
    }
  }
  const kilobytes = [...counted].map((pid) => field(statuses.get(pid) ?? '', 'VmRSS'))
  return kilobytes.reduce((sum, kb) => sum + kb, 0) / 1_024
}

function field(status: string, name: string): number {
  return Number(new RegExp(`^${name}:\\s+(\\d+)`, 'm').exec(status)?.[1] ?? Number.NaN)
}

/** Ignores a process that ended after its name was listed. */
function ignoreEnded(error: NodeJS.ErrnoException): undefined {
  if (error.code !== 'ENOENT' && error.code !== 'ESRCH') throw error
}
