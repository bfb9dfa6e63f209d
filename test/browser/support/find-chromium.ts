/**
 * Finds Chromium, and explains how to get it. On a machine with only Node
 * and npm it is installed if possible: a browser test is never skipped.
 */
import { spawnSync } from 'node:child_process'
import { globSync, statSync } from 'node:fs'
import { homedir } from 'node:os'
import { delimiter, join } from 'node:path'
import { aptInstall } from '../../support/apt-install.ts'

const NAMES = ['chromium', 'chromium-browser', 'google-chrome-stable', 'google-chrome', 'chrome']
const PLACES = [
  '/snap/bin/chromium',
  '/Applications/Chromium.app/Contents/MacOS/Chromium',
  '/Applications/Google Chrome.app/Contents/MacOS/Google Chrome',
]
/** Browsers downloaded by `npx playwright-core install chromium`. */
const PLAYWRIGHT_CACHES = ['.cache/ms-playwright', 'Library/Caches/ms-playwright']
const PLAYWRIGHT_PATTERNS = [
  'chromium-*/chrome-linux*/chrome',
  'chromium-*/chrome-mac*/*.app/Contents/MacOS/*',
]
const VERSION_MS_MAX = 60_000

const HOW_TO = `Chromium is needed for the tests of the browser client. One of these gets it:
  apt-get update && apt-get install -y --no-install-recommends chromium
  npx playwright-core install --with-deps chromium
EDGELOG_CHROMIUM=/path/to/chromium names one that lies elsewhere.`

let found: string | undefined

/** Returns the path of a working Chromium. @throws {Error} with instructions to get one. */
export function findChromium(): string {
  found ??= candidates().find(runs)
  if (found === undefined) throw new Error(HOW_TO)
  return found
}

function candidates(): string[] {
  const given = process.env.EDGELOG_CHROMIUM
  if (given !== undefined && given !== '') return [given]
  const folders = ['/usr/bin', ...(process.env.PATH ?? '').split(delimiter)]
  const caches = [
    process.env.PLAYWRIGHT_BROWSERS_PATH ?? '',
    ...PLAYWRIGHT_CACHES.map((cache) => join(homedir(), cache)),
  ]
  return [
    ...folders.flatMap((folder) => NAMES.map((name) => join(folder, name))),
    ...PLACES,
    ...caches
      .filter((cache) => cache !== '')
      .flatMap((cwd) => globSync(PLAYWRIGHT_PATTERNS, { cwd }).map((path) => join(cwd, path))),
  ]
}

/** Returns whether it runs: some systems have a script by that name that only prints how to install the program. */
function runs(path: string): boolean {
  if (statSync(path, { throwIfNoEntry: false })?.isFile() !== true) return false
  const { status, stdout } = spawnSync(path, ['--version'], {
    encoding: 'utf8',
    timeout: VERSION_MS_MAX,
  })
  return status === 0 && /\d+\.\d+/.test(stdout)
}

/**
 * Makes sure that Chromium exists before any test runs. On a failure it prints the
 * reason and continues: other tests can run, and browser tests fail by themselves.
 */
export async function provideChromium(): Promise<void> {
  try {
    findChromium()
    return
  } catch (error) {
    if (process.getuid?.() !== 0 || process.env.EDGELOG_CHROMIUM !== undefined) {
      console.error(String(error))
      return
    }
  }
  console.log('Chromium is not there: installing it with apt-get, once')
  const output = await aptInstall('chromium')
  try {
    findChromium()
  } catch (error) {
    console.error(output, String(error))
  }
}
