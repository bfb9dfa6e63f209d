/** Starts Chromium: for many tests, or with a profile on disk that outlives a kill. */
import { type Browser, type BrowserContext, chromium } from 'playwright-core'
import { findChromium } from './find-chromium.ts'

/** For root, without a screen and without a network of its own. */
const FLAGS = [
  '--headless=new',
  '--no-sandbox',
  '--disable-gpu',
  '--disable-quic',
  '--no-first-run',
  '--disable-background-networking',
  '--disable-component-update',
  '--disable-sync',
]

/** A browser that was killed sometimes hangs over its file cache, and pages never load: it gets none. */
const WITHOUT_FILE_CACHE = '--disk-cache-dir=/dev/null'

/** `headless: false` keeps Playwright's own, older switch out of the flags. */
function launchOptions() {
  return {
    executablePath: findChromium(),
    headless: false,
    args: FLAGS,
    // The back/forward cache is part of the tests.
    ignoreDefaultArgs: ['--disable-back-forward-cache'],
  }
}

/** Starts a browser. Each `newContext()` is a separate user, whose storage is in memory. */
export function launch(): Promise<Browser> {
  return chromium.launch(launchOptions())
}

export interface ProfileBrowser {
  readonly context: BrowserContext
  /** Sends SIGKILL to all its processes at once. Resolves when they have ended. */
  kill(): Promise<void>
  close(): Promise<void>
}

/** Starts a browser whose storage is in `profileDir`: after a kill, start another one on the same folder. */
export async function launchProfile(profileDir: string): Promise<ProfileBrowser> {
  const options = launchOptions()
  const context = await chromium.launchPersistentContext(profileDir, {
    ...options,
    args: [...options.args, WITHOUT_FILE_CACHE],
  })
  context.setDefaultTimeout(120_000)
  const pid = await pidOf(context)
  return {
    context,
    kill: async () => {
      const gone = new Promise((resolve) => context.once('close', resolve))
      killGroup(pid)
      await gone
    },
    close: () => context.close(),
  }
}

async function pidOf(context: BrowserContext): Promise<number> {
  const session = await context.browser()?.newBrowserCDPSession()
  const { processInfo = [] } = (await session?.send('SystemInfo.getProcessInfo')) ?? {}
  const pid = processInfo.find(({ type }) => type === 'browser')?.id
  if (pid === undefined) throw new Error('the process id of the browser is missing')
  return pid
}

function killGroup(pid: number): void {
  try {
    process.kill(-pid, 'SIGKILL')
  } catch {
    // Started by a script that leads the group: the other processes end with this one.
    process.kill(pid, 'SIGKILL')
  }
}
