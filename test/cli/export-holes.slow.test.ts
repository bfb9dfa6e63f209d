/** `edgelog export` and `edgelog import` of logs that were compacted and of logs whose old records are in R2. */
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { type Client, connect } from '../../client/index.ts'
import { ServerProcess } from '../server/server-process.ts'
import { sharedServerUrl, uniqueName } from '../server/shared-server.ts'
import { until } from '../support/until.ts'
import { copiedRecords, logEnds } from './copied-records.ts'
import { edgelog } from './edgelog-command.ts'

const COMPACTED = {
  'cleanup.policy': 'compact',
  'segment.ms': 50,
  'min.cleanable.dirty.ratio': 0,
  'delete.retention.ms': 86_400_000,
}
const TIERED = {
  'cleanup.policy': 'delete',
  'retention.ms': -1,
  'remote.storage.enable': true,
  'local.retention.bytes': 1,
  'segment.bytes': 1_048_576,
}
const KEYS = 20
const DELETED_KEYS = 3
const VALUE_LENGTH = 100_000

let folder: string
let source: Client
/** A second server, to which logs move. */
let second: ServerProcess
let target: Client

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'edgelog-export-'))
  second = await ServerProcess.start()
  source = connect({ url: sharedServerUrl() })
  target = connect({ url: second.url })
})

afterAll(async () => {
  await Promise.all([source?.close(), target?.close()])
  await second?.stop()
  await rm(folder, { recursive: true, force: true })
})

/** Writes three versions of each key, and deletes some keys. */
async function fillKeys(topic: string): Promise<void> {
  for (let version = 0; version < 3; version++) {
    for (let key = 0; key < KEYS; key++) {
      const value = `${key} ${version} `.padEnd(VALUE_LENGTH, 'x')
      const headers = { version: `${version}` }
      await source.send(topic, {
        key: `k${key}`,
        value,
        headers,
        timestamp: 1_700_000_000_000 + key,
      })
    }
  }
  for (let key = 0; key < DELETED_KEYS; key++) {
    await source.send(topic, { key: `k${key}`, value: null })
  }
}

const sourceRecords = (topic: string) => copiedRecords(source, sharedServerUrl(), topic)

async function compactedTopic(): Promise<string> {
  const topic = uniqueName('compacted')
  await source.admin.createTopic(topic, { config: COMPACTED })
  await fillKeys(topic)
  await until('one record of each key is left', async () => {
    return (await sourceRecords(topic)).length === KEYS
  })
  return topic
}

async function localStartOf(client: Client, topic: string): Promise<number> {
  const { partitionDetails } = await client.admin.describeTopic(topic)
  return partitionDetails?.[0]?.remote?.localStartOffset ?? 0
}

/** Copies a topic to the second server, and checks that it is the same there. */
async function expectCopied(topic: string): Promise<void> {
  const file = join(folder, topic)
  expect(await edgelog(sharedServerUrl(), ['export', topic, file])).toMatchObject({ code: 0 })
  expect(await edgelog(second.url, ['import', file])).toMatchObject({ code: 0 })
  expect(await copiedRecords(target, second.url, topic)).toEqual(await sourceRecords(topic))
  expect(await logEnds(target, topic)).toEqual(await logEnds(source, topic))
  const [from, to] = await Promise.all(
    [source, target].map((client) => client.admin.describeTopic(topic)),
  )
  expect(to?.config).toEqual(from?.config)
}

test('a compacted topic keeps its offsets, holes and tombstones, and is compacted further', async () => {
  const topic = await compactedTopic()
  const end = 3 * KEYS + DELETED_KEYS
  expect(await logEnds(source, topic)).toEqual([[0, end]])
  await expectCopied(topic)
  const copied = await copiedRecords(target, second.url, topic)
  expect(copied.filter(({ value }) => value === null)).toHaveLength(DELETED_KEYS)
  const { offset } = await target.send(topic, { key: 'k10', value: 'new' })
  expect(offset).toBe(end)
  await until('the former record of the key is gone', async () => {
    const records = await copiedRecords(target, second.url, topic)
    return records.filter(({ key }) => key === 'k10').length === 1
  })
})

test('a topic in R2 is copied with the records that left the partition', async () => {
  const topic = uniqueName('tiered')
  await source.admin.createTopic(topic, { config: TIERED })
  await fillKeys(topic)
  await until('records are in R2 only', async () => (await localStartOf(source, topic)) > 20)
  await source.admin.deleteRecords(topic, 0, 5)
  await expectCopied(topic)
  expect((await copiedRecords(target, second.url, topic))[0]?.offset).toBe(5)
  await until('the copy moves to R2, too', async () => (await localStartOf(target, topic)) > 20)
  expect(await copiedRecords(target, second.url, topic)).toEqual(await sourceRecords(topic))
})

test('a topic that was compacted before it moved to R2 is copied with its holes', async () => {
  const topic = await compactedTopic()
  await source.admin.alterTopic(topic, { config: TIERED })
  await until('records are in R2 only', async () => (await localStartOf(source, topic)) > 20)
  await expectCopied(topic)
  expect(await copiedRecords(target, second.url, topic)).toHaveLength(KEYS)
})
