/**
 * One server for each state folder: two would write into the same databases. The system's lock on the file
 * `lock` in the folder says that it is taken: every version of Node, every container and every network
 * namespace sees it, and it ends with the process that holds it.
 *
 * On Linux the runtime holds it (`runtime-launcher.sh`), since the runtime is what writes. On other systems this
 * process does.
 */
import { type FileHandle, open } from 'node:fs/promises'
import { createRequire } from 'node:module'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'

export interface StateLock {
  /** Variables with which the runtime takes the lock by itself. */
  readonly runtimeEnv: Readonly<Record<string, string>>
  /** Releases what this process holds. */
  release(): Promise<void>
}

const LAUNCHER_PATH = join(dirname(fileURLToPath(import.meta.url)), 'runtime-launcher.sh')
/** As the launcher prints it. */
export const IN_USE = 'edgelog: the state folder is in use'

/** O_RDWR, O_CREAT and O_NONBLOCK with O_EXLOCK on macOS; with libuv's UV_FS_O_EXLOCK on Windows. */
const EXCLUSIVE_FLAGS: Partial<Record<NodeJS.Platform, number>> = {
  darwin: 0x0002 | 0x0200 | 0x0004 | 0x0020,
  win32: 0x0002 | 0x0100 | 0x10000000,
}

/**
 * Takes a state folder, which exists, or prepares the runtime to take it.
 *
 * @throws {Error} if a server that runs holds it; on Linux the start of the runtime fails instead, with an error for
 * `isStateInUse`.
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

/** Whether the runtime did not start because another server holds the state folder. */
export function isStateInUse(error: unknown): boolean {
  return error instanceof Error && error.message.includes(IN_USE)
}

export function stateInUse(stateDir: string, cause: unknown): Error {
  return new Error(`state folder ${stateDir} is in use, choose another with --state`, { cause })
}

/** Miniflare starts the program that this variable names, also when it replaces a runtime that crashed. */
function launchByScript(): void {
  const { env } = process
  if (env.MINIFLARE_WORKERD_PATH === LAUNCHER_PATH) return
  const fromMiniflare = createRequire(createRequire(import.meta.url).resolve('miniflare'))
  env.EDGELOG_WORKERD_PATH = env.MINIFLARE_WORKERD_PATH ?? String(fromMiniflare('workerd').default)
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
