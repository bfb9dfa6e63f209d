/** Finds the tab that leads. */
import type { Page } from 'playwright-core'
import { expect } from 'vitest'
import { statusOf } from './tab.ts'

export async function leadersOf(pages: readonly Page[]): Promise<Page[]> {
  const statuses = await Promise.all(pages.map(statusOf))
  return pages.filter((_, index) => statuses[index]?.isLeader)
}

export async function leaderOf(pages: readonly Page[]): Promise<{ leader: Page; others: Page[] }> {
  await expect.poll(async () => (await leadersOf(pages)).length, { timeout: 120_000 }).toBe(1)
  const [leader] = await leadersOf(pages)
  if (leader === undefined) throw new Error('no tab leads')
  return { leader, others: pages.filter((page) => page !== leader) }
}
