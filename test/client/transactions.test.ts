/** Transactions of the client's producers, against the real server. */
import { afterAll, describe, expect, test } from 'vitest'
import {
  type Client,
  type ClientOptions,
  connect,
  EdgelogError,
  type Fetch,
  type Transaction,
  TransactionAbortedError,
} from '../../client/index.ts'
import { partitionForKey } from '../../src/core/topic/partitioner.ts'
import { sharedServerUrl, uniqueName } from '../server/shared-server.ts'
import { committedOffsets } from './group-member.ts'

const clients: Client[] = []
afterAll(async () => {
  await Promise.all(clients.map((client) => client.close()))
})

function newClient(options: Partial<ClientOptions> = {}): Client {
  const client = connect({ url: sharedServerUrl(), ...options })
  clients.push(client)
  return client
}

async function newTopic(partitions = 1): Promise<string> {
  const name = uniqueName('tx')
  await newClient().admin.createTopic(name, { partitions })
  return name
}

interface Shown {
  readonly offset: number
  readonly key: string | null
  readonly value: string | null
}

async function read(topic: string, partition = 0, query = ''): Promise<Shown[]> {
  const path = `/v1/topics/${topic}/partitions/${partition}/records?maxBytes=16777216${query}`
  const response = await fetch(sharedServerUrl() + path)
  expect(response.status).toBe(200)
  return ((await response.json()) as { records: Shown[] }).records
}

const valuesOf = async (topic: string, partition = 0) =>
  (await read(topic, partition)).map(({ value }) => value)

/** Returns the error of a rejected promise. */
async function errorOf(promise: Promise<unknown>): Promise<EdgelogError> {
  const error = await promise.then(
    () => undefined,
    (reason: unknown) => reason,
  )
  expect(error).toBeInstanceOf(EdgelogError)
  return error as EdgelogError
}

/** Returns a `fetch` that loses responses: the server has handled the request, and the caller gets no response. */
function losing(isLost: (method: string, path: string) => boolean): Fetch {
  return async (input, init) => {
    const response = await fetch(input, init)
    if (!isLost(init?.method ?? 'GET', new URL(input).pathname)) return response
    await response.arrayBuffer()
    throw new TypeError('the response was lost')
  }
}

/** Loses the first response to each kind of call. */
function losingFirst(matches: RegExp): { fetch: Fetch; lost: string[] } {
  const lost: string[] = []
  const isLost = (method: string, path: string) => {
    const call = `${method} ${path}`
    if (!matches.test(call) || lost.includes(call)) return false
    lost.push(call)
    return true
  }
  return { fetch: losing(isLost), lost }
}

