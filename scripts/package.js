// Makes the published package in dist/package: `npm publish dist/package`. It has no dependencies: everything is
// bundled except miniflare, which only the local server needs.
import { spawnSync } from 'node:child_process'
import { cp, mkdir, readFile, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { buildAll } from './bundles.js'

const FOLDER = 'dist/package'
const PUBLISHED = [
  ...['name', 'version', 'description', 'keywords', 'license', 'author', 'homepage'],
  ...['repository', 'bugs', 'type', 'sideEffects', 'bin', 'exports', 'peerDependencies'],
  'peerDependenciesMeta',
]
/** Minimum version of Node; miniflare and wrangler need a newer one, and declare it themselves. */
const ENGINES = { node: '>=20' }

function run(...command) {
  const { status } = spawnSync(command[0], command.slice(1), { stdio: 'inherit' })
  if (status !== 0) process.exit(status ?? 1)
}

/** Copies the types of a bundled package to ours, because our types refer to them. */
async function bundleTypesOf(name) {
  const types = join(FOLDER, 'dist/types')
  await cp(join('node_modules', name, 'build'), join(types, name), {
    recursive: true,
    filter: (path) => !path.includes('.') || path.endsWith('.d.ts'),
  })
  const file = join(types, 'client/browser/store/database.d.ts')
  const text = await readFile(file, 'utf8')
  await writeFile(file, text.replace(`from '${name}'`, `from '../../../${name}/index.js'`))
}

await rm(FOLDER, { recursive: true, force: true })
await mkdir(FOLDER, { recursive: true })
await buildAll(join(FOLDER, 'dist'), { sourcemap: false })
for (const project of ['tsconfig.build.json', 'tsconfig.browser.build.json']) {
  run('tsc', '-p', project, '--outDir', join(FOLDER, 'dist/types'))
}
await bundleTypesOf('idb')
for (const path of ['bin', 'examples', 'CHANGELOG.md', 'LICENSE', 'README.md']) {
  await cp(path, join(FOLDER, path), { recursive: true })
}
const source = JSON.parse(await readFile('package.json', 'utf8'))
const published = Object.fromEntries(PUBLISHED.map((field) => [field, source[field]]))
await writeFile(
  join(FOLDER, 'package.json'),
  `${JSON.stringify({ ...published, engines: ENGINES }, null, 2)}\n`,
)
