/** The programs of the README and of the guides, run as they stand there. */
import { execFile, spawn } from 'node:child_process'
import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { sharedServerUrl, uniqueName } from '../server/shared-server.ts'

const execute = promisify(execFile)
/** Returns the program below a heading of a document. */
async function programOf(document: string, heading: string, index = 0): Promise<string> {
  const text = await readFile(document, 'utf8')
  const section = text.split(/^## /m).find((part) => part.startsWith(`${heading}\n`)) ?? ''
  const [, program] = [...section.matchAll(/```(?:ts|js)\n(.*?)```/gs)][index] ?? []
  if (program === undefined) throw new Error(`${document} has no program below "${heading}"`)
  return program
}

/** Runs a program without an end until it prints `expected`. */
async function runUntil(program: string, expected: string): Promise<void> {
  const path = join(folder, `program-${crypto.randomUUID()}.mts`)
  await writeFile(path, program.replaceAll('http://localhost:8787', sharedServerUrl()))
  const child = spawn(process.execPath, [path], { stdio: ['ignore', 'pipe', 'pipe'] })
  let printed = ''
  try {
    await new Promise<void>((resolve, reject) => {
      for (const stream of [child.stdout, child.stderr]) {
        stream.on('data', (bytes) => {
          printed += bytes
          if (printed.includes(expected)) resolve()
        })
      }
      child.once('close', (code) => reject(new Error(`ended with ${code}: ${printed}`)))
    })
  } finally {
    child.kill('SIGKILL')
  }
}

let folder = ''
beforeAll(async () => {
  await mkdir('dist', { recursive: true })
  // Within the checkout, where `edgelog` is the name of the package itself.
  folder = await mkdtemp(join('dist', 'documented-'))
})
afterAll(() => rm(folder, { recursive: true, force: true }))

test('runs the suite for vitest', async () => {
  await writeFile(join(folder, 'orders.test.ts'), await programOf('docs/TESTING.md', 'vitest'))
  await writeFile(join(folder, 'vitest.config.ts'), 'export default {}')
  const { stdout } = await execute('vitest', ['run', '--root', folder, '--no-color'])
  expect(stdout).toMatch(/Tests +1 passed/)
})

test('runs the suite for node:test', async () => {
  const path = join(folder, 'orders.mts')
  await writeFile(path, await programOf('docs/TESTING.md', 'node:test'))
  const { stdout } = await execute(process.execPath, ['--test', '--test-reporter=tap', path])
  expect(stdout).toContain('# pass 1\n# fail 0')
})

test('runs the program with kafkajs', async () => {
  const path = join(folder, 'kafkajs.mts')
  await writeFile(path, await programOf('docs/TESTING.md', 'An existing suite with kafkajs'))
  const env = { ...process.env, KAFKAJS_NO_PARTITIONER_WARNING: '1' }
  await execute(process.execPath, [path], { env })
})

test('runs the program of the README', async () => {
  await runUntil(await programOf('README.md', 'The client'), "alice { page: '/' }")
})

test('runs the programs of the client guide', async () => {
  const guide = (heading: string, index?: number) => programOf('docs/CLIENT.md', heading, index)
  const connecting = (await guide('Connecting')).replace(/\/\/ \.\.\.\n.*/s, '')
  const create = "await log.admin.createTopic('clicks', { ifNotExists: true })\n"
  const sending = connecting + create + (await guide('Sending'))
  await runUntil(sending + (await guide('Reading')), "alice { page: '/' }")
  await runUntil(sending + (await guide('Consumer groups')), "0 { page: '/' }")
  const grouped = (await guide('Consumer groups', 1)).replace("'counters'", "'loop'")
  await runUntil(sending + grouped, "{ page: '/' }")
  const mails = "await log.admin.createTopic('mails', { ifNotExists: true })\n"
  await runUntil(`${sending}${mails}${await guide('Transactions')}`, "topic: 'mails'")
  const transformed = (await guide('Transactions', 1)).replace('record.json()', 'shown(record)')
  const show = 'const shown = (record) => console.log(record.json()) ?? record.json()\n'
  await runUntil(`${sending}${mails}${show}${transformed}`, "{ page: '/' }")
  // Other tests have a topic with this name, and other partitions.
  const sql = (await guide('SQL')).replaceAll('clicks', uniqueName('clicks').replaceAll('-', '_'))
  await runUntil(connecting + sql, "{ PAGE: '/' }")
  const orders = "await log.admin.createTopic('orders', { ifNotExists: true })\n"
  await runUntil(connecting + orders + (await guide('Typed topics')), 'tea')
  await runUntil(`${connecting}${await guide('Topics')}console.log('done')`, 'done')
})
