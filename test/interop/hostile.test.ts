/** What a broker does with what is no client: answers or hangs up, and lets nobody else feel it. */
import { setTimeout as sleep, setImmediate as turn } from 'node:timers/promises'
import fc from 'fast-check'
import kafkajs from 'kafkajs'
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest'
import { ByteWriter } from '../../src/core/bytes/byte-writer.ts'
import type { Fields } from '../../src/core/kafka/field.ts'
import { writeRequestHeader } from '../../src/core/kafka/request-header.ts'
import { type Messages, NO_UUID, writeRequest } from '../../src/core/kafka/schema.ts'
import { API_VERSIONS } from '../../src/kafka/apis/api-versions.ts'
import { FETCH } from '../../src/kafka/apis/fetch.ts'
import { METADATA } from '../../src/kafka/apis/metadata.ts'
import { PRODUCE } from '../../src/kafka/apis/produce.ts'
import { fromHex } from '../core/kafka/hex.ts'
import { writtenStructs } from '../core/kafka/message-arbitraries.ts'
import { SEEDED, TEST_SEED } from '../core/seed.ts'
import { ALL_VERSIONS } from '../kafka/all-messages.ts'
import { GOLDEN_REQUESTS } from '../kafka/golden-requests.ts'
import { flips, mutations } from '../kafka/mutations.ts'
import { framed, RawConnection, readAnswer, requestFrame } from './support/raw-connection.ts'
import { numbered, valuesOf } from './support/records.ts'
import { openStage, type Stage } from './support/stage.ts'
import { until } from './support/until.ts'

const MUTANTS = 600
const MUTANTS_AT_A_TIME = 16
const IDLE_CONNECTIONS = 1_000
const NO_WAIT = { maxWaitMs: 0, minBytes: 0, topics: [], replicaId: -1 }
/** ApiVersions v0: the smallest question there is. */
const PING = requestFrame(API_VERSIONS, 0, {}, 777)
/** One record k=v with the header h1=x, as librdkafka makes it. */
const BATCH = fromHex(`0000000000000000 0000003f 00000000 02 dac8082b 0000 00000000
  000001a202acd535 000001a202acd535 ffffffffffffffff ffff ffffffff 00000001
  1a 00 00 00 02 6b 02 76 02 04 6831 02 78`)

let stage: Stage
const opened: RawConnection[] = []
beforeAll(async () => {
  stage = await openStage()
})
afterEach(() => {
  for (const connection of opened.splice(0)) connection.close()
})
afterAll(async () => await stage.close())

async function open(): Promise<RawConnection> {
  const connection = await RawConnection.open(stage.port)
  opened.push(connection)
  return connection
}

async function expectHungUpAfter(bytes: Uint8Array): Promise<void> {
  const connection = await open()
  connection.send(bytes)
  expect(await connection.next()).toBeNull()
}

async function newTopic(): Promise<string> {
  const topic = stage.name()
  await stage.native.admin.createTopic(topic)
  return topic
}

function produceFrame(topic: string, acks: number, correlationId?: number): Buffer {
  const topics = [{ name: topic, topicId: NO_UUID, partitions: [{ index: 0, records: BATCH }] }]
  return requestFrame(PRODUCE, 7, { acks, timeoutMs: 1_000, topics }, correlationId)
}

/** A client that never has to try twice while `work` is going on. */
async function besideAHealthyClient(work: () => Promise<void>): Promise<void> {
  const topic = await newTopic()
  const kafka = new kafkajs.Kafka({
    brokers: [stage.bootstrap],
    logLevel: kafkajs.logLevel.NOTHING,
    retry: { retries: 0 },
  })
  const producer = kafka.producer({ createPartitioner: kafkajs.Partitioners.DefaultPartitioner })
  await producer.connect()
  let isOver = false
  let count = 0
  const sending = (async () => {
    do {
      await producer.send({ topic, messages: [{ value: `v-${count}` }] })
      count++
      await sleep(5)
    } while (!isOver)
  })()
  await work().finally(() => {
    isOver = true
  })
  await sending
  await producer.disconnect()
  expect(await valuesOf(stage.native, topic, 1)).toEqual([numbered('v', count)])
}

function bytesOf(hex: string): Buffer {
  return Buffer.from(fromHex(hex))
}

