/** The example pages as visitors use them: in tabs, in two browsers, offline, by keyboard. */
import type { BrowserContext, BrowserContextOptions, Page } from 'playwright-core'
import { afterEach, describe, expect, test } from 'vitest'
import { namelessControls, paleTexts, tabOrder } from './support/accessibility.ts'
import { startLogServer } from './support/log-server.ts'
import { useStage } from './support/stage.ts'

const stage = useStage()

let contexts: BrowserContext[] = []
let complaints: string[] = []
afterEach(async () => {
  await Promise.all(contexts.map((context) => context.close()))
  contexts = []
  const heard = complaints
  complaints = []
  expect(heard).toEqual([])
})

/** Opens the browser of one visitor. Any error in its pages fails the test, except a missing network. */
async function visitor(options?: BrowserContextOptions): Promise<BrowserContext> {
  const context = await stage.browser.newContext(options)
  contexts.push(context)
  context.on('console', (message) => {
    const isOffline = message.text().includes('net::ERR_INTERNET_DISCONNECTED')
    if (message.type() === 'error' && !isOffline) complaints.push(message.text())
  })
  context.on('weberror', (error) => complaints.push(error.error().message))
  return context
}

async function open(context: BrowserContext, path: string): Promise<Page> {
  const page = await context.newPage()
  await page.goto(`${stage.server.url}/examples/${path}`)
  return page
}

/** Waits until the page would open offline. */
async function kept(page: Page): Promise<void> {
  await page.evaluate(() => navigator.serviceWorker.ready)
  await page.waitForFunction(() => navigator.serviceWorker.controller !== null)
}

async function live(page: Page): Promise<void> {
  await expectStatus(page, /^Live.*all is synced/)
}

async function expectStatus(page: Page, wanted: RegExp): Promise<void> {
  await expect.poll(() => page.locator('#status').textContent(), POLL).toMatch(wanted)
}

const POLL = { timeout: 120_000, interval: 50 }

const field = 'What is to be done'

async function add(page: Page, text: string): Promise<void> {
  await page.getByLabel(field, { exact: true }).fill(text)
  await page.keyboard.press('Enter')
}

async function rename(page: Page, from: string, to: string): Promise<void> {
  await page.getByLabel(`Text of ${from}`, { exact: true }).fill(to)
  await page.keyboard.press('Enter')
}

const check = (page: Page, text: string) =>
  page.getByLabel(`Done: ${text}`, { exact: true }).click()

/** Returns the items as `[x] text *`: done, and not synced. */
function itemsOf(page: Page): Promise<string[]> {
  return page.locator('#items > li').evaluateAll((rows) =>
    rows.map((row) => {
      const done = row.querySelector<HTMLInputElement>('[type=checkbox]')?.checked ? '[x]' : '[ ]'
      const text = row.querySelector('textarea')?.value
      return `${done} ${text}${row.querySelector('.badge')?.checkVisibility() ? ' *' : ''}`
    }),
  )
}

async function expectItems(page: Page, ...items: string[]): Promise<void> {
  await expect.poll(() => itemsOf(page), POLL).toEqual(items)
}

/** Empties the list, so that each test starts with its own. */
async function emptyList(): Promise<void> {
  const { topics } = await stage.server.request<{ topics: { name: string }[] }>('GET', '/v1/topics')
  if (topics.some(({ name }) => name === 'todos')) await stage.server.deleteTopic('todos')
  await stage.server.createTopic('todos', { config: { 'retention.ms': -1 } })
}

