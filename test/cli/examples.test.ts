/** The pages that `edgelog dev` serves beside the API, and the files that it must not serve. */
import { request } from 'node:http'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { createApp } from '../../src/app/app.ts'
import type { EdgelogEnv } from '../../src/app/bindings.ts'
import { expectError } from '../conformance/target.ts'
import { ServerProcess } from '../server/server-process.ts'
import { sharedServerUrl } from '../server/shared-server.ts'

let closed: ServerProcess
beforeAll(async () => {
  closed = await ServerProcess.start({ token: 'secret' })
})
afterAll(() => closed.stop())

const get = (path: string) => fetch(sharedServerUrl() + path)

/** Sends the path unchanged, because `fetch` would resolve `..`. */
function statusOf(path: string, url = sharedServerUrl()): Promise<number> {
  const { hostname, port } = new URL(url)
  return new Promise((resolve, reject) => {
    const sent = request({ hostname, port, path }, (response) => {
      response.resume()
      resolve(response.statusCode ?? 0)
    })
    sent.on('error', reject)
    sent.end()
  })
}

describe('the example pages', () => {
  test.each(['/examples/', '/examples/todo/', '/examples/clickstream/', '/examples/leaderboard/'])(
    'include %s',
    async (path) => {
      const answer = await get(path)
      expect(answer.status).toBe(200)
      expect(answer.headers.get('content-type')).toBe('text/html; charset=utf-8')
      expect(answer.headers.get('cache-control')).toBe('no-cache')
      expect(answer.headers.get('x-content-type-options')).toBe('nosniff')
      const policy = answer.headers.get('content-security-policy')
      expect(policy).toContain("default-src 'self'")
      expect(policy).not.toContain('unsafe')
      expect(await answer.text()).toMatch(/^<!doctype html>/)
    },
  )

  test('include every file that a page or a module references, with its type', async () => {
    const seen = new Set<string>()
    const visit = async (path: string): Promise<void> => {
      if (seen.has(path)) return
      seen.add(path)
      const answer = await get(path)
      expect([path, answer.status]).toEqual([path, 200])
      const type = answer.headers.get('content-type')
      if (path.endsWith('.js')) expect(type).toBe('text/javascript; charset=utf-8')
      if (path.endsWith('.css')) expect(type).toBe('text/css; charset=utf-8')
      const names = (await answer.text()).matchAll(/["'](\.{1,2}\/[\w./-]*)["']/g)
      for (const [, name = ''] of names)
        await visit(new URL(name, sharedServerUrl() + path).pathname)
    }
    await visit('/examples/')
    expect([...seen]).toContain('/examples/edgelog/browser.js')
    expect([...seen].some((path) => /\/edgelog\/engine-\w+\.js$/.test(path))).toBe(true)
    await visit('/examples/sw.js')
  })

  test('redirect a folder to its page, and answer HEAD without a body', async () => {
    for (const path of ['/examples', '/examples/todo']) {
      const answer = await fetch(sharedServerUrl() + path, { redirect: 'manual' })
      expect([answer.status, answer.headers.get('location')]).toEqual([308, `${path}/`])
    }
    const head = await fetch(`${sharedServerUrl()}/examples/todo/`, { method: 'HEAD' })
    expect([head.status, await head.text()]).toEqual([200, ''])
  })

  test('need no token, unlike everything else', async () => {
    expect((await fetch(`${closed.url}/examples/todo/`)).status).toBe(200)
    for (const path of ['/v1/topics', '/examples/nowhere']) {
      await expectError(await fetch(closed.url + path), 401, 'unauthorized')
    }
    for (const path of [
      '/examples/../v1/topics',
      '/examples/%2e%2e/v1/topics',
      '/examples/..%2fv1/topics',
      '/examples/todo/../../v1/topics',
      '/examples/todo/%2e%2e/%2e%2e/v1/topics',
    ]) {
      expect([path, await statusOf(path, closed.url)]).toEqual([path, 401])
    }
  })
})

describe('a path that is not a page', () => {
  test.each([
    '/examples/nowhere.html',
    '/examples/edgelog/',
    '/examples/todo/index.html/',
    '/examples/README.md',
    '/examples//index.html',
  ])('gets 404 not_found: %s', async (path) => {
    await expectError(await get(path), 404, 'not_found')
  })

  test.each([
    '/examples/../package.json',
    '/examples/../../package.json',
    '/examples/%2e%2e/package.json',
    '/examples/..%2fpackage.json',
    '/examples/%2e%2e%2fpackage.json',
    '/examples/..%5cpackage.json',
    '/examples/todo/..\\..\\..\\package.json',
    '/examples/edgelog/../../package.json',
    '/examples/edgelog/..%2fworker.js',
    '/examples/edgelog/%2e%2e/%2e%2e/dist/cli.js',
    '/examples//etc/hostname',
    '/examples/%00',
    '/examples/%',
    '/examples/..;/package.json',
    '//examples/../package.json',
  ])('gets 404: %s', async (path) => {
    expect(await statusOf(path)).toBe(404)
  })

  test('rejects methods other than GET and HEAD', async () => {
    for (const method of ['POST', 'DELETE', 'PUT']) {
      const answer = await fetch(`${sharedServerUrl()}/examples/todo/`, { method })
      await expectError(answer, 404, 'not_found')
    }
  })

  test('includes the pages if the Worker has no binding for them', async () => {
    for (const path of ['/examples', '/examples/', '/examples/todo/']) {
      const env = {} as EdgelogEnv
      await expectError(
        await createApp({ doors: [] }).fetch(new Request(`http://localhost${path}`), env),
        404,
        'not_found',
      )
    }
  })
})
