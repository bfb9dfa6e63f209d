/**
 * Writes a state with logs that maintenance has changed: compacted, with a table, in R2. For `states/*.kept-logs.json`,
 * with `node test/upgrade/kept-logs.ts FILE RELEASE`.
 */
import type { Client } from '../../client/index.ts'
import { SEALED_CHUNK_BYTES_MIN } from '../../src/core/log/seal.ts'
import { until } from '../support/until.ts'
import { keepState } from './keep-state.ts'

const COMPACTED = {
  'cleanup.policy': 'compact',
  'segment.ms': 50,
  'min.cleanable.dirty.ratio': 0,
  // The times of batches stay when a state is opened later.
  'delete.retention.ms': 100 * 365 * 86_400_000,
  'edgelog.table.enable': true,
}
const TIERED = {
  'cleanup.policy': 'delete',
  'edgelog.table.enable': false,
  'retention.ms': -1,
  'remote.storage.enable': true,
  'local.retention.ms': 0,
}

/** Writes two versions of three keys, and deletes the second key. */
async function writeKeys(log: Client, topic: string): Promise<void> {
  for (const version of [0, 1]) {
    for (const key of ['k0', 'k1', 'k2']) {
      await log.send(topic, { key, value: `${key} ${version}` })
    }
  }
  await log.send(topic, { key: 'k1', value: null })
}

async function recordsCount(url: string, topic: string): Promise<number> {
  const response = await fetch(`${url}/v1/topics/${topic}/partitions/0/records?offset=0`)
  return ((await response.json()) as { records: unknown[] }).records.length
}

async function localStartOf({ admin }: Client, topic: string): Promise<number> {
  const { partitionDetails } = await admin.describeTopic(topic)
  return partitionDetails?.[0]?.remote?.localStartOffset ?? 0
}

async function writeLogs(log: Client, url: string): Promise<void> {
  for (const topic of ['prices', 'moved']) {
    await log.admin.createTopic(topic, { config: COMPACTED })
    await writeKeys(log, topic)
  }
  // It seals the records before it.
  await log.send('moved', { key: 'large', value: 'x'.repeat(SEALED_CHUNK_BYTES_MIN) })
  for (const [topic, keys] of [
    ['prices', 3],
    ['moved', 4],
  ] as const) {
    await until('one record of each key is left', async () => {
      return (await recordsCount(url, topic)) === keys
    })
  }
  const response = await fetch(`${url}/v1/topics/prices/table/k0`)
  if (!response.ok) throw new Error(await response.text())
  await log.admin.alterTopic('moved', { config: TIERED })
  await until('the log is in R2', async () => (await localStartOf(log, 'moved')) === 8)
  await log.send('moved', { value: 'local' })
}

await keepState(writeLogs)
