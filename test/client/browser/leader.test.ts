/** The election of the leader in all situations of tabs. Locks, channel and page events come from fake-tabs.ts. */
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { runs, SEEDED } from '../../support/seed.ts'
import { FakeBrowser, type FakeTab } from './fake-tabs.ts'

async function booted(count: number) {
  const browser = new FakeBrowser()
  for (let index = 0; index < count; index++) browser.open()
  await browser.settle()
  return browser
}

describe('the leader', () => {
  test.each([1, 2, 10, 30])('is one of %d tabs that start together', async (count) => {
    const browser = await booted(count)
    expect(browser.leaders).toHaveLength(1)
    await browser.pass(30_000)
    expect(browser.leaders).toHaveLength(1)
    expect(browser.epoch).toBe(1)
  })

  test('hands over at once when it closes, and closing is idempotent', async () => {
    const browser = await booted(3)
    const [first] = browser.leaders
    first?.close()
    first?.close()
    await browser.settle()
    expect(browser.leaders).toHaveLength(1)
    expect(browser.leaders[0]).not.toBe(first)
    expect(first?.log).toEqual(['gained 1', 'lost'])
    expect(first?.clock.pending).toBe(0)
    expect(first?.page.listenerCount).toBe(0)
  })

  test('never leads if it was closed before it got the lock', async () => {
    const browser = await booted(1)
    const second = browser.open()
    second.close()
    const third = browser.open()
    browser.tabs[0]?.close()
    await browser.settle()
    expect(second.log).toEqual([])
    expect(third.log).toEqual(['gained 2'])
  })

  test('is replaced within 12 s if it froze without an event, and steps down when it thaws', async () => {
    const browser = await booted(2)
    const [first, second] = browser.tabs
    await browser.pass(7_300)
    first?.freeze(false)
    await browser.pass(8_000)
    expect(second?.log).toEqual([])
    await browser.pass(2_000)
    expect(second?.log).toEqual(['gained 2'])
    expect(first?.leader.epoch).toBe(1)
    first?.thaw(false)
    await browser.settle()
    expect(first?.log).toEqual(['gained 1', 'lost'])
    await browser.pass(30_000)
    expect(browser.leaders).toEqual([second])
    second?.close()
    await browser.settle()
    expect(first?.log.at(-1)).toBe('gained 3')
  })

  test.each([
    ['freeze', 'resume'],
    ['pagehide', 'pageshow'],
    ['pagehide', 'visible'],
  ] as const)('releases the lock on %s and requests it again on %s', async (away, back) => {
    const browser = await booted(2)
    const [first, second] = browser.tabs
    first?.page.emit(away)
    await browser.settle()
    expect(browser.leaders).toEqual([second])
    second?.close()
    await browser.pass(30_000)
    expect(browser.leaders).toEqual([])
    first?.page.emit(back)
    await browser.settle()
    expect(browser.leaders).toEqual([first])
  })

  test('leaves the lock queue while it is away, where a granted lock would be lost', async () => {
    const browser = await booted(3)
    const [first, second, third] = browser.tabs
    second?.freeze(true)
    first?.close()
    await browser.settle()
    expect(browser.leaders).toEqual([third])
  })

  test('keeps its lock against a hidden tab, and where no beats can arrive', async () => {
    const hidden = await booted(2)
    hidden.tabs[1]?.page.emit('hidden')
    hidden.tabs[0]?.freeze(false)
    await hidden.pass(60_000)
    expect(hidden.epoch).toBe(1)
    hidden.tabs[1]?.page.emit('visible')
    await hidden.pass(4_000)
    expect(hidden.leaders).toEqual([hidden.tabs[1]])

    const deaf = new FakeBrowser()
    deaf.hasChannel = false
    deaf.open()
    deaf.open()
    await deaf.pass(60_000)
    expect(deaf.leaders).toHaveLength(1)
    expect(deaf.epoch).toBe(1)
  })

  test('keeps its lock after all tabs slept', async () => {
    const browser = await booted(2)
    for (const tab of browser.tabs) tab.clock.sleepThrough(600_000)
    await browser.pass(9_000)
    expect(browser.epoch).toBe(1)
  })

  test('steps down when it receives or reads a later epoch, and requests the lock again', async () => {
    const browser = await booted(2)
    const [first, second] = browser.tabs
    const status = { link: 'idle', transport: null, lastError: null } as const
    second?.channel.post({ kind: 'beat', epoch: 1, status })
    await browser.settle()
    expect(browser.leaders).toEqual([first])
    second?.channel.post({ kind: 'beat', epoch: 9, status })
    await browser.settle()
    expect(browser.leaders).toEqual([second])
    second?.leader.stepDown()
    await browser.pass(4_000)
    expect(browser.leaders).toHaveLength(1)
  })

  test('retries when it gets no epoch, and lets other tabs try meanwhile', async () => {
    const browser = new FakeBrowser()
    browser.epochFailures = 3
    const tab = browser.open()
    await browser.pass(5_000)
    expect(tab.log).toEqual([])
    const other = browser.open()
    await browser.pass(4_000)
    expect([...tab.log, ...other.log]).toEqual(['gained 1'])
  })

  test('does not steal its own lock while its epoch is pending, and does not lead if its term is over by then', async () => {
    const browser = new FakeBrowser()
    let open = () => {}
    browser.epochGate = new Promise<void>((resolve) => {
      open = resolve
    })
    const slow = browser.open()
    await browser.pass(30_000)
    open()
    await browser.settle()
    expect(slow.log).toEqual(['gained 1'])
    slow.close()

    browser.epochGate = new Promise<void>((resolve) => {
      open = resolve
    })
    const closed = browser.open()
    await browser.settle()
    closed.close()
    open()
    await browser.settle()
    expect(closed.log).toEqual([])
    expect(closed.clock.pending).toBe(0)
    expect(browser.locks.heldCount).toBe(0)
  })

  test('is every tab if there are no locks', async () => {
    const browser = new FakeBrowser()
    browser.hasLocks = false
    browser.open()
    browser.open()
    await browser.pass(20_000)
    expect(browser.leaders).toHaveLength(2)
    browser.tabs[0]?.page.emit('freeze')
    expect(browser.leaders).toHaveLength(1)
    browser.tabs[0]?.page.emit('resume')
    await browser.settle()
    expect(browser.tabs[0]?.log).toEqual(['gained 1', 'lost', 'gained 3'])
  })

  test('may close during the call that makes it the leader', async () => {
    const browser = new FakeBrowser()
    const tab: FakeTab = browser.open()
    tab.log.push = (line) => {
      if (line === 'gained 1') tab.close()
      return 0
    }
    await browser.settle()
    expect(browser.locks.heldCount).toBe(0)
    expect(tab.clock.pending).toBe(0)
  })
})

