/** Apps with different doors. */
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { build } from 'esbuild'
import { expect, test } from 'vitest'
import { createApp } from '../../src/app/app.ts'
import type { EdgelogEnv } from '../../src/app/bindings.ts'
import type { Door } from '../../src/app/door.ts'
import { httpDoor } from '../../src/http/door.ts'
import { kafkaDoor } from '../../src/kafka/door.ts'

/** Returns the modules of a Worker that mounts some doors, limited to the rooms of the doors, and to SQL. */
async function modulesOf(imports: string, doors: string): Promise<string[]> {
  const contents = `
    import { createApp } from './src/app/app.ts'
    ${imports}
    export default createApp({ doors: [${doors}] })`
  const { metafile } = await build({
    stdin: { contents, resolveDir: process.cwd() },
    bundle: true,
    write: false,
    metafile: true,
    format: 'esm',
    external: ['cloudflare:*', 'node:*'],
    conditions: ['workerd', 'worker', 'browser'],
    logLevel: 'warning',
  })
  return Object.keys(metafile.inputs).filter((path) => /^src\/(http|kafka|core\/sql)\//.test(path))
}

const CATALOG_DATA = ['errors', 'nearest-name', 'catalog/catalog-state', 'catalog/catalog-api'].map(
  (name) => `src/core/sql/${name}.ts`,
)

test('bundles no module of a door that it does not mount', async () => {
  // The cache of the catalog is of every app, and small.
  const ofAll = await modulesOf('', '')
  expect(ofAll.filter((path) => !CATALOG_DATA.includes(path))).toEqual([])
  const http = await modulesOf("import { httpDoor } from './src/http/door.ts'", 'httpDoor')
  expect(http).toContain('src/http/produce.ts')
  expect(http.filter((path) => path.startsWith('src/kafka/'))).toEqual([])
  const kafka = await modulesOf("import { kafkaDoor } from './src/kafka/door.ts'", 'kafkaDoor')
  expect(kafka).toContain('src/kafka/apis/produce.ts')
  expect(kafka.filter((path) => path.startsWith('src/http/'))).toEqual([])
})

/** Modules of the broker that doors may import besides types: they need no cluster. */
const HELPERS = ['call-valid', 'describe-each', 'fan-out', 'fetch', 'tail']

test('lets doors access the log only through the Broker', () => {
  const found: string[] = []
  const files = ['src/http', 'src/kafka'].flatMap((room) =>
    readdirSync(room, { recursive: true, encoding: 'utf8' }).map((file) => join(room, file)),
  )
  for (const file of files.filter((path) => path.endsWith('.ts'))) {
    const imports = readFileSync(file, 'utf8').matchAll(
      /^import (?!type)[^']*'[^']*broker\/([\w-]+)\.ts'/gm,
    )
    for (const [, module = ''] of imports) {
      if (!HELPERS.includes(module)) found.push(`${file} imports ${module}`)
    }
  }
  expect(found).toEqual([])
})

const bindings = { PARTITION: {}, COORDINATOR: {}, GROUP: {} } as unknown as EdgelogEnv
const get = (doors: readonly Door[], path: string, env: EdgelogEnv = bindings) =>
  createApp({ doors }).fetch(new Request(`http://localhost${path}`), env)

test('describes the routes of its doors, and serves no others', async () => {
  const pathsOf = async (doors: readonly Door[]) => {
    const description = await (await get(doors, '/v1/openapi.json')).json()
    return Object.keys((description as { paths: object }).paths)
  }
  expect(await pathsOf([httpDoor])).toContain('/v1/topics')
  expect(await pathsOf([httpDoor])).not.toContain('/kafka')
  expect(await pathsOf([kafkaDoor])).toContain('/kafka')
  expect(await pathsOf([kafkaDoor])).not.toContain('/v1/topics')
  expect((await get([kafkaDoor], '/v1/topics')).status).toBe(404)
})

test('names the door and the binding that the Worker lacks, on every request until the binding exists', async () => {
  const { GROUP: _, ...without } = bindings
  const app = createApp({ doors: [httpDoor, kafkaDoor] })
  const ask = (path: string, env: object) =>
    app.fetch(new Request(`http://localhost${path}`), env as EdgelogEnv)
  for (let time = 0; time < 2; time++) {
    const response = await ask('/v1/topics', without)
    expect(response.status).toBe(500)
    expect(await response.text()).toMatch(/door http: the Worker needs the bindings GROUP;/)
  }
  expect((await ask('/healthz', without)).status).toBe(200)
  expect((await ask('/v1/openapi.json', bindings)).status).toBe(200)
})

test.each([
  ['http://localhost/', 404],
  ['https://localhost:8787/', 404],
  ['http://127.0.0.1:8787', 404],
  ['http://127.1/', 404],
  ['http://[::1]:8787/', 404],
  ['http://log.localhost/', 404],
  ['http://localhost.evil.example/', 403],
  ['http://127.0.0.1.evil.example/', 403],
  ['http://evil.example/localhost/', 403],
  ['http://evil.example:8787/http://localhost/', 403],
])('without a token serves only this machine: %s', async (url, status) => {
  const app = createApp({ doors: [] })
  expect((await app.fetch(new Request(url), bindings)).status).toBe(status)
})

test('refuses callers without the token on all paths but those that a door opens', async () => {
  const door: Door = {
    name: 'knock',
    bindings: [],
    openPaths: ['/knock'],
    mount(app) {
      app.get('/knock', (c) => c.json({ knocked: true }))
      app.get('/knock/loudly', (c) => c.json({ knocked: true }))
    },
  }
  const env = { EDGELOG_TOKEN: 'secret' } as EdgelogEnv
  expect((await get([door], '/knock', env)).status).toBe(200)
  expect((await get([door], '/knock/loudly', env)).status).toBe(401)
  expect((await get([door], '/nowhere', env)).status).toBe(401)
})
