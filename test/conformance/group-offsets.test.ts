import { describe, expect, test } from 'vitest'
import { GroupMember, settle } from './group-member.ts'
import { expectError, useTarget } from './target.ts'

const target = useTarget()
const { request, topic } = target

let groupsMade = 0
const newGroup = () => `conformance-offsets-${process.pid}-${Date.now()}-${groupsMade++}`

interface Offset {
  readonly topic: string
  readonly partition: number
  readonly offset: number
  readonly metadata: string
}

async function committed(group: string, query = ''): Promise<readonly Offset[]> {
  const response = await request('GET', `/v1/groups/${group}/offsets${query}`)
  expect(response.status, await response.clone().text()).toBe(200)
  return (await response.json<{ offsets: readonly Offset[] }>()).offsets
}

function commit(group: string, offsets: readonly object[], fields: object = {}) {
  return request('POST', `/v1/groups/${group}/offsets`, { json: { offsets, ...fields } })
}

async function topicWith(counts: readonly number[]): Promise<string> {
  const name = await topic({ partitions: counts.length })
  for (const [partition, count] of counts.entries()) {
    const records = Array.from({ length: count }, (_, at) => ({
      value: `${at}`,
      timestamp: 1_000 + at,
    }))
    const path = `/v1/topics/${name}/partitions/${partition}/records`
    if (count > 0) expect((await request('POST', path, { json: { records } })).status).toBe(200)
  }
  return name
}

async function member(group: string, topics: readonly string[]): Promise<GroupMember> {
  const joined = new GroupMember(target, group, { topics })
  await joined.beat()
  return joined
}

describe('offsets', () => {
  test('are committed by a member, with metadata, and fetched', async () => {
    const name = await topicWith([3, 3])
    const group = newGroup()
    const a = await member(group, [name])
    const offsets = [
      { topic: name, partition: 1, offset: 3, metadata: 'done ✓' },
      { topic: name, partition: 0, offset: 1 },
    ]
    expect((await a.commit(offsets)).status).toBe(204)
    expect(await committed(group)).toMatchObject([
      { topic: name, partition: 0, offset: 1, metadata: '' },
      { topic: name, partition: 1, offset: 3, metadata: 'done ✓' },
    ])
    const other = await topic()
    expect(await committed(group, `?topic=${other}`)).toEqual([])
    expect(await committed(group, `?topic=${name}`)).toHaveLength(2)
  })

  test('outlive the members', async () => {
    const name = await topicWith([2])
    const group = newGroup()
    const a = await member(group, [name])
    await a.commit([{ topic: name, partition: 0, offset: 2 }])
    await a.leave()
    expect(await committed(group)).toMatchObject([{ offset: 2 }])
  })

  test('are committed without a member while the group is empty', async () => {
    const name = await topicWith([2])
    const group = newGroup()
    expect((await commit(group, [{ topic: name, partition: 0, offset: 2 }])).status).toBe(204)
    expect(await committed(group)).toMatchObject([{ offset: 2 }])
    await member(group, [name])
    const refused = await commit(group, [{ topic: name, partition: 0, offset: 1 }])
    await expectError(refused, 409, 'non_empty_group')
    expect(await committed(group)).toMatchObject([{ offset: 2 }])
  })

  test('are rejected for a partition of another member', async () => {
    const name = await topicWith([2, 2])
    const group = newGroup()
    const [a, b] = [await member(group, [name]), await member(group, [name])]
    await settle(target, group, a, b)
    const [partition] = a.partitionsOf(name)
    const refused = await b.commit([{ topic: name, partition, offset: 1 }])
    await expectError(refused, 409, 'stale_member_epoch')
    expect((await a.commit([{ topic: name, partition, offset: 1 }])).status).toBe(204)
  })

  test('may be committed until a partition is revoked, and not after', async () => {
    const name = await topicWith([2, 2])
    const group = newGroup()
    const a = await member(group, [name])
    const b = await member(group, [name])
    const before = a.owned
    await a.beatUntilTold()
    const given = [0, 1].filter((partition) => !a.partitionsOf(name).includes(partition))[0]
    expect((await a.commit([{ topic: name, partition: given, offset: 1 }])).status).toBe(204)
    expect(before).not.toEqual(a.owned)
    const { memberEpoch } = a
    await a.beat()
    await b.beat()
    const late = await a.commit([{ topic: name, partition: given, offset: 2 }], memberEpoch)
    await expectError(late, 409, 'stale_member_epoch')
    expect(await committed(group)).toMatchObject([{ partition: given, offset: 1 }])
  })

  test('start again for a recreated topic', async () => {
    const name = await topicWith([2])
    const group = newGroup()
    await commit(group, [{ topic: name, partition: 0, offset: 2 }])
    await request('DELETE', `/v1/topics/${name}`)
    await topic({ name })
    expect(await committed(group)).toEqual([])
  })
})

