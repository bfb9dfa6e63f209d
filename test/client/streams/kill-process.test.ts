/** Kills a process that runs a topology: what it wrote before is complete, in order, and not doubled. */
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { expect, test } from 'vitest'
import { type Client, connect } from '../../../client/index.ts'
import { runTopology } from '../../../client/streams/node/index.ts'
import { sharedServerUrl, uniqueName } from '../../server/shared-server.ts'
import { Random } from '../../support/random.ts'
import { TEST_SEED } from '../../support/seed.ts'
import { readTopic } from '../read-topic.ts'
import { copiesAndCounts } from './copies-and-counts.ts'

const KILLS = 6
const RECORDS = 6_000

function start(...args: readonly string[]): ChildProcess {
  const script = join(import.meta.dirname, 'killed-process.ts')
  const flag = '--disable-warning=ExperimentalWarning'
  return spawn(process.execPath, [flag, script, ...args], { stdio: ['ignore', 'pipe', 'inherit'] })
}

/** Returns the values of a topic by key, in the order of the log. */
async function valuesOf(log: Client, topic: string): Promise<Map<string | null, number[]>> {
  const values = new Map<string | null, number[]>()
  const { partitions } = await log.admin.describeTopic(topic)
  for (let partition = 0; partition < partitions; partition++) {
    for (const record of await readTopic(log, topic, partition)) {
      const list = values.get(record.keyText) ?? []
      values.set(record.keyText, list)
      list.push(record.json() as number)
    }
  }
  return values
}

test('a process that is killed at any time goes on, and loses and doubles nothing', async () => {
  const random = new Random(TEST_SEED)
  console.log('seed', TEST_SEED)
  const folder = await mkdtemp(join(tmpdir(), 'edgelog-streams-'))
  const log = connect({ url: sharedServerUrl() })
  const name = uniqueName('killed')
  const file = join(folder, 'state.db')
  await log.admin.createTopic(`${name}-in`, { partitions: 2 })
  const values = Array.from({ length: RECORDS }, (_, value) => value)
  const sending = (async () => {
    for (let at = 0; at < RECORDS; at += RECORDS / 20) {
      const some = values.slice(at, at + RECORDS / 20)
      await log.sendBatch(
        `${name}-in`,
        some.map((value) => ({ key: `k${value % 5}`, value: String(value) })),
      )
      await sleep(50)
    }
  })()
  for (let kill = 0; kill < KILLS; kill++) {
    const child = start(sharedServerUrl(), name, file)
    const isIdle = once(child.stdout as NodeJS.ReadableStream, 'data')
    // Some are killed while they start, some in the middle, and some when they have nothing to do.
    await Promise.race([isIdle, sleep(random.between(300, 1_500))])
    child.kill('SIGKILL')
    await once(child, 'exit')
  }
  await sending
  const running = await runTopology(copiesAndCounts(name), log, { storage: { file } })
  await running.idle()
  await running.stop()
  const copies = await valuesOf(log, `${name}-copies`)
  for (let key = 0; key < 5; key++) {
    const expected = values.filter((value) => value % 5 === key).map((value) => 2 * value)
    expect(copies.get(`k${key}`)).toEqual(expected)
  }
  for (const [kind, counts] of await valuesOf(log, `${name}-counts`)) {
    const wanted = values.filter((value) => `kind ${value % 7}` === kind).length
    expect(counts.at(-1), String(kind)).toBe(wanted)
    expect(counts, String(kind)).toEqual([...new Set(counts)].toSorted((a, b) => a - b))
  }
  await log.close()
  await rm(folder, { recursive: true, force: true })
})
