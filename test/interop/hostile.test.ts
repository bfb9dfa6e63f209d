/** Question: does the bridge handle invalid, unusual and partial requests as a Kafka broker does? */
import { setImmediate as turn } from 'node:timers/promises'
import { describe, expect, test } from 'vitest'
import { NO_UUID } from '../../src/core/kafka/schema.ts'
import { API_VERSIONS } from '../../src/kafka/apis/api-versions.ts'
import { FETCH } from '../../src/kafka/apis/fetch.ts'
import { METADATA } from '../../src/kafka/apis/metadata.ts'
import { PRODUCE } from '../../src/kafka/apis/produce.ts'
import { fromHex } from '../core/kafka/hex.ts'
import { until } from '../support/until.ts'
import { readPage, requestFrame } from './support/raw-connection.ts'
import { useRawStage } from './support/raw-stage.ts'

const NO_WAIT = { maxWaitMs: 0, minBytes: 0, topics: [], replicaId: -1 }
/** ApiVersions v0, the smallest request. */
const PING = requestFrame(API_VERSIONS, 0, {}, 777)
/** One record k=v with the header h1=x, as librdkafka makes it. */
const BATCH = fromHex(`0000000000000000 0000003f 00000000 02 dac8082b 0000 00000000
  000001a202acd535 000001a202acd535 ffffffffffffffff ffff ffffffff 00000001
  1a 00 00 00 02 6b 02 76 02 04 6831 02 78`)

const raw = useRawStage()
const { open } = raw

async function expectClosedAfter(bytes: Uint8Array): Promise<void> {
  const connection = await open()
  connection.send(bytes)
  expect(await connection.next()).toBeNull()
}

async function newTopic(): Promise<string> {
  const topic = raw.stage.name()
  await raw.stage.native.admin.createTopic(topic)
  return topic
}

function produceFrame(topic: string, acks: number, correlationId?: number): Buffer {
  const topics = [{ name: topic, topicId: NO_UUID, partitions: [{ index: 0, records: BATCH }] }]
  return requestFrame(PRODUCE, 7, { acks, timeoutMs: 1_000, topics }, correlationId)
}

function bytesOf(hex: string): Buffer {
  return Buffer.from(fromHex(hex))
}

describe('the bridge closes the connection', () => {
  test.each([
    ['a negative size', bytesOf('ffffffff')],
    ['a size of -2^31', bytesOf('80000000 00000000')],
    ['a size above the limit', bytesOf('7fffffff 0012 0000')],
    ['a frame without a header', bytesOf('00000000')],
    ['half a header', bytesOf('00000004 0012 0000')],
    ['an unknown API key', bytesOf('0000000a 03e8 0000 00000001 ffff')],
    ['a negative API key', bytesOf('0000000a ffff 0000 00000001 ffff')],
    ['a version that is too new', bytesOf('0000000b 0003 0063 00000001 ffff 00')],
    ['a version that is too old', bytesOf('0000000e 0000 0000 00000001 ffff 00000000')],
    ['a count that exceeds the frame', bytesOf('0000000e 0003 0001 00000001 ffff 7fffffff')],
    ['a null array that must not be null', bytesOf('0000000e 0003 0000 00000001 ffff ffffffff')],
    ['an endless varint', bytesOf('00000011 0003 000c 00000001 ffff 00 ffffffffffff')],
    ['a TLS client', bytesOf('16030100 c8010000 c40303')],
    ['HTTP', Buffer.from('GET / HTTP/1.1\r\nHost: localhost\r\n\r\n')],
    ['plain text', Buffer.from('hello, is there anybody?\n')],
  ])('after %s', async (_, bytes) => await expectClosedAfter(bytes))

  test('after an invalid request, but responds to the requests before it', async () => {
    const connection = await open()
    const unknown = bytesOf('0000000a 03e8 0000 00000001 ffff')
    connection.send(Buffer.concat([PING, unknown, produceFrame(await newTopic(), 1)]))
    expect((await connection.next())?.readInt32BE(0)).toBe(777)
    expect(await connection.next()).toBeNull()
  })

  test('after a failed produce with acks=0', async () => {
    await expectClosedAfter(produceFrame(`${raw.stage.name()}-missing`, 0))
  })
})