describe('is hung up on', () => {
  test.each([
    ['a negative size', bytesOf('ffffffff')],
    ['a size of -2^31', bytesOf('80000000 00000000')],
    ['a size that no frame has', bytesOf('7fffffff 0012 0000')],
    ['no header', bytesOf('00000000')],
    ['half a header', bytesOf('00000004 0012 0000')],
    ['a key that there is not', bytesOf('0000000a 03e8 0000 00000001 ffff')],
    ['a key below zero', bytesOf('0000000a ffff 0000 00000001 ffff')],
    ['a version to come', bytesOf('0000000b 0003 0063 00000001 ffff 00')],
    ['a version long gone', bytesOf('0000000e 0000 0000 00000001 ffff 00000000')],
    ['a count beyond the frame', bytesOf('0000000e 0003 0001 00000001 ffff 7fffffff')],
    ['a count of -1 where there must be one', bytesOf('0000000e 0003 0000 00000001 ffff ffffffff')],
    ['a varint without end', bytesOf('00000011 0003 000c 00000001 ffff 00 ffffffffffff')],
    ['bytes after the body', bytesOf('0000000f 0003 0001 00000001 ffff 00000000 00')],
    ['a TLS client', bytesOf('16030100 c8010000 c40303')],
    ['HTTP', Buffer.from('GET / HTTP/1.1\r\nHost: localhost\r\n\r\n')],
    ['words', Buffer.from('hello, is there anybody?\n')],
  ])('%s', async (_, bytes) => await expectHungUpAfter(bytes))

  test('what comes after a request that is none, and not what came before', async () => {
    const connection = await open()
    const unknown = bytesOf('0000000a 03e8 0000 00000001 ffff')
    connection.send(Buffer.concat([PING, unknown, produceFrame(await newTopic(), 1)]))
    expect((await connection.next())?.readInt32BE(0)).toBe(777)
    expect(await connection.next()).toBeNull()
  })

  test('a produce with acks=0 that fails', async () => {
    await expectHungUpAfter(produceFrame(`${stage.name()}-missing`, 0))
  })
})

test('ApiVersions of a version to come is answered as version 0, with the versions there are', async () => {
  const connection = await open()
  connection.send(bytesOf('0000000d 0012 0063 00000005 ffff 00 00 00'))
  const frame = await connection.next()
  const [first, last] = API_VERSIONS.versions
  expect(readAnswer(API_VERSIONS, 0, frame as Buffer)).toMatchObject({
    errorCode: 35,
    apiKeys: [{ apiKey: API_VERSIONS.key, minVersion: first, maxVersion: last }],
  })
  const all = await connection.ask(API_VERSIONS, last, { clientSoftwareName: 'raw' })
  expect(all?.apiKeys.length).toBeGreaterThan(25)
})

test('50 requests in one write are answered in their order', async () => {
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
  const { partitionDetails } = await stage.native.admin.describeTopic(topic)
  expect(partitionDetails?.[0]?.highWatermark).toBe(30)
})

test('a byte at a time is a request all the same', async () => {
  const connection = await open()
  for (const byte of PING) {
    connection.send(Uint8Array.of(byte))
    await turn()
  }
  expect((await connection.next())?.readInt32BE(0)).toBe(777)
})

test.each([10, 11, 12])('Metadata v%s of an id that no topic has', async (version) => {
  const topicId = '00000000-0000-4000-8000-000000000001'
  const connection = await open()
  const answer = await connection.ask(METADATA, version, { topics: [{ topicId, name: null }] })
  const name = version < 12 ? '' : null
  expect(answer?.topics).toMatchObject([{ errorCode: 100, name, topicId }])
})

test('a fetch of nothing does not wait', async () => {
  const connection = await open()
  const answer = await connection.ask(FETCH, 11, { ...NO_WAIT, maxWaitMs: 30_000, minBytes: 1 })
  expect(answer).toMatchObject({ errorCode: 0, topics: [] })
})

test('what was produced by who hung up at once is stored', async () => {
  const topic = await newTopic()
  for (const acks of Array.from({ length: 10 }, (_, index) => (index % 2 === 0 ? 0 : -1))) {
    const connection = await open()
    connection.socket.end(produceFrame(topic, acks))
  }
  const stored = async () =>
    (await stage.native.admin.describeTopic(topic)).partitionDetails?.[0]?.highWatermark
  await until('all ten are there', async () => (await stored()) === 10)
})

