/**
 * Installs clients of ksqlDB, exact versions, once into a folder of the machine: one of them needs 250 MB, which is too
 * much for a development dependency. Their tests fail without them, so they are never skipped.
 */
import { spawn } from 'node:child_process'
import { access } from 'node:fs/promises'
import { createRequire } from 'node:module'
import { join } from 'node:path'

const NPM = ['ksqldb-client@1.0.5', '@cubejs-backend/ksql-driver@1.7.43']
// ksql-python-ng passes an argument that later versions of httpx do not have.
const PYPI = [
  'ksql-python-ng==0.29.0.1',
  'ksqldb==1.0.1',
  'httpx[http2]==0.27.2',
  'requests==2.34.2',
]

// Not in the folder for temporary files: that of a run ends with it.
const FOLDER = '/tmp/edgelog-ksql-clients-2'
const NPM_FOLDER = join(FOLDER, 'npm')
const VENV = join(FOLDER, 'python')

/** Returns the function that loads an installed package of npm. */
export async function provideNpmClients(): Promise<NodeJS.Require> {
  await provide(NPM_FOLDER, [
    `npm install --no-save --no-audit --no-fund --ignore-scripts --prefix '${NPM_FOLDER}' ${NPM.join(' ')}`,
  ])
  return createRequire(join(NPM_FOLDER, 'index.js'))
}

/** Returns the path of a Python that has the packages. */
export async function providePython(): Promise<string> {
  const packages = PYPI.map((name) => `'${name}'`).join(' ')
  await provide(VENV, [
    `python3 -m venv '${VENV}'`,
    `'${VENV}/bin/pip' install --quiet --disable-pip-version-check ${packages}`,
  ])
  return join(VENV, 'bin', 'python')
}

/** Runs commands once; concurrent callers wait for one installation. */
async function provide(folder: string, commands: readonly string[]): Promise<void> {
  const mark = join(folder, 'installed')
  const isThere = await access(mark).then(
    () => true,
    () => false,
  )
  if (isThere) return
  const install = [`mkdir -p '${folder}'`, ...commands, `touch '${mark}'`].join(' && ')
  const { code, output } = await run('flock', [
    `${FOLDER}.lock`,
    'sh',
    '-c',
    `test -e '${mark}' || { ${install}; }`,
  ])
  if (code === 0) return
  throw new Error(
    `The tests of ksqlDB's clients need packages that could not be installed:\n  ${commands.join('\n  ')}\n${output}`,
  )
}

export interface Ended {
  readonly code: number | null
  readonly output: string
}

/** Runs a program to its end, and returns all that it printed. */
export function run(
  program: string,
  args: readonly string[],
  env: NodeJS.ProcessEnv = {},
): Promise<Ended> {
  const child = spawn(program, args, {
    env: { ...process.env, ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  const output: string[] = []
  for (const stream of [child.stdout, child.stderr]) {
    stream.on('data', (bytes: Buffer) => output.push(bytes.toString()))
  }
  return new Promise((resolve, reject) => {
    child.once('error', reject)
    child.once('close', (code) => resolve({ code, output: output.join('') }))
  })
}
