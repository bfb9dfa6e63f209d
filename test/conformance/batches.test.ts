import { gzipSync } from 'node:zlib'
import { beforeEach, describe, expect, test } from 'vitest'
import { BatchBuilder, stampProducer } from '../../src/core/batch/batch-builder.ts'
import { compressBatch } from '../../src/core/batch/compress-batch.ts'
import { readBatchHeaders, verifyCrc } from '../../src/core/batch/record-batch.ts'
import { writeCrc } from '../../src/core/batch/write-crc.ts'
import { concatenate } from '../../src/core/bytes/concatenate.ts'
import { CODECS } from '../../src/core/compression/codecs.ts'
import { REQUEST_BATCHES_MAX, REQUEST_DECOMPRESSED_BYTES_MAX } from '../../src/core/limits.ts'
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
  test('are not stored if the topic rejects some of their records, which the error names', async () => {
    const name = await topic({ config: { 'message.timestamp.before.max.ms': '60000' } })
    const builder = new BatchBuilder()
    for (const timestamp of [Date.now(), Date.now() - 61_000, Date.now(), 5]) {
      builder.append({ timestamp, key: null, value: null, headers: [] })
    }
    const body = joined(batchOf(['a', 'b']), builder.finish())
    const error = await expectError(await append(name, body), 400, 'invalid_timestamp')
    expect(error.message).toContain('records[3].timestamp')
    expect(error.details).toMatchObject({
      recordErrors: [{ index: 3 }, { index: 5 }],
      recordErrorsCount: 2,
    })
    expect((await read(name)).bytes.length).toBe(0)
  })

  test('are stored unchanged, except for the twelve bytes outside the CRC', async () => {
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

  test('are returned whole if the requested offset is in the middle', async () => {
    const name = await topic()
    await append(name, batchOf(['a', 'b', 'c']))
    const { response, bytes } = await read(name, '?offset=1')
    expect(readBatchHeaders(bytes)[0]?.baseOffset).toBe(0)
    expect(response.headers.get('edgelog-offset')).toBe('1')
  })

  test.each(['gzip', 'snappy', 'lz4'] as const)(
    'may be compressed by %s, and are readable as JSON',
    async (codec) => {
      const name = await topic()
      const compressed = await compressBatch(batchOf(['x'.repeat(5_000), 'y']), codec, CODECS)
      expect((await append(name, compressed as Uint8Array<ArrayBuffer>)).status).toBe(200)
      const json = await (await request('GET', `/v1/topics/${name}/partitions/0/records`)).json()
      expect(json.records.map(({ value }) => value.length)).toEqual([5_000, 1])
    },
  )

  test('of an idempotent producer get the first result for a retry, and errors for gaps and old epochs', async () => {
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

  describe('of a producer that regroups its records', () => {
    const value = (sequence: number) => `<${sequence}>`
    const between = (id: bigint, from: number, to: number) =>
      batchOf(
        Array.from({ length: to - from }, (_, index) => value(from + index)),
        { id, base: from },
      )
    const pieces = async (response: Response) => {
      const text = await response.text()
      expect(response.status, text).toBe(200)
      const answer = JSON.parse(text)
      return answer.pieces?.map((piece: { recordsCount: number; baseOffset: number }) => [
        piece.recordsCount,
        piece.baseOffset,
      ])
    }
    const valuesOf = async (name: string) => {
      const path = `/v1/topics/${name}/partitions/0/records`
      return (await (await request('GET', path)).json()).records.map((record) => record.value)
    }
    const newId = () => crypto.getRandomValues(new BigUint64Array(1))[0] as bigint
    let id = 0n
    beforeEach(() => {
      id = newId() >> 1n
    })

    test('have only their new records appended, and the response has the positions of all', async () => {
      const name = await topic()
      expect(await pieces(await append(name, between(id, 0, 50)))).toBeUndefined()
      await append(name, batchOf(['other']))
      const trimmed = await append(name, between(id, 0, 80))
      expect(await trimmed.clone().json()).toEqual({
        baseOffset: 0,
        nextOffset: 81,
        baseOffsets: [0],
        logAppendTime: null,
        pieces: [
          { recordsCount: 50, baseOffset: 0 },
          { recordsCount: 30, baseOffset: 51 },
        ],
      })
      const again = await append(name, between(id, 0, 80))
      expect(await again.text()).toBe(await trimmed.text())
      expect(await pieces(await append(name, between(id, 10, 61)))).toEqual([
        [40, 10],
        [11, 51],
      ])
      // The batch made from the rest is deduplicated too.
      expect(await pieces(await append(name, between(id, 50, 80)))).toBeUndefined()
      expect((await (await append(name, between(id, 80, 81))).json()).baseOffset).toBe(81)
      const own = Array.from({ length: 81 }, (_, sequence) => value(sequence))
      expect(await valuesOf(name)).toEqual([...own.slice(0, 50), 'other', ...own.slice(50)])
      const { bytes } = await read(name)
      for (const header of readBatchHeaders(bytes)) verifyCrc(bytes, header)
    })

    test.each(['gzip', 'snappy', 'lz4'] as const)('may be compressed by %s', async (codec) => {
      const name = await topic()
      await append(name, between(id, 0, 3))
      const compressed = await compressBatch(between(id, 1, 200), codec, CODECS)
      const response = await append(name, compressed as Uint8Array<ArrayBuffer>)
      expect(await pieces(response)).toEqual([
        [2, 1],
        [197, 3],
      ])
      expect(await valuesOf(name)).toEqual(Array.from({ length: 200 }, (_, n) => value(n)))
    })

    test('are split into several if the rest does not fit without compression', async () => {
      const name = await topic({ config: { 'max.message.bytes': 1_000 } })
      await append(name, between(id, 0, 3))
      const compressed = await compressBatch(between(id, 0, 150), 'gzip', CODECS)
      expect(compressed.length).toBeLessThan(1_000)
      const got = await pieces(await append(name, compressed as Uint8Array<ArrayBuffer>))
      expect(got.length).toBeGreaterThan(2)
      expect(await valuesOf(name)).toEqual(Array.from({ length: 150 }, (_, n) => value(n)))
      const { bytes } = await read(name)
      for (const { sizeBytes } of readBatchHeaders(bytes)) expect(sizeBytes).toBeLessThan(1_001)
    })

    test('are trimmed by the producer if the rest needs compression', async () => {
      const name = await topic({ config: { 'max.message.bytes': 1_000 } })
      await append(name, between(id, 0, 3))
      const large = 'x'.repeat(50_000)
      const compressed = async (from: number, values: readonly string[]) =>
        (await compressBatch(
          batchOf(values, { id, base: from }),
          'gzip',
          CODECS,
        )) as Uint8Array<ArrayBuffer>
      const whole = await compressed(2, [value(2), value(3), large])
      for (let time = 0; time < 2; time++) {
        const { details } = await expectError(
          await append(name, whole),
          409,
          'out_of_order_sequence_number',
        )
        expect(details).toEqual({ expectedSequence: 3 })
      }
      const rest = await append(name, await compressed(3, [value(3), large]))
      expect(await rest.json<object>()).toMatchObject({ baseOffset: 3, nextOffset: 5 })
      expect(await valuesOf(name)).toEqual([value(0), value(1), value(2), value(3), large])
    })

    test('are rejected as a gap if their sequences were never sent', async () => {
      const name = await topic()
      await append(name, between(id, 0, 2))
      for (const base of [2 ** 30 + 3, 2 ** 31 - 10, 2 ** 31 - 2]) {
        const { details } = await expectError(
          await append(name, batchOf(['a', 'b', 'c', 'd', 'e'], { id, base })),
          409,
          'out_of_order_sequence_number',
        )
        expect(details).toEqual({ expectedSequence: 2 })
      }
      expect(await valuesOf(name)).toEqual([value(0), value(1)])
    })

    test('are rejected as part of a transaction that was not begun, unless all are stored', async () => {
      const name = await topic()
      await append(name, between(id, 0, 2))
      const transactional = (to: number) => {
        const batch = between(id, 0, to)
        new DataView(batch.buffer).setInt16(21, 0x10)
        writeCrc(batch)
        return batch
      }
      for (const to of [1, 2]) expect((await append(name, transactional(to))).status).toBe(200)
      await expectError(await append(name, transactional(4)), 409, 'invalid_txn_state')
      expect((await valuesOf(name)).length).toBe(2)
    })

    test('may be several in one request', async () => {
      const name = await topic()
      await append(name, joined(between(id, 0, 4), between(id, 4, 6)))
      const other = batchOf(['other'])
      const call = joined(other, between(id, 0, 3), between(id, 3, 8), between(id, 8, 9))
      expect(await (await append(name, call)).json<object>()).toMatchObject({
        baseOffset: 6,
        baseOffsets: [6, 0, 3, 9],
        nextOffset: 10,
        pieces: [
          { recordsCount: 1, baseOffset: 6 },
          { recordsCount: 3, baseOffset: 0 },
          { recordsCount: 1, baseOffset: 3 },
          { recordsCount: 2, baseOffset: 4 },
          { recordsCount: 2, baseOffset: 7 },
          { recordsCount: 1, baseOffset: 9 },
        ],
      })
      const gap = joined(between(id, 6, 12), between(id, 13, 14))
      const { details } = await expectError(
        await append(name, gap),
        409,
        'out_of_order_sequence_number',
      )
      expect(details).toEqual({ expectedSequence: 12 })
      expect((await valuesOf(name)).length).toBe(10)
    })

    test('are only trimmed under the same epoch', async () => {
      const name = await topic()
      await append(name, between(id, 0, 5))
      const newer = batchOf(['x', 'y'], { id, epoch: 1, base: 3 })
      await expectError(await append(name, newer), 409, 'out_of_order_sequence_number')
      await append(name, batchOf(['x', 'y'], { id, epoch: 1, base: 0 }))
      await expectError(await append(name, between(id, 0, 8)), 409, 'invalid_producer_epoch')
    })

    test('get no offset for records older than the last five batches', async () => {
      const name = await topic()
      for (let n = 0; n < 7; n++) await append(name, between(id, n, n + 1))
      expect(await (await append(name, between(id, 0, 1))).json()).toEqual({
        baseOffset: -1,
        nextOffset: -1,
        baseOffsets: [-1],
        logAppendTime: null,
        pieces: [{ recordsCount: 1, baseOffset: -1 }],
      })
      expect(await pieces(await append(name, between(id, 0, 8)))).toEqual([
        [2, -1],
        ...[2, 3, 4, 5, 6].map((offset) => [1, offset]),
        [1, 7],
      ])
    })

    test('are checked against If-Match with their new records only', async () => {
      const name = await topic()
      await append(name, between(id, 0, 5))
      const conditional = (to: number, offset: number) =>
        append(name, between(id, 0, to), { 'If-Match': `"${offset}"` })
      await expectError(await conditional(8, 0), 412, 'expected_offset_mismatch')
      expect((await valuesOf(name)).length).toBe(5)
      expect((await conditional(8, 5)).status).toBe(200)
      expect((await conditional(8, 0)).status).toBe(200)
    })

    test('may be sent many times at once', async () => {
      const name = await topic()
      const sends = Array.from({ length: 24 }, (_, n) => append(name, between(id, 0, 1 + n)))
      for (const response of await Promise.all(sends)) {
        expect([200, 429]).toContain(response.status)
      }
      const got = await valuesOf(name)
      expect(got).toEqual(Array.from({ length: got.length }, (_, n) => value(n)))
    })
  })

  test('are put in order if they overtook one another', async () => {
    const name = await topic()
    const id = BigInt(Date.now()) + 7n
    const late = [4, 3, 2, 1].map((base) => append(name, batchOf([`${base}`], { id, base })))
    await new Promise((resolve) => setTimeout(resolve, 50))
    const all = await Promise.all([...late, append(name, batchOf(['0'], { id, base: 0 }))])
    expect(all.map(({ status }) => status)).toEqual([200, 200, 200, 200, 200])
    const json = await (await request('GET', `/v1/topics/${name}/partitions/0/records`)).json()
    expect(json.records.map(({ value }) => value).join('')).toBe('01234')
  })

  test('obey If-Match, but a retry of an appended batch succeeds', async () => {
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

  /** Changes a valid batch and, unless the CRC itself is tested, corrects the CRC. */
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
  test('are rejected if they are invalid, and nothing is stored', async () => {
    const name = await topic()
    for (const [what, bytes, status, code] of bad) {
      const response = await append(name, bytes())
      const text = await response.clone().text()
      expect([what, response.status], text).toEqual([what, status])
      await expectError(response, status, code)
    }
    expect((await read(name)).bytes).toHaveLength(0)
  })

  test('are found by the time of their records, even if the header differs', async () => {
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

  test('are rejected if there are too many, or if they decompress to too much', async () => {
    const name = await topic()
    const small = batchOf(['a'])
    const many = joined(...Array.from({ length: REQUEST_BATCHES_MAX + 1 }, () => small))
    await expectError(await append(name, many), 400, 'invalid_request')
    const zeros = '\0'.repeat(1_500_000)
    const dense = await compressBatch(batchOf([zeros]), 'gzip', CODECS)
    const count = Math.ceil(REQUEST_DECOMPRESSED_BYTES_MAX / 1_500_000)
    const bombs = joined(...Array.from({ length: count }, () => dense))
    await expectError(await append(name, bombs), 413, 'request_too_large')
    expect((await read(name)).bytes).toHaveLength(0)
  })

  test('are rejected by a route that chooses partitions', async () => {
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
