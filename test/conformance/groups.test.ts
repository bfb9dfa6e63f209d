import { describe, expect, test } from 'vitest'
import { GroupMember, settle } from './group-member.ts'
import { expectError, useTarget } from './target.ts'

const target = useTarget()
const { request, topic } = target

let groupsMade = 0
const newGroup = () => `conformance-${process.pid}-${Date.now()}-${groupsMade++}`

interface GroupBody {
  readonly state: string
  readonly protocol: string | null
  readonly groupEpoch: number
  readonly memberCount: number
  readonly members: ReadonlyArray<{
    readonly memberId: string
    readonly clientId: string
    readonly state: string
    readonly assignment: unknown
  }>
  readonly offsets: ReadonlyArray<{
    readonly topic: string
    readonly partition: number
    readonly committedOffset: number | null
    readonly lag: number
    readonly memberId: string | null
  }>
  readonly totalLag: number
}

async function describeGroup(group: string, query = ''): Promise<GroupBody> {
  const response = await request('GET', `/v1/groups/${group}${query}`)
  expect(response.status, await response.clone().text()).toBe(200)
  return await response.json<GroupBody>()
}

async function member(group: string, topics: readonly string[], options: object = {}) {
  const joined = new GroupMember(target, group, { topics, ...options })
  await joined.beat()
  return joined
}

async function produce(name: string, partition: number, count: number): Promise<void> {
  const records = Array.from({ length: count }, (_, index) => ({ value: `${index}` }))
  const path = `/v1/topics/${name}/partitions/${partition}/records`
  expect((await request('POST', path, { json: { records } })).status).toBe(200)
}

const sorted = (...lists: ReadonlyArray<readonly number[]>) => lists.flat().sort((a, b) => a - b)

