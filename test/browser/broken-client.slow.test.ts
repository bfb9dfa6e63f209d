/** Proves that the checker can fail: it must detect a broken client. */
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { checkDelivery } from './support/check-delivery.ts'
import { BROKEN_CLIENT, buildClient } from './support/client-builds.ts'
import { useStage } from './support/stage.ts'
import { flush, sendNumbered } from './support/tab.ts'

const stage = useStage()
let folder = ''
let pageUrl = ''

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'edgelog-broken-'))
  await buildClient(folder, { entry: BROKEN_CLIENT })
  pageUrl = stage.pages.addBuild('broken', folder)
})
afterAll(() => rm(folder, { recursive: true, force: true }))

test('accepts a client without sequences if there are no faults', async () => {
  const { topic, tab, expectDelivered } = await stage.scene({ partitions: 2 })
  const page = await tab({ pageUrl })
  const queued = await sendNumbered(page, { topic, sender: 'a', count: 20, partitions: 2 })
  await flush(page)
  await expectDelivered(queued)
})

test('detects a client without sequences when responses are lost', async () => {
  const { topic, tab, proxy } = await stage.scene({ partitions: 2 })
  const page = await tab({ pageUrl })
  proxy.setRules({ path: /records/, method: 'POST', times: 3, fault: { kind: 'dropReply' } })
  const queued = await sendNumbered(page, { topic, sender: 'a', count: 20, partitions: 2 })
  await flush(page)
  const log = await stage.server.readTopic(topic)
  expect(checkDelivery({ queued, log })).toContain('a#0 lies at 0@0 and 0@1 and 0@2 and 0@3')
})