describe('the to-do list', () => {
  test('is the same in two tabs and in another browser', async () => {
    const mine = await visitor()
    // The very first page creates the topic.
    const [first, second, other] = [
      await open(mine, 'todo/'),
      await open(mine, 'todo/'),
      await open(await visitor(), 'todo/'),
    ]
    await live(first)
    await add(first, 'milk')
    await add(first, 'bread')
    for (const page of [first, second, other]) await expectItems(page, '[ ] milk', '[ ] bread')
    await check(other, 'milk')
    await rename(second, 'bread', 'rye bread')
    for (const page of [first, second, other]) await expectItems(page, '[x] milk', '[ ] rye bread')
    await first.getByRole('button', { name: 'Delete milk' }).click()
    for (const page of [first, second, other]) await expectItems(page, '[ ] rye bread')
    await live(first)
  })

  test('works offline, across a reload, and merges when it is online again', async () => {
    await emptyList()
    const train = await visitor()
    const page = await open(train, 'todo/')
    const other = await open(await visitor(), 'todo/')
    for (const text of ['milk', 'bread', 'salt']) await add(page, text)
    await expectItems(other, '[ ] milk', '[ ] bread', '[ ] salt')
    await expectItems(page, '[ ] milk', '[ ] bread', '[ ] salt')
    await kept(page)

    await train.setOffline(true)
    await expectStatus(page, /^Offline/)
    await add(page, 'eggs')
    await rename(page, 'milk', 'oat milk')
    await rename(page, 'bread', 'rye bread')
    await page.getByRole('button', { name: 'Delete salt' }).click()
    const mine = ['[ ] oat milk *', '[ ] rye bread *', '[ ] eggs *']
    await expectItems(page, ...mine)
    await expectStatus(page, /^Offline4 not synced, oldest \d+ s/)
    const reloaded = await page.reload()
    expect(reloaded?.fromServiceWorker()).toBe(true)
    await expectItems(page, ...mine)
    await expectStatus(page, /^Offline4 not synced/)

    await check(other, 'milk')
    await rename(other, 'bread', 'white bread')
    await add(other, 'tea')
    await expectItems(other, '[x] milk', '[ ] white bread', '[ ] salt', '[ ] tea')
    await train.setOffline(false)
    // Each field is merged separately; of the two names of the bread, the later one in the log wins.
    const merged = ['[x] oat milk', '[ ] rye bread', '[ ] tea', '[ ] eggs']
    await expectItems(page, ...merged)
    await expectItems(other, ...merged)
    await live(page)
  })

  test('shows cached items when the server cannot be reached', async () => {
    await emptyList()
    const visit = await visitor()
    const page = await open(visit, 'todo/')
    for (const text of ['milk', 'bread']) await add(page, text)
    await expectItems(page, '[ ] milk', '[ ] bread')
    await kept(page)
    await visit.route('**/v1/**', (route) => route.abort('internetdisconnected'))
    await visit.routeWebSocket(/./, (socket) => socket.close())
    await page.reload()
    expect(await page.evaluate(() => navigator.onLine)).toBe(true)
    await expectItems(page, '[ ] milk', '[ ] bread')
  })

  test('opens offline in a tab that was closed', async () => {
    await emptyList()
    const train = await visitor()
    const page = await open(train, 'todo/')
    await add(page, 'milk')
    await live(page)
    await kept(page)
    await train.setOffline(true)
    await page.close()
    await expectItems(await open(train, 'todo/'), '[ ] milk')
  })

  test('shows rejected records until they are sent again or discarded', async () => {
    await emptyList()
    const page = await open(await visitor(), 'todo/')
    await add(page, 'milk')
    await live(page)
    const limit = (bytes: number) =>
      stage.server.request('PATCH', '/v1/topics/todos', { config: { 'max.message.bytes': bytes } })
    await limit(200)
    const [once, twice] = ['a'.repeat(150), 'b'.repeat(150)]
    await add(page, once)
    const refused = page.getByRole('region', { name: 'Refused by the log' })
    await expect.poll(() => refused.getByRole('listitem').count(), POLL).toBe(1)
    await add(page, twice)
    await expect.poll(() => refused.getByRole('listitem').count(), POLL).toBe(2)
    await expectItems(page, '[ ] milk')
    expect(await refused.textContent()).toContain(`add ${once}`)
    expect(await namelessControls(page)).toEqual([])

    await limit(1_000)
    await refused.getByRole('button', { name: `Discard: add ${once}` }).click()
    await refused.getByRole('button', { name: `Try again: add ${twice}` }).click()
    await expectItems(page, '[ ] milk', `[ ] ${twice}`)
    await expect.poll(() => refused.count(), POLL).toBe(0)
    // The browser's own message about a rejected request.
    complaints = complaints.filter((complaint) => !complaint.includes('413'))
  })

  test('treats foreign values as text, and skips invalid ones', async () => {
    await emptyList()
    const page = await open(await visitor(), 'todo/')
    const text = '<img src=x onerror=alert(1)>'
    await stage.server.produce('todos', ['', 'no JSON', 'null', '{}', '{"type":"add"}', '[1]'])
    const records = [{ key: 'x', value: { id: 'e', type: 'add', text } }]
    await stage.server.request('POST', '/v1/topics/todos/records', { records })
    await expect.poll(() => itemsOf(page), POLL).toContain(`[ ] ${text}`)
  })
})