describe('members of a group', () => {
  test('share the partitions of a topic, and again when a member joins or leaves', async () => {
    const name = await topic({ partitions: 5 })
    const group = newGroup()
    const a = await member(group, [name])
    expect(a.memberEpoch).toBeGreaterThan(0)
    expect(a.partitionsOf(name)).toEqual([0, 1, 2, 3, 4])
    const b = await member(group, [name])
    await settle(target, group, a, b)
    const kept = a.partitionsOf(name)
    expect(sorted(kept, b.partitionsOf(name))).toEqual([0, 1, 2, 3, 4])
    expect([kept.length, b.partitionsOf(name).length].sort()).toEqual([2, 3])
    await b.leave()
    await settle(target, group, a)
    expect(a.partitionsOf(name)).toEqual([0, 1, 2, 3, 4])
  })

  test('get a partition only after its previous owner has confirmed the revocation', async () => {
    const name = await topic({ partitions: 2 })
    const group = newGroup()
    const a = await member(group, [name])
    const before = a.owned
    const b = await member(group, [name])
    expect(b.owned).toEqual([])
    const told = await a.beatUntilTold()
    expect(told.assignment?.[0]?.partitions).toHaveLength(1)
    // It reports that it still owns both.
    await a.beat({ owned: before })
    expect((await b.beat()).assignment).toBeNull()
    await a.beat()
    await b.beat()
    expect(sorted(a.partitionsOf(name), b.partitionsOf(name))).toEqual([0, 1])
  })

  test('get a short heartbeat interval while they wait, and otherwise one within the session', async () => {
    const name = await topic({ partitions: 2 })
    const group = newGroup()
    const a = new GroupMember(target, group, { topics: [name], sessionTimeoutMs: 10_000 })
    expect((await a.beat()).heartbeatIntervalMs).toBe(2_000)
    const b = new GroupMember(target, group, { topics: [name] })
    expect((await b.beat()).heartbeatIntervalMs).toBeLessThan(2_000)
  })

  test('get their assignment again if the response was lost', async () => {
    const name = await topic({ partitions: 2 })
    const group = newGroup()
    const a = await member(group, [name])
    const b = await member(group, [name])
    await settle(target, group, a, b)
    const { memberEpoch } = a
    await b.leave()
    // The response to this heartbeat is lost: the member sends the same one again.
    expect((await a.send()).status).toBe(200)
    const again = await a.beat()
    expect(again.memberEpoch).toBeGreaterThan(memberEpoch)
    expect(a.partitionsOf(name)).toEqual([0, 1])
  })

  test('may send the id of a topic in capitals', async () => {
    const name = await topic({ partitions: 2 })
    const group = newGroup()
    const a = await member(group, [name])
    const b = await member(group, [name])
    await a.beatUntilTold()
    const owned = [{ topic: name, topicId: a.owned[0]?.topicId.toUpperCase(), partitions: [0, 1] }]
    await a.send({ owned })
    expect((await b.beat()).assignment).toBeNull()
  })

  test('may get an id from the server', async () => {
    const name = await topic()
    const json = { memberEpoch: 0, topics: [name], owned: [] }
    const response = await request('POST', `/v1/groups/${newGroup()}/heartbeat`, { json })
    expect((await response.json<{ memberId: string }>()).memberId).toMatch(/^[0-9a-f-]{36}$/)
  })

  test('may subscribe by pattern, also to future topics', async () => {
    const [one, prefix] = [await topic(), `pattern-${process.pid}-${Date.now()}`]
    const first = await topic({ name: `${prefix}-1` })
    const group = newGroup()
    const a = new GroupMember(target, group, { topicPattern: `${prefix}-.*` })
    await a.beat()
    expect(a.owned.map((assigned) => assigned.topic)).toEqual([first])
    expect(a.partitionsOf(one)).toEqual([])
    const second = await topic({ name: `${prefix}-2` })
    await expect
      .poll(async () => {
        await a.beat()
        return a.owned.map((assigned) => assigned.topic)
      })
      .toEqual([first, second])
  })

  test('are notified of more partitions and of a deleted topic without asking', async () => {
    const [kept, gone] = [await topic({ partitions: 1 }), await topic()]
    const group = newGroup()
    const a = await member(group, [kept, gone])
    expect(a.owned).toHaveLength(2)
    await request('PATCH', `/v1/topics/${kept}`, { json: { partitions: 3 } })
    await expect
      .poll(async () => {
        await a.beat()
        return a.partitionsOf(kept)
      })
      .toEqual([0, 1, 2])
    await request('DELETE', `/v1/topics/${gone}`)
    await expect
      .poll(async () => {
        await a.beat()
        return a.owned.map((assigned) => assigned.topic)
      })
      .toEqual([kept])
  })

  test('may change what they subscribe to', async () => {
    const [one, other] = [await topic(), await topic()]
    const group = newGroup()
    const a = await member(group, [one])
    await a.beat({ topics: [other] })
    await settle(target, group, a)
    expect(a.owned.map((assigned) => assigned.topic)).toEqual([other])
    await request('DELETE', `/v1/topics/${other}`)
    await a.beat({ topics: [one, other] })
    await settle(target, group, a)
    expect(a.owned.map((assigned) => assigned.topic)).toEqual([one])
  })

  test('are removed after a session without heartbeats, and their partitions go to the others', async () => {
    const name = await topic({ partitions: 2 })
    const group = newGroup()
    const dead = await member(group, [name], { sessionTimeoutMs: 1_000 })
    const a = await member(group, [name])
    await expect
      .poll(
        async () => {
          await a.beat()
          return a.partitionsOf(name)
        },
        { timeout: 120_000, interval: 100 },
      )
      .toEqual([0, 1])
    const error = await expectError(await dead.send(), 404, 'unknown_member_id')
    expect(error.message).toContain('memberEpoch 0')
  })

  test('with an instance id keep their place while they are away', async () => {
    const name = await topic({ partitions: 4 })
    const group = newGroup()
    const a = await member(group, [name])
    const b = await member(group, [name], { instanceId: 'host-b' })
    await settle(target, group, a, b)
    const had = b.partitionsOf(name)
    await b.leave(-2)
    const { groupEpoch } = await describeGroup(group)
    await a.beat()
    const back = await member(group, [name], { instanceId: 'host-b' })
    expect(back.partitionsOf(name)).toEqual(had)
    expect((await describeGroup(group)).groupEpoch).toBe(groupEpoch)
    await expectError(await b.send(), 409, 'fenced_instance_id')
    const second = new GroupMember(target, group, { topics: [name], instanceId: 'host-b' })
    await expectError(await second.send(), 409, 'unreleased_instance_id')
  })

  test('choose the assignor by vote', async () => {
    const names = [await topic({ partitions: 2 }), await topic({ partitions: 2 })]
    const group = newGroup()
    const a = await member(group, names, { assignor: 'range' })
    const b = await member(group, names, { assignor: 'range' })
    await settle(target, group, a, b)
    const parts = names.map((name) => a.partitionsOf(name))
    // Range assigns the same partition of both topics to the same member.
    expect(parts[0]).toEqual(parts[1])
    expect(await describeGroup(group)).toMatchObject({ assignor: 'range' })
  })
})

