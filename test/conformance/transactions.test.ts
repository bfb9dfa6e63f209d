import { describe, expect, test } from 'vitest'
import { encodeBatch } from '../../src/core/batch/batch-builder.ts'
import { GroupMember } from './group-member.ts'
import { BATCH, expectError, useTarget } from './target.ts'

const target = useTarget()
const { request, topic } = target

let idsMade = 0
const newId = () => `conformance-${process.pid}-${Date.now()}-${idsMade++}`

interface Read {
  readonly values: string[]
  readonly nextOffset: number
  readonly lastStableOffset: number
  readonly highWatermark: number
}

async function read(name: string, partition = 0, query = ''): Promise<Read> {
  const path = `/v1/topics/${name}/partitions/${partition}/records?offset=0${query}`
  const response = await request('GET', path)
  expect(response.status, await response.clone().text()).toBe(200)
  const { records, ...ends } = await response.json<
    Omit<Read, 'values'> & { records: { value: string }[] }
  >()
  return { ...ends, values: records.map(({ value }) => value) }
}

async function committedOffset(group: string, name: string): Promise<number | undefined> {
  const response = await request('GET', `/v1/groups/${group}/offsets?topic=${name}`)
  if (response.status === 404) return undefined
  const { offsets } = await response.json<{ offsets: { offset: number }[] }>()
  return offsets[0]?.offset
}

const oneShot = (json: object) => request('POST', '/v1/transactions', { json })

async function committed(json: object) {
  const response = await oneShot(json)
  expect(response.status, await response.clone().text()).toBe(200)
  return await response.json<{
    id: string
    state: string
    visible: boolean
    offsets: { topic: string; partition: number; offset: number }[]
  }>()
}

