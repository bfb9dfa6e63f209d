/** The lock on a state folder: its holder, and its release. */
import { spawnSync } from 'node:child_process'
import { mkdtemp, rm, symlink } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { type RunningServer, startServer } from '../../client/cli/server.ts'
import type { startEdgelog as StartEdgelog } from '../../client/testing/index.ts'
import { freePort } from '../server/free-port.ts'
import { ServerProcess } from '../server/server-process.ts'
import { until } from '../support/until.ts'

let dir = ''
beforeEach(async () => {
  dir = await mkdtemp(join(tmpdir(), 'edgelog-lock-'))
})
afterEach(() => rm(dir, { recursive: true, force: true, maxRetries: 5 }))

async function serve(stateDir: string): Promise<RunningServer> {
  const workerPath = 'dist/worker.js'
  return await startServer({ host: '127.0.0.1', port: await freePort(), stateDir, workerPath })
}

/** Returns whether the system has a lock on the file, as any other program sees it. */
function isLocked(stateDir: string): boolean {
  const { status, error } = spawnSync('flock', ['--nonblock', join(stateDir, 'lock'), 'true'])
  if (error !== undefined) throw error
  return status === 1
}

describe('a state folder', () => {
  test('rejects a second server, by whatever path, until the first is closed', async () => {
    const link = `${dir}-link`
    await symlink(dir, link)
    try {
      const server = await serve(dir)
      await expect(serve(dir)).rejects.toThrow(`state folder ${dir} is in use`)
      await expect(serve(link)).rejects.toThrow(`state folder ${link} is in use`)
      expect((await fetch(`${server.url}/healthz`)).status).toBe(200)
      await server.close()
      await (await serve(link)).close()
    } finally {
      await rm(link)
    }
  })

  test.runIf(process.platform === 'linux')(
    'is locked by a file that other programs see, as long as the server runs',
    async () => {
      const server = await serve(dir)
      expect(isLocked(dir)).toBe(true)
      await server.close()
      expect(isLocked(dir)).toBe(false)
    },
  )

  test('is released when the process of its server is killed, and the runtime ends too', async () => {
    const server = await ServerProcess.start({ stateDir: dir })
    const { pid, url } = server
    if (pid === undefined) throw new Error('the server runs')
    // Only the process, not its group.
    process.kill(pid, 'SIGKILL')
    await until('the runtime ends', async () => {
      const response = await fetch(`${url}/healthz`).catch(() => undefined)
      return response === undefined
    })
    const next = await serve(dir)
    await next.close()
    await server.stop()
  })
})

test('two copies of edgelog start servers in one process, one after the other', async () => {
  const { startEdgelog } = (await import('../../dist/testing.js' as string)) as {
    startEdgelog: typeof StartEdgelog
  }
  for (let round = 0; round < 2; round++) {
    const source = await serve(dir)
    const built = await startEdgelog()
    for (const { url } of [source, built]) expect((await fetch(`${url}/healthz`)).status).toBe(200)
    await Promise.all([source.close(), built.close()])
  }
})
