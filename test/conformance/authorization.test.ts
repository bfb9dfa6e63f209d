/** A Worker's own authorizer in `createApp`, on a real log: every way to a topic or a group. */
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { type ConsumerOptions, connect } from '../../client/index.ts'
import { encodeBatch } from '../../src/core/batch/batch-builder.ts'
import type { Messages, ReadResponseOf, WrittenRequestOf } from '../../src/core/kafka/schema.ts'
import { decodeTailEntries } from '../../src/core/log/tail-protocol.ts'
import { FETCH } from '../../src/kafka/apis/fetch.ts'
import { JOIN_GROUP } from '../../src/kafka/apis/join-group.ts'
import { LIST_GROUPS } from '../../src/kafka/apis/list-groups.ts'
import { METADATA } from '../../src/kafka/apis/metadata.ts'
import { PRODUCE } from '../../src/kafka/apis/produce.ts'
import { frameOf, responseOf } from '../kafka/door.ts'
import { bundleWorker } from '../server/bundle-worker.ts'
import { ServerProcess } from '../server/server-process.ts'
import { SessionClient } from './session-client.ts'
import { expectError } from './target.ts'

let dir = ''
let server: ServerProcess
beforeAll(async () => {
  dir = await mkdtemp(join(tmpdir(), 'edgelog-guarded-'))
  const workerPath = await bundleWorker('test/server/guarded-worker.ts', join(dir, 'worker.js'))
  server = await ServerProcess.start({ workerPath })
  for (const name of ['open', 'secret']) {
    expect((await all('POST', '/v1/topics', { name })).status).toBe(201)
    const records = [{ value: `of ${name}` }]
    expect((await all('POST', `/v1/topics/${name}/records`, { records })).status).toBe(200)
    const offsets = [{ topic: name, partition: 0, offset: 1 }]
    expect((await all('POST', `/v1/groups/${name}-group/offsets`, { offsets })).status).toBe(204)
  }
})
afterAll(async () => {
  await server?.stop()
  await rm(dir, { recursive: true, force: true })
})

async function send(
  prefix: string,
  method: string,
  path: string,
  json?: unknown,
  headers: Record<string, string> = {},
): Promise<Response> {
  return await fetch(`${server.url}${prefix}${path}`, {
    method,
    headers: { ...(json !== undefined && { 'Content-Type': 'application/json' }), ...headers },
    ...(json !== undefined && { body: JSON.stringify(json) }),
  })
}
const all = (method: string, path: string, json?: unknown) => send('', method, path, json)
const guarded = (method: string, path: string, json?: unknown, headers?: Record<string, string>) =>
  send('/guarded', method, path, json, headers)

const TOPIC = 'topic_authorization_failed'
const GROUP = 'group_authorization_failed'
const records = { records: [{ value: 'x' }] }
const beat = { memberId: 'm', memberEpoch: 0, rebalanceTimeoutMs: 60_000 }

test.each<[string, string, string, unknown, string]>([
  ['a produce', 'POST', '/v1/topics/secret/records', records, TOPIC],
  ['a produce to a partition', 'POST', '/v1/topics/secret/partitions/0/records', records, TOPIC],
  ['a fetch', 'GET', '/v1/topics/secret/partitions/0/records', undefined, TOPIC],
  ['an event stream', 'GET', '/v1/topics/secret/records', undefined, TOPIC],
  ['a description', 'GET', '/v1/topics/secret', undefined, TOPIC],
  ['a creation', 'POST', '/v1/topics', { name: 'secret-2', partitions: 1 }, TOPIC],
  ['a change', 'PATCH', '/v1/topics/secret', { partitions: 2 }, TOPIC],
  ['a deletion', 'DELETE', '/v1/topics/secret', undefined, TOPIC],
  ['a description of a group', 'GET', '/v1/groups/secret-group', undefined, GROUP],
  ['a deletion of a group', 'DELETE', '/v1/groups/secret-group', undefined, GROUP],
  [
    'a heartbeat',
    'POST',
    '/v1/groups/secret-group/heartbeat',
    { ...beat, topics: ['open'] },
    GROUP,
  ],
  [
    'a heartbeat for a topic',
    'POST',
    '/v1/groups/open-group/heartbeat',
    { ...beat, topics: ['secret'] },
    TOPIC,
  ],
  [
    'a commit',
    'POST',
    '/v1/groups/open-group/offsets',
    { offsets: [{ topic: 'secret', partition: 0, offset: 0 }] },
    TOPIC,
  ],
  ['a fetch of offsets', 'GET', '/v1/groups/secret-group/offsets', undefined, GROUP],
  [
    'a fetch of offsets of a topic',
    'GET',
    '/v1/groups/open-group/offsets?topic=secret',
    undefined,
    TOPIC,
  ],
])('rejects %s over HTTP', async (_, method, path, body, code) => {
  const error = await expectError(await guarded(method, path, body), 403, code)
  expect(error.retryable).toBe(false)
  expect(error.message).toMatch(/^User:ANONYMOUS is not allowed to /)
})