describe('a transaction in one call', () => {
  test('appends to several partitions and topics, and is read back', async () => {
    const [a, b] = [await topic({ partitions: 2 }), await topic()]
    const answer = await committed({
      records: [
        { topic: a, partition: 0, value: 'a0' },
        { topic: a, partition: 1, value: 'a1', headers: { h: '1' } },
        { topic: b, value: 'b0' },
        { topic: b, value: 'b1' },
      ],
    })
    expect(answer).toMatchObject({ state: 'committed', visible: true })
    expect(answer.offsets).toEqual([
      { topic: a, partition: 0, offset: 0 },
      { topic: a, partition: 1, offset: 0 },
      { topic: b, partition: 0, offset: 0 },
    ])
    expect((await read(a, 0)).values).toEqual(['a0'])
    expect((await read(a, 1)).values).toEqual(['a1'])
    expect(await read(b)).toMatchObject({ values: ['b0', 'b1'], nextOffset: 3, highWatermark: 3 })
    expect((await read(b, 0, '&isolation=uncommitted')).values).toEqual(['b0', 'b1'])
  })

  test('commits offsets of groups with its records', async () => {
    const [source, sink] = [await topic(), await topic()]
    await request('POST', `/v1/topics/${source}/records`, { json: { records: [{ value: 'in' }] } })
    const group = newId()
    await committed({
      records: [{ topic: sink, value: 'out' }],
      offsets: [{ group, offsets: [{ topic: source, partition: 0, offset: 1, metadata: 'm' }] }],
    })
    expect(await committedOffset(group, source)).toBe(1)
    await committed({ offsets: [{ group, offsets: [{ topic: source, partition: 0, offset: 0 }] }] })
    expect(await committedOffset(group, source)).toBe(0)
  })

  test('commits under a member, and is aborted if the member is fenced', async () => {
    const [source, sink] = [await topic(), await topic()]
    const group = newId()
    const member = new GroupMember(target, group, { topics: [source] })
    await member.beat()
    const commit = (memberEpoch: number) => ({
      records: [{ topic: sink, value: `epoch ${memberEpoch}` }],
      offsets: [
        {
          ...{ group, memberId: member.memberId, memberEpoch },
          offsets: [{ topic: source, partition: 0, offset: 0 }],
        },
      ],
    })
    await committed(commit(member.memberEpoch))
    const error = await expectError(
      await oneShot(commit(member.memberEpoch + 5)),
      409,
      'transaction_aborted',
    )
    expect(error.details?.reason).toMatchObject({ code: expect.stringMatching(/epoch|generation/) })
    expect((await read(sink)).values).toEqual([`epoch ${member.memberEpoch}`])
  })

  test('gives a repeat of its id the first result, and appends nothing', async () => {
    const name = await topic()
    const body = { id: newId(), records: [{ topic: name, value: 'once' }] }
    const first = await committed(body)
    const repeats = await Promise.all([committed(body), committed(body)])
    expect(repeats).toEqual([first, first])
    expect((await read(name)).values).toEqual(['once'])
    const other = { ...body, records: [{ topic: name, value: 'other' }] }
    await expectError(await oneShot(other), 422, 'transaction_id_reused')
  })

  test('runs once for concurrent calls with one id', async () => {
    const name = await topic()
    const body = { id: newId(), records: [{ topic: name, value: 'once' }] }
    const answers = await Promise.all([1, 2, 3, 4].map(() => committed(body)))
    expect(new Set(answers.map(({ offsets }) => JSON.stringify(offsets))).size).toBe(1)
    expect((await read(name)).values).toEqual(['once'])
  })

  test('is aborted if a partition does not have the expected next offset', async () => {
    const [a, b] = [await topic(), await topic()]
    const body = (nextOffset: number) => ({
      records: [
        { topic: a, value: 'a' },
        { topic: b, value: 'b' },
      ],
      expect: [{ topic: a, partition: 0, nextOffset }],
    })
    const error = await expectError(await oneShot(body(7)), 412, 'expected_offset_mismatch')
    expect(error.details).toEqual({ nextOffset: 0 })
    expect((await read(a)).values).toEqual([])
    expect((await read(b)).values).toEqual([])
    await committed(body((await read(a)).highWatermark))
    expect((await read(a)).values).toEqual(['a'])
  })

  test('lets exactly one of many callers win an expectation', async () => {
    const [a, b] = [await topic(), await topic()]
    const calls = Array.from({ length: 8 }, (_, index) =>
      oneShot({
        records: [
          { topic: a, value: `a${index}` },
          { topic: b, value: `b${index}` },
        ],
        expect: [{ topic: a, partition: 0, nextOffset: 0 }],
      }),
    )
    const statuses = (await Promise.all(calls)).map(({ status }) => status)
    expect(statuses.filter((status) => status === 200)).toHaveLength(1)
    expect(statuses.filter((status) => status === 412)).toHaveLength(7)
    const [winner = ''] = (await read(a)).values
    expect((await read(b)).values).toEqual([winner.replace('a', 'b')])
  })

  test('leaves nothing behind if a record is refused', async () => {
    const [a, b] = [await topic(), await topic({ config: { 'max.message.bytes': 200 } })]
    const response = await oneShot({
      records: [
        { topic: a, value: 'a' },
        { topic: b, value: 'x'.repeat(300) },
      ],
    })
    const error = await expectError(response, 413, 'message_too_large')
    expect(error.message).toContain('records[1]')
    expect(await read(a)).toMatchObject({ values: [], highWatermark: 0 })
  })

  test.each([
    ['nothing', {}, /^records: /],
    ['an empty id', { id: '', records: [] }, /^id: /],
    ['a record without a topic', { records: [{ value: 'x' }] }, /^records\[0\]\.topic: /],
    ['an unknown field', { records: [], more: 1 }, /more/],
    [
      'half a member',
      {
        offsets: [
          { group: 'g', memberId: 'm', offsets: [{ topic: 't', partition: 0, offset: 0 }] },
        ],
      },
      /^memberId: /,
    ],
    [
      'an expectation without records',
      {
        offsets: [{ group: 'g', offsets: [{ topic: 't', partition: 0, offset: 0 }] }],
        expect: [{ topic: 't', partition: 0, nextOffset: 0 }],
      },
      /^expect\[0\]: /,
    ],
  ])('rejects a body with %s', async (_, body, message) => {
    const error = await expectError(await oneShot(body), 400, 'invalid_request')
    expect(error.message).toMatch(message)
  })

  test('rejects a partition that does not exist, and appends nothing', async () => {
    const name = await topic()
    const response = await oneShot({
      records: [
        { topic: name, partition: 0, value: 'a' },
        { topic: name, partition: 9, value: 'b' },
      ],
    })
    await expectError(response, 404, 'unknown_topic_or_partition')
    expect(await read(name)).toMatchObject({ values: [], highWatermark: 0 })
  })

  test('rejects too many partitions', async () => {
    const name = await topic({ partitions: 70 })
    const records = Array.from({ length: 70 }, (_, partition) => ({
      ...{ topic: name, partition, value: 'x' },
    }))
    await expectError(await oneShot({ records }), 400, 'invalid_request')
    await committed({ records: records.slice(0, 64) })
  })

  test('does not commit an offset beyond the log', async () => {
    const [source, sink] = [await topic(), await topic()]
    const group = newId()
    const error = await expectError(
      await oneShot({
        records: [{ topic: sink, value: 'out' }],
        offsets: [{ group, offsets: [{ topic: source, partition: 0, offset: 5 }] }],
      }),
      409,
      'transaction_aborted',
    )
    expect(error.details?.reason).toMatchObject({ code: 'offset_out_of_range' })
    expect((await read(sink)).values).toEqual([])
    expect(await committedOffset(group, source)).toBeUndefined()
  })
})

