/** Members of groups that handle their records in transactions, against the real server. */
import { describe, expect, test } from 'vitest'
import {
  type Client,
  type ConsumerBatch,
  connect,
  type EdgelogError,
  type GroupConsumer,
} from '../../client/index.ts'
import { uniqueName } from '../server/shared-server.ts'
import { allKeys, copyTo, keysOf, newGroup, PRODUCERS, valuesOf } from './copying-member.ts'
import { committedOffsets, produce } from './group-member.ts'
import { useGroupServer } from './group-server.ts'

const server = useGroupServer()

describe.each(PRODUCERS)('run() in transactions %s', (kind, newProducer) => {
  test('commits what a handler sends with the offsets of its batch', async () => {
    const { groupId, sink } = await newGroup(server, 2)
    const { client, consumer } = await server.member({ groupId, fetchBytesMax: 1 })
    const done = consumer.run(copyTo(sink), { transactional: newProducer(client) })
    await expect
      .poll(async () => (await valuesOf(server.url, sink)).toSorted())
      .toEqual(allKeys(2, 5))
    await produce(server.log, groupId, 1, 5, 6)
    await expect.poll(async () => (await valuesOf(server.url, sink)).at(-1)).toBe('1:5')
    await expect.poll(() => committedOffsets(server.url, groupId)).toEqual({ 0: 5, 1: 6 })
    await consumer.close()
    await done
  })

  test('delivers the batch again after a transaction that was aborted for a passing reason', async () => {
    const { groupId, sink } = await newGroup(server)
    const { consumer } = await server.member({ groupId })
    let failures = 2
    const client = connect({
      url: server.url,
      fetch: async (input, init) => {
        const isSent = /\/v1\/transactions(\/.*\/offsets)?$/.test(new URL(input).pathname)
        if (!isSent || failures === 0) return await fetch(input, init)
        failures -= 1
        const reason = { code: 'stale_member_epoch', message: 'm', retryable: false }
        const error = kind.startsWith('without') ? abortedBy(reason) : reason
        return Response.json({ error }, { status: 409 })
      },
    })
    const handled: string[] = []
    const copy = copyTo(sink)
    const done = consumer.run(
      async (batch, context) => {
        handled.push(...keysOf(batch))
        await copy(batch, context)
      },
      { transactional: newProducer(client) },
    )
    await expect.poll(() => committedOffsets(server.url, groupId)).toEqual({ 0: 5 })
    expect(handled).toHaveLength(15)
    expect(await valuesOf(server.url, sink)).toEqual(allKeys(1, 5))
    await consumer.close()
    await done
    await client.close()
  })

  test('ends with the error of a handler, and nothing of its batch is committed', async () => {
    const { groupId, sink } = await newGroup(server)
    const { client, consumer } = await server.member({ groupId })
    const failure = new Error('on purpose')
    const done = consumer.run(
      async (batch, context) => {
        await copyTo(sink)(batch, context)
        throw failure
      },
      { transactional: newProducer(client) },
    )
    await expect(done).rejects.toBe(failure)
    expect(await valuesOf(server.url, sink)).toEqual([])
    expect(await committedOffsets(server.url, groupId)).toEqual({})
  })
})

function abortedBy(reason: object): object {
  return { code: 'transaction_aborted', message: 'm', retryable: false, details: { reason } }
}

describe('a loop with transactions', () => {
  async function loopMember(groupId: string): Promise<{ client: Client; consumer: GroupConsumer }> {
    return await server.member({ groupId, autoCommit: false })
  }

  test('gets its batch again after an aborted transaction', async () => {
    const { groupId, sink } = await newGroup(server)
    const { client, consumer } = await loopMember(groupId)
    const seen: string[][] = []
    for await (const batch of consumer) {
      seen.push(keysOf(batch))
      const isLast = seen.length === 2
      const transaction = client.transaction(async (tx) => {
        await copyTo(sink)(batch, { tx })
        tx.commitOffsets(consumer)
        if (!isLast) throw new Error('on purpose')
      })
      await transaction.catch((error: Error) => expect(error.message).toBe('on purpose'))
      if (isLast) break
    }
    expect(seen[1]).toEqual(seen[0])
    expect(await valuesOf(server.url, sink)).toEqual(allKeys(1, 5))
    expect(await committedOffsets(server.url, groupId)).toEqual({ 0: 5 })
    await consumer.close()
  })

  test('needs a consumer without automatic commits that is in its group', async () => {
    const { groupId } = await newGroup(server)
    const { client, consumer: automatic } = await server.member({ groupId })
    const { consumer: outside } = await loopMember(groupId)
    const commit = (consumer: GroupConsumer) =>
      client
        .transaction((tx) => tx.commitOffsets(consumer))
        .catch((error: unknown) => error as EdgelogError)
    expect(await commit(automatic)).toMatchObject({
      ...{ code: 'invalid_request', message: expect.stringMatching(/^autoCommit: /) },
    })
    expect(await commit(outside)).toMatchObject({ code: 'unknown_member_id' })
  })
})

test('a member begins at the offset of a transaction that is still open when it joins', async () => {
  const { groupId } = await newGroup(server)
  const id = uniqueName('id')
  const call = async (method: string, path: string, json: object) => {
    const headers = { 'content-type': 'application/json' }
    const response = await fetch(server.url + path, { method, body: JSON.stringify(json), headers })
    if (!response.ok) throw new Error(await response.text())
    return response.status === 204 ? {} : await response.json()
  }
  const producer = (await call('PUT', `/v1/transactions/${id}`, {})) as object
  const offsets = [{ topic: groupId, partition: 0, offset: 3 }]
  await call('POST', `/v1/transactions/${id}/offsets`, { ...producer, group: groupId, offsets })
  const member = await server.member({ groupId })
  const loop = member.consumer[Symbol.asyncIterator]()
  const next = loop.next()
  await expect
    .poll(() => member.calls.filter((one) => one.startsWith('GET') && one.endsWith('/offsets')))
    .toHaveLength(2)
  await call('POST', `/v1/transactions/${id}/commit`, producer)
  expect(keysOf((await next).value as ConsumerBatch)).toEqual(['0:3', '0:4'])
})

test('run() with a transactional id handles one batch at a time', async () => {
  const { groupId } = await newGroup(server)
  const { client, consumer } = await server.member({ groupId })
  const transactional = client.createProducer({ transactionalId: uniqueName('id') })
  const run = consumer.run(() => undefined, { transactional, concurrency: 2 })
  await expect(run).rejects.toMatchObject({ message: expect.stringMatching(/^concurrency: /) })
})
