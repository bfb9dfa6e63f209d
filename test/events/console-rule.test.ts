/** The lint rule in biome.json, which `npm run check` runs, on files that break it. */
import { spawnSync } from 'node:child_process'
import { copyFile, mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { dirname, join, resolve } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'

let dir = ''
beforeAll(async () => {
  dir = await mkdtemp(join(tmpdir(), 'edgelog-lint-'))
  await copyFile('biome.json', join(dir, 'biome.json'))
})
afterAll(() => rm(dir, { recursive: true, force: true }))

async function lint(path: string, source: string): Promise<{ code: number | null; text: string }> {
  await mkdir(dirname(join(dir, path)), { recursive: true })
  await writeFile(join(dir, path), source)
  const biome = resolve('node_modules/.bin/biome')
  const { status, stdout, stderr } = spawnSync(biome, ['lint', '--vcs-enabled=false', path], {
    cwd: dir,
    encoding: 'utf8',
  })
  return { code: status, text: stdout + stderr }
}

test.each([
  ['src/http/call.ts', "console.error('down')\n"],
  ['src/index.ts', "console.log('up')\n"],
  ['src/broker/alias.ts', 'export const { warn } = console\n'],
  ['durable-objects/group/call.ts', "console.info('up')\n"],
])('refuses the console in %s', async (path, source) => {
  const { code, text } = await lint(path, source)
  expect(code).toBe(1)
  expect(text).toContain('Report an event: src/events/report.ts')
})

test.each([
  ['src/events/report.ts', "console.error('down')\n"],
  ['client/cli/call.ts', "console.error('down')\n"],
  ['src/http/comment.ts', "/** @example console.log('x') */\nexport const x = 1\n"],
])('allows what %s does', async (path, source) => {
  expect(await lint(path, source)).toMatchObject({ code: 0 })
})
