/**
 * Question: do Kafka clients read a restored log to its end, over its holes, and append behind it?
 * Contract: docs/PROTOCOL.md, section 17.
 */
import { afterAll, beforeAll, expect, test } from 'vitest'
import { encodeBatch } from '../../src/core/batch/batch-builder.ts'
import { assignOffset } from '../../src/core/batch/record-batch.ts'
import { concatenate } from '../../src/core/bytes/concatenate.ts'
import { provideKcat } from './support/find-kcat.ts'
import { kcat } from './support/kcat.ts'
import { openStage, type Stage } from './support/stage.ts'

const INSTALL_MS_MAX = 300_000
/** Arguments to print all records with their offsets, and exit at the end of the log. */
const READ = ['-C', '-q', '-e', '-X', 'fetch.wait.max.ms=100', '-f', '%o %s\n'] as const

let stage: Stage
beforeAll(async () => {
  await provideKcat()
  stage = await openStage()
}, INSTALL_MS_MAX)
afterAll(async () => await stage.close())

/** Returns a batch as another log has it: of a transaction, which is decided there. */
function stored(baseOffset: number, values: readonly string[]): Uint8Array {
  const records = values.map((value) => ({
    timestamp: 1_700_000_000_000,
    key: null,
    value: new TextEncoder().encode(value),
    headers: [],
  }))
  const producer = { producerId: 4n, producerEpoch: 0, baseSequence: 0, isTransactional: true }
  const bytes = encodeBatch(records, producer)
  assignOffset(bytes, 0, baseOffset, 0)
  return bytes
}

test('kcat reads a restored log to its end, in both isolations, and appends behind it', async () => {
  const topic = stage.name()
  const { admin } = stage.native
  await admin.createTopic(topic, { config: { 'retention.ms': -1 } })
  const batches = concatenate([stored(105, ['a', 'b']), stored(110, ['c'])])
  await admin.restoreBatches(topic, 0, { sourceId: 'source', from: 100, to: 120, batches })
  await admin.restoreBatches(topic, 0, {
    ...{ sourceId: 'source', from: 120, to: 130, batches: new Uint8Array(0) },
  })
  const read = async (from: string, isolation: string) => {
    const options = ['-X', `isolation.level=${isolation}`, '-t', topic, '-p', '0', '-o', from]
    return (await kcat(stage.bootstrap, [...READ, ...options])).stdout.trim().split('\n')
  }
  for (const isolation of ['read_committed', 'read_uncommitted']) {
    expect(await read('beginning', isolation)).toEqual(['105 a', '106 b', '110 c'])
    expect(await read('107', isolation)).toEqual(['110 c'])
    expect(await read('115', isolation)).toEqual([''])
  }
  const produce = ['-P', '-t', topic, '-p', '0', '-X', 'enable.idempotence=true']
  await kcat(stage.bootstrap, produce, 'new\n')
  expect(await read('beginning', 'read_committed')).toEqual(['105 a', '106 b', '110 c', '130 new'])
})
