/** Browsers on a profile whose last browser was killed. */
import { existsSync } from 'node:fs'
import { readdir, readFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { Page } from 'playwright-core'
import { launchProfile, type ProfileBrowser } from '../support/chromium.ts'
import { load } from '../support/tab.ts'

interface ProfileRun {
  readonly pageUrl: string
  readonly profileDir: string
  /** Browsers that loaded no page, and were killed too. */
  browsersHung: number
}

/** Attempts of a page in one browser, then browsers on one profile. */
const LOAD_TRIES_MAX = 3
const LAUNCH_TRIES_MAX = 5

/**
 * Starts a browser on the profile and loads pages in it. On the profile of a killed browser, Chromium
 * sometimes loads no page at all, however long one waits: it is killed too, and another one is started.
 */
export async function startPages(
  run: ProfileRun,
  tabs: number,
): Promise<{ browser: ProfileBrowser; pages: Page[] }> {
  for (let triesLeft = LAUNCH_TRIES_MAX - 1; ; triesLeft--) {
    const browser = await launchProfile(run.profileDir)
    try {
      const pages: Page[] = []
      for (let tab = 0; tab < tabs; tab++) {
        const page = await browser.context.newPage()
        await load(page, run.pageUrl, LOAD_TRIES_MAX)
        pages.push(page)
      }
      return { browser, pages }
    } catch (error) {
      await browser.kill()
      if (triesLeft === 0) throw error
      run.browsersHung += 1
    }
  }
}

/** Returns whether the browser that was killed last had created its database, and did not find it. */
export async function beganAnew(profileDir: string): Promise<boolean> {
  const folder = join(profileDir, 'Default', 'IndexedDB')
  if (!existsSync(folder)) return false
  const names = await readdir(folder)
  const logs = names
    .filter((name) => name.endsWith('.leveldb'))
    .map((name) => join(folder, name, 'LOG'))
  const texts = await Promise.all(logs.map((path) => readFile(path, 'utf8')))
  return texts.some((text) => text.includes('Creating DB'))
}