describe('a transaction without a transactional id', () => {
  test('stores records of several topics, in the partitions that send() chooses', async () => {
    const [a, b] = [await newTopic(5), await newTopic()]
    const log = newClient()
    const bytes = new Uint8Array([0, 255])
    const result = await log.transaction(async (tx) => {
      for (const key of ['k1', 'k2', 'k3']) await tx.send(a, { key, value: { key } })
      tx.send(b, { value: bytes, headers: { h: bytes }, timestamp: 1_700_000_000_000 })
      tx.send(b, { value: null })
    })
    expect(result.isVisible).toBe(true)
    for (const key of ['k1', 'k2', 'k3']) {
      const partition = partitionForKey(new TextEncoder().encode(key), 5)
      expect(await valuesOf(a, partition)).toContain(`{"key":"${key}"}`)
      expect(result.offsets).toContainEqual({ topic: a, partition, offset: 0 })
    }
    expect(result.offsets).toContainEqual({ topic: b, partition: 0, offset: 0 })
    const [first, second] = await read(b)
    expect(first).toMatchObject({
      ...{ valueBase64: 'AP8=', timestamp: 1_700_000_000_000 },
      headersBase64: [['h', 'AP8=']],
    })
    expect(second).toMatchObject({ value: null })
  })

  test('sends nothing if its function throws, and throws that error', async () => {
    const topic = await newTopic()
    const failure = new Error('on purpose')
    const transaction = newClient().transaction(async (tx) => {
      await tx.send(topic, { value: 'x' })
      throw failure
    })
    await expect(transaction).rejects.toBe(failure)
    expect(await read(topic, 0, '&isolation=uncommitted')).toEqual([])
  })

  test('is stored once if its response is lost', async () => {
    const topic = await newTopic()
    const { fetch, lost } = losingFirst(/transactions$/)
    const { offsets } = await newClient({ fetch }).transaction((tx) => {
      tx.send(topic, { value: 'once' })
    })
    expect(lost).toHaveLength(1)
    expect(offsets).toEqual([{ topic, partition: 0, offset: 0 }])
    expect(await valuesOf(topic)).toEqual(['once'])
  })

  test('reports an unknown outcome if no response arrives', async () => {
    const topic = await newTopic()
    const log = newClient({ fetch: losing((_, path) => path === '/v1/transactions') })
    const producer = log.createProducer({ deliveryTimeoutMs: 100 })
    const error = await errorOf(producer.transaction((tx) => void tx.send(topic, { value: 'x' })))
    expect(error).toMatchObject({ code: 'unavailable', mayHaveTakenEffect: true })
    expect(error.message).toContain('may be committed or not')
  })

  test('has the reason of its abort in its error', async () => {
    const topic = await newTopic()
    const error = await errorOf(
      newClient().transaction((tx) => {
        tx.send(topic, { value: 'x' })
        tx.commitOffsets(uniqueName('group'), [{ topic, partition: 0, offset: 7 }])
      }),
    )
    expect(error).toBeInstanceOf(TransactionAbortedError)
    expect(error).toMatchObject({
      ...{ code: 'transaction_aborted', retryable: false, mayHaveTakenEffect: false },
      reason: { code: 'offset_out_of_range' },
    })
    expect(await valuesOf(topic)).toEqual([])
  })

  test('commits offsets of a group, the last one of each partition', async () => {
    const [source, sink] = [await newTopic(2), await newTopic()]
    const log = newClient()
    await log.send(source, { value: 'in', partition: 0 })
    const group = uniqueName('group')
    await log.transaction((tx) => {
      tx.send(sink, { value: 'out' })
      tx.commitOffsets(group, [{ topic: source, partition: 0, offset: 0 }])
      tx.commitOffsets(group, [
        { topic: source, partition: 0, offset: 1, metadata: 'm' },
        { topic: source, partition: 1, offset: 0 },
      ])
    })
    expect(await committedOffsets(sharedServerUrl(), group)).toEqual({ 0: 1, 1: 0 })
  })

  test('fails if a partition does not have the expected next offset', async () => {
    const topic = await newTopic()
    const log = newClient()
    const append = (nextOffset: number) =>
      log.transaction((tx) => {
        tx.send(topic, { value: 'x' })
        tx.expectOffset(topic, 0, nextOffset)
      })
    expect(await errorOf(append(3))).toMatchObject({
      ...{ code: 'expected_offset_mismatch', details: { nextOffset: 0 } },
    })
    expect(await valuesOf(topic)).toEqual([])
  })

  test('is made once under an id of the application, by any process', async () => {
    const topic = await newTopic()
    const id = uniqueName('id')
    const make = (value: string) =>
      newClient().transaction((tx) => void tx.send(topic, { key: 'k', value }), { id })
    const results = await Promise.all([make('once'), make('once')])
    results.push(await make('once'))
    expect(results.map(({ offsets }) => offsets[0]?.offset)).toEqual([0, 0, 0])
    expect(await valuesOf(topic)).toEqual(['once'])
    expect(await errorOf(make('other'))).toMatchObject({ code: 'transaction_id_reused' })
  })

  test('makes no call without records and offsets', async () => {
    const log = newClient({ fetch: () => Promise.reject(new Error('called')) })
    expect(await log.transaction(() => undefined)).toMatchObject({ isVisible: true, offsets: [] })
  })

  test('fails if a call of send() failed that nobody awaited', async () => {
    const topic = await newTopic()
    const error = await errorOf(
      newClient().transaction((tx) => {
        tx.send(topic, { value: 'good' })
        tx.send(topic, { value: '\ud800' })
      }),
    )
    expect(error.code).toBe('invalid_record')
    expect(await valuesOf(topic)).toEqual([])
  })

  test('rejects records after its end', async () => {
    const topic = await newTopic()
    const kept: Transaction[] = []
    await newClient().transaction((tx) => {
      kept.push(tx)
      tx.send(topic, { value: 'x' })
    })
    const late = kept[0]?.send(topic, { value: 'late' }) ?? Promise.resolve()
    expect(await errorOf(late)).toMatchObject({ code: 'invalid_txn_state' })
    expect(await valuesOf(topic)).toEqual(['x'])
  })

  test('rejects more than fits into one call, and names the option for it', async () => {
    const value = 'x'.repeat(1_000_000)
    const error = await errorOf(
      newClient().transaction(async (tx) => {
        for (let index = 0; index < 17; index++) await tx.send('any', { value })
      }),
    )
    expect(error.code).toBe('request_too_large')
    expect(error.message).toContain('transactionalId')
  })
})