describe('a heartbeat', () => {
  test('is rejected for an unknown member or group', async () => {
    const name = await topic()
    const group = newGroup()
    const stranger = { memberId: 'stranger', memberEpoch: 3 }
    const path = `/v1/groups/${group}/heartbeat`
    await expectError(await request('POST', path, { json: stranger }), 404, 'unknown_member_id')
    await expectError(await request('GET', `/v1/groups/${group}`), 404, 'group_id_not_found')
    await member(group, [name])
    await expectError(await request('POST', path, { json: stranger }), 404, 'unknown_member_id')
    expect(await describeGroup(group)).toMatchObject({ memberCount: 1 })
  })

  test('is rejected under an epoch that is not its own', async () => {
    const name = await topic()
    const group = newGroup()
    const a = await member(group, [name])
    await expectError(await a.send({ memberEpoch: 99 }), 409, 'fenced_member_epoch')
    expect((await a.beat()).memberEpoch).toBe(1)
  })

  test('is rejected for a topic that does not exist, and leaves no group behind', async () => {
    const group = newGroup()
    const a = new GroupMember(target, group, { topics: ['no-such-topic'] })
    const error = await expectError(await a.send(), 404, 'unknown_topic_or_partition')
    expect(error.message).toContain('no-such-topic')
    await expectError(await request('GET', `/v1/groups/${group}`), 404, 'group_id_not_found')
  })

  const refused: Array<[string, object, string, string]> = [
    ['without an epoch', { memberEpoch: undefined }, 'invalid_request', 'memberEpoch'],
    ['with half an epoch', { memberEpoch: 0.5 }, 'invalid_request', 'memberEpoch'],
    ['with an epoch below -2', { memberEpoch: -3 }, 'invalid_request', 'memberEpoch'],
    ['that joins without topics', { topics: [] }, 'invalid_request', 'topics'],
    [
      'that joins and owns partitions',
      { owned: [{ topic: 't', partitions: [0] }] },
      'invalid_request',
      'owned',
    ],
    ['with an empty member id', { memberId: '' }, 'invalid_request', 'memberId'],
    [
      'with a member id with a control character',
      { memberId: 'a\u0007' },
      'invalid_request',
      'memberId',
    ],
    ['with an invalid topic name', { topics: ['a/b'] }, 'invalid_topic', 'topics[0]'],
    ['with an unknown assignor', { assignor: 'best' }, 'unsupported_assignor', 'uniform'],
    [
      'with an invalid pattern',
      { topicPattern: '(' },
      'invalid_regular_expression',
      'topicPattern',
    ],
    [
      'with a pattern that takes too many steps',
      { topicPattern: '((a{1000}){1000}){1000}' },
      'invalid_regular_expression',
      'topicPattern',
    ],
    [
      'with a pattern that is too long',
      { topicPattern: 'a'.repeat(501) },
      'invalid_request',
      '500',
    ],
    ['with a session that is too short', { sessionTimeoutMs: 10 }, 'invalid_request', '1000'],
    ['with an unknown field', { color: 'red' }, 'invalid_request', 'color'],
    ['with too many topics', { topics: Array(1_001).fill('t') }, 'invalid_request', '1000'],
    [
      'with an owned topic id that is not a UUID',
      { owned: [{ topic: 't', topicId: 'x', partitions: [] }] },
      'invalid_request',
      'UUID',
    ],
  ]
  test.each(refused)(
    'is rejected %s, and leaves the group unchanged',
    async (_, fields, code, mention) => {
      const name = await topic()
      const group = newGroup()
      const a = new GroupMember(target, group, { topics: [name] })
      const error = await expectError(await a.send(fields), 400, code)
      expect(error.message).toContain(mention)
      await expectError(await request('GET', `/v1/groups/${group}`), 404, 'group_id_not_found')
    },
  )

  test('is rejected for an invalid group id', async () => {
    const json = { memberEpoch: 0, topics: ['t'] }
    for (const id of ['%00', 'a%0ab', 'x'.repeat(256), encodeURIComponent('a\u202eb')]) {
      const response = await request('POST', `/v1/groups/${id}/heartbeat`, { json })
      await expectError(response, 400, 'invalid_group_id')
    }
  })

  test('is rejected if it is not JSON, or too large', async () => {
    const path = `/v1/groups/${newGroup()}/heartbeat`
    const headers = { 'Content-Type': 'application/json' }
    await expectError(await request('POST', path, { body: '{', headers }), 400, 'invalid_request')
    const body = `{"memberId":"${'x'.repeat(3 * 1024 * 1024)}"}`
    await expectError(await request('POST', path, { body, headers }), 413, 'request_too_large')
  })
})

