import { gzipSync } from 'node:zlib'
import { describe, expect, test } from 'vitest'
import { BatchBuilder, stampProducer } from '../../src/core/batch/batch-builder.ts'
import { compressBatch } from '../../src/core/batch/compress-batch.ts'
import { createCodecs } from '../../src/core/batch/compression/codecs.ts'
import { readBatchHeaders, verifyCrc, writeCrc } from '../../src/core/batch/record-batch.ts'
import { REQUEST_BATCHES_MAX, REQUEST_DECOMPRESSED_BYTES_MAX } from '../../src/core/limits.ts'
import { concatenate } from '../../src/core/log/chunk.ts'
import { BATCH, expectError, useTarget } from './target.ts'

const target = useTarget()
const { request, topic } = target

function batchOf(
  values: readonly string[],
  sequence?: { id: bigint; epoch?: number; base: number },
) {
  const builder = new BatchBuilder()
  for (const value of values) {
    builder.append({
      timestamp: Date.now(),
      key: null,
      value: new TextEncoder().encode(value),
      headers: [],
    })
  }
  const batch = builder.finish()
  if (sequence !== undefined) {
    stampProducer(batch, {
      producerId: sequence.id,
      producerEpoch: sequence.epoch ?? 0,
      baseSequence: sequence.base,
    })
  }
  return batch
}

const append = (
  name: string,
  body: Uint8Array<ArrayBuffer>,
  headers: Record<string, string> = {},
) =>
  request('POST', `/v1/topics/${name}/partitions/0/records`, {
    body,
    headers: { 'Content-Type': BATCH, ...headers },
  })

async function read(name: string, query = '?offset=0') {
  const response = await request('GET', `/v1/topics/${name}/partitions/0/records${query}`, {
    headers: { Accept: BATCH },
  })
  return { response, bytes: new Uint8Array(await response.arrayBuffer()) }
}

function joined(...parts: Uint8Array[]): Uint8Array<ArrayBuffer> {
  return concatenate(parts) as Uint8Array<ArrayBuffer>
}

