import { expect, test } from 'vitest'
import { useStage } from './support/stage.ts'
import { sendNumbered } from './support/tab.ts'

const stage = useStage()

test('a service worker sends the queued records of a closed page', async () => {
  const scene = await stage.scene({ partitions: 2 })
  const page = await scene.tab({ backgroundSync: true })
  const scriptUrl = `/sync-worker.js?url=${encodeURIComponent(scene.proxy.url)}`
  await page.evaluate(async (url) => {
    await navigator.serviceWorker.register(url, { type: 'module' })
    await navigator.serviceWorker.ready
  }, scriptUrl)
  const blank = await scene.context.newPage()
  await blank.goto(stage.pages.url)
  await scene.context.setOffline(true)
  const topic = { topic: scene.topic, sender: 'a', count: 50, partitions: 2 }
  const ids = await sendNumbered(page, topic)
  await expect
    .poll(() =>
      page.evaluate(async () => {
        const registration = (await navigator.serviceWorker.ready) as unknown as {
          sync: { getTags(): Promise<string[]> }
        }
        return await registration.sync.getTags()
      }),
    )
    .toContain('edgelog')
  await page.close({ runBeforeUnload: false })
  await scene.context.setOffline(false)

  // The event that the browser fires when it has a network again.
  const session = await scene.context.newCDPSession(blank)
  const registrations = new Promise<string>((resolve) => {
    session.on('ServiceWorker.workerRegistrationUpdated', ({ registrations: [first] }) => {
      if (first !== undefined) resolve(first.registrationId)
    })
  })
  await session.send('ServiceWorker.enable')
  const origin = new URL(stage.pages.url).origin
  await session.send('ServiceWorker.dispatchSyncEvent', {
    origin,
    registrationId: await registrations,
    tag: 'edgelog',
    lastChance: false,
  })
  await expect
    .poll(async () => [...(await stage.server.readTopic(scene.topic)).values()].flat().length, {
      timeout: 120_000,
    })
    .toBe(ids.length)
  await scene.expectDelivered(ids)
})
