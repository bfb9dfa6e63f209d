/**
 * Where kcat is, and how to get it. On a machine that has only Node and npm it is installed when that
 * is possible: a test of it never passes by being left out.
 */
import { spawnSync } from 'node:child_process'
import { statSync } from 'node:fs'
import { delimiter, join } from 'node:path'
import { aptInstall } from '../../support/apt-install.ts'

/** Its name was the other one before 2021. */
const NAMES = ['kcat', 'kafkacat']
const PLACES = ['/usr/bin', '/usr/local/bin', '/opt/homebrew/bin']
const VERSION_MS_MAX = 60_000

const HOW_TO = `kcat is needed for the tests of Kafka clients. One of these gets it:
  apt-get update && apt-get install -y --no-install-recommends kcat
  brew install kcat
EDGELOG_KCAT=/path/to/kcat names one that lies elsewhere.`

let found: string | undefined

/** The path of a kcat that runs. @throws {Error} that says how to get one. */
export function findKcat(): string {
  found ??= candidates().find(runs)
  if (found === undefined) throw new Error(HOW_TO)
  return found
}

function candidates(): string[] {
  const given = process.env.EDGELOG_KCAT
  if (given !== undefined && given !== '') return [given]
  const folders = [...(process.env.PATH ?? '').split(delimiter), ...PLACES]
  return folders.flatMap((folder) => NAMES.map((name) => join(folder, name)))
}

function runs(path: string): boolean {
  if (statSync(path, { throwIfNoEntry: false })?.isFile() !== true) return false
  const { status, stdout } = spawnSync(path, ['-V'], { encoding: 'utf8', timeout: VERSION_MS_MAX })
  return status === 0 && /librdkafka/.test(stdout)
}

/** Installs kcat where it is missing and can be. @throws {Error} that says how to get one. */
export async function provideKcat(): Promise<string> {
  try {
    return findKcat()
  } catch (error) {
    if (process.getuid?.() !== 0 || process.env.EDGELOG_KCAT !== undefined) throw error
  }
  console.log('kcat is not there: installing it with apt-get, once')
  const output = await aptInstall('kcat')
  try {
    return findKcat()
  } catch (error) {
    console.error(output)
    throw error
  }
}
