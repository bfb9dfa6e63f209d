/** The page at `/`: topics, live records, the token, without an error in the console. */
import type { Page } from 'playwright-core'
import { afterEach, expect, test } from 'vitest'
import { ServerProcess } from '../server/server-process.ts'
import { namelessControls, paleTexts } from './support/accessibility.ts'
import { useStage } from './support/stage.ts'

const POLL = { timeout: 120_000, interval: 50 }
const stage = useStage()
let page: Page

afterEach(() => page.context().close())

async function open(url: string): Promise<string[]> {
  const context = await stage.browser.newContext()
  page = await context.newPage()
  const errors: string[] = []
  page.on('console', (message) => {
    if (message.type() === 'error') errors.push(message.text())
  })
  page.on('pageerror', (error) => errors.push(error.message))
  await page.goto(url)
  return errors
}

async function append(topic: string, records: object[], token = ''): Promise<void> {
  const url = token === '' ? stage.server.url : tokenServerUrl
  const headers = { 'Content-Type': 'application/json', Authorization: `Bearer ${token}` }
  const post = (path: string, body: object) =>
    fetch(url + path, { method: 'POST', headers, body: JSON.stringify(body) })
  await post('/v1/topics', { name: topic, partitions: 2 })
  await post(`/v1/topics/${topic}/records`, { records })
}

let tokenServerUrl = ''

test('shows the records of a topic as they come', async () => {
  const topic = `home-${Date.now()}`
  await append(topic, [{ key: 'a', value: '<b>first</b>' }])
  const errors = await open(stage.server.url)
  await page.getByRole('button', { name: topic }).click()
  const rows = () => page.locator('#records tr').allInnerTexts()
  await expect.poll(async () => (await rows()).join(), POLL).toContain('<b>first</b>')
  await append(topic, [{ key: 'a', value: { item: 7 } }])
  await expect.poll(async () => (await rows())[0], POLL).toContain('{"item":7}')
  expect(await namelessControls(page)).toEqual([])
  expect(await paleTexts(page)).toEqual([])
  expect(errors).toEqual([])
})

test('asks for the token where one is needed', async () => {
  const server = await ServerProcess.start({ token: 'secret' })
  try {
    tokenServerUrl = server.url
    await append('private', [{ value: 'x' }], 'secret')
    await open(server.url)
    const token = page.getByLabel('Token of this server')
    await token.fill('wrong')
    await page.keyboard.press('Enter')
    await expect
      .poll(() => page.locator('#message').textContent(), POLL)
      .toContain('the bearer token is wrong')
    await token.fill('secret')
    await page.keyboard.press('Enter')
    await page.getByRole('button', { name: 'private' }).waitFor({ timeout: 120_000 })
    expect(await token.isVisible()).toBe(false)
  } finally {
    await server.stop()
  }
})