describe('the leaderboard', () => {
  /** Returns the points of a player in the current minute and in the one before. */
  const pointsOf = (page: Page, name: string) =>
    page.locator('ol > li').evaluateAll((rows, wanted) => {
      const own = rows.filter((row) => row.firstElementChild?.textContent === wanted)
      return own.reduce((sum, row) => sum + Number(row.lastElementChild?.textContent), 0)
    }, name)

  const roll = async (page: Page, name: string) => {
    await page.getByLabel('Player', { exact: true }).fill(name)
    await page.keyboard.press('Enter')
    await expect.poll(() => page.locator('#rolled').textContent(), POLL).toContain(name)
  }

  test('adds up the points of all browsers, and shows them offline, across a reload', async () => {
    const train = await visitor()
    const page = await open(train, 'leaderboard/')
    const other = await open(await visitor(), 'leaderboard/')
    await live(page)
    await roll(page, 'Ada')
    await roll(other, 'Bob')
    for (const one of [page, other]) {
      await expect.poll(() => pointsOf(one, 'Ada'), POLL).toBeGreaterThan(0)
      await expect.poll(() => pointsOf(one, 'Bob'), POLL).toBeGreaterThan(0)
    }
    await kept(page)
    await train.setOffline(true)
    await page.reload()
    await expect.poll(() => pointsOf(page, 'Bob'), POLL).toBeGreaterThan(0)
    await roll(page, 'Cy')
    await train.setOffline(false)
    for (const one of [page, other]) {
      await expect.poll(() => pointsOf(one, 'Cy'), POLL).toBeGreaterThan(0)
    }
  })
})

describe('the clickstream', () => {
  const totals = (page: Page) =>
    page
      .locator('.tiles p')
      .evaluateAll((sums) => sums.map((sum) => Number.parseInt(sum.textContent ?? '', 10)))

  test('draws the actions of all visitors', async () => {
    const one = await open(await visitor(), 'clickstream/')
    const other = await open(await visitor({ colorScheme: 'dark' }), 'clickstream/')
    // The topic is there: a record that is sent before is refused once, and the browser notes that.
    for (const page of [one, other]) await live(page)
    for (let step = 0; step < 10; step++) {
      await one.mouse.move(50 + 20 * step, 300)
      await other.mouse.move(50 + 20 * step, 300)
      await one.waitForTimeout(60)
    }
    await one.mouse.click(60, 300)
    await other.keyboard.type('abc')
    for (const page of [one, other]) {
      await expect.poll(async () => (await totals(page)).slice(1), POLL).toEqual([1, 3])
      await expect.poll(() => page.locator('#visitors').textContent(), POLL).toMatch(/^2 visitors/)
      // At least one of each visitor: a busy browser joins moves.
      await expect.poll(async () => (await totals(page))[0], POLL).toBeGreaterThanOrEqual(2)
      const bars = await page.locator('#bars path').evaluateAll((paths) =>
        paths.map((path) => {
          const { width, height } = path.getBoundingClientRect()
          return width > 0 && height > 0
        }),
      )
      expect(bars).toEqual([true, true, true])
    }
    await live(one)
    const moves = (page: Page) => totals(page).then(([first]) => first)
    await expect.poll(async () => (await moves(one)) === (await moves(other)), POLL).toBe(true)

    await one.getByLabel('Record what I do here').uncheck()
    const before = (await totals(other))[2] ?? 0
    await one.keyboard.type('no')
    await other.keyboard.type('x')
    await expect.poll(async () => (await totals(one))[2], POLL).toBe(before + 1)
  })
})

