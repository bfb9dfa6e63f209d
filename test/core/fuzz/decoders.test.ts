/*
 * Question: can any input make a decoder do anything other than succeed or refuse?
 * Contract: the result is a value, an EdgelogError or a DecodeError; it comes without delay; no
 *   output and no buffer behind it is larger than the limit; and a batch that passes checkBatch decodes
 *   to exactly recordsCount records.
 * Generated: damaged copies of valid batches and of valid compressed data, half of them with a corrected
 *   CRC so that the damage reaches the records; random bytes; hostile JSON values.
 * Reach: FUZZ_INPUTS raises the number of inputs, TEST_SEED repeats a run.
 */
import { describe, expect, it } from 'vitest'
import { encodeBatch } from '../../../src/core/batch/batch-builder.ts'
import { compressBatch } from '../../../src/core/batch/compress-batch.ts'
import {
  decodeTransactionMarker,
  encodeTransactionMarker,
} from '../../../src/core/batch/control-record.ts'
import { checkBatch, decodeBatch } from '../../../src/core/batch/decode-records.ts'
import { type JsonRecordInput, recordFromJson } from '../../../src/core/batch/json-record.ts'
import { readBatchHeader, readBatchHeaders } from '../../../src/core/batch/record-batch.ts'
import { writeCrc } from '../../../src/core/batch/write-crc.ts'
import { ByteReader } from '../../../src/core/bytes/byte-reader.ts'
import { DecodeError } from '../../../src/core/bytes/decode-error.ts'
import type { CompressionName } from '../../../src/core/compression/codec.ts'
import { CODECS } from '../../../src/core/compression/codecs.ts'
import { EdgelogError } from '../../../src/core/errors.ts'
import { JsonText } from '../../../src/core/json/exact-json.ts'
import { Random } from '../../support/random.ts'
import { TEST_SEED } from '../../support/seed.ts'
import { JAVA_BATCH, LIBRDKAFKA_BATCH } from '../batch/golden-batches.ts'
import { toHex, utf8 } from '../bytes/hex.ts'
import { mutate } from './mutate.ts'

const COMPRESSIONS = ['gzip', 'snappy', 'lz4', 'zstd'] as const

/** Number of inputs of the cheapest decoders; the others get a fraction of it. */
const INPUTS = Number(process.env.FUZZ_INPUTS ?? 20_000)
const CAP_BYTES = 1024 * 1024
/** Fails a decoder that hangs, or takes minutes for a few bytes. */
const TIMEOUT_MS = 60_000 + INPUTS * 2

console.log(`fuzz: TEST_SEED=${TEST_SEED} FUZZ_INPUTS=${INPUTS}`)

/** Runs `decode` on one input and returns its value, or `undefined` if it was refused. */
async function result<T>(input: Uint8Array, decode: () => T | Promise<T>): Promise<T | undefined> {
  const context = () => `TEST_SEED=${TEST_SEED} input=${toHex(input.subarray(0, 4_096))}`
  try {
    return await decode()
  } catch (error) {
    if (error instanceof EdgelogError && error.code !== 'internal') return undefined
    if (error instanceof DecodeError) return undefined
    throw new Error(`neither a value nor an expected error: ${context()}`, { cause: error })
  }
}

function records(random: Random, count: number) {
  return Array.from({ length: count }, () => ({
    timestamp: 1_700_000_000_000 + random.below(100),
    key: random.below(4) === 0 ? null : utf8(`key-${random.below(20)}`),
    value: random.below(8) === 0 ? null : utf8('some value '.repeat(random.below(6))),
    headers: random.below(3) === 0 ? [{ key: 'trace', value: random.bytes(4) }] : [],
  }))
}

async function soundBatches(random: Random, compression: CompressionName): Promise<Uint8Array[]> {
  const batches = [1, 3, 12, 40].map((count) =>
    compressBatch(encodeBatch(records(random, count)), compression, CODECS),
  )
  const all = await Promise.all(batches)
  return compression === 'none' ? [...all, JAVA_BATCH, LIBRDKAFKA_BATCH] : all
}

/** Damages a batch, and in half of the cases corrects its length and CRC afterwards. */
function damage(random: Random, batch: Uint8Array): Uint8Array {
  const damaged = mutate(random, batch)
  if (damaged.length >= 61 && random.below(2) === 0) {
    const view = new DataView(damaged.buffer)
    view.setInt32(8, damaged.length - 12)
    view.setInt8(16, 2)
    // If the compression type is damaged, the records are not worth testing.
    if (random.below(2) === 0) view.setInt16(21, new DataView(batch.buffer).getInt16(21))
    writeCrc(damaged)
  }
  return damaged
}

