/** `GET /v1/session`: appends, calls and tails over one WebSocket. */
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { WebSocket } from 'ws'
import { encodeBatch, stampProducer } from '../../src/core/batch/batch-builder.ts'
import { ServerProcess } from '../server/server-process.ts'
import { SessionClient } from './session-client.ts'
import { useTarget } from './target.ts'

const target = useTarget()
const { request, topic } = target
const TOKEN = 'a-secret_token.of-some-length'

let closed: ServerProcess
beforeAll(async () => {
  closed = await ServerProcess.start({ token: TOKEN })
})
afterAll(() => closed.stop())

function batchOf(...values: readonly string[]): Uint8Array {
  const records = values.map((value) => ({
    timestamp: Date.now(),
    key: null,
    value: new TextEncoder().encode(value),
    headers: [],
  }))
  return encodeBatch(records)
}

function stamped(value: string, baseSequence: number, producerId = 77n): Uint8Array {
  const batch = batchOf(value)
  stampProducer(batch, { producerId, producerEpoch: 0, baseSequence })
  return batch
}

async function valuesOf(name: string, partition = 0): Promise<string[]> {
  const path = `/v1/topics/${name}/partitions/${partition}/records?offset=0&maxBytes=16777216`
  const response = await request('GET', path, { headers: { Accept: 'application/json' } })
  return (await response.json()).records.map(({ value }) => value)
}

async function opened(name: string): Promise<SessionClient> {
  const session = await SessionClient.open(target.url)
  session.name(0, name)
  return session
}

describe('the upgrade', () => {
  test('needs a WebSocket, the subprotocol, and the token', async () => {
    expect((await request('GET', '/v1/session')).status).toBe(400)
    expect((await fetch(`${closed.url}/v1/session`)).status).toBe(401)
    await expect(SessionClient.open(closed.url)).rejects.toThrow('401')
    const other = new WebSocket(`${closed.url.replace('http', 'ws')}/v1/session`, 'other', {
      headers: { authorization: `Bearer ${TOKEN}` },
    })
    const failed = new Promise((_, reject) => other.once('error', reject))
    await expect(failed).rejects.toThrow('400')
  })

  test('accepts the token as a subprotocol, and uses it for calls', async () => {
    const bearer = `edgelog.bearer.${Buffer.from(TOKEN).toString('base64url')}`
    const session = await SessionClient.open(closed.url, [bearer])
    session.callJson(1, 'GET', '/v1/topics')
    expect((await session.response(1)).status).toBe(200)
    session.terminate()
  })
})