describe('every page', () => {
  const ARROW = 'a ← Examples, solid'

  test('can be used by keyboard and screen reader, in light and dark mode, on a phone', async () => {
    await emptyList()
    for (const colorScheme of ['light', 'dark'] as const) {
      const phone = await visitor({ colorScheme, viewport: { width: 360, height: 640 } })
      for (const path of ['', 'todo/', 'clickstream/', 'leaderboard/']) {
        const page = await open(phone, path)
        if (path === 'todo/') {
          if (colorScheme === 'light')
            await add(page, 'a rather long text that no phone has room for')
          await expect.poll(async () => (await itemsOf(page)).length, POLL).toBe(1)
          // The next visitor gets it from the log.
          await live(page)
        }
        expect([path, await namelessControls(page)]).toEqual([path, []])
        expect([path, await paleTexts(page)]).toEqual([path, []])
        const { scrollWidth, clientWidth, lang, headings } = await page.evaluate(() => ({
          scrollWidth: document.documentElement.scrollWidth,
          clientWidth: document.documentElement.clientWidth,
          lang: document.documentElement.lang,
          headings: document.querySelectorAll('h1').length,
        }))
        expect([path, scrollWidth, lang, headings]).toEqual([path, clientWidth, 'en', 1])
        await page.close()
      }
    }
  })

  test('has a Tab order from top to bottom, and shows the focus', async () => {
    await emptyList()
    const context = await visitor()
    const page = await open(context, 'todo/')
    await add(page, 'milk')
    await expect.poll(async () => (await itemsOf(page)).length, POLL).toBe(1)
    expect(await tabOrder(page, 6)).toEqual([
      ARROW,
      'input text, solid',
      'button Add, solid',
      'input Done: milk, solid',
      'textarea Text of milk, solid',
      'button Delete milk, solid',
    ])
    await page.keyboard.press('Enter')
    await expectItems(page)
    expect(await page.evaluate(() => document.activeElement?.id)).toBe('text')
    expect(await tabOrder(await open(context, 'clickstream/'), 2)).toEqual([
      ARROW,
      'input recording, solid',
    ])
  })
})

describe('a page of a server with a token', () => {
  test('asks for it, as often as it is wrong', async () => {
    const server = await startLogServer({ token: 'open-sesame' })
    try {
      const context = await visitor()
      const page = await context.newPage()
      await page.goto(`${server.url}/examples/todo/`)
      const dialog = page.getByRole('dialog', { name: 'This log needs a token' })
      const token = dialog.getByLabel(/^Token/)
      for (const given of ['wrong', 'open-sesame']) {
        await token.fill(given)
        await page.keyboard.press('Enter')
        await expect.poll(() => token.inputValue({ timeout: 100 }).catch(() => ''), POLL).toBe('')
      }
      // The page creates the topic now. A record before that gets a 404, and a retry.
      await live(page)
      await add(page, 'milk')
      await expectItems(page, '[ ] milk')
      await live(page)
      expect(await dialog.count()).toBe(0)
      await context.close()
    } finally {
      await server.process.stop()
    }
    complaints = complaints.filter((complaint) => !complaint.includes('401'))
  })
})