describe('a commit', () => {
  test('is rejected as a whole beyond the end of the log, or before its start', async () => {
    const name = await topicWith([2, 2])
    const group = newGroup()
    const offsets = [
      { topic: name, partition: 0, offset: 1 },
      { topic: name, partition: 1, offset: 3 },
    ]
    const error = await expectError(await commit(group, offsets), 416, 'offset_out_of_range')
    expect(error.details).toMatchObject({ partition: 1, logStartOffset: 0, highWatermark: 2 })
    await expectError(
      await request('GET', `/v1/groups/${group}/offsets`),
      404,
      'group_id_not_found',
    )
  })

  test('is rejected as a whole under a stale epoch, or of an unknown member', async () => {
    const name = await topicWith([2])
    const group = newGroup()
    const a = await member(group, [name])
    const offsets = [{ topic: name, partition: 0, offset: 1 }]
    await expectError(await a.commit(offsets, 99), 409, 'stale_member_epoch')
    const stranger = { memberId: 'stranger', memberEpoch: 1 }
    await expectError(await commit(group, offsets, stranger), 404, 'unknown_member_id')
    expect(await committed(group)).toEqual([])
  })

  const refused: Array<[string, object, number, string, string]> = [
    [
      'of an unknown topic',
      { topic: 'no-such-topic' },
      404,
      'unknown_topic_or_partition',
      'no-such-topic',
    ],
    ['of an unknown partition', { partition: 7 }, 404, 'unknown_topic_or_partition', '7'],
    ['with a negative offset', { offset: -1 }, 400, 'invalid_request', 'offsets[0].offset'],
    ['with half an offset', { offset: 0.5 }, 400, 'invalid_request', 'offsets[0].offset'],
    [
      'with too much metadata',
      { metadata: 'é'.repeat(2_049) },
      400,
      'offset_metadata_too_large',
      '4096',
    ],
    ['with an unknown field', { color: 1 }, 400, 'invalid_request', 'color'],
  ]
  test.each(refused)('is rejected as a whole %s', async (_, fields, status, code, mention) => {
    const name = await topicWith([2])
    const group = newGroup()
    const offsets = [{ topic: name, partition: 0, offset: 1, ...fields }]
    const error = await expectError(await commit(group, offsets), status, code)
    expect(error.message).toContain(mention)
    await expectError(await request('GET', `/v1/groups/${group}`), 404, 'group_id_not_found')
  })

  test('is rejected without offsets, or with half a member', async () => {
    const name = await topicWith([1])
    await expectError(await commit(newGroup(), []), 400, 'invalid_request')
    const offsets = [{ topic: name, partition: 0, offset: 0 }]
    await expectError(await commit(newGroup(), offsets, { memberId: 'a' }), 400, 'invalid_request')
  })
})