describe('a member that leaves', () => {
  test('is no longer a member', async () => {
    const name = await topic()
    const group = newGroup()
    const a = await member(group, [name])
    await a.leave()
    expect(await describeGroup(group)).toMatchObject({
      state: 'empty',
      memberCount: 0,
      protocol: null,
    })
    await expectError(await a.send(), 404, 'unknown_member_id')
  })

  test('temporarily needs an instance id', async () => {
    const name = await topic()
    const a = await member(newGroup(), [name])
    await expectError(await a.send({ memberEpoch: -2, owned: undefined }), 400, 'invalid_request')
    await a.beat()
  })
})

describe('GET /v1/groups/{group}', () => {
  test('returns the members, their assignments, and the lag of each partition', async () => {
    const name = await topic({ partitions: 2 })
    const group = newGroup()
    await produce(name, 0, 5)
    await produce(name, 1, 3)
    const a = await member(group, [name], { clientId: 'billing-1' })
    expect((await a.commit([{ topic: name, partition: 0, offset: 2 }])).status).toBe(204)
    const body = await describeGroup(group)
    expect(body).toMatchObject({
      state: 'stable',
      protocol: 'consumer',
      memberCount: 1,
      totalLag: 6,
    })
    expect(body.members[0]).toMatchObject({
      memberId: a.memberId,
      clientId: 'billing-1',
      state: 'stable',
      assignment: [{ topic: name, partitions: [0, 1] }],
    })
    expect(body.offsets).toMatchObject([
      { topic: name, partition: 0, committedOffset: 2, lag: 3, memberId: a.memberId },
      { topic: name, partition: 1, committedOffset: null, lag: 3, memberId: a.memberId },
    ])
    expect(await describeGroup(group, '?lag=false')).not.toHaveProperty('offsets')
  })
})

describe('GET /v1/groups', () => {
  test('lists the groups by id, page by page', async () => {
    const name = await topic()
    const prefix = newGroup()
    const ids = [`${prefix}-a`, `${prefix}-b`, `${prefix}-c`]
    for (const id of ids) await member(id, [name])
    const read = async (query: string) => {
      const response = await request('GET', `/v1/groups?${query}`)
      return await response.json<{
        groups: ReadonlyArray<{ groupId: string; state: string }>
        next: string | null
      }>()
    }
    const page = await read(`after=${prefix}&limit=2`)
    expect(page.groups.map(({ groupId }) => groupId)).toEqual(ids.slice(0, 2))
    expect(page.groups[0]?.state).toBe('stable')
    expect(page.next).toBe(ids[1])
    const rest = await read(`after=${page.next}&limit=2`)
    expect(rest.groups[0]?.groupId).toBe(ids[2])
    await expectError(await request('GET', '/v1/groups?limit=1000'), 400, 'invalid_request')
  })
})

describe('DELETE /v1/groups/{group}', () => {
  test('is rejected while there are members, then leaves nothing', async () => {
    const name = await topic()
    const group = newGroup()
    const a = await member(group, [name])
    await expectError(await request('DELETE', `/v1/groups/${group}`), 409, 'non_empty_group')
    expect((await a.commit([{ topic: name, partition: 0, offset: 0 }])).status).toBe(204)
    await a.leave()
    expect((await request('DELETE', `/v1/groups/${group}`)).status).toBe(204)
    await expectError(await request('DELETE', `/v1/groups/${group}`), 404, 'group_id_not_found')
    await expectError(
      await request('GET', `/v1/groups/${group}/offsets`),
      404,
      'group_id_not_found',
    )
    // The id can be used again.
    expect((await member(group, [name])).memberEpoch).toBe(1)
  })
})
