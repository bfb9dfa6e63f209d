/** Question: do clients authenticate by SASL to the bridge, which sends their token to the server? */
import { Admin } from '@platformatic/kafka'
import kafkajs, { type SASLOptions } from 'kafkajs'
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest'
import { SASL_AUTHENTICATE, SASL_HANDSHAKE } from '../../src/core/kafka/sasl-messages.ts'
import { NO_UUID } from '../../src/core/kafka/schema.ts'
import { API_VERSIONS } from '../../src/kafka/apis/api-versions.ts'
import { METADATA } from '../../src/kafka/apis/metadata.ts'
import { PRODUCE } from '../../src/kafka/apis/produce.ts'
import { provideKcat } from './support/find-kcat.ts'
import { kcat } from './support/kcat.ts'
import { framed, RawConnection, requestFrame } from './support/raw-connection.ts'
import { openStage, type Stage } from './support/stage.ts'

const TOKEN = 'the-token_of.this/log=='
const INSTALL_MS_MAX = 300_000
const UNSUPPORTED_SASL_MECHANISM = 33
const SASL_AUTHENTICATION_FAILED = 58

let stage: Stage
let topic: string
const opened: RawConnection[] = []
beforeAll(async () => {
  await provideKcat()
  stage = await openStage({ token: TOKEN })
  topic = stage.name()
  await stage.native.admin.createTopic(topic)
}, INSTALL_MS_MAX)
afterEach(() => {
  for (const connection of opened.splice(0)) connection.close()
})
afterAll(async () => await stage.close())

async function open(): Promise<RawConnection> {
  const connection = await RawConnection.open(stage.port)
  opened.push(connection)
  return connection
}

function plain(password: string): Buffer {
  return Buffer.from(`\0anybody\0${password}`)
}

async function topicsOf(connection: RawConnection): Promise<(string | null)[] | undefined> {
  const answer = await connection.ask(METADATA, 1, { topics: null })
  return answer?.topics.map(({ name }) => name)
}

describe('SASL', () => {
  test('grants access with the right password', async () => {
    const connection = await open()
    expect((await connection.ask(API_VERSIONS, 0, {}))?.errorCode).toBe(0)
    const handshake = await connection.ask(SASL_HANDSHAKE, 1, { mechanism: 'PLAIN' })
    expect(handshake).toEqual({ errorCode: 0, mechanisms: ['PLAIN', 'OAUTHBEARER'] })
    const answer = await connection.ask(SASL_AUTHENTICATE, 2, { authBytes: plain(TOKEN) })
    expect(answer?.errorCode).toBe(0)
    expect(await topicsOf(connection)).toEqual([topic])
  })

  test.each([
    ['a wrong password', plain(`${TOKEN}x`)],
    ['an empty password', plain('')],
    ['a password with a line break', plain('one\r\ntwo')],
    ['a password that is not ASCII', plain('пароль')],
    ['a malformed token', Buffer.from('nobody')],
    ['an empty token', Buffer.alloc(0)],
  ])('rejects %s and closes the connection', async (_, authBytes) => {
    const connection = await open()
    await connection.ask(SASL_HANDSHAKE, 1, { mechanism: 'PLAIN' })
    const answer = await connection.ask(SASL_AUTHENTICATE, 2, { authBytes })
    expect(answer?.errorCode).toBe(SASL_AUTHENTICATION_FAILED)
    expect(await connection.next()).toBeNull()
  })

  test('accepts a bare token after a handshake of version 0', async () => {
    const right = await open()
    expect((await right.ask(SASL_HANDSHAKE, 0, { mechanism: 'PLAIN' }))?.errorCode).toBe(0)
    right.send(framed(plain(TOKEN)))
    expect((await right.next())?.length).toBe(0)
    expect(await topicsOf(right)).toEqual([topic])

    const wrong = await open()
    await wrong.ask(SASL_HANDSHAKE, 0, { mechanism: 'PLAIN' })
    wrong.send(framed(plain('wrong')))
    expect(await wrong.next()).toBeNull()
  })

  test.each([0, 1])('rejects an unknown mechanism in handshake version %s', async (version) => {
    const connection = await open()
    const answer = await connection.ask(SASL_HANDSHAKE, version, { mechanism: 'SCRAM-SHA-256' })
    expect(answer?.errorCode).toBe(UNSUPPORTED_SASL_MECHANISM)
    expect(await connection.next()).toBeNull()
  })

  test('closes the connection of a client that sends requests without authenticating', async () => {
    const [asking, producing] = [await open(), await open()]
    expect(await topicsOf(asking)).toBeUndefined()
    const partitions = [{ index: 0, records: new Uint8Array(100) }]
    const topics = [{ name: topic, topicId: NO_UUID, partitions }]
    producing.send(requestFrame(PRODUCE, 7, { acks: 1, timeoutMs: 1_000, topics }))
    expect(await producing.next()).toBeNull()
  })

  test('accepts handshake, token and request in one write', async () => {
    const connection = await open()
    connection.send(
      Buffer.concat([
        requestFrame(SASL_HANDSHAKE, 1, { mechanism: 'PLAIN' }, 1),
        requestFrame(SASL_AUTHENTICATE, 1, { authBytes: plain(TOKEN) }, 2),
        requestFrame(METADATA, 1, { topics: null }, 3),
      ]),
    )
    const ids = [await connection.next(), await connection.next(), await connection.next()]
    expect(ids.map((frame) => frame?.readInt32BE(0))).toEqual([1, 2, 3])
  })
})

