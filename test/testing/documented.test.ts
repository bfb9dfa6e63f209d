/** The programs of docs/TESTING.md, run as they stand there. */
import { execFile } from 'node:child_process'
import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { afterAll, beforeAll, expect, test } from 'vitest'

const execute = promisify(execFile)
const text = await readFile('docs/TESTING.md', 'utf8')

/** The program below a heading. */
function programOf(heading: string): string {
  const section = text.split(/^## /m).find((part) => part.startsWith(`${heading}\n`))
  const program = /```ts\n(.*?)```/s.exec(section ?? '')?.[1]
  if (program === undefined) throw new Error(`docs/TESTING.md has no program below "${heading}"`)
  return program
}

let folder = ''
beforeAll(async () => {
  await mkdir('dist', { recursive: true })
  // Within the checkout, where `edgelog` is the name of the package itself.
  folder = await mkdtemp(join('dist', 'documented-'))
})
afterAll(() => rm(folder, { recursive: true, force: true }))

test('runs the suite for vitest', async () => {
  await writeFile(join(folder, 'orders.test.ts'), programOf('vitest'))
  await writeFile(join(folder, 'vitest.config.ts'), 'export default {}')
  const { stdout } = await execute('vitest', ['run', '--root', folder, '--no-color'])
  expect(stdout).toMatch(/Tests +1 passed/)
})

test('runs the suite for node:test', async () => {
  const path = join(folder, 'orders.mts')
  await writeFile(path, programOf('node:test'))
  const { stdout } = await execute(process.execPath, ['--test', '--test-reporter=tap', path])
  expect(stdout).toContain('# pass 1\n# fail 0')
})

test('runs the program with kafkajs', async () => {
  const path = join(folder, 'kafkajs.mts')
  await writeFile(path, programOf('An existing suite with kafkajs'))
  const env = { ...process.env, KAFKAJS_NO_PARTITIONER_WARNING: '1' }
  await execute(process.execPath, [path], { env })
})
