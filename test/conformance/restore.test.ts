/** Restoring records at the offsets that they had in another log: docs/PROTOCOL.md, section 17. */
import { expect, test } from 'vitest'
import { encodeBatch } from '../../src/core/batch/batch-builder.ts'
import {
  assignLogAppendTime,
  assignOffset,
  readBatchHeader,
  readBatchHeaders,
} from '../../src/core/batch/record-batch.ts'
import { concatenate } from '../../src/core/bytes/concatenate.ts'
import { OFFSET_MAX } from '../../src/core/limits.ts'
import { BATCH, expectError, useTarget } from './target.ts'

const target = useTarget()
const FOREVER = { config: { 'retention.ms': -1 } }
const SOURCE = '11111111-2222-4333-8444-555555555555'
const text = new TextEncoder()

interface BatchOptions {
  readonly producerId?: bigint
  readonly isTransactional?: boolean
}

/** Returns a batch as a log stores it. */
function stored(baseOffset: number, values: readonly string[], options: BatchOptions = {}) {
  const { producerId, isTransactional = false } = options
  const records = values.map((value) => ({
    timestamp: 5_000,
    key: null,
    value: text.encode(value),
    headers: [],
  }))
  const producer =
    producerId === undefined
      ? {}
      : { producerId, producerEpoch: 3, baseSequence: 7, isTransactional }
  const bytes = encodeBatch(records, producer)
  assignOffset(bytes, 0, baseOffset, 0)
  return bytes
}

interface RestoreOptions {
  readonly headers?: Record<string, string>
}

function restore(
  topic: string,
  [from, to]: readonly [number | string, number | string],
  batches: readonly Uint8Array[],
  { headers = {} }: RestoreOptions = {},
) {
  return target.request('POST', `/v1/topics/${topic}/partitions/0/restore`, {
    headers: {
      'Content-Type': BATCH,
      'Edgelog-Source': SOURCE,
      'Edgelog-Offset': String(from),
      'Edgelog-Next-Offset': String(to),
      ...headers,
    },
    body: concatenate(batches) as BodyInit,
  })
}

async function fetched(topic: string, query = '') {
  const path = `/v1/topics/${topic}/partitions/0/records${query}`
  const response = await target.request('GET', path, { headers: { Accept: BATCH } })
  expect(response.status).toBe(200)
  return { headers: response.headers, batches: new Uint8Array(await response.arrayBuffer()) }
}

test('restores batches at their offsets, with the hole behind them', async () => {
  const topic = await target.topic(FOREVER)
  const response = await restore(topic, [100, 120], [stored(105, ['a', 'b'])])
  expect(response.status).toBe(200)
  expect(await response.json()).toEqual({ logStartOffset: 100, nextOffset: 120 })
  const { headers, batches } = await fetched(topic)
  expect(headers.get('edgelog-offset')).toBe('100')
  expect(headers.get('edgelog-next-offset')).toBe('120')
  const [data, hole] = readBatchHeaders(batches)
  expect(data).toMatchObject({ baseOffset: 105, maxTimestamp: 5_000, recordsCount: 2 })
  expect(hole).toMatchObject({ baseOffset: 107, lastOffsetDelta: 12, recordsCount: 0 })
  const json = await target.request('GET', `/v1/topics/${topic}/partitions/0/records`)
  const { records } = await json.json<{ records: { offset: number; value: string }[] }>()
  expect(records).toMatchObject([
    { offset: 105, value: 'a' },
    { offset: 106, value: 'b' },
  ])
})

test('restores a range without records, and the start of an empty log', async () => {
  const topic = await target.topic(FOREVER)
  expect(await (await restore(topic, [7, 7], [])).json()).toEqual({
    logStartOffset: 7,
    nextOffset: 7,
  })
  expect(await (await restore(topic, [7, 9], [])).json()).toEqual({
    logStartOffset: 7,
    nextOffset: 9,
  })
  const { headers } = await fetched(topic)
  expect(headers.get('edgelog-next-offset')).toBe('9')
})

test('removes producers and transactions, so that readers wait for no marker', async () => {
  const topic = await target.topic(FOREVER)
  const batch = stored(0, ['a'], { producerId: 9n, isTransactional: true })
  expect((await restore(topic, [0, 1], [batch])).status).toBe(200)
  const { headers, batches } = await fetched(topic)
  expect(headers.get('edgelog-last-stable-offset')).toBe('1')
  expect(readBatchHeader(batches)).toMatchObject({
    producerId: -1n,
    producerEpoch: -1,
    baseSequence: -1,
    isTransactional: false,
  })
  const again = stored(0, ['b'], { producerId: 9n })
  const path = `/v1/topics/${topic}/partitions/0/records`
  const options = { headers: { 'Content-Type': BATCH }, body: again as BodyInit }
  await expectError(await target.request('POST', path, options), 409, 'unknown_producer_id')
})

