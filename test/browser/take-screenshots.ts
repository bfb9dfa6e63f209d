/** Takes the pictures of the examples in README.md: run it after `npm run build`, and look at them. */
import { mkdir, writeFile } from 'node:fs/promises'
import type { Browser, BrowserContextOptions, Page } from 'playwright-core'
import { type Frame, joinFrames } from './support/animated-png.ts'
import { launch } from './support/chromium.ts'
import { type LogServer, startLogServer } from './support/log-server.ts'

const FOLDER = 'docs/images'
const ITEMS = [
  'Buy tickets for the night train',
  'Ask Mira for the key',
  'Water the plants',
  'Pack the small bag',
]

async function open(browser: Browser, url: string, options: BrowserContextOptions): Promise<Page> {
  const context = await browser.newContext({ reducedMotion: 'reduce', ...options })
  const page = await context.newPage()
  await page.goto(url)
  await page.waitForFunction(() => document.querySelector('#status')?.textContent?.match(/^Live/))
  return page
}

/** Returns screenshots side by side, as windows of two visitors. */
async function shootPair(browser: Browser, pages: readonly Page[]): Promise<Buffer> {
  const context = await browser.newContext({ viewport: { width: 1280, height: 800 } })
  const sheet = await context.newPage()
  const shots = await Promise.all(pages.map((page) => page.screenshot()))
  const images = shots.map((png) => `<img src="data:image/png;base64,${png.toString('base64')}">`)
  await sheet.setContent(`<style>
    body { display: inline-flex; gap: 20px; margin: 0; padding: 12px; }
    img { border-radius: 14px; box-shadow: 0 0 0 1px #8886, 0 4px 12px #0003; }
    </style>${images.join('')}`)
  const picture = await sheet.locator('body').screenshot({ omitBackground: true })
  await context.close()
  return picture
}

async function add(page: Page, text: string): Promise<void> {
  await page.fill('#text', text)
  await page.keyboard.press('Enter')
  await page.getByLabel(`Done: ${text}`).waitFor()
}

const check = (page: Page, text: string) => page.getByLabel(`Done: ${text}`).click()

const isSynced = (page: Page) =>
  page.waitForFunction(() => document.querySelector('.is-pending') === null)

/** Two visitors of one list: one goes offline, both go on, and the lists agree again. */
async function takeTodo(browser: Browser, server: LogServer): Promise<void> {
  const viewport = { width: 460, height: 660 }
  const url = `${server.url}/examples/todo/`
  const train = await open(browser, url, { viewport })
  const home = await open(browser, url, { viewport, colorScheme: 'dark' })
  const frames: Frame[] = []
  const show = async (showMs: number) => {
    for (const page of [train, home]) {
      await page.evaluate(() => document.getElementById('text')?.blur())
    }
    frames.push({ png: await shootPair(browser, [train, home]), showMs })
  }
  await show(800)
  for (const text of ITEMS) {
    await add(train, text)
    await home.getByLabel(`Done: ${text}`).waitFor()
    await isSynced(train)
    await show(700)
  }
  await train.context().setOffline(true)
  await train.waitForFunction(() => !document.querySelector('#status')?.textContent?.match(/^Live/))
  await show(1_500)
  await add(train, 'Bread for the way')
  await show(1_000)
  await check(train, ITEMS[3] ?? '')
  await show(1_000)
  await check(home, ITEMS[1] ?? '')
  await isSynced(home)
  await show(1_500)
  await writeFile(`${FOLDER}/todo.png`, await shootPair(browser, [train, home]))
  await train.context().setOffline(false)
  await home.getByLabel('Done: Bread for the way').waitFor()
  await isSynced(train)
  await train.waitForFunction(() => document.querySelector('#status')?.textContent?.match(/^Live/))
  await show(3_000)
  await writeFile(`${FOLDER}/todo-animated.png`, joinFrames(frames))
}

/** Fills a minute with actions of many visitors. */
async function fillMinute(server: LogServer): Promise<void> {
  const nowMs = Date.now()
  const records = []
  for (let second = -59; second < 0; second++) {
    for (let visitor = 0; visitor < 5; visitor++) {
      const wave = Math.sin(second / 6 + visitor) + Math.sin(second / 2.3 - visitor * 2)
      const counts = {
        move: Math.max(0, Math.round(3 + 3 * wave)),
        click: wave > 1.1 ? 1 : 0,
        key: Math.max(0, Math.round(1.2 - 1.6 * wave)),
      }
      for (const [value, count] of Object.entries(counts)) {
        for (let i = 0; i < count; i++) {
          records.push({ key: `visitor-${visitor}`, value, timestamp: nowMs + second * 1_000 })
        }
      }
    }
  }
  await server.request('POST', '/v1/topics/clicks/records', { records })
}

async function takeClickstream(browser: Browser, server: LogServer): Promise<void> {
  const viewport = { width: 480, height: 700 }
  const url = `${server.url}/examples/clickstream/`
  const pages = [
    await open(browser, url, { viewport }),
    await open(browser, url, { viewport, colorScheme: 'dark' }),
  ]
  await fillMinute(server)
  for (const page of pages) {
    await page.waitForFunction(() => document.querySelector('#bars path')?.getAttribute('d') !== '')
  }
  for (let step = 0; step < 30; step++) {
    for (const page of pages) await page.mouse.move(60 + 9 * step, 300 + 40 * Math.sin(step / 3))
    if (step % 4 === 3) await pages[1]?.keyboard.press('a')
    if (step % 10 === 9) await pages[0]?.mouse.click(400, 75)
    await pages[0]?.waitForTimeout(60)
  }
  await writeFile(`${FOLDER}/clickstream.png`, await shootPair(browser, pages))
}

const server = await startLogServer()
const browser = await launch()
try {
  await mkdir(FOLDER, { recursive: true })
  await takeTodo(browser, server)
  await takeClickstream(browser, server)
} finally {
  await browser.close()
  await server.process.stop()
}
