/** Frames that real clients and brokers have sent, without their size. */
import { describe, expect, test } from 'vitest'
import { ByteReader } from '../../src/core/bytes/byte-reader.ts'
import { ByteWriter } from '../../src/core/bytes/byte-writer.ts'
import {
  readRequestHeader,
  readResponseHeader,
  writeRequestHeader,
  writeResponseHeader,
} from '../../src/core/kafka/request-header.ts'
import {
  readRequest,
  readResponse,
  writeRequest,
  writeResponse,
} from '../../src/core/kafka/schema.ts'
import { API_VERSIONS } from '../../src/kafka/apis/api-versions.ts'
import { INIT_PRODUCER_ID } from '../../src/kafka/apis/init-producer-id.ts'
import { METADATA } from '../../src/kafka/apis/metadata.ts'
import { PRODUCE } from '../../src/kafka/apis/produce.ts'
import { fromHex, toHex } from '../core/kafka/hex.ts'
import { GOLDEN_REQUESTS } from './golden-requests.ts'
import { ADMINISTRATION, response } from './golden-responses.ts'

const RESPONSES = [
  ...ADMINISTRATION,
  response(
    API_VERSIONS,
    4,
    ['ApiVersions v4, whose header has no tagged fields', 7],
    '00000007 0000 02 0012 0000 0004 00 00000000 00',
    { errorCode: 0, apiKeys: [{ apiKey: 18, minVersion: 0, maxVersion: 4 }] },
  ),
  response(
    INIT_PRODUCER_ID,
    5,
    ['InitProducerId v5', 2],
    '00000002 00 00000000 0000 00000000000003e8 0000 00',
    { errorCode: 0, producerId: 1_000n, producerEpoch: 0 },
  ),
  response(
    PRODUCE,
    13,
    ['Produce v13', 5],
    `00000005 00 02 000102030405060708090a0b0c0d0e0f 02 00000000 0000 0000000000000000
     ffffffffffffffff 0000000000000000 01 00 00 00 00000000 00`,
    {
      topics: [
        {
          name: '',
          topicId: '00010203-0405-0607-0809-0a0b0c0d0e0f',
          partitions: [{ index: 0, errorCode: 0, baseOffset: 0, logStartOffset: 0 }],
        },
      ],
    },
  ),
]

describe('requests of real clients', () => {
  test.each(GOLDEN_REQUESTS)('are read: $title', (golden) => {
    const { messages, version, correlationId, clientId } = golden
    const reader = new ByteReader(fromHex(golden.hex))
    const header = { apiKey: messages.key, apiVersion: version, correlationId, clientId }
    expect(readRequestHeader(reader, () => messages)).toEqual(header)
    expect(readRequest(messages, version, reader)).toEqual(golden.value)
  })

  test.each(GOLDEN_REQUESTS)('are written: $title', (golden) => {
    const { messages, version, correlationId, clientId } = golden
    const writer = new ByteWriter()
    writeRequestHeader(writer, messages, { apiVersion: version, correlationId, clientId })
    writeRequest(messages, version, golden.value, writer)
    expect(toHex(writer.toBytes())).toBe(toHex(fromHex(golden.hex)))
  })
})

test("reads librdkafka's request for all topics, which has three bytes too many", () => {
  const frame = '0003 000d 00000002 0007 72646b61666b61 00  00 00 00 00  010000'
  const reader = new ByteReader(fromHex(frame))
  expect(readRequestHeader(reader, () => METADATA)).toMatchObject({ apiVersion: 13 })
  expect(readRequest(METADATA, 13, reader)).toMatchObject({ topics: null })
})

describe('responses of real brokers', () => {
  test.each(RESPONSES)('are read: $title', (golden) => {
    const reader = new ByteReader(fromHex(golden.hex))
    expect(readResponseHeader(reader, golden.messages, golden.version)).toBe(golden.correlationId)
    expect(readResponse(golden.messages, golden.version, reader)).toMatchObject(golden.value)
  })

  test.each(RESPONSES)('are written: $title', (golden) => {
    const writer = new ByteWriter()
    writeResponseHeader(writer, golden.messages, golden.version, golden.correlationId)
    writeResponse(golden.messages, golden.version, golden.value, writer)
    expect(toHex(writer.toBytes())).toBe(toHex(fromHex(golden.hex)))
  })
})