describe('fuzz', { timeout: TIMEOUT_MS }, () => {
  it('tests readBatchHeaders()', async () => {
    const random = new Random(TEST_SEED)
    const sound = await soundBatches(random, 'none')
    for (let count = 0; count < INPUTS; count++) {
      const pair = Buffer.concat([random.pick(sound), random.pick(sound)])
      const input = mutate(random, new Uint8Array(pair))
      const headers = await result(input, () => readBatchHeaders(input))
      if (headers === undefined) continue
      const sizeBytes = headers.reduce((sum, header) => sum + header.sizeBytes, 0)
      expect(sizeBytes).toBe(input.length)
    }
  })

  it.each(['none', ...COMPRESSIONS] as const)(
    'tests checkBatch() and decodeBatch() with %s',
    async (name) => {
      const random = new Random(TEST_SEED)
      const sound = await soundBatches(random, name)
      let passed = 0
      for (let count = 0; count < INPUTS / 4; count++) {
        const input = damage(random, random.pick(sound))
        const header = await result(input, () => readBatchHeader(input))
        if (header === undefined) continue
        const check = await result(input, () => checkBatch(input, header, CODECS))
        const decoded = await result(input, () => decodeBatch(input, header, CODECS))
        if (decoded !== undefined) expect(decoded).toHaveLength(header.recordsCount)
        if (check === undefined) continue
        passed++
        expect(decoded).toHaveLength(header.recordsCount)
        expect(decoded?.some(({ key }) => key === null)).toBe(check.hasNullKey)
        expect(decoded?.at(-1)?.offset).toBe(header.baseOffset + header.recordsCount - 1)
      }
      // Otherwise no mutation passes the checks, and the last property tests nothing.
      expect(passed).toBeGreaterThan(0)
    },
  )

  it.each(COMPRESSIONS)('tests decompress() of %s', async (name) => {
    const random = new Random(TEST_SEED)
    const contents = [utf8('abc'), utf8('line of text\n'.repeat(90)), random.bytes(300)]
    contents.push(new Uint8Array(70_000).map((_, index) => (index * index) >>> 9))
    const sound = await Promise.all(contents.map((content) => CODECS[name].compress(content)))
    for (let count = 0; count < INPUTS / 2; count++) {
      const isNoise = random.below(8) === 0
      const input = isNoise ? random.bytes(random.below(60)) : mutate(random, random.pick(sound))
      const output = await result(input, () => CODECS[name].decompress(input, CAP_BYTES))
      if (output === undefined) continue
      expect(output.length <= CAP_BYTES).toBe(true)
      expect(output.buffer.byteLength <= CAP_BYTES).toBe(true)
    }
  })

  it('tests decodeTransactionMarker()', async () => {
    const random = new Random(TEST_SEED)
    const producer = { producerId: 5n, producerEpoch: 1 }
    const sound = encodeTransactionMarker({ type: 'commit', coordinatorEpoch: 3 }, producer, 9)
    for (let count = 0; count < INPUTS / 4; count++) {
      const input = damage(random, sound)
      await result(input, () => decodeTransactionMarker(input, readBatchHeader(input)))
    }
  })

  it('tests ByteReader', async () => {
    const random = new Random(TEST_SEED)
    const methods = ['varint', 'varlong', 'unsignedVarint', 'int64AsNumber', 'int16'] as const
    for (let count = 0; count < INPUTS; count++) {
      const input = mutate(random, random.bytes(random.below(30)))
      const reader = new ByteReader(input)
      await result(input, () => {
        while (reader.remaining > 0) {
          expect(Number.isSafeInteger(reader[random.pick(methods)]())).toBe(true)
          if (random.below(4) === 0) reader.skip(reader.varint())
        }
      })
      expect(reader.position <= input.length).toBe(true)
    }
  })

  it('tests recordFromJson()', async () => {
    const random = new Random(TEST_SEED)
    for (let count = 0; count < INPUTS / 2; count++) {
      const input = hostileInput(random)
      const context = utf8(JSON.stringify(input))
      const record = await result(context, () => recordFromJson(input, 0, 'records[0]'))
      if (record === undefined) continue
      const batch = encodeBatch([record])
      const [decoded] = await decodeBatch(batch, readBatchHeader(batch), CODECS)
      expect(decoded).toEqual({ ...record, offset: 0 })
    }
  })
})

const TEXTS = [
  '',
  'a',
  'ключ',
  '\ud800',
  'x\udfff',
  '\u0000',
  '🚀',
  'YQ==',
  'YQ',
  '////',
  '=',
  '__proto__',
]

function hostileInput(random: Random): JsonRecordInput {
  const text = () => random.pick(TEXTS)
  const textOrNull = () => (random.below(3) === 0 ? null : text())
  const pairs = () =>
    Array.from({ length: random.below(4) }, () => [text(), textOrNull()] as [string, string | null])
  const json = () => new JsonText(JSON.stringify({ a: [text()] }))
  const values = [null, 0, {}, new JsonText('-1.5'), json(), json(), text(), text()]
  const times = [0, 5, -1, 0.5, 2 ** 53, Number.NaN, 2 ** 53 - 1]
  const maybe = <T>(value: () => T) => (random.below(3) === 0 ? value() : undefined)
  return {
    key: maybe(textOrNull),
    keyBase64: random.below(4) === 0 ? text() : undefined,
    value: random.below(4) === 0 ? undefined : random.pick(values),
    valueBase64: random.below(4) === 0 ? text() : undefined,
    headers: maybe(() => (random.below(2) === 0 ? pairs() : Object.fromEntries(pairs()))),
    headersBase64: random.below(6) === 0 ? pairs() : undefined,
    timestamp: maybe(() => random.pick(times)),
  }
}