describe('others do not notice', () => {
  test(`broken requests (seed ${TEST_SEED})`, async () => {
    const frames = fc.oneof(
      fc.constantFrom(...GOLDEN_REQUESTS).map(({ hex }) => fromHex(hex)),
      fc.constantFrom(...ALL_VERSIONS).chain(({ messages, version }) =>
        writtenStructs(messages.request as Fields, version).map((request) => {
          const writer = new ByteWriter()
          const header = { apiVersion: version, correlationId: 1, clientId: 'fuzz' }
          writeRequestHeader(writer, messages, header)
          writeRequest(messages as Messages, version, request, writer)
          return writer.toBytes()
        }),
      ),
    )
    const mutants = fc
      .sample(fc.tuple(frames, fc.oneof(flips, mutations)), { ...SEEDED, numRuns: MUTANTS })
      .map(([bytes, mutate]) => mutate(bytes))
    await besideAHealthyClient(async () => {
      let answered = 0
      const next = mutants.values()
      const sendAll = async () => {
        for (const mutant of next) if (await isAnswered(mutant)) answered++
      }
      await Promise.all(Array.from({ length: MUTANTS_AT_A_TIME }, sendAll))
      // Some are as good as before, most are not.
      expect(answered).toBeGreaterThan(MUTANTS / 10)
      expect(answered).toBeLessThan(MUTANTS)
    })
  }, 60_000)

  /** Whether it was answered and the next request as well; if not, it is hung up on. */
  async function isAnswered(mutant: Uint8Array): Promise<boolean> {
    const connection = await RawConnection.open(stage.port)
    connection.send(Buffer.concat([framed(mutant), PING]))
    const tooLate = setTimeout(() => connection.close(), 20_000)
    try {
      for (;;) {
        const frame = await connection.next()
        // After SaslHandshake v0 whatever comes is taken for a token, whose answer is empty.
        if (frame?.length === 0 || frame?.readInt32BE(0) === 777) return true
        if (frame !== null) continue
        const isSilent = connection.socket.destroyed && !connection.socket.readableEnded
        if (isSilent && connection.socket.errored === null) {
          throw new Error(`neither answered nor hung up on: ${Buffer.from(mutant).toString('hex')}`)
        }
        return false
      }
    } finally {
      clearTimeout(tooLate)
      connection.close()
    }
  }

  test(`${IDLE_CONNECTIONS} silent connections, half of them within a frame`, async () => {
    await besideAHealthyClient(async () => {
      for (let count = 0; count < IDLE_CONNECTIONS; count += 100) {
        const some = await Promise.all(Array.from({ length: 100 }, open))
        for (const connection of some.slice(50)) connection.send(bytesOf('00001000 0012'))
      }
      await sleep(200)
      const answers = opened.slice(0, 20).map(async (connection) => {
        connection.send(PING)
        return (await connection.next())?.readInt32BE(0)
      })
      expect(await Promise.all(answers)).toEqual(Array.from({ length: 20 }, () => 777))
    })
  })

  test('one that asks and asks, and reads no answer', async () => {
    await besideAHealthyClient(async () => {
      const connection = await open()
      connection.socket.pause()
      const questions = Buffer.concat(Array.from({ length: 500 }, () => PING))
      for (let times = 0; times < 20; times++) connection.send(questions)
      await sleep(500)
      connection.close()
    })
  })

  test('those that break off within a frame', async () => {
    await besideAHealthyClient(async () => {
      for (let length = 1; length < PING.length; length++) {
        const connection = await open()
        connection.socket.end(PING.subarray(0, length))
        expect(await connection.next()).toBeNull()
      }
    })
  })
})

describe('POST /kafka, without a bridge', () => {
  async function post(body: Uint8Array, headers: Record<string, string> = {}) {
    const response = await fetch(new URL('/kafka', stage.server.url), {
      method: 'POST',
      body: body as Uint8Array<ArrayBuffer>,
      headers: { 'content-type': 'application/vnd.edgelog.kafka', ...headers },
    })
    return { status: response.status, bytes: Buffer.from(await response.arrayBuffer()) }
  }

  test.each([
    ['nothing', Buffer.alloc(0)],
    ['half a frame', PING.subarray(0, -1)],
    ['a frame and a half', Buffer.concat([PING, PING.subarray(0, 6)])],
    ['a negative size', bytesOf('ffffffff')],
    ['more frames than allowed', Buffer.concat(Array.from({ length: 1_001 }, () => PING))],
  ])('%s is refused', async (_, body) => {
    expect((await post(body)).status).toBe(400)
  })

  test('frames are answered up to the first that is none, and then the word to close', async () => {
    const unknown = bytesOf('0000000a 03e8 0000 00000001 ffff')
    const { status, bytes } = await post(Buffer.concat([PING, unknown, PING]))
    expect(status).toBe(200)
    const size = bytes.readInt32BE(0)
    expect(bytes.readInt32BE(4)).toBe(777)
    expect(bytes.subarray(4 + size).toString('hex')).toBe('ffffffff')
  })

  test('clients are told an address, whatever is said of it', async () => {
    const frame = requestFrame(METADATA, 1, { topics: [] })
    for (const [said, host, port] of [
      ['log.example.com:9999', 'log.example.com', 9_999],
      ['[::1]:9092', '::1', 9_092],
      ['not an address', '127.0.0.1', 9_092],
    ] as const) {
      const { bytes } = await post(frame, { 'edgelog-kafka-address': said })
      const { brokers } = readAnswer(METADATA, 1, bytes.subarray(4))
      expect(brokers).toMatchObject([{ host, port }])
    }
  })
})