describe('DELETE /v1/groups/{group}/offsets', () => {
  test('deletes the offsets of one partition, or of a topic, without subscribers', async () => {
    const name = await topicWith([2, 2, 2])
    const group = newGroup()
    const offsets = [0, 1, 2].map((partition) => ({ topic: name, partition, offset: 1 }))
    await commit(group, offsets)
    const path = `/v1/groups/${group}/offsets?topic=${name}`
    expect((await request('DELETE', `${path}&partition=1`)).status).toBe(204)
    expect((await committed(group)).map(({ partition }) => partition)).toEqual([0, 2])
    const a = await member(group, [name])
    await expectError(await request('DELETE', path), 409, 'group_subscribed_to_topic')
    await a.leave()
    expect((await request('DELETE', path)).status).toBe(204)
    expect(await committed(group)).toEqual([])
  })
})

describe('POST /v1/groups/{group}/offsets/reset', () => {
  const reset = (group: string, json: object) =>
    request('POST', `/v1/groups/${group}/offsets/reset`, { json })

  test.each([
    ['to earliest', { to: 'earliest' }, [0, 0]],
    ['to latest', { to: 'latest' }, [10, 4]],
    ['to an offset, limited to the log', { offset: 6 }, [6, 4]],
    ['to a time', { timestamp: 1_003 }, [3, 3]],
    ['to a time after all records', { timestamp: 9_999 }, [10, 4]],
    ['forward', { shiftBy: 2 }, [7, 4]],
    ['back, limited to the log', { shiftBy: -4 }, [1, 0]],
  ])('moves %s', async (_, target_, expected) => {
    const name = await topicWith([10, 4])
    const group = newGroup()
    const before = [
      { topic: name, partition: 0, offset: 5 },
      { topic: name, partition: 1, offset: 3 },
    ]
    await commit(group, before)
    const dry = await (await reset(group, { ...target_, dryRun: true })).json<{
      offsets: readonly object[]
    }>()
    expect(dry.offsets).toEqual([
      { topic: name, partition: 0, previousOffset: 5, offset: expected[0] },
      { topic: name, partition: 1, previousOffset: 3, offset: expected[1] },
    ])
    expect(await committed(group)).toMatchObject(before)
    expect((await reset(group, target_)).status).toBe(200)
    expect((await committed(group)).map(({ offset }) => offset)).toEqual(expected)
  })

  test('resets the named partitions, also for a new group', async () => {
    const name = await topicWith([3, 3])
    const group = newGroup()
    const topics = [{ topic: name, partitions: [1] }]
    expect((await reset(group, { to: 'latest', topics })).status).toBe(200)
    expect(await committed(group)).toMatchObject([{ partition: 1, offset: 3 }])
    const all = [{ topic: name }]
    expect((await reset(group, { to: 'earliest', topics: all })).status).toBe(200)
    expect((await committed(group)).map(({ offset }) => offset)).toEqual([0, 0])
  })

  test('is rejected while there are members, but a dry run is not', async () => {
    const name = await topicWith([3])
    const group = newGroup()
    const a = await member(group, [name])
    await a.commit([{ topic: name, partition: 0, offset: 2 }])
    await expectError(await reset(group, { to: 'earliest' }), 409, 'non_empty_group')
    expect((await reset(group, { to: 'earliest', dryRun: true })).status).toBe(200)
    expect(await committed(group)).toMatchObject([{ offset: 2 }])
  })

  test('is rejected without exactly one target, for an unknown group, and for an unknown topic', async () => {
    const group = newGroup()
    await expectError(await reset(group, {}), 400, 'invalid_request')
    await expectError(await reset(group, { to: 'latest', offset: 3 }), 400, 'invalid_request')
    await expectError(await reset(group, { to: 'latest' }), 404, 'group_id_not_found')
    const topics = [{ topic: 'no-such-topic' }]
    const refused = await reset(group, { to: 'latest', topics })
    await expectError(refused, 404, 'unknown_topic_or_partition')
  })
})
