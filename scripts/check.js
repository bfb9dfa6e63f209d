// Format, lint, types and the direction of imports. Prints what is wrong; silent halves are right.
import { spawnSync } from 'node:child_process'
import { glob, readFile } from 'node:fs/promises'
import { dirname, join, normalize } from 'node:path'
import { browserIsSmall } from './browser-bundle.js'

const run = (command, ...args) =>
  spawnSync(command, args, { stdio: 'inherit', shell: process.platform === 'win32' }).status === 0

/** Which rooms each room may import from, besides itself: docs/ARCHITECTURE.md. */
const MAY_IMPORT = {
  'src/core': [],
  'src/events': ['src/core'],
  'durable-objects/migrate.ts': ['src/core'],
  'durable-objects/stop-object.ts': ['src/events'],
  'durable-objects/partition': [
    'durable-objects/migrate.ts',
    'durable-objects/stop-object.ts',
    'src/events',
    'src/core',
  ],
  'durable-objects/coordinator': ['durable-objects/migrate.ts', 'src/events', 'src/core'],
  'durable-objects/group': [
    'durable-objects/migrate.ts',
    'durable-objects/stop-object.ts',
    'src/events',
    'src/core',
  ],
  'src/broker': ['src/events', 'src/core'],
  'src/app': ['src/broker', 'src/events', 'src/core'],
  'src/kafka': ['src/app', 'src/broker', 'src/events', 'src/core'],
  'src/http': ['src/app', 'src/broker', 'src/events', 'src/core'],
  'src/index.ts': [
    'src/app',
    'src/http',
    'src/kafka',
    'src/core',
    'src/events',
    'durable-objects/partition',
    'durable-objects/coordinator',
    'durable-objects/group',
  ],
  client: ['src/core'],
  'client/browser': ['client', 'src/core'],
  'client/cli': ['client', 'src/core'],
}
/** Packages a room may use; node: modules are for the command line alone. */
const MAY_USE = {
  'src/core': [],
  'src/events': [],
  client: [],
  'client/browser': ['idb'],
  'client/cli': ['node:', 'commander', 'cli-progress', 'miniflare'],
}

/** In code, not in the examples of comments: those begin with a star. */
const IMPORTED = /^(?![ ]*\*)[^'\n]*(?:\bfrom|\bimport\()[ ]*'([^']+)'/gm

const roomOf = (path) =>
  Object.keys(MAY_IMPORT)
    .filter((room) => path === room || path.startsWith(`${room}/`))
    .sort((a, b) => b.length - a.length)[0]

function violation(file, imported) {
  const room = roomOf(file)
  if (!imported.startsWith('.')) {
    const allowed = MAY_USE[room]
    return allowed !== undefined && !allowed.some((name) => imported.startsWith(name))
  }
  const target = roomOf(normalize(join(dirname(file), imported)))
  return target !== room && !MAY_IMPORT[room].includes(target)
}

async function importsRunOneWay() {
  let isRight = true
  for await (const file of glob('{src,durable-objects,client}/**/*.ts')) {
    const source = await readFile(file, 'utf8')
    for (const [, imported] of source.matchAll(IMPORTED)) {
      if (!violation(file, imported)) continue
      console.error(`${file} must not import ${imported} (scripts/check.js, MAY_IMPORT)`)
      isRight = false
    }
  }
  return isRight
}

const isRight = [
  run('biome', 'ci', '--error-on-warnings', '.'),
  await importsRunOneWay(),
  await browserIsSmall(),
  run('npm', 'run', '-s', 'types') &&
    run('tsc', '--noEmit') &&
    run('tsc', '-p', 'tsconfig.browser.json'),
].every(Boolean)
process.exitCode = isRight ? 0 : 1