describe('record batches', () => {
  test('travel as they are: only the twelve bytes outside the CRC are changed', async () => {
    const name = await topic()
    const [one, two] = [batchOf(['a', 'b']), batchOf(['c'])]
    const answer = await (await append(name, joined(one, two))).json()
    expect(answer).toEqual({
      baseOffset: 0,
      nextOffset: 3,
      baseOffsets: [0, 2],
      logAppendTime: null,
    })
    const { response, bytes } = await read(name)
    expect(response.headers.get('content-type')).toBe(BATCH)
    expect(response.headers.get('edgelog-next-offset')).toBe('3')
    expect(response.headers.get('edgelog-high-watermark')).toBe('3')
    expect(response.headers.get('edgelog-log-start-offset')).toBe('0')
    const headers = readBatchHeaders(bytes)
    expect(headers.map(({ baseOffset }) => baseOffset)).toEqual([0, 2])
    for (const header of headers) verifyCrc(bytes, header)
    expect(bytes.subarray(16, one.length)).toEqual(one.subarray(16))
    expect(bytes.subarray(one.length + 16)).toEqual(two.subarray(16))
  })

  test('in the middle of which one asks come whole', async () => {
    const name = await topic()
    await append(name, batchOf(['a', 'b', 'c']))
    const { response, bytes } = await read(name, '?offset=1')
    expect(readBatchHeaders(bytes)[0]?.baseOffset).toBe(0)
    expect(response.headers.get('edgelog-offset')).toBe('1')
  })

  test.each(['gzip', 'snappy', 'lz4'] as const)(
    'may be compressed by %s, and are read as JSON',
    async (codec) => {
      const name = await topic()
      const codecs = createCodecs()
      const compressed = await compressBatch(batchOf(['x'.repeat(5_000), 'y']), codec, codecs)
      expect((await append(name, compressed as Uint8Array<ArrayBuffer>)).status).toBe(200)
      const json = await (await request('GET', `/v1/topics/${name}/partitions/0/records`)).json()
      expect(json.records.map(({ value }) => value.length)).toEqual([5_000, 1])
    },
  )

  test('of an idempotent producer: a repetition gets the first answer, gaps and old epochs none', async () => {
    const name = await topic()
    const id = BigInt(Date.now())
    const send = (value: string, base: number, epoch = 0) =>
      append(name, batchOf([value, value], { id, base, epoch }))
    const first = await (await send('a', 0)).json()
    expect(await (await send('a', 0)).json()).toEqual(first)
    expect((await (await send('b', 2)).json()).baseOffset).toBe(2)
    expect(await (await send('a', 0)).json()).toEqual(first)
    await expectError(await send('d', 6), 409, 'out_of_order_sequence_number')
    expect((await send('e', 0, 3)).status).toBe(200)
    await expectError(await send('c', 4, 0), 409, 'invalid_producer_epoch')
    await expectError(await send('f', 5, 4), 409, 'out_of_order_sequence_number')
    const stranger = batchOf(['x'], { id: id + 1n, base: 9 })
    await expectError(await append(name, stranger), 409, 'unknown_producer_id')
    const json = await (await request('GET', `/v1/topics/${name}/partitions/0/records`)).json()
    expect(json.records.map(({ value }) => value).join('')).toBe('aabbee')
  })

  test('that overtook one another are put in order', async () => {
    const name = await topic()
    const id = BigInt(Date.now()) + 7n
    const late = [4, 3, 2, 1].map((base) => append(name, batchOf([`${base}`], { id, base })))
    await new Promise((resolve) => setTimeout(resolve, 50))
    const all = await Promise.all([...late, append(name, batchOf(['0'], { id, base: 0 }))])
    expect(all.map(({ status }) => status)).toEqual([200, 200, 200, 200, 200])
    const json = await (await request('GET', `/v1/topics/${name}/partitions/0/records`)).json()
    expect(json.records.map(({ value }) => value).join('')).toBe('01234')
  })

  test('obey If-Match; a repetition that was appended is answered all the same', async () => {
    const name = await topic()
    const batch = batchOf(['a'], { id: 77n, base: 0 })
    expect((await append(name, batch, { 'If-Match': '"0"' })).status).toBe(200)
    expect((await append(name, batch, { 'If-Match': '"0"' })).status).toBe(200)
    await expectError(
      await append(name, batchOf(['b']), { 'If-Match': '"0"' }),
      412,
      'expected_offset_mismatch',
    )
  })

  /** Changes a good batch and, unless the CRC itself is the point, gives it a right CRC again. */
  function damaged(change: (view: DataView, bytes: Uint8Array) => void, keepsCrc = false) {
    const batch = batchOf(['a', 'b', 'c'])
    change(new DataView(batch.buffer), batch)
    if (!keepsCrc) writeCrc(batch)
    return batch
  }

  const bomb = () => {
    const section = gzipSync(new Uint8Array(100 * 1024 * 1024))
    const batch = joined(batchOf(['a']).subarray(0, 61), section)
    const view = new DataView(batch.buffer)
    view.setInt32(8, batch.length - 12)
    view.setInt16(21, 1)
    writeCrc(batch)
    return batch
  }

  const bad: Array<[string, () => Uint8Array<ArrayBuffer>, number, string]> = [
    ['nothing', () => new Uint8Array(0), 400, 'invalid_record'],
    ['rubbish', () => new Uint8Array(500).fill(7), 400, 'invalid_record'],
    ['half a header', () => batchOf(['a']).slice(0, 40), 400, 'corrupt_message'],
    ['a truncated batch', () => batchOf(['abc']).slice(0, -1), 400, 'corrupt_message'],
    [
      'bytes after the batch',
      () => joined(batchOf(['a']), new Uint8Array(3)),
      400,
      'corrupt_message',
    ],
    [
      'a good batch, then a bad one',
      () =>
        joined(
          batchOf(['a']),
          damaged((view) => view.setUint32(17, 1), true),
        ),
      400,
      'corrupt_message',
    ],
    ['a wrong CRC', () => damaged((view) => view.setUint32(17, 1), true), 400, 'corrupt_message'],
    [
      'one flipped bit',
      () =>
        damaged((_, bytes) => {
          bytes[70] = (bytes[70] ?? 0) ^ 4
        }, true),
      400,
      'corrupt_message',
    ],
    ['an old magic', () => damaged((view) => view.setInt8(16, 1)), 400, 'invalid_record'],
    [
      'a wild length',
      () => damaged((view) => view.setInt32(8, 0x7fffffff)),
      400,
      'corrupt_message',
    ],
    ['a negative length', () => damaged((view) => view.setInt32(8, -1)), 400, 'corrupt_message'],
    [
      'more records than it holds',
      () =>
        damaged((view) => {
          view.setInt32(57, 9)
          view.setInt32(23, 8)
        }),
      400,
      'corrupt_message',
    ],
    [
      'fewer records than it holds',
      () =>
        damaged((view) => {
          view.setInt32(57, 2)
          view.setInt32(23, 1)
        }),
      400,
      'corrupt_message',
    ],
    [
      'a billion records',
      () =>
        damaged((view) => {
          view.setInt32(57, 1e9)
          view.setInt32(23, 1e9 - 1)
        }),
      400,
      'invalid_record',
    ],
    [
      'a delta that does not fit the count',
      () => damaged((view) => view.setInt32(23, 7)),
      400,
      'invalid_record',
    ],
    [
      'an unknown compression',
      () => damaged((view) => view.setInt16(21, 6)),
      400,
      'unsupported_compression_type',
    ],
    [
      'a compression it does not have',
      () => damaged((view) => view.setInt16(21, 4)),
      400,
      'corrupt_message',
    ],
    ['a control batch', () => damaged((view) => view.setInt16(21, 0x20)), 400, 'invalid_record'],
    [
      'a producer without a sequence',
      () => damaged((view) => view.setBigInt64(43, 5n)),
      400,
      'invalid_record',
    ],
    ['a decompression bomb', bomb, 413, 'message_too_large'],
    [
      'more bytes than max.message.bytes',
      () => batchOf(['x'.repeat(1_100_000)]),
      413,
      'message_too_large',
    ],
  ]
  test('that are not right are refused, and nothing is stored', async () => {
    const name = await topic()
    for (const [what, bytes, status, code] of bad) {
      const response = await append(name, bytes())
      const text = await response.clone().text()
      expect([what, response.status], text).toEqual([what, status])
      await expectError(response, status, code)
    }
    expect((await read(name)).bytes).toHaveLength(0)
  })

  test('are found by the time of their records, whatever a header says of it', async () => {
    const name = await topic()
    const nowMs = Date.now()
    const claimed = (maxTimestamp: number) => {
      const batch = batchOf(['a'])
      new DataView(batch.buffer, batch.byteOffset).setBigInt64(35, BigInt(maxTimestamp))
      writeCrc(batch)
      return batch
    }
    await append(name, joined(claimed(nowMs + 600_000), claimed(5)))
    const headers = readBatchHeaders((await read(name)).bytes)
    for (const header of headers) {
      expect(header.maxTimestamp).toBe(header.baseTimestamp)
      verifyCrc((await read(name)).bytes, header)
    }
    const { response } = await read(name, `?timestamp=${nowMs + 300_000}`)
    expect(response.headers.get('edgelog-offset')).toBe('2')
  })

  test('are refused where there are too many, or they decompress to too much', async () => {
    const name = await topic()
    const small = batchOf(['a'])
    const many = joined(...Array.from({ length: REQUEST_BATCHES_MAX + 1 }, () => small))
    await expectError(await append(name, many), 400, 'invalid_request')
    const zeros = '\0'.repeat(1_500_000)
    const dense = await compressBatch(batchOf([zeros]), 'gzip', createCodecs())
    const count = Math.ceil(REQUEST_DECOMPRESSED_BYTES_MAX / 1_500_000)
    const bombs = joined(...Array.from({ length: count }, () => dense))
    await expectError(await append(name, bombs), 413, 'request_too_large')
    expect((await read(name)).bytes).toHaveLength(0)
  })

  test('are not taken by a route that chooses partitions', async () => {
    const name = await topic()
    const body = batchOf(['a'])
    const headers = { 'Content-Type': BATCH }
    await expectError(
      await request('POST', `/v1/topics/${name}/records`, { body, headers }),
      415,
      'unsupported_media_type',
    )
  })
})