describe('the bridge', () => {
  test('ignores bytes after a request; librdkafka appends three to a request for all topics', async () => {
    const connection = await open()
    const metadata = '00000019 0003 000d 00000005 0007 72646b61666b61 00 00 00 00 00 010000'
    connection.send(Buffer.concat([bytesOf(metadata), PING]))
    expect((await connection.next())?.readInt32BE(0)).toBe(5)
    expect((await connection.next())?.readInt32BE(0)).toBe(777)
  })

  test('responds to a too new ApiVersions with version 0 and the supported versions', async () => {
    const connection = await open()
    connection.send(bytesOf('0000000d 0012 0063 00000005 ffff 00 00 00'))
    const frame = await connection.next()
    const [first, last] = API_VERSIONS.versions
    expect(readPage(API_VERSIONS, 0, frame as Buffer)).toMatchObject({
      errorCode: 35,
      apiKeys: [{ apiKey: API_VERSIONS.key, minVersion: first, maxVersion: last }],
    })
    const all = await connection.ask(API_VERSIONS, last, { clientSoftwareName: 'raw' })
    expect(all?.apiKeys.length).toBeGreaterThan(25)
  })

  test('responds in order to 50 requests in one write', async () => {
    const connection = await open()
    const topic = await newTopic()
    const ids = Array.from({ length: 50 }, (_, index) => (index % 2 === 0 ? index : -index) * 7_919)
    const frames = ids.map((id, index) => {
      if (index % 5 === 0) return requestFrame(METADATA, 1, { topics: [{ name: topic }] }, id)
      return index % 5 === 1 ? requestFrame(FETCH, 11, NO_WAIT, id) : produceFrame(topic, 1, id)
    })
    connection.send(Buffer.concat(frames))
    const answered: (number | undefined)[] = []
    for (const _ of ids) answered.push((await connection.next())?.readInt32BE(0))
    expect(answered).toEqual(ids)
    const { partitionDetails } = await raw.stage.native.admin.describeTopic(topic)
    expect(partitionDetails?.[0]?.highWatermark).toBe(30)
  })

  test('accepts a request that arrives byte by byte', async () => {
    const connection = await open()
    for (const byte of PING) {
      connection.send(Uint8Array.of(byte))
      await turn()
    }
    expect((await connection.next())?.readInt32BE(0)).toBe(777)
  })

  test.each([10, 11, 12])(
    'returns unknown_topic_id from Metadata v%s for an unknown topic id',
    async (version) => {
      const topicId = '00000000-0000-4000-8000-000000000001'
      const connection = await open()
      const answer = await connection.ask(METADATA, version, { topics: [{ topicId, name: null }] })
      const name = version < 12 ? '' : null
      expect(answer?.topics).toMatchObject([{ errorCode: 100, name, topicId }])
    },
  )

  test('responds at once to a fetch without partitions', async () => {
    const connection = await open()
    const answer = await connection.ask(FETCH, 11, { ...NO_WAIT, maxWaitMs: 30_000, minBytes: 1 })
    expect(answer).toMatchObject({ errorCode: 0, topics: [] })
  })

  test('stores records of a client that closes the connection right after its produce', async () => {
    const topic = await newTopic()
    for (const acks of Array.from({ length: 10 }, (_, index) => (index % 2 === 0 ? 0 : -1))) {
      const connection = await open()
      connection.socket.end(produceFrame(topic, acks))
    }
    const stored = async () =>
      (await raw.stage.native.admin.describeTopic(topic)).partitionDetails?.[0]?.highWatermark
    await until('all ten are stored', async () => (await stored()) === 10)
  })
})

describe('POST /kafka, without a bridge', () => {
  async function post(body: Uint8Array, headers: Record<string, string> = {}) {
    const response = await fetch(new URL('/kafka', raw.stage.server.url), {
      method: 'POST',
      body: body as Uint8Array<ArrayBuffer>,
      headers: { 'content-type': 'application/vnd.edgelog.kafka', ...headers },
    })
    return { status: response.status, bytes: Buffer.from(await response.arrayBuffer()) }
  }

  test.each([
    ['an empty body', Buffer.alloc(0)],
    ['half a frame', PING.subarray(0, -1)],
    ['a frame and a half', Buffer.concat([PING, PING.subarray(0, 6)])],
    ['a negative size', bytesOf('ffffffff')],
    ['more frames than allowed', Buffer.concat(Array.from({ length: 1_001 }, () => PING))],
  ])('rejects %s', async (_, body) => {
    expect((await post(body)).status).toBe(400)
  })

  test('responds to the frames before an invalid one, and then requests to close the connection', async () => {
    const unknown = bytesOf('0000000a 03e8 0000 00000001 ffff')
    const { status, bytes } = await post(Buffer.concat([PING, unknown, PING]))
    expect(status).toBe(200)
    const size = bytes.readInt32BE(0)
    expect(bytes.readInt32BE(4)).toBe(777)
    expect(bytes.subarray(4 + size).toString('hex')).toBe('ffffffff')
  })

  test('returns the address from the header, or a default if it is invalid', async () => {
    const frame = requestFrame(METADATA, 1, { topics: [] })
    for (const [address, host, port] of [
      ['log.example.com:9999', 'log.example.com', 9_999],
      ['[::1]:9092', '::1', 9_092],
      ['not an address', '127.0.0.1', 9_092],
    ] as const) {
      const { bytes } = await post(frame, { 'edgelog-kafka-address': address })
      const { brokers } = readPage(METADATA, 1, bytes.subarray(4))
      expect(brokers).toMatchObject([{ host, port }])
    }
  })
})
