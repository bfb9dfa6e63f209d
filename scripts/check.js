// Checks format, lint, types, imports, comments and the size of the page's client. Prints each violation.
import { spawnSync } from 'node:child_process'
import { glob, readFile } from 'node:fs/promises'
import { browserIsSmall } from './browser-bundle.js'
import { commentFaults } from './comment-rules.ts'
import { violations } from './import-rules.ts'

const PRODUCT = '{src,durable-objects,client}/**/*.ts'
const REST = '{test,scripts,examples}/**/*.{ts,js}'

const run = (command, ...args) =>
  spawnSync(command, args, { stdio: 'inherit', shell: process.platform === 'win32' }).status === 0

async function read(pattern) {
  const paths = await Array.fromAsync(glob(pattern))
  return await Promise.all(
    paths.sort().map(async (path) => ({ path, text: await readFile(path, 'utf8') })),
  )
}

/** Prints what is wrong; true if that is nothing. */
function isNone(faults) {
  for (const fault of faults) console.error(fault)
  return faults.length === 0
}

const isRight = [
  run('biome', 'ci', '--error-on-warnings', '.'),
  isNone(violations(await read(PRODUCT))),
  isNone(commentFaults([...(await read(PRODUCT)), ...(await read(REST))])),
  await browserIsSmall(),
  run('tsc', '--noEmit'),
  run('tsc', '-p', 'tsconfig.browser.json'),
].every(Boolean)
process.exitCode = isRight ? 0 : 1