interface Producer {
  readonly producerId: string
  readonly producerEpoch: number
}

async function init(id: string, json: object = {}): Promise<Producer> {
  for (;;) {
    const response = await request('PUT', `/v1/transactions/${id}`, { json })
    // The transaction of an earlier instance is being aborted.
    if (response.status === 409 && (await response.clone().text()).includes('concurrent')) continue
    expect(response.status, await response.clone().text()).toBe(200)
    return await response.json<Producer>()
  }
}

function send(id: string, producer: Producer, name: string, values: string[], baseSequence = 0) {
  const records = values.map((value) => ({
    ...{ timestamp: Date.now(), key: null, headers: [] },
    value: new TextEncoder().encode(value),
  }))
  const batch = encodeBatch(records, {
    producerId: BigInt(producer.producerId),
    producerEpoch: producer.producerEpoch,
    baseSequence,
    isTransactional: true,
  })
  return request('POST', `/v1/topics/${name}/partitions/0/records`, {
    body: batch,
    headers: { 'Content-Type': BATCH, 'Edgelog-Transaction': id },
  })
}

function end(id: string, outcome: 'commit' | 'abort', { producerId, producerEpoch }: Producer) {
  const json = { producerId, producerEpoch }
  return request('POST', `/v1/transactions/${id}/${outcome}`, { json })
}

async function ended(id: string, outcome: 'commit' | 'abort', producer: Producer) {
  const response = await end(id, outcome, producer)
  expect(response.status, await response.clone().text()).toBe(200)
  return await response.json<Producer & { visible: boolean }>()
}