test('serves the topics and groups that the authorizer allows', async () => {
  expect((await guarded('POST', '/v1/topics/open/records', records)).status).toBe(200)
  const fetched = await guarded('GET', '/v1/topics/open/partitions/0/records')
  expect(await fetched.text()).toContain('of open')
  expect((await guarded('GET', '/v1/groups/open-group')).status).toBe(200)
})

test('lists only what may be described', async () => {
  const topics = await (await guarded('GET', '/v1/topics')).json()
  expect(topics).toMatchObject({ topics: [{ name: 'open' }] })
  const groups = await (await guarded('GET', '/v1/groups')).json()
  expect(groups).toMatchObject({ groups: [{ groupId: 'open-group' }] })
  expect(await (await all('GET', '/v1/groups')).json()).toMatchObject({
    groups: [{ groupId: 'open-group' }, { groupId: 'secret-group' }],
  })
})

const subscriptions = ['secret', 'open'].map((topic, id) => {
  return { id, topic, partition: 0, offset: 'earliest', creditBytes: 10_000 }
})
const refusedNotice = { op: 'closed', id: 0, error: { code: TOPIC, retryable: false } }

test('rejects one subscription of a WebSocket tail, and serves the other', async () => {
  const url = `${server.url.replace('http', 'ws')}/guarded/v1/tail`
  const socket = new WebSocket(url, ['edgelog.tail.v1'])
  const notices: Array<{ op: string; id?: number }> = []
  const both = Promise.withResolvers<void>()
  socket.addEventListener('error', () => both.reject(new Error('the WebSocket failed')))
  socket.addEventListener('open', () => {
    for (const one of subscriptions) socket.send(JSON.stringify({ op: 'subscribe', ...one }))
  })
  socket.addEventListener('message', ({ data }) => {
    if (typeof data !== 'string') return
    notices.push(JSON.parse(data))
    if (notices.filter(({ id }) => id !== undefined).length === 2) both.resolve()
  })
  await both.promise
  socket.close()
  expect(notices).toContainEqual(expect.objectContaining({ op: 'subscribed', id: 1 }))
  expect(notices.find(({ id }) => id === 0)).toMatchObject(refusedNotice)
})

test('rejects appends, calls and tails of a session, and serves the others', async () => {
  const session = await SessionClient.open(`${server.url}/guarded`)
  const batch = encodeBatch([{ timestamp: 1, key: null, value: new Uint8Array(1), headers: [] }])
  session.name(0, 'secret')
  session.name(1, 'open')
  session.append(1, batch, 0)
  session.append(2, batch, 1)
  session.callJson(3, 'GET', '/v1/topics/secret/partitions/0/records')
  session.callJson(4, 'GET', '/v1/topics/open/partitions/0/records')
  const tail = { op: 'subscribe', partition: 0, offset: 0, creditBytes: 1_000 }
  session.text({ ...tail, id: 5, topic: 'secret' })
  session.text({ ...tail, id: 6, topic: 'open' })
  expect(await session.refused(1)).toMatchObject({ status: 403, code: TOPIC })
  expect((await session.appended(2)).baseOffsets.length).toBe(1)
  expect((await session.response(3)).status).toBe(403)
  expect((await session.response(4)).status).toBe(200)
  const closed = await session.notice(({ op, id }) => op === 'closed' && id === 5)
  expect(closed.error?.code).toBe(TOPIC)
  await session.notice(({ op, id }) => op === 'subscribed' && id === 6)
  session.terminate()
})

