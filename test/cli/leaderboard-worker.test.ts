/** The leaderboard of the examples in a Worker, built as its comment says. */
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { connect } from '../../client/index.ts'
import { bundleWorker } from '../server/bundle-worker.ts'
import { ServerProcess } from '../server/server-process.ts'

test('the topology of the leaderboard runs in a Worker', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'edgelog-leaderboard-'))
  const workerPath = join(folder, 'worker.js')
  await bundleWorker('examples/leaderboard/worker.js', workerPath)
  const server = await ServerProcess.start({ workerPath })
  const log = connect({ url: server.url })
  try {
    await log.admin.createTopic('plays', { partitions: 2 })
    const timestamp = Date.now()
    for (const points of [3, 4]) {
      await log.send('plays', { key: 'Ada', value: { points }, timestamp })
    }
    await log.send('plays', { key: 'Bob', value: 'not JSON' })
    const store = log.applications.store<string, number>('leaderboard', 'points')
    const rows = async () => (await store.windows({ key: 'Ada' }).catch(() => ({ rows: [] }))).rows
    await expect.poll(async () => (await rows())[0]?.value).toBe(7)
    const startMs = Math.floor(timestamp / 60_000) * 60_000
    expect((await rows())[0]?.window).toEqual({ startMs, endMs: startMs + 60_000 })
  } finally {
    await log.close()
    await server.stop()
    await rm(folder, { recursive: true, force: true, maxRetries: 5 })
  }
})
