/** Pages with little space for their database. */
import { randomBytes } from 'node:crypto'
import type { Page } from 'playwright-core'
import type { Scene } from './stage.ts'
import { connectTab, load } from './tab.ts'

export const MIB = 1024 * 1024

/**
 * Opens a page whose origin has a storage quota until the session is detached.
 * Set before the database is opened, because Chromium caches the remaining quota.
 */
export async function tabWithQuota(pagesUrl: string, { context, proxy }: Scene, quotaSize: number) {
  const page = await context.newPage()
  await load(page, pagesUrl)
  const session = await context.newCDPSession(page)
  const { origin } = new URL(page.url())
  await session.send('Storage.overrideQuotaForOrigin', { origin, quotaSize })
  await connectTab(page, { url: proxy.url })
  return { page, session }
}

/** Text that a browser cannot store in fewer bytes. */
export function noise(sizeBytes: number): string {
  return randomBytes(sizeBytes / 2).toString('hex')
}

/** Returns the error code of a send; settles in any case. */
export function refusalOfSend(page: Page, topic: string, value = 'refused'): Promise<string> {
  return page.evaluate(
    async ([name, text]) => {
      const late = new Promise<string>((resolve) => setTimeout(() => resolve('no answer'), 10_000))
      const sent = window.log.send(name, { value: text, partition: 0 }).then(
        () => 'queued',
        (error: { code?: string }) => String(error.code ?? error),
      )
      return await Promise.race([sent, late])
    },
    [topic, value] as const,
  )
}
