import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import {
  type Client,
  type CompressionName,
  type Consumer,
  type ConsumerRecord,
  connect,
} from '../../client/index.ts'
import { partitionForKey } from '../../src/core/topic/partitioner.ts'
import { sharedServerUrl } from '../server/shared-server.ts'

let log: Client

beforeAll(async () => {
  log = connect({ url: sharedServerUrl() })
})

afterAll(async () => {
  await log.close()
})

async function readRecords(consumer: Consumer, count: number): Promise<ConsumerRecord[]> {
  const records: ConsumerRecord[] = []
  for await (const record of consumer.records()) {
    records.push(record)
    if (records.length === count) break
  }
  await consumer.close()
  return records
}

describe('send() and for await', () => {
  const compressions: CompressionName[] = ['none', 'gzip', 'snappy', 'lz4', 'zstd']
  test.each(compressions)('carry records compressed with %s', async (compression) => {
    const topic = `codec-${compression}`
    await log.admin.createTopic(topic)
    const producer = log.createProducer({ compression })
    const sent = Array.from({ length: 500 }, (_, index) => `value ${index} `.repeat(5))
    const responses = await Promise.all(sent.map((value) => producer.send(topic, { value })))
    expect(responses.map(({ offset }) => offset)).toEqual(sent.map((_, index) => index))
    const read = await readRecords(await log.consumer({ topics: [topic], from: 'earliest' }), 500)
    expect(read.map(({ valueText }) => valueText)).toEqual(sent)
    expect(read.map(({ offset }) => offset)).toEqual(sent.map((_, index) => index))
  })

  test('carry keys, nulls, bytes, headers and timestamps', async () => {
    await log.admin.createTopic('shapes')
    const producer = log.createProducer()
    const bytes = new Uint8Array([0, 255, 128])
    await producer.sendBatch('shapes', [
      { key: 'k', value: 'text', headers: { a: '1', b: null }, timestamp: 1_700_000_000_000 },
      { key: null, value: null },
      {
        key: bytes,
        value: bytes,
        headers: [
          ['x', 'one'],
          ['x', bytes],
        ],
      },
      { value: '{"n":[1,2]}' },
    ])
    const read = await readRecords(await log.consumer({ topics: ['shapes'], from: 'earliest' }), 4)
    expect(read[0]).toMatchObject({ keyText: 'k', valueText: 'text', timestamp: 1_700_000_000_000 })
    expect(read[0]?.header('a')).toBe('1')
    expect(read[0]?.header('b')).toBeNull()
    expect(read[0]?.header('c')).toBeUndefined()
    expect(read[1]).toMatchObject({ key: null, value: null, keyText: null, valueText: null })
    expect(read[2]?.key).toEqual(bytes)
    expect(read[2]?.headers).toEqual([
      ['x', new TextEncoder().encode('one')],
      ['x', bytes],
    ])
    expect(read[3]?.json()).toEqual({ n: [1, 2] })
  })

  test('send a key to the partition that every Kafka client chooses', async () => {
    await log.admin.createTopic('keys', { partitions: 5 })
    const producer = log.createProducer()
    const keys = Array.from({ length: 50 }, (_, index) => `key-${index}`)
    const responses = await Promise.all(
      keys.map((key) => producer.send('keys', { key, value: key })),
    )
    const expected = keys.map((key) => partitionForKey(new TextEncoder().encode(key), 5))
    expect(responses.map(({ partition }) => partition)).toEqual(expected)
    const read = await readRecords(await log.consumer({ topics: ['keys'], from: 'earliest' }), 50)
    expect(read.map(({ keyText }) => keyText).toSorted()).toEqual(keys.toSorted())
  })
})
