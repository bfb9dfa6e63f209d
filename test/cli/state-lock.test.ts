/** The lock on a state folder, also as it is made where sockets are files. */
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtemp, rm, symlink } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { lockState } from '../../client/cli/state-lock.ts'

let dir = ''
beforeAll(async () => {
  dir = await mkdtemp(join(tmpdir(), 'edgelog-lock-'))
})
afterAll(() => rm(dir, { recursive: true, force: true }))

/** Locks in a process of its own. */
async function lockedElsewhere(stateDir: string, platform: string) {
  const module = new URL('../../client/cli/state-lock.ts', import.meta.url).href
  const script = `
    const { lockState } = await import(${JSON.stringify(module)})
    await lockState(${JSON.stringify(stateDir)}, ${JSON.stringify(platform)})
    console.log('locked')
    setInterval(() => {}, 1_000)`
  const args = ['--disable-warning=ExperimentalWarning', '--input-type=module', '--eval', script]
  const child = spawn(process.execPath, args, { stdio: ['ignore', 'pipe', 'inherit'] })
  if (child.stdout !== null) await once(child.stdout, 'data')
  return child
}

const PLATFORMS =
  process.platform === 'win32' ? (['win32'] as const) : (['linux', 'darwin'] as const)

describe.each(PLATFORMS.filter((name) => name !== 'linux' || process.platform === 'linux'))(
  'a state folder, as on %s,',
  (platform) => {
    test('has one owner at a time, by whatever path', async () => {
      const path = join(dir, `link-${platform}`)
      await symlink(dir, path)
      const unlock = await lockState(dir, platform)
      await expect(lockState(dir, platform)).rejects.toThrow(`state folder ${dir} is in use`)
      await expect(lockState(path, platform)).rejects.toThrow('is in use')
      await unlock()
      const unlockAgain = await lockState(path, platform)
      await unlockAgain()
    })

    test('is free at once when its owner is killed', async () => {
      const owner = await lockedElsewhere(dir, platform)
      await expect(lockState(dir, platform)).rejects.toThrow('is in use')
      owner.kill('SIGKILL')
      await once(owner, 'exit')
      const unlock = await lockState(dir, platform)
      await expect(lockState(dir, platform)).rejects.toThrow('is in use')
      await unlock()
    })
  },
)