describe('an append', () => {
  test('gets its offsets when it is durable', async () => {
    const name = await topic()
    const session = await opened(name)
    session.append(7, batchOf('a', 'b'))
    expect(await session.appended(7)).toEqual({
      baseOffsets: [0],
      nextOffset: 2,
      logAppendTime: null,
    })
    expect(await valuesOf(name)).toEqual(['a', 'b'])
    session.terminate()
  })

  test('comes behind all earlier ones to its partition', async () => {
    const name = await topic()
    const session = await opened(name)
    const count = 500
    for (let id = 0; id < count; id++) session.append(id, batchOf(String(id)))
    for (let id = 0; id < count; id++) {
      expect((await session.appended(id)).baseOffsets).toEqual([id])
    }
    expect(await valuesOf(name)).toEqual(Array.from({ length: count }, (_, id) => String(id)))
    session.terminate()
  })

  test('may share a message with others, also to other partitions', async () => {
    const name = await topic({ partitions: 2 })
    const session = await opened(name)
    session.name(999, name, 1)
    const { encodeAppend } = await import('../../src/core/log/session-protocol.ts')
    const entries = [0, 1, 2, 3].map((id) =>
      encodeAppend(id, {
        ref: id % 2 === 0 ? 0 : 999,
        expectedOffset: undefined,
        batches: batchOf(`${id}`),
      }),
    )
    session.bytes(Buffer.concat(entries))
    for (const id of [0, 1, 2, 3]) {
      expect((await session.appended(id)).baseOffsets).toEqual([id >> 1])
    }
    expect(await valuesOf(name, 1)).toEqual(['1', '3'])
    session.terminate()
  })

  test('with an expected offset succeeds only at that offset', async () => {
    const name = await topic()
    const session = await opened(name)
    session.append(1, batchOf('a'), 0, 0)
    session.append(2, batchOf('b'), 0, 0)
    session.append(3, batchOf('c'), 0, 1)
    expect((await session.appended(1)).nextOffset).toBe(1)
    expect(await session.refused(2)).toMatchObject({
      status: 412,
      code: 'expected_offset_mismatch',
      details: { nextOffset: 1 },
    })
    expect((await session.appended(3)).nextOffset).toBe(2)
    session.terminate()
  })

  test('of an idempotent producer is stored once, over sessions and requests', async () => {
    const name = await topic()
    const session = await opened(name)
    session.append(1, stamped('a', 0))
    session.append(2, stamped('b', 1))
    await session.appended(2)
    session.terminate()
    const other = await opened(name)
    other.append(1, stamped('b', 1))
    other.append(2, stamped('c', 2))
    expect((await other.appended(1)).baseOffsets).toEqual([1])
    expect((await other.appended(2)).baseOffsets).toEqual([2])
    const path = `/v1/topics/${name}/partitions/0/records`
    const headers = { 'Content-Type': 'application/vnd.edgelog.batch' }
    const repeated = await request('POST', path, { body: stamped('c', 2) as BodyInit, headers })
    expect((await repeated.json()).baseOffset).toBe(2)
    expect(await valuesOf(name)).toEqual(['a', 'b', 'c'])
    other.terminate()
  })

  test('of records gathered anew gets the pieces where they are', async () => {
    const name = await topic()
    const session = await opened(name)
    session.append(1, stamped('a', 0))
    await session.appended(1)
    const both = batchOf('a', 'b')
    stampProducer(both, { producerId: 77n, producerEpoch: 0, baseSequence: 0 })
    session.append(2, batchOf('other'))
    session.append(3, both)
    expect(await session.appended(3)).toEqual({
      baseOffsets: [0],
      nextOffset: 3,
      logAppendTime: null,
      pieces: [
        { recordsCount: 1, baseOffset: 0 },
        { recordsCount: 1, baseOffset: 2 },
      ],
    })
    session.terminate()
  })

  test('gets the error of the API, and the others go on', async () => {
    const name = await topic()
    const session = await opened(name)
    session.name(1, 'no-such-topic')
    session.name(2, name, 5)
    session.name(3, name, 0, { topicId: crypto.randomUUID() })
    const broken = batchOf('x')
    broken[60] = 99
    session.append(1, batchOf('x'), 1)
    session.append(2, batchOf('x'), 2)
    session.append(3, batchOf('x'), 3)
    session.append(4, broken)
    session.append(5, new Uint8Array(0))
    session.append(6, batchOf('x'), 4)
    session.append(7, batchOf('x'), 2 ** 32 - 1)
    session.append(8, stamped('x', 5))
    session.append(9, batchOf('good'))
    expect(await session.refused(1)).toMatchObject({
      status: 404,
      code: 'unknown_topic_or_partition',
    })
    expect(await session.refused(2)).toMatchObject({ code: 'unknown_topic_or_partition' })
    expect(await session.refused(3)).toMatchObject({ code: 'unknown_topic_id' })
    expect(await session.refused(4)).toMatchObject({ status: 400, code: 'corrupt_message' })
    expect(await session.refused(5)).toMatchObject({ code: 'invalid_record' })
    expect(await session.refused(6)).toMatchObject({ message: 'ref: 4 is not open' })
    expect(await session.refused(7)).toMatchObject({ code: 'invalid_request' })
    expect(await session.refused(8)).toMatchObject({ status: 409, code: 'unknown_producer_id' })
    expect((await session.appended(9)).baseOffsets).toEqual([0])
    session.terminate()
  })
})
