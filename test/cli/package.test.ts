/** The public imports: the client, and the Worker to mount in another one. */
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { build } from 'esbuild'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { ServerProcess } from '../server/server-process.ts'

/** A Worker of an application, with its own page beside the log. */
const HOST_WORKER = `
import { createApp, setEventSink } from 'edgelog/worker'
export { Application, Coordinator, Group, Partition, Task, Transaction } from 'edgelog/worker'
const log = createApp()
const broken = { getByName() { throw new Error('broken') } }
const events = []
setEventSink((event) => events.push(event))
export default {
  fetch(request, env, ctx) {
    if (new URL(request.url).pathname === '/mine') return new Response('mine')
    if (new URL(request.url).pathname === '/events') return Response.json(events)
    const isBroken = request.headers.has('x-broken')
    return log.fetch(request, isBroken ? { ...env, COORDINATOR: broken } : env, ctx)
  },
}
`

let dir = ''
let server: ServerProcess
beforeAll(async () => {
  dir = await mkdtemp(join(tmpdir(), 'edgelog-package-'))
  const workerPath = join(dir, 'host.js')
  await build({
    // The package resolves itself by its name, through its own exports.
    stdin: { contents: HOST_WORKER, resolveDir: process.cwd() },
    outfile: workerPath,
    bundle: true,
    format: 'esm',
    external: ['cloudflare:*', 'node:*'],
    logLevel: 'warning',
  })
  server = await ServerProcess.start({ workerPath })
})
afterAll(async () => {
  await server.stop()
  await rm(dir, { recursive: true, force: true })
})

test('edgelog/worker is mounted in another Worker, and edgelog is its client', async () => {
  expect(await (await fetch(`${server.url}/mine`)).text()).toBe('mine')
  const packageName = 'edgelog'
  const { connect } = (await import(packageName)) as typeof import('../../client/index.ts')
  const log = connect({ url: server.url })
  await log.admin.createTopic('mounted')
  const sent = await log.createProducer({ compression: 'gzip' }).send('mounted', { value: 'x' })
  expect(sent).toMatchObject({ topic: 'mounted', partition: 0, offset: 0 })
  for await (const record of (
    await log.consumer({ topics: ['mounted'], from: 'earliest' })
  ).records()) {
    expect(record.valueText).toBe('x')
    break
  }
  const polled = await log.group('mounted').poll({ topics: ['mounted'], from: 'earliest' })
  expect(polled.records).toHaveLength(1)
  await polled.commit()
  await log.close()
})

test('edgelog/worker passes events to the sink of the Worker that mounts it', async () => {
  const response = await fetch(`${server.url}/v1/topics`, { headers: { 'x-broken': 'yes' } })
  expect(response.status).toBe(503)
  const events = await (await fetch(`${server.url}/events`)).json()
  expect(events).toContainEqual(expect.objectContaining({ type: 'call_failed' }))
})
