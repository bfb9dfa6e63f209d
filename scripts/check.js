// Checks format, lint, types, imports and the size of the page's client. Prints each violation.
import { spawnSync } from 'node:child_process'
import { glob, readFile } from 'node:fs/promises'
import { browserIsSmall } from './browser-bundle.js'
import { violations } from './import-rules.ts'

const run = (command, ...args) =>
  spawnSync(command, args, { stdio: 'inherit', shell: process.platform === 'win32' }).status === 0

async function importsFollowTheRules() {
  const paths = await Array.fromAsync(glob('{src,durable-objects,client}/**/*.ts'))
  const files = await Promise.all(
    paths.sort().map(async (path) => ({ path, text: await readFile(path, 'utf8') })),
  )
  const found = violations(files)
  for (const violation of found) console.error(violation)
  return found.length === 0
}

const isRight = [
  run('biome', 'ci', '--error-on-warnings', '.'),
  await importsFollowTheRules(),
  await browserIsSmall(),
  run('npm', 'run', '-s', 'types') &&
    run('tsc', '--noEmit') &&
    run('tsc', '-p', 'tsconfig.browser.json'),
].every(Boolean)
process.exitCode = isRight ? 0 : 1