test('keeps times that the log gave, whatever the bounds of the topic are', async () => {
  const config = {
    ...FOREVER.config,
    'message.timestamp.before.max.ms': 1,
    'message.timestamp.type': 'LogAppendTime',
  }
  const topic = await target.topic({ config })
  const batch = stored(0, ['a'])
  assignLogAppendTime(batch, readBatchHeader(batch), 8_000)
  expect((await restore(topic, [0, 2], [batch, stored(1, ['b'])])).status).toBe(200)
  const json = await target.request('GET', `/v1/topics/${topic}/partitions/0/records`)
  const { records } = await json.json<{ records: { timestamp: number }[] }>()
  expect(records.map(({ timestamp }) => timestamp)).toEqual([8_000, 5_000])
})

test('rejects a range that is not at the end of the log', async () => {
  const topic = await target.topic(FOREVER)
  expect((await restore(topic, [0, 1], [stored(0, ['a'])])).status).toBe(200)
  for (const from of [0, 2]) {
    const response = await restore(topic, [from, from + 1], [stored(from, ['x'])])
    const error = await expectError(response, 412, 'expected_offset_mismatch')
    expect(error.details).toEqual({ nextOffset: 1 })
  }
})

test('rejects other records than those of one source', async () => {
  const topic = await target.topic(FOREVER)
  expect((await restore(topic, [0, 1], [stored(0, ['a'])])).status).toBe(200)
  const headers = { 'Edgelog-Source': 'other' }
  const other = await restore(topic, [1, 2], [stored(1, ['x'])], { headers })
  await expectError(other, 403, 'policy_violation')
  const path = `/v1/topics/${topic}/partitions/0/records`
  await target.request('POST', path, { json: { records: [{ value: 'new' }] } })
  await expectError(await restore(topic, [2, 3], [stored(2, ['x'])]), 403, 'policy_violation')
})

test('rejects damaged batches, and stores nothing of the request', async () => {
  const topic = await target.topic(FOREVER)
  const damaged = stored(1, ['b'])
  damaged[66] = (damaged[66] as number) ^ 1
  const both = [stored(0, ['a']), damaged]
  await expectError(await restore(topic, [0, 2], both), 400, 'corrupt_message')
  const overlapping = [stored(0, ['a', 'b']), stored(1, ['c'])]
  await expectError(await restore(topic, [0, 2], overlapping), 400, 'invalid_record')
  const { headers } = await fetched(topic)
  expect(headers.get('edgelog-high-watermark')).toBe('0')
})

test('rejects wrong headers with what is allowed', async () => {
  const topic = await target.topic(FOREVER)
  const batch = [stored(0, ['a'])]
  const cases = [
    [[-1, 1], {}, 'Edgelog-Offset'],
    [[OFFSET_MAX + 1, 1], {}, 'Edgelog-Offset'],
    [[0, ''], {}, 'Edgelog-Next-Offset'],
    [[0, 0], {}, 'Edgelog-Next-Offset'],
    [[0, 2 ** 40], {}, 'Edgelog-Next-Offset'],
    [[0, 1], { 'Edgelog-Source': '' }, 'Edgelog-Source'],
    [[0, 1], { 'Edgelog-Source': 'a b' }, 'Edgelog-Source'],
  ] as const
  for (const [range, headers, field] of cases) {
    const error = await expectError(
      await restore(topic, range, batch, { headers }),
      400,
      'invalid_request',
    )
    expect(error.message).toMatch(new RegExp(`^${field}: .*allowed`))
  }
  const missing = await target.request('POST', `/v1/topics/${topic}/partitions/0/restore`, {
    headers: { 'Content-Type': BATCH },
    body: concatenate(batch) as BodyInit,
  })
  const error = await expectError(missing, 400, 'invalid_request')
  expect(error.message).toMatch(/^Edgelog-Source: .*needed/)
})

test('rejects other media types, and topics that do not exist', async () => {
  const topic = await target.topic(FOREVER)
  const headers = { 'Content-Type': 'application/json' }
  const json = await restore(topic, [0, 1], [stored(0, ['a'])], { headers })
  await expectError(json, 415, 'unsupported_media_type')
  const unknown = await restore(`${topic}-unknown`, [0, 1], [stored(0, ['a'])])
  await expectError(unknown, 404, 'unknown_topic_or_partition')
})
