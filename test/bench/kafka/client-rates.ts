/** Measures records per second that Kafka's clients and edgelog's own client produce and consume. */
import { execFile, spawn } from 'node:child_process'
import { createWriteStream } from 'node:fs'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { finished } from 'node:stream/promises'
import { promisify } from 'node:util'
import { connect } from '../../../client/index.ts'

export interface RecordLoad {
  readonly recordBytes: number
  readonly count: number
}

/** Records per second. */
export interface ClientRates {
  readonly produce: number
  readonly consume: number
}

interface Endpoints {
  readonly url: string
  readonly bootstrap: string
}

export type ClientName = 'native' | 'kcat' | 'kafkajs'
export const CLIENTS: readonly ClientName[] = ['native', 'kcat', 'kafkajs']

export async function measureClient(
  name: ClientName,
  endpoints: Endpoints,
  topic: string,
  load: RecordLoad,
): Promise<ClientRates> {
  const client = connect({ url: endpoints.url })
  await client.admin.createTopic(topic)
  await client.close()
  if (name === 'kcat') return await measureKcat(endpoints, topic, load)
  // A separate process, so its cost does not slow down the others.
  const script = new URL('./client-run.ts', import.meta.url).pathname
  const args = [
    '--disable-warning=ExperimentalWarning',
    script,
    name,
    JSON.stringify(endpoints),
    topic,
  ]
  const { stdout } = await promisify(execFile)(process.execPath, [...args, JSON.stringify(load)], {
    env: { ...process.env, KAFKAJS_NO_PARTITIONER_WARNING: '1' },
  })
  return JSON.parse(stdout)
}

async function measureKcat(
  { bootstrap }: Endpoints,
  topic: string,
  { recordBytes, count }: RecordLoad,
): Promise<ClientRates> {
  const dir = await mkdtemp(join(tmpdir(), 'edgelog-kcat-'))
  try {
    const path = join(dir, 'lines')
    const file = createWriteStream(path)
    const lines = `${'x'.repeat(recordBytes)}\n`.repeat(1_000)
    for (let written = 0; written < count; written += 1_000) file.write(lines)
    file.end()
    await finished(file)
    const options = ['-b', bootstrap, '-t', topic, '-p', '0']
    return {
      produce: count / (await secondsOf([...options, '-P', '-l', path])),
      consume: count / (await secondsOf([...options, '-C', '-e', '-q', '-o', 'beginning'])),
    }
  } finally {
    await rm(dir, { recursive: true, force: true })
  }
}

async function secondsOf(args: readonly string[]): Promise<number> {
  const startedAtMs = performance.now()
  const child = spawn('kcat', args, { stdio: 'ignore' })
  const code = await new Promise((resolve, reject) => {
    child.on('error', reject)
    child.on('exit', resolve)
  })
  if (code !== 0) throw new Error(`kcat ${args.join(' ')} ended with ${code}`)
  return (performance.now() - startedAtMs) / 1_000
}
