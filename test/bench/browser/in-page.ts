import type { Page } from 'playwright-core'
import type { BenchStage } from './stage.ts'

/** Runs `work` in a new page, and closes the page. */
export async function inPage<T>(
  openPage: BenchStage['openPage'],
  work: (page: Page) => Promise<T>,
): Promise<T> {
  const page = await openPage()
  try {
    return await work(page)
  } finally {
    await page.close()
  }
}