test('rejects one subscription of an event stream and of a long poll, and serves the other', async () => {
  const only = { subscriptions: subscriptions.slice(0, 1), waitMs: 0 }
  const stream = await guarded('POST', '/v1/tail', only, { Accept: 'text/event-stream' })
  // The stream ends on its own, because its only subscription is closed.
  const text = await stream.text()
  const [event = ''] = text.split('\n\n')
  expect(JSON.parse(event.replace('data: ', ''))).toMatchObject(refusedNotice)
  const headers = { Accept: 'application/vnd.edgelog.tail' }
  const poll = await guarded('POST', '/v1/tail', { subscriptions, waitMs: 0 }, headers)
  const entries = [...decodeTailEntries(new Uint8Array(await poll.arrayBuffer()))]
  const notices = entries.flatMap(({ bytes }) => {
    const json = new TextDecoder().decode(bytes)
    return json.startsWith('{') ? [JSON.parse(json)] : []
  })
  expect(notices.find(({ id }) => id === 0)).toMatchObject(refusedNotice)
  expect(notices.find(({ id }) => id === 1)).toMatchObject({ op: 'subscribed' })
})

async function kafka<M extends Messages>(
  messages: M,
  version: number,
  request: WrittenRequestOf<M>,
): Promise<ReadResponseOf<M>> {
  const frame = frameOf(messages, version, request)
  const body = new Uint8Array(frame.length + 4)
  new DataView(body.buffer).setInt32(0, frame.length)
  body.set(frame, 4)
  const answer = await fetch(`${server.url}/guarded/kafka`, { method: 'POST', body })
  const response = responseOf(messages, version, new Uint8Array(await answer.arrayBuffer()))
  if (response === undefined) throw new Error('the connection was closed')
  return response
}

test('rejects Produce, Fetch, Metadata and JoinGroup of Kafka, and filters its lists', async () => {
  const batch = encodeBatch([{ timestamp: 0, key: null, value: null, headers: [] }])
  const topicId = '00000000-0000-0000-0000-000000000000'
  const produced = await kafka(PRODUCE, 9, {
    acks: -1,
    timeoutMs: 1,
    topics: [{ name: 'secret', topicId, partitions: [{ index: 0, records: batch }] }],
  })
  expect(produced.topics[0]?.partitions[0]?.errorCode).toBe(29)
  const partitions = [{ partition: 0, fetchOffset: 0, partitionMaxBytes: 1_000 }]
  const wait = { maxWaitMs: 20_000, minBytes: 1, maxBytes: 1_000, replicaId: -1 }
  const fetched = await kafka(FETCH, 12, {
    ...wait,
    topics: ['secret', 'open'].map((topic) => ({ topic, topicId, partitions })),
    forgottenTopicsData: [],
  })
  expect(fetched.topics.map((one) => one.partitions[0]?.errorCode)).toEqual([29, 0])
  const named = await kafka(METADATA, 9, { topics: [{ name: 'secret' }, { name: 'open' }] })
  expect(named.topics.map(({ errorCode }) => errorCode)).toEqual([29, 0])
  const listed = await kafka(METADATA, 9, { topics: null })
  expect(listed.topics.map(({ name }) => name)).toEqual(['open'])
  const groups = await kafka(LIST_GROUPS, 4, {})
  expect(groups.groups.map(({ groupId }) => groupId)).toEqual(['open-group'])
  const joined = await kafka(JOIN_GROUP, 5, {
    groupId: 'secret-group',
    memberId: '',
    sessionTimeoutMs: 10_000,
    protocolType: 'consumer',
    protocols: [],
  })
  expect(joined.errorCode).toBe(30)
})

test('returns an error that the client does not retry', async () => {
  const log = connect({ url: `${server.url}/guarded` })
  const refused = { code: TOPIC }
  const producer = log.createProducer()
  await expect(producer.send('secret', { value: 'x' })).rejects.toMatchObject(refused)
  expect(await producer.send('open', { value: 'x' })).toMatchObject({ topic: 'open' })
  const read = async (options: ConsumerOptions) => {
    for await (const record of (await log.consumer(options)).records()) return record.topic
    return undefined
  }
  await expect(read({ topics: ['secret'], from: 'earliest' })).rejects.toMatchObject(refused)
  expect(await read({ topics: ['open'], from: 'earliest' })).toBe('open')
  const polled = log.group('secret-group').poll({ topics: ['open'] })
  await expect(polled).rejects.toMatchObject({ code: GROUP })
  const joining = async () => {
    for await (const batch of await log.consumer({ topics: ['open'], groupId: 'secret-group' })) {
      return batch.records
    }
    return undefined
  }
  await expect(joining()).rejects.toMatchObject({ code: GROUP })
  await log.close()
}, 120_000)