describe('SASL with real clients', () => {
  const oauth = (value: string): SASLOptions => ({
    mechanism: 'oauthbearer',
    oauthBearerProvider: async () => ({ value }),
  })
  const password = (text: string): SASLOptions => ({
    mechanism: 'plain',
    username: 'anybody',
    password: text,
  })

  test.each([
    ['PLAIN', password],
    ['OAUTHBEARER', oauth],
  ])('works with kafkajs and %s', async (_, saslOf) => {
    const adminOf = (token: string) =>
      new kafkajs.Kafka({
        brokers: [stage.bootstrap],
        logLevel: kafkajs.logLevel.NOTHING,
        retry: { retries: 0 },
        sasl: saslOf(token),
      }).admin()
    const admin = adminOf(TOKEN)
    await admin.connect()
    expect(await admin.listTopics()).toEqual([topic])
    await admin.disconnect()
    await expect(adminOf('wrong').connect()).rejects.toThrow('Authentication failed')
  })

  test.each(['PLAIN', 'OAUTHBEARER'] as const)(
    'works with @platformatic/kafka and %s',
    async (mechanism) => {
      const adminOf = (token: string) =>
        new Admin({
          clientId: 'sasl',
          bootstrapBrokers: [stage.bootstrap],
          retries: 0,
          sasl: { mechanism, username: 'anybody', password: token, token },
        })
      const [admin, wrong] = [adminOf(TOKEN), adminOf('wrong')]
      expect(await admin.listTopics()).toEqual([topic])
      await expect(wrong.listTopics()).rejects.toThrow()
      await admin.close()
      await wrong.close()
    },
  )

  test('works with kcat and PLAIN', async () => {
    const settingsOf = (token: string) =>
      ['security.protocol=SASL_PLAINTEXT', 'sasl.mechanisms=PLAIN', 'sasl.username=anybody']
        .concat(`sasl.password=${token}`)
        .flatMap((one) => ['-X', one])
    await kcat(stage.bootstrap, ['-P', '-t', topic, ...settingsOf(TOKEN)], 'hello\n')
    const { stdout } = await kcat(stage.bootstrap, ['-L', ...settingsOf(TOKEN)])
    expect(stdout).toContain(`topic "${topic}"`)
    const { partitionDetails } = await stage.native.admin.describeTopic(topic)
    expect(partitionDetails?.[0]?.highWatermark).toBe(1)
    const wrong = kcat(stage.bootstrap, ['-L', '-m', '2', ...settingsOf('wrong')])
    await expect(wrong).rejects.toThrow('Authentication failed')
  })
})
