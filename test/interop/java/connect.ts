/**
 * Kafka Connect in distributed mode, which keeps its configs, offsets and status in compacted topics: it is killed and
 * started again after they were compacted.
 */
import { appendFile, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { runJava } from '../../java/java-process.ts'
import { freePort } from '../../server/free-port.ts'
import { until } from '../../support/until.ts'
import type { Stage } from '../support/stage.ts'
import type { Scenario } from './scenarios.ts'

const LINES = 300
const CONFIG_CHANGES = 10
/** Compacted as soon as the server can. */
const HASTY = { 'cleanup.policy': 'compact', 'segment.ms': 100, 'min.cleanable.dirty.ratio': 0 }

export function connectScenarios(classPath: string, stage: Stage): Scenario[] {
  return [
    {
      title: 'Kafka Connect in distributed mode is killed, and continues from its compacted topics',
      play: () => connectDistributed(classPath, stage),
    },
  ]
}

interface Worker {
  readonly url: string
  /** Kills it with SIGKILL. */
  kill(): Promise<void>
}

async function connectDistributed(classPath: string, stage: Stage): Promise<void> {
  const { native } = stage
  const folder = await mkdtemp(join(tmpdir(), 'edgelog-connect-'))
  const prefix = stage.name()
  const [configs, offsets, status] = ['configs', 'offsets', 'status'].map(
    (one) => `${prefix}-${one}`,
  )
  const lines = `${prefix}-lines`
  for (const topic of [configs, offsets, status]) {
    await native.admin.createTopic(topic as string, { config: HASTY })
  }
  await native.admin.createTopic(lines)
  const file = join(folder, 'lines.txt')
  await writeFile(file, '')
  const properties = join(folder, 'connect.properties')
  const start = () =>
    startWorker(classPath, properties, {
      'bootstrap.servers': stage.bootstrap,
      'group.id': prefix,
      'key.converter': 'org.apache.kafka.connect.storage.StringConverter',
      'value.converter': 'org.apache.kafka.connect.storage.StringConverter',
      'config.storage.topic': configs as string,
      'config.storage.replication.factor': '1',
      'offset.storage.topic': offsets as string,
      'offset.storage.replication.factor': '1',
      'status.storage.topic': status as string,
      'status.storage.replication.factor': '1',
      'offset.flush.interval.ms': '200',
    })
  const config = { 'connector.class': 'FileStreamSource', topic: lines, file, 'tasks.max': '1' }
  let worker = await start()
  try {
    for (let change = 0; change < CONFIG_CHANGES; change++) {
      await put(worker, '/connectors/lines/config', {
        ...config,
        'batch.size': `${1_000 + change}`,
      })
    }
    await writeLines(file, 0, 1)
    await until('the connector runs', async () => (await endOf(stage, lines)) > 0)
    await writeLines(file, 1, LINES)
    await until('all lines are sent', async () => (await endOf(stage, lines)) >= LINES)
    await until('the offset is stored', async () => (await positionOf(worker)) > 0)
    for (const topic of [configs, offsets] as string[]) {
      await until(`${topic} is compacted`, async () => {
        const { length } = await offsetsOf(stage, topic)
        return length < (await endOf(stage, topic)) && length <= 6
      })
    }
    await worker.kill()
    await writeLines(file, LINES, 2 * LINES)
    worker = await start()
    await until('the rest is sent', async () => (await endOf(stage, lines)) >= 2 * LINES)
    const found = await get<{ config: Record<string, string> }>(worker, '/connectors/lines')
    const size = found.config['batch.size']
    if (size !== `${1_000 + CONFIG_CHANGES - 1}`) throw new Error(`batch.size is ${size}`)
    await checkLines(stage, lines)
  } finally {
    await worker.kill()
    await rm(folder, { recursive: true, force: true })
  }
}

async function startWorker(
  classPath: string,
  path: string,
  properties: Record<string, string>,
): Promise<Worker> {
  const url = `http://127.0.0.1:${await freePort()}`
  const all = Object.entries({ ...properties, listeners: url })
  await writeFile(path, all.map(([key, value]) => `${key}=${value}\n`).join(''))
  const killer = new AbortController()
  let failure: unknown
  const run = runJava({
    classPath,
    mainClass: 'org.apache.kafka.connect.cli.ConnectDistributed',
    args: [path],
    signal: killer.signal,
  }).catch((error: unknown) => {
    failure = error
  })
  const worker: Worker = {
    url,
    kill: async () => {
      killer.abort()
      await run
    },
  }
  await until(
    () => `Connect serves its API; ${failure}`,
    async () => {
      if (failure !== undefined) throw failure
      const plugins = await get<unknown[]>(worker, '/connector-plugins').catch(() => [])
      return plugins.length > 0
    },
  )
  return worker
}

async function get<Body>({ url }: Worker, path: string): Promise<Body> {
  const response = await fetch(url + path)
  if (!response.ok) throw new Error(`${path}: ${response.status} ${await response.text()}`)
  return (await response.json()) as Body
}

/** Repeats the call while the worker joins its group. */
async function put({ url }: Worker, path: string, body: object): Promise<void> {
  let answer = ''
  await until(
    () => `PUT ${path} succeeds; ${answer}`,
    async () => {
      const response = await fetch(url + path, {
        method: 'PUT',
        headers: { 'content-type': 'application/json' },
        body: JSON.stringify(body),
      })
      answer = `${response.status} ${await response.text()}`
      return response.ok
    },
  )
}

async function positionOf(worker: Worker): Promise<number> {
  const path = '/connectors/lines/offsets'
  const { offsets } = await get<{ offsets: Array<{ offset: { position: number } }> }>(worker, path)
  return offsets[0]?.offset.position ?? 0
}

async function writeLines(file: string, from: number, to: number): Promise<void> {
  for (let line = from; line < to; line++) {
    await appendFile(file, `line ${line}\n`)
    // Many polls, so that many offsets are stored.
    if (line % 5 === 0) await sleep(50)
  }
}

async function endOf({ native }: Stage, topic: string): Promise<number> {
  const { partitionDetails = [] } = await native.admin.describeTopic(topic)
  return partitionDetails[0]?.highWatermark ?? 0
}

interface Page {
  readonly records: Array<{ offset: number; value: string }>
  readonly nextOffset: number
  readonly highWatermark: number
}

async function recordsOf({ server }: Stage, topic: string): Promise<Page['records']> {
  const records: Page['records'] = []
  for (let offset = 0; ; ) {
    const path = `/v1/topics/${topic}/partitions/0/records?offset=${offset}`
    const page = (await (await fetch(server.url + path)).json()) as Page
    records.push(...page.records)
    offset = page.nextOffset
    if (offset >= page.highWatermark) return records
  }
}

async function offsetsOf(stage: Stage, topic: string): Promise<number[]> {
  return (await recordsOf(stage, topic)).map(({ offset }) => offset)
}

/** Connect sends again what it had not stored an offset for, but begins at the stored one. */
async function checkLines(stage: Stage, topic: string): Promise<void> {
  const values = (await recordsOf(stage, topic)).map(({ value }) => value)
  const seen = new Set(values)
  for (let line = 0; line < 2 * LINES; line++) {
    if (!seen.has(`line ${line}`)) throw new Error(`line ${line} is missing`)
  }
  const firsts = values.filter((value) => value === 'line 0').length
  if (firsts !== 1) throw new Error(`the first line was sent ${firsts} times`)
}