describe('a transaction in several calls', () => {
  test('shows its records and offsets once it is committed', async () => {
    const [source, sink] = [await topic(), await topic()]
    await request('POST', `/v1/topics/${source}/records`, { json: { records: [{ value: 'in' }] } })
    const [id, group] = [newId(), newId()]
    const producer = await init(id)
    expect((await send(id, producer, sink, ['a', 'b'])).status).toBe(200)
    const offsets = [{ topic: source, partition: 0, offset: 1 }]
    const commit = await request('POST', `/v1/transactions/${id}/offsets`, {
      json: { ...producer, group, offsets },
    })
    expect(commit.status, await commit.clone().text()).toBe(204)
    expect(await read(sink)).toMatchObject({ values: [], lastStableOffset: 0, highWatermark: 2 })
    expect(await committedOffset(group, source)).toBeUndefined()
    const stable = await request('GET', `/v1/groups/${group}/offsets?requireStable=true`)
    expect((await expectError(stable, 409, 'unstable_offset_commit')).retryable).toBe(true)
    const shown = await (await request('GET', `/v1/transactions/${id}`)).json<object>()
    expect(shown).toMatchObject({
      ...{ id, state: 'Ongoing', producerId: producer.producerId },
      partitions: [{ topic: sink, partition: 0 }],
      groups: [group],
    })
    const next = await ended(id, 'commit', producer)
    expect(next).toMatchObject({ producerId: producer.producerId, visible: true })
    expect(next.producerEpoch).toBe(producer.producerEpoch + 1)
    expect((await read(sink)).values).toEqual(['a', 'b'])
    expect(await committedOffset(group, source)).toBe(1)
  })

  test('drops its records and offsets if it is aborted, and goes on', async () => {
    const [source, sink] = [await topic(), await topic()]
    const [id, group] = [newId(), newId()]
    const producer = await init(id)
    await send(id, producer, sink, ['a'])
    const offsets = [{ topic: source, partition: 0, offset: 0 }]
    await request('POST', `/v1/transactions/${id}/offsets`, {
      json: { ...producer, group, offsets },
    })
    const next = await ended(id, 'abort', producer)
    expect((await read(sink)).values).toEqual([])
    expect(await committedOffset(group, source)).toBeUndefined()
    expect((await send(id, next, sink, ['b'])).status).toBe(200)
    await ended(id, 'commit', next)
    expect((await read(sink)).values).toEqual(['b'])
  })

  test('gives a repeated commit the first result, and refuses another outcome', async () => {
    const name = await topic()
    const id = newId()
    const producer = await init(id)
    await send(id, producer, name, ['a'])
    const first = await ended(id, 'commit', producer)
    expect(await ended(id, 'commit', producer)).toMatchObject({
      producerEpoch: first.producerEpoch,
    })
    await expectError(await end(id, 'abort', producer), 409, 'invalid_txn_state')
  })

  test('is aborted and fenced by a later instance of its producer', async () => {
    const name = await topic()
    const id = newId()
    const old = await init(id)
    await send(id, old, name, ['old'])
    const late = await init(id)
    expect(late.producerEpoch).toBeGreaterThan(old.producerEpoch)
    await expectError(await send(id, old, name, ['more'], 1), 409, 'invalid_producer_epoch')
    await expectError(await end(id, 'commit', old), 409, 'producer_fenced')
    await send(id, late, name, ['new'])
    await ended(id, 'commit', late)
    expect((await read(name)).values).toEqual(['new'])
  })

  test('is listed, and can be aborted by an operator', async () => {
    const name = await topic()
    const id = newId()
    const producer = await init(id)
    await send(id, producer, name, ['a'])
    const { transactions } = await (
      await request('GET', `/v1/transactions?after=${id.slice(0, -1)}&limit=10`)
    ).json<{ transactions: { id: string; state: string }[] }>()
    expect(transactions).toContainEqual(expect.objectContaining({ id, state: 'Ongoing' }))
    expect((await request('DELETE', `/v1/transactions/${id}`)).status).toBe(204)
    expect((await read(name)).values).toEqual([])
    // Kafka's response to a commit that comes after the transaction was aborted from elsewhere.
    await expectError(await end(id, 'commit', producer), 409, 'invalid_txn_state')
    await expectError(await request('DELETE', `/v1/transactions/${id}`), 409, 'invalid_txn_state')
  })

  test.each([
    ['a timeout that is too long', { timeoutMs: 900_001 }, 400, 'invalid_request'],
    ['another producer', { producerId: '5', producerEpoch: 0 }, 409, 'producer_fenced'],
    ['half a producer', { producerId: '5' }, 400, 'invalid_request'],
  ])('rejects %s', async (_, json, status, code) => {
    const id = newId()
    await init(id)
    await expectError(await request('PUT', `/v1/transactions/${id}`, { json }), status, code)
  })

  test('rejects calls for an unknown id', async () => {
    const [id, name] = [newId(), await topic()]
    const producer = { producerId: '7', producerEpoch: 0 }
    await expectError(await send(id, producer, name, ['x']), 409, 'invalid_producer_id_mapping')
    await expectError(await end(id, 'commit', producer), 409, 'invalid_producer_id_mapping')
    for (const method of ['GET', 'DELETE']) {
      const response = await request(method, `/v1/transactions/${id}`)
      await expectError(response, 404, 'transactional_id_not_found')
    }
    expect((await read(name)).highWatermark).toBe(0)
  })

  test('rejects records of a transaction without its id, and of no transaction with one', async () => {
    const name = await topic()
    const id = newId()
    const producer = await init(id)
    const body = encodeBatch([{ timestamp: 1, key: null, value: new Uint8Array(1), headers: [] }], {
      producerId: BigInt(producer.producerId),
      producerEpoch: producer.producerEpoch,
      baseSequence: 0,
      isTransactional: true,
    })
    const path = `/v1/topics/${name}/partitions/0/records`
    const plain = await request('POST', path, { body, headers: { 'Content-Type': BATCH } })
    await expectError(plain, 409, 'invalid_txn_state')
    const json = { records: [{ value: 'x' }] }
    const headers = { 'Edgelog-Transaction': id }
    await expectError(await request('POST', path, { json, headers }), 400, 'invalid_request')
  })
})