describe('a transaction with a transactional id', () => {
  const newProducer = (log: Client, transactionalId = uniqueName('id')) =>
    log.createProducer({ transactionalId })

  test('stores more than fits into one call', async () => {
    const topic = await newTopic(3)
    const value = 'x'.repeat(300_000)
    const producer = newProducer(newClient())
    const { offsets } = await producer.transaction(async (tx) => {
      for (let index = 0; index < 60; index++) {
        await tx.send(topic, { partition: index % 3, key: `${index}`, value })
      }
    })
    expect(offsets).toEqual([0, 1, 2].map((partition) => ({ topic, partition, offset: 0 })))
    for (const partition of [0, 1, 2]) {
      const keys = (await read(topic, partition)).map(({ key }) => key)
      expect(keys).toEqual(Array.from({ length: 20 }, (_, index) => `${index * 3 + partition}`))
    }
  })

  test('is aborted if its function throws, and the next one is not', async () => {
    const topic = await newTopic()
    const producer = newProducer(newClient())
    const failure = new Error('on purpose')
    const transaction = producer.transaction(async (tx) => {
      for (let index = 0; index < 9; index++) {
        await tx.send(topic, { value: 'x'.repeat(500_000) })
      }
      // Some records are stored by now.
      expect(await read(topic, 0, '&isolation=uncommitted')).not.toEqual([])
      throw failure
    })
    await expect(transaction).rejects.toBe(failure)
    expect(await read(topic)).toEqual([])
    await producer.transaction((tx) => void tx.send(topic, { value: 'next' }))
    expect(await valuesOf(topic)).toEqual(['next'])
  })

  test('is fenced by a later producer of its id', async () => {
    const topic = await newTopic()
    const id = uniqueName('id')
    const [early, late] = [newProducer(newClient(), id), newProducer(newClient(), id)]
    const send = (producer: typeof early, value: string) =>
      producer.transaction((tx) => void tx.send(topic, { value }))
    await send(early, 'early')
    await send(late, 'late')
    await expect(send(early, 'more')).rejects.toBeInstanceOf(EdgelogError)
    expect(await errorOf(send(early, 'more'))).toMatchObject({ code: 'producer_fenced' })
    await send(late, 'last')
    expect(await valuesOf(topic)).toEqual(['early', 'late', 'last'])
  })

  test('is stored once if responses are lost', async () => {
    const [source, topic] = [await newTopic(), await newTopic()]
    const { fetch, lost } = losingFirst(/^(PUT|POST) .*(transactions\/|partitions\/0\/records)/)
    const producer = newProducer(newClient({ fetch }))
    const group = uniqueName('group')
    for (const value of ['a', 'b']) {
      await producer.transaction((tx) => {
        tx.send(topic, { value })
        tx.commitOffsets(group, [{ topic: source, partition: 0, offset: 0 }])
      })
    }
    expect(lost.map((call) => call.replace(/.*\//, ''))).toEqual([
      expect.stringContaining('id-'),
      ...['records', 'offsets', 'commit'],
    ])
    expect(await valuesOf(topic)).toEqual(['a', 'b'])
    expect(await committedOffsets(sharedServerUrl(), group)).toEqual({ 0: 0 })
  })

  test('is followed by others after one whose outcome is unknown', async () => {
    const topic = await newTopic()
    let isLosing = true
    const fetch = losing((_, path) => isLosing && path.endsWith('/commit'))
    const transactionalId = uniqueName('id')
    const producer = newClient({ fetch }).createProducer({
      ...{ transactionalId, deliveryTimeoutMs: 100 },
    })
    const send = (value: string) => producer.transaction((tx) => void tx.send(topic, { value }))
    expect(await errorOf(send('unknown'))).toMatchObject({
      ...{ code: 'unavailable', mayHaveTakenEffect: true },
    })
    isLosing = false
    await expect.poll(() => send('next').then(() => true)).toBe(true)
    expect(await valuesOf(topic)).toEqual(['unknown', 'next'])
  })

  test('fails if an operator aborts it, and the next one does not', async () => {
    const topic = await newTopic()
    const id = uniqueName('id')
    const producer = newProducer(newClient(), id)
    const error = await errorOf(
      producer.transaction(async (tx) => {
        for (let index = 0; index < 9; index++) {
          await tx.send(topic, { value: 'x'.repeat(500_000) })
        }
        const path = `${sharedServerUrl()}/v1/transactions/${id}`
        expect((await fetch(path, { method: 'DELETE' })).status).toBe(204)
      }),
    )
    expect(error).toBeInstanceOf(TransactionAbortedError)
    expect(await read(topic)).toEqual([])
    await producer.transaction((tx) => void tx.send(topic, { value: 'next' }))
    expect(await valuesOf(topic)).toEqual(['next'])
  })

  test('is made alone', async () => {
    const topic = await newTopic()
    const producer = newProducer(newClient())
    const send = () => producer.transaction((tx) => void tx.send(topic, { value: 'x' }))
    const [first, second] = await Promise.allSettled([send(), send()])
    expect(first.status).toBe('fulfilled')
    expect(second).toMatchObject({ status: 'rejected', reason: { code: 'invalid_txn_state' } })
  })

  test.each(['', '..', 'a b', 'ä', 'x'.repeat(256)])('rejects the id "%s"', (transactionalId) => {
    const create = () => newClient().createProducer({ transactionalId })
    expect(create).toThrow(/^transactionalId: /)
  })

  test('is waited for by close()', async () => {
    const topic = await newTopic()
    const log = newClient()
    const producer = newProducer(log)
    const made = producer.transaction((tx) => void tx.send(topic, { value: 'x' }))
    await producer.close()
    expect(await valuesOf(topic)).toEqual(['x'])
    await made
    const late = producer.transaction((tx) => void tx.send(topic, { value: 'y' }))
    expect(await errorOf(late)).toMatchObject({ code: 'invalid_request' })
  })
})
