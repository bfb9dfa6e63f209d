/**
 * Finds kcat, or installs it if that is possible. Its tests fail without it, so they are never skipped.
 */
import { spawnSync } from 'node:child_process'
import { statSync } from 'node:fs'
import { delimiter, join } from 'node:path'
import { aptInstall } from '../../support/apt-install.ts'

/** Names of the program; it was called kafkacat before 2021. */
const NAMES = ['kcat', 'kafkacat']
const FOLDERS = ['/usr/bin', '/usr/local/bin', '/opt/homebrew/bin']
const VERSION_MS_MAX = 60_000

const HOW_TO = `The tests of Kafka clients need kcat. Install it with one of these commands:
  apt-get update && apt-get install -y --no-install-recommends kcat
  brew install kcat
If it is in another folder, set EDGELOG_KCAT=/path/to/kcat.`

let found: string | undefined

/** Returns the path of a working kcat. @throws {Error} with instructions to install it. */
export function findKcat(): string {
  found ??= candidates().find(runs)
  if (found === undefined) throw new Error(HOW_TO)
  return found
}

function candidates(): string[] {
  const given = process.env.EDGELOG_KCAT
  if (given !== undefined && given !== '') return [given]
  const folders = [...(process.env.PATH ?? '').split(delimiter), ...FOLDERS]
  return folders.flatMap((folder) => NAMES.map((name) => join(folder, name)))
}

function runs(path: string): boolean {
  if (statSync(path, { throwIfNoEntry: false })?.isFile() !== true) return false
  const { status, stdout } = spawnSync(path, ['-V'], { encoding: 'utf8', timeout: VERSION_MS_MAX })
  return status === 0 && /librdkafka/.test(stdout)
}

/** Finds kcat, or installs it as root with apt-get. @throws {Error} with instructions to install it. */
export async function provideKcat(): Promise<string> {
  try {
    return findKcat()
  } catch (error) {
    if (process.getuid?.() !== 0 || process.env.EDGELOG_KCAT !== undefined) throw error
  }
  console.log('kcat is missing; installing it once with apt-get')
  const output = await aptInstall('kcat')
  try {
    return findKcat()
  } catch (error) {
    console.error(output)
    throw error
  }
}
