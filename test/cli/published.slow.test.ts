/**
 * The package as it is published, installed into an empty project without a network: what it brings, and each of its
 * entries from Node, from TypeScript, and in a Worker.
 */
import { execFile } from 'node:child_process'
import { mkdtemp, readdir, rm, stat, symlink, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { build } from 'esbuild'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { ServerProcess } from '../server/server-process.ts'

const TARBALL_BYTES_MAX = 2_500_000
const INSTALLED_BYTES_MAX = 15_000_000

const execute = promisify(execFile)
const root = process.cwd()
let project = ''

async function run(file: string, ...args: string[]) {
  return await execute(file, args, { cwd: project })
}

async function runCode(code: string): Promise<string> {
  const { stdout } = await run(process.execPath, '--input-type=module', '--eval', code)
  return stdout.trim()
}

async function sizeOf(folder: string): Promise<number> {
  const entries = await readdir(folder, { recursive: true, withFileTypes: true })
  const files = entries.filter((entry) => entry.isFile())
  const sizes = await Promise.all(
    files.map(async ({ parentPath, name }) => (await stat(join(parentPath, name))).size),
  )
  return sizes.reduce((sum, size) => sum + size, 0)
}

beforeAll(async () => {
  await execute('npm', ['run', '-s', 'package'])
  project = await mkdtemp(join(tmpdir(), 'edgelog-project-'))
  await writeFile(join(project, 'package.json'), '{ "type": "module" }')
  await run('npm', 'pack', '--silent', join(root, 'dist/package'))
  const flags = ['--offline', '--no-audit', '--no-fund', '--omit=peer']
  await run('npm', 'install', ...flags, './edgelog-0.1.0.tgz')
})
afterAll(() => rm(project, { recursive: true, force: true }))

describe('the installed package', () => {
  test('is small, and brings no other package', async () => {
    const tarball = await stat(join(project, 'edgelog-0.1.0.tgz'))
    expect(tarball.size).toBeLessThan(TARBALL_BYTES_MAX)
    expect(await sizeOf(join(project, 'node_modules'))).toBeLessThan(INSTALLED_BYTES_MAX)
    const installed = await readdir(join(project, 'node_modules'))
    expect(installed.filter((name) => !name.startsWith('.'))).toEqual(['edgelog'])
    expect(await readdir(join(project, 'node_modules/.bin'))).toEqual(['edgelog'])
  })

  test('has the example pages and the client that they load', async () => {
    const folder = join(project, 'node_modules/edgelog')
    for (const path of ['examples/todo/todo.js', 'examples/sw.js', 'dist/browser/browser.js']) {
      expect((await stat(join(folder, path))).isFile()).toBe(true)
    }
  })

  test('exports its functions to Node', async () => {
    const code = `
      import { connect } from 'edgelog'
      import { connect as connectPage } from 'edgelog/browser'
      import { startEdgelog } from 'edgelog/testing'
      console.log([connect, connectPage, startEdgelog].map((one) => typeof one).join())`
    expect(await runCode(code)).toBe('function,function,function')
  })

  test('has a command that names the package that a local server needs', async () => {
    const command = join(project, 'node_modules/.bin/edgelog')
    expect((await run(command, '--help')).stdout).toContain('Usage: edgelog')
    const failure = await run(command, 'dev', '--port', '39871').catch((error) => error)
    expect(failure).toMatchObject({ code: 1 })
    expect(failure.stderr.trim().split('\n')).toHaveLength(1)
    expect(failure.stderr).toContain('npm install miniflare')
  })

  test.each([
    ['NodeNext', 'NodeNext'],
    ['ESNext', 'Bundler'],
  ])('has types for module %s and moduleResolution %s', async (module, moduleResolution) => {
    const code = `
      import { type Client, connect } from 'edgelog'
      import { type BrowserClient, connect as connectPage } from 'edgelog/browser'
      import { type EdgelogServer, startEdgelog } from 'edgelog/testing'
      export const log: Client = connect({ url: 'http://localhost' })
      export const page: BrowserClient = connectPage({ url: 'http://localhost' })
      export const server: Promise<EdgelogServer> = startEdgelog({ kafka: true })
      // @ts-expect-error There is no such option.
      connect({ url: 'http://localhost', tokne: 'x' })`
    await writeFile(join(project, 'typed.ts'), code)
    const types = ['--typeRoots', join(root, 'node_modules/@types'), '--types', 'node']
    const target = ['--noEmit', '--strict', '--target', 'es2024', '--lib', 'ES2024,DOM']
    const modules = ['--module', module, '--moduleResolution', moduleResolution]
    const tsc = join(root, 'node_modules/.bin/tsc')
    await run(tsc, ...target, ...modules, ...types, 'typed.ts').catch(({ stdout }) => {
      throw new Error(stdout)
    })
  })

  test('serves from a Worker that mounts one door, and carries no other', async () => {
    const contents = `
      import { createApp } from 'edgelog/worker/app'
      import { httpDoor } from 'edgelog/worker/http'
      export { Application, Coordinator, Group, Partition, Task, Transaction } from 'edgelog/worker/objects'
      export default createApp({ doors: [httpDoor] })`
    const workerPath = join(project, 'worker.js')
    await build({
      stdin: { contents, resolveDir: project },
      outfile: workerPath,
      bundle: true,
      format: 'esm',
      external: ['cloudflare:*', 'node:*'],
      logLevel: 'warning',
    })
    const server = await ServerProcess.start({ workerPath })
    try {
      expect((await fetch(`${server.url}/v1/topics`)).status).toBe(200)
      expect((await fetch(`${server.url}/kafka`, { method: 'POST' })).status).toBe(404)
    } finally {
      await server.stop()
    }
    const whole = await stat(join(project, 'node_modules/edgelog/dist/worker.js'))
    expect((await stat(workerPath)).size).toBeLessThan(0.9 * whole.size)
  })

  test('starts a broker for tests beside miniflare', async () => {
    await symlink(join(root, 'node_modules/miniflare'), join(project, 'node_modules/miniflare'))
    const code = `
      import { startEdgelog } from 'edgelog/testing'
      const server = await startEdgelog({ kafka: true })
      const { status } = await fetch(server.url + '/healthz')
      await server.close()
      console.log(status, server.bootstrapServers.startsWith('localhost:'))`
    expect(await runCode(code)).toBe('200 true')
  })
})
