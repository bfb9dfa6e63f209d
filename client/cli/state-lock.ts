/**
 * Allows one server for each state folder: two would write to the same databases. The system's
 * lock on the file `lock` in the folder marks it as in use: it is visible to every version of
 * Node, every container and every network namespace, and ends with the process that holds it.
 *
 * On Linux the runtime holds it (`runtime-launcher.sh`), because
 * the runtime writes the files. On other systems this process does.
 */
import { type FileHandle, open } from 'node:fs/promises'
import { createRequire } from 'node:module'
import { basename, dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'

export interface StateLock {
  /** Environment variables with which the runtime takes the lock. */
  readonly runtimeEnv: Readonly<Record<string, string>>
  /** Releases the lock of this process. */
  release(): Promise<void>
}

const LAUNCHER_PATH = join(dirname(fileURLToPath(import.meta.url)), 'runtime-launcher.sh')
/** The message that the launcher prints. */
export const IN_USE = 'edgelog: the state folder is in use'

/** O_RDWR, O_CREAT and O_NONBLOCK with O_EXLOCK on macOS; with libuv's UV_FS_O_EXLOCK on Windows. */
const EXCLUSIVE_FLAGS: Partial<Record<NodeJS.Platform, number>> = {
  darwin: 0x0002 | 0x0200 | 0x0004 | 0x0020,
  win32: 0x0002 | 0x0100 | 0x10000000,
}

/**
 * Locks an existing state folder, or prepares the runtime to lock it.
 *
 * @throws {Error} if a running server holds it; on Linux the start of the
 * runtime fails instead, with an error that `isStateInUse` recognises
 */
export async function lockState(stateDir: string): Promise<StateLock> {
  const path = join(stateDir, 'lock')
  if (process.platform === 'linux') {
    launchByScript()
    return { runtimeEnv: { EDGELOG_STATE_LOCK: path }, release: async () => undefined }
  }
  const flags = EXCLUSIVE_FLAGS[process.platform]
  const held = flags === undefined ? undefined : await openExclusively(path, flags, stateDir)
  return { runtimeEnv: {}, release: async () => await held?.close() }
}

/** Returns whether the runtime did not start because another server holds the state folder. */
export function isStateInUse(error: unknown): boolean {
  return error instanceof Error && error.message.includes(IN_USE)
}

export function stateInUse(stateDir: string, cause: unknown): Error {
  return new Error(`state folder ${stateDir} is in use, choose another with --state`, { cause })
}

/** Makes miniflare start the launcher, also when it replaces a crashed runtime. */
function launchByScript(): void {
  const { env } = process
  const given = env.MINIFLARE_WORKERD_PATH
  if (given === LAUNCHER_PATH) return
  // Another copy of edgelog in this process, or in the one that started it, has set its own launcher. To start
  // that one from this one would never end: both take the path of the runtime from the same variable.
  const isLauncher = given !== undefined && basename(given) === basename(LAUNCHER_PATH)
  const fromMiniflare = createRequire(createRequire(import.meta.url).resolve('miniflare'))
  const runtime = String(fromMiniflare('workerd').default)
  env.EDGELOG_WORKERD_PATH = isLauncher ? runtime : (given ?? runtime)
  env.MINIFLARE_WORKERD_PATH = LAUNCHER_PATH
}

async function openExclusively(path: string, flags: number, stateDir: string): Promise<FileHandle> {
  try {
    return await open(path, flags, 0o644)
  } catch (cause) {
    const { code } = cause as NodeJS.ErrnoException
    if (code === 'EAGAIN' || code === 'EWOULDBLOCK' || code === 'EBUSY')
      throw stateInUse(stateDir, cause)
    throw cause
  }
}
