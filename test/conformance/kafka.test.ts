/** `POST /kafka` without a bridge; needs a server with a token and one without. */
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import type { Messages, ReadResponseOf, WrittenRequestOf } from '../../src/core/kafka/schema.ts'
import { KAFKA_UNAUTHORIZED_BYTES_MAX } from '../../src/core/limits.ts'
import { API_VERSIONS } from '../../src/kafka/apis/api-versions.ts'
import { DESCRIBE_GROUPS } from '../../src/kafka/apis/describe-groups.ts'
import { JOIN_GROUP } from '../../src/kafka/apis/join-group.ts'
import { METADATA } from '../../src/kafka/apis/metadata.ts'
import { PRODUCE } from '../../src/kafka/apis/produce.ts'
import { frameOf, responseOf } from '../kafka/door.ts'
import { ServerProcess } from '../server/server-process.ts'
import { sharedServerUrl } from '../server/shared-server.ts'
import { expectError } from './target.ts'

const TOKEN = 'a-secret_token.of-some-length'
const KAFKA = 'application/vnd.edgelog.kafka'

let open: { readonly url: string }
let closed: ServerProcess
beforeAll(async () => {
  open = { url: sharedServerUrl() }
  closed = await ServerProcess.start({ token: TOKEN })
})
afterAll(() => closed.stop())

function sized(frame: Uint8Array): Uint8Array<ArrayBuffer> {
  const body = new Uint8Array(4 + frame.length)
  new DataView(body.buffer).setInt32(0, frame.length)
  body.set(frame, 4)
  return body
}

async function post(
  server: { readonly url: string },
  body: BodyInit,
  headers: Record<string, string> = {},
): Promise<Response> {
  return await fetch(`${server.url}/kafka`, {
    method: 'POST',
    headers: { 'content-type': KAFKA, ...headers },
    body,
    duplex: 'half',
  } as RequestInit)
}

/** Returns undefined if the connection is closed. */
async function ask<M extends Messages>(
  messages: M,
  version: number,
  request: WrittenRequestOf<M>,
  headers: Record<string, string> = {},
): Promise<ReadResponseOf<M> | undefined> {
  const response = await post(open, sized(frameOf(messages, version, request)), headers)
  expect(response.status).toBe(200)
  return responseOf(messages, version, new Uint8Array(await response.arrayBuffer()))
}

describe('a caller without the token', () => {
  const produce = frameOf(PRODUCE, 9, {
    acks: -1,
    timeoutMs: 1,
    topics: [
      { name: 't', topicId: '', partitions: [{ index: 0, records: new Uint8Array(200_000) }] },
    ],
  })

  test('may request the versions, and is disconnected for anything else', async () => {
    const greeting = await post(closed, sized(frameOf(API_VERSIONS, 0, {})))
    const bytes = new Uint8Array(await greeting.arrayBuffer())
    expect(responseOf(API_VERSIONS, 0, bytes)?.apiKeys.length).toBeGreaterThan(30)
    const refused = await post(closed, sized(frameOf(METADATA, 1, { topics: [] })))
    expect(responseOf(METADATA, 1, new Uint8Array(await refused.arrayBuffer()))).toBeUndefined()
  })

  test('is rejected for a body larger than a handshake, with and without a Content-Length', async () => {
    expect(produce.length).toBeGreaterThan(KAFKA_UNAUTHORIZED_BYTES_MAX)
    const wrong = { Authorization: 'Bearer wrong' }
    await expectError(await post(closed, sized(produce), wrong), 401, 'unauthorized')
    const streamed = new Response(sized(produce)).body as ReadableStream
    await expectError(await post(closed, streamed, wrong), 401, 'unauthorized')
    const right = { Authorization: `Bearer ${TOKEN}` }
    expect((await post(closed, sized(produce), right)).status).toBe(200)
  })
})

describe('a header of the bridge', () => {
  const joining = {
    sessionTimeoutMs: 10_000,
    memberId: '',
    protocolType: 'consumer',
    protocols: [{ name: 'range', metadata: new Uint8Array(0) }],
  }

  test.each([
    ['an address', '192.0.2.7', '192.0.2.7'],
    ['an IPv6 address', 'fe80::1%2', 'fe80::1%2'],
    ['a long text that is not an address', '1'.repeat(10_000), ''],
    ['something else', '<script>', ''],
  ])('shows a client host only if it is an address: %s', async (_, header, expected) => {
    const groupId = `header-${header.length}`
    const joined = await ask(
      JOIN_GROUP,
      3,
      { ...joining, groupId },
      { 'edgelog-kafka-client': header },
    )
    expect(joined?.errorCode).toBe(0)
    const described = await ask(DESCRIBE_GROUPS, 4, { groups: [groupId] })
    expect(described?.groups[0]?.members[0]?.clientHost).toBe(expected)
  })

  test('is ignored for an invalid port', async () => {
    const headers = { 'edgelog-kafka-address': 'log.example.com:99999' }
    const answer = await ask(METADATA, 1, { topics: [] }, headers)
    expect(answer?.brokers).toMatchObject([{ host: '127.0.0.1', port: 9092 }])
  })
})