/**
 * Question: can tabs that come and go, freeze and thaw, end up with two leaders, or none?
 * Contract: once messages have settled, at most one running tab considers itself leader;
 * 15 s later exactly one does, if a visible tab runs. `gained` and `lost` alternate.
 * Generated: up to 40 steps over tabs that are opened, closed, frozen and thawed with and without
 * an event, hidden and shown, with time between them. Limits: all clocks run at the same speed.
 */
const step = fc.record({
  kind: fc.constantFrom(
    ...(['open', 'close', 'freeze', 'vanish', 'thaw', 'wake', 'hide', 'show', 'pass'] as const),
  ),
  tab: fc.nat(),
  byMs: fc.constantFrom(0, 500, 2_000, 9_000, 15_000),
})

async function take(
  browser: FakeBrowser,
  { kind, tab: index, byMs }: typeof step extends fc.Arbitrary<infer S> ? S : never,
) {
  const tab = browser.tabs[index % Math.max(1, browser.tabs.length)]
  if (kind === 'open' && browser.tabs.length < 5) browser.open()
  else if (kind === 'pass') await browser.pass(byMs)
  if (tab === undefined) return
  if (kind === 'close') {
    tab.close()
    browser.tabs.splice(browser.tabs.indexOf(tab), 1)
    if (tab.isFrozen) tab.thaw(false)
  } else if (kind === 'freeze' || kind === 'vanish') {
    if (!tab.isFrozen) tab.freeze(kind === 'freeze')
  } else if (kind === 'thaw' || kind === 'wake') {
    // A page that got a freeze event gets the resume event too.
    if (tab.isFrozen) tab.thaw(true)
  } else if (kind === 'hide' || kind === 'show') {
    if (!tab.isFrozen) tab.page.emit(kind === 'hide' ? 'hidden' : 'visible')
  }
}

test('exactly one tab leads after any sequence of events', async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(step, { maxLength: 40 }), async (steps) => {
      const browser = new FakeBrowser()
      for (const each of steps) {
        await take(browser, each)
        await browser.settle()
        expect(browser.leaders.length).toBeLessThanOrEqual(1)
      }
      await browser.pass(15_000)
      const isAnyInView = browser.tabs.some((tab) => !tab.isFrozen && tab.page.isVisible)
      if (isAnyInView) expect(browser.leaders).toHaveLength(1)
      for (const { log } of browser.tabs) {
        log.forEach((line, index) => {
          expect(line === 'lost').toBe(index % 2 === 1)
        })
      }
    }),
    { ...SEEDED, numRuns: runs(60) },
  )
}, 240_000)
