/** `edgelog streams` and `log.applications`, over HTTP, against a server with applications. */
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { type Client, connect } from '../../client/index.ts'
import { buildUpgradeWorker } from '../crash/streams/upgrade-mutants.ts'
import { bundleWorker } from '../server/bundle-worker.ts'
import { ServerProcess } from '../server/server-process.ts'
import { until } from '../support/until.ts'
import * as command from './edgelog-command.ts'

let dir = ''
let server: ServerProcess
let log: Client

const edgelog = (...args: readonly string[]) => command.edgelog(server.url, ['streams', ...args])

beforeAll(async () => {
  dir = await mkdtemp(join(tmpdir(), 'edgelog-streams-'))
  const workerPath = await bundleWorker(
    'test/crash/streams/streams-worker.ts',
    join(dir, 'worker.js'),
  )
  server = await ServerProcess.start({ workerPath })
  log = connect({ url: server.url })
  await log.admin.createTopic('in', { partitions: 2 })
  for (const name of ['copy', 'counts', 'sums']) await log.applications.deploy(name)
  const value = { id: 'r', group: 'g', amount: 2 }
  for (const key of ['a', 'b', 'a']) await log.send('in', { key, value })
  await until(
    'the records are processed',
    async () => (await log.applications.describe('sums')).recordsCount === 3,
  )
})
afterAll(async () => {
  await log.close()
  await server.stop()
  await rm(dir, { recursive: true, force: true })
})

describe('log.applications', () => {
  test('reads rows by key and by range, and waits for a position', async () => {
    const sums = log.applications.store<string, number>('sums', 'sums')
    expect(await sums.get('a')).toMatchObject({ key: 'a', value: 4 })
    expect(await sums.get('nobody')).toBeUndefined()
    const { rows, hasMore } = await sums.range({ from: 'a', to: 'b' })
    expect(rows.map(({ key, value }) => [key, value]).sort()).toEqual([
      ['a', 4],
      ['b', 2],
    ])
    expect(hasMore).toBe(false)
    const value = { id: 'r', group: 'g', amount: 10 }
    const { partition, offset } = await log.send('in', { key: 'own', value })
    const atLeast = { topic: 'in', partition, offset: offset + 1 }
    expect(await sums.get('own', { atLeast })).toMatchObject({ value: 10 })
    const later = { ...atLeast, offset: offset + 2 }
    await expect(sums.get('own', { atLeast: later, waitMs: 50 })).rejects.toMatchObject({
      code: 'unavailable',
      message: expect.stringContaining('has not reached offset'),
    })
  })

  test('names an unknown application, and an unknown store with those that there are', async () => {
    await expect(log.applications.describe('nothing')).rejects.toMatchObject({
      code: 'not_found',
    })
    await expect(log.applications.deploy('nothing')).rejects.toMatchObject({
      code: 'not_found',
      message: expect.stringContaining('it has copy, counts, sums'),
    })
    await expect(log.applications.store('sums', 'nothing').get('a')).rejects.toMatchObject({
      code: 'not_found',
      message: 'store nothing: sums has no such store; it has sums',
    })
  })
})

describe('edgelog streams', () => {
  test('lists and describes applications', async () => {
    const { stdout } = await edgelog('list')
    expect(stdout).toMatch(/^APPLICATION +STATUS +GENERATION +TASKS +RECORDS +LAG$/m)
    expect(stdout).toMatch(/^counts +running +1 +4 +\d+ +0$/m)
    const described = await edgelog('describe', 'sums')
    expect(described.stdout).toMatch(/^sums {2}running, generation 1, 2 tasks, lag 0$/m)
    expect(described.stdout).toMatch(/^0_0 +running +in@\d+ +0 +\d+ +\d+$/m)
    const json = JSON.parse((await edgelog('describe', 'sums', '--json')).stdout)
    expect(json).toMatchObject({ name: 'sums', tasks: [{ sub: 0 }, { sub: 0 }] })
  })

  test('pauses, resumes, resets and deletes', async () => {
    expect((await edgelog('pause', 'copy')).stdout).toBe('copy: paused, generation 1\n')
    expect((await edgelog('resume', 'copy')).stdout).toBe('copy: running, generation 1\n')
    expect((await edgelog('reset', 'copy', '--from', 'latest')).stdout).toBe(
      'copy: running, generation 2\n',
    )
    expect((await edgelog('delete', 'copy')).stdout).toBe('deleted copy\n')
    expect((await edgelog('list')).stdout).not.toContain('copy')
    expect(await edgelog('describe', 'copy')).toMatchObject({
      code: 1,
      stderr: expect.stringContaining('not_found'),
    })
    expect(await edgelog('reset', 'sums', '--from', 'somewhere')).toMatchObject({ code: 2 })
  })
})

test('"streams describe" shows the new generation of an upgrade', async () => {
  const stateDir = join(dir, 'upgrade')
  const start = async (version: 'first' | 'second') => {
    const workerPath = await buildUpgradeWorker(join(dir, `${version}.js`), version)
    return await ServerProcess.start({ workerPath, stateDir })
  }
  const first = await start('first')
  const before = connect({ url: first.url })
  try {
    await before.admin.createTopic('in', { partitions: 1 })
    await before.applications.deploy('counts')
    await before.applications.pause('counts')
  } finally {
    await before.close()
    await first.stop()
  }
  const second = await start('second')
  const after = connect({ url: second.url })
  try {
    await after.applications.deploy('counts')
    const { stdout } = await command.edgelog(second.url, ['streams', 'describe', 'counts'])
    expect(stdout).toMatch(/^counts {2}paused, generation 1, 2 tasks, lag 0$/m)
    expect(stdout).toMatch(/^upgrade to generation 2: catching-up, 2 tasks, lag 0$/m)
    expect(stdout.match(/^0_0 +paused +in@0 /gm)).toHaveLength(2)
  } finally {
    await after.close()
    await second.stop()
  }
})
