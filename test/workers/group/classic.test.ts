/**
 * Question: does a group of the classic protocol continue after any event of
 * its object, and does every waiting call return?
 * Contract: docs/GUARANTEES.md on groups; KIP-62, KIP-345, KIP-394. The rules
 * themselves are tested in test/core/group/classic.
 */
import { reset, runInDurableObject } from 'cloudflare:test'
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest'
import { GroupStore } from '../../../durable-objects/group/group-store.ts'
import type { Result } from '../../../src/core/errors.ts'
import type {
  JoinGroupRequest,
  JoinGroupResult,
  SyncGroupResult,
} from '../../../src/core/group/classic-api.ts'
import type { GroupSummary } from '../../../src/core/group/group-api.ts'
import type { GroupId } from '../../../src/core/group/group-id.ts'
import { WAIT } from '../../support/until.ts'
import { countRowsWritten } from '../count-rows.ts'
import { logErrorsOnly } from '../quiet-events.ts'
import {
  alarmTime,
  codeOf,
  committed,
  createTopic,
  describeGroup,
  detailsOf,
  evict,
  execute,
  group,
  isStored,
  Member,
  newGroupId,
  ok,
  runAlarm,
  tryCommit,
  tryHeartbeat,
} from './group-for-test.ts'

beforeEach(logErrorsOnly)

afterEach(async () => {
  vi.restoreAllMocks()
  vi.useRealTimers()
  await reset()
})

/** Enough for any description. */
const ROOM_BYTES = 100_000

const text = { encode: new TextEncoder(), decode: new TextDecoder() }

function joinRequest(groupId: GroupId, changes: Partial<JoinGroupRequest> = {}): JoinGroupRequest {
  return {
    groupId,
    memberId: '',
    instanceId: null,
    clientId: 'test',
    clientHost: '127.0.0.1',
    sessionTimeoutMs: 10_000,
    rebalanceTimeoutMs: 2_000,
    protocolType: 'consumer',
    protocols: [{ name: 'range', metadata: text.encode.encode('topics') }],
    requiresKnownMemberId: false,
    supportsSkippingAssignment: true,
    ...changes,
  }
}

/** A client of the classic protocol: calls, and keeps the results. */
class Classic {
  readonly groupId: GroupId
  readonly fields: Partial<JoinGroupRequest>
  memberId = ''
  generation = -1
  isLeader = false
  members: readonly string[] = []
  assignment = ''

  constructor(groupId: GroupId, fields: Partial<JoinGroupRequest> = {}) {
    this.groupId = groupId
    this.fields = fields
  }

  get #identity() {
    const { memberId, generation } = this
    return { memberId, generation, instanceId: this.fields.instanceId ?? null }
  }

  get committing() {
    const { memberId, generation, instanceId } = this.#identity
    return { memberId, epoch: generation, instanceId }
  }

  async tryJoin(): Promise<Result<JoinGroupResult>> {
    const request = joinRequest(this.groupId, { ...this.fields, memberId: this.memberId })
    const result = (await group(this.groupId).joinGroup(request)) as Result<JoinGroupResult>
    if ('ok' in result) {
      const { memberId, generation, leader, members } = result.ok
      Object.assign(this, { memberId, generation, isLeader: leader === memberId })
      this.members = members.map((member) => member.memberId)
    }
    return result
  }

  /** Assigns each member its own id, as the leader. */
  async trySync(): Promise<Result<SyncGroupResult>> {
    const assignments = this.members.map((memberId) => ({
      ...{ memberId, assignment: text.encode.encode(`for ${memberId}`) },
    }))
    const result = (await group(this.groupId).syncGroup({
      ...{ ...this.#identity, protocolType: null, protocolName: null },
      assignments: this.isLeader ? assignments : [],
    })) as Result<SyncGroupResult>
    if ('ok' in result) this.assignment = text.decode.decode(result.ok.assignment)
    return result
  }

  async heartbeat(): Promise<string> {
    return codeOf(await group(this.groupId).classicHeartbeat(this.#identity))
  }

  async leave(): Promise<void> {
    const { memberId, instanceId } = this.#identity
    ok(await group(this.groupId).leaveGroup([{ memberId, instanceId }]))
  }
}

async function rebalance(clients: readonly Classic[]): Promise<void> {
  for (const result of await Promise.all(clients.map((client) => client.tryJoin()))) ok(result)
  for (const result of await Promise.all(clients.map((client) => client.trySync()))) ok(result)
  for (const { assignment, memberId } of clients) expect(assignment).toBe(`for ${memberId}`)
}

describe('a group', () => {
  test('lets members join, sync, beat and leave, and ends empty', async () => {
    const id = newGroupId()
    const [one, two, three] = [new Classic(id), new Classic(id), new Classic(id)]
    await rebalance([one, two])
    expect(await describeGroup(id)).toMatchObject({
      ...{ state: 'stable', protocol: 'classic', memberCount: 2, groupEpoch: 1 },
      assignor: 'range',
    })
    const rowsWritten = await countRowsWritten(group(id))
    expect([await one.heartbeat(), await two.heartbeat()]).toEqual(['ok', 'ok'])
    expect(rowsWritten(), 'a heartbeat writes nothing').toBe(0)
    const joining = three.tryJoin()
    await vi.waitUntil(async () => (await one.heartbeat()) === 'rebalance_in_progress', WAIT)
    expect((await describeGroup(id)).state).toBe('preparing_rebalance')
    await Promise.all([one.tryJoin(), two.tryJoin(), joining])
    expect(one.generation).toBe(2)
    expect((await describeGroup(id)).state).toBe('completing_rebalance')
    await Promise.all([one, two, three].map((client) => client.trySync()))
    expect(three.assignment).toBe(`for ${three.memberId}`)
    await two.leave()
    expect(await one.heartbeat()).toBe('rebalance_in_progress')
    await rebalance([one, three])
    expect(await two.heartbeat()).toBe('unknown_member_id')
    await one.leave()
    await three.leave()
    expect(await describeGroup(id)).toMatchObject({ state: 'empty', protocol: null })
  })

  test('returns a member id to a member without one, which then joins with it', async () => {
    const id = newGroupId()
    const one = new Classic(id, { requiresKnownMemberId: true })
    const result = await one.tryJoin()
    expect(codeOf(result)).toBe('member_id_required')
    const { details } = 'error' in result ? result.error : { details: undefined }
    one.memberId = String(details?.memberId)
    await rebalance([one])
    expect(one.memberId).toBe(details?.memberId)
  })

  test("returns its members in Kafka's form, and its last protocol once it is empty", async () => {
    const id = newGroupId()
    const described = async () => await group(id).describeClassic(ROOM_BYTES)
    expect(codeOf(await described())).toBe('group_id_not_found')
    const fields = { protocolType: 'connect', instanceId: 'i', clientId: 'worker' }
    const one = new Classic(id, fields)
    await rebalance([one])
    expect(ok(await described())).toEqual({
      state: 'stable',
      protocolType: 'connect',
      protocolName: 'range',
      generation: 1,
      members: [
        {
          ...{ memberId: one.memberId, instanceId: 'i', clientId: 'worker' },
          clientHost: '127.0.0.1',
          metadata: text.encode.encode('topics'),
          assignment: text.encode.encode(`for ${one.memberId}`),
        },
      ],
    })
    await one.leave()
    for (const _ of [1, 2]) {
      const was = { lastProtocol: 'classic', protocolType: 'connect' }
      const summary = { groupId: id, state: 'empty', protocol: null, memberCount: 0, ...was }
      expect(ok(await group(id).summarize())).toEqual(summary)
      expect(ok(await described())).toMatchObject({
        ...{ state: 'empty', protocolType: 'connect', members: [] },
      })
      await evict(id)
    }
  })

  test('is not described beyond the size limit, and returns its size', async () => {
    const id = newGroupId()
    await rebalance([new Classic(id), new Classic(id)])
    const refused = await group(id).describeClassic(1)
    expect(refused).toMatchObject({ error: { code: 'request_too_large' } })
    const { sizeBytes } = detailsOf(refused)
    expect(codeOf(await group(id).describeClassic(Number(sizeBytes)))).toBe('ok')
    expect(codeOf(await group(id).describeClassic(Number(sizeBytes) - 1))).toBe('request_too_large')
  })

  test('returns the last of several protocols', async () => {
    await createTopic('orders')
    const id = newGroupId()
    const kind = async () => {
      const { lastProtocol, protocolType } = ok<GroupSummary>(await group(id).summarize())
      return [lastProtocol, protocolType]
    }
    ok(await tryCommit(id, null, [['orders', 0, 1]]))
    expect(await kind()).toEqual([null, null])
    const one = new Classic(id, { protocolType: 'connect' })
    await rebalance([one])
    await one.leave()
    const two = new Member(id, 'two', { topics: ['orders'] })
    await two.beat()
    expect(await kind()).toEqual(['consumer', 'consumer'])
    expect(codeOf(await group(id).describeClassic(ROOM_BYTES))).toBe('inconsistent_group_protocol')
    await two.leave()
    expect(await kind()).toEqual(['consumer', 'consumer'])
    await evict(id)
    expect(await kind()).toEqual(['consumer', 'consumer'])
    const three = new Classic(id)
    await rebalance([three])
    expect(await kind()).toEqual(['classic', 'consumer'])
  })

  test('stores nothing for calls to a group that does not exist, and returns unknown_member_id', async () => {
    const id = newGroupId()
    const stranger = new Classic(id)
    stranger.memberId = 'stranger'
    expect(await stranger.heartbeat()).toBe('unknown_member_id')
    expect(codeOf(await stranger.trySync())).toBe('unknown_member_id')
    expect(ok(await group(id).leaveGroup([{ memberId: 'stranger', instanceId: null }]))).toEqual([
      { memberId: 'stranger', instanceId: null, error: 'unknown_member_id' },
    ])
    expect(await isStored(id)).toBe(false)
  })

  test('accepts members of one protocol at a time', async () => {
    await createTopic('orders')
    const id = newGroupId()
    const one = new Classic(id)
    await rebalance([one])
    const other = await tryHeartbeat(id, { memberId: 'm', topics: ['orders'] })
    expect(codeOf(other)).toBe('inconsistent_group_protocol')
    await one.leave()
    const member = new Member(id, 'm', { topics: ['orders'] })
    await member.beat()
    await evict(id)
    expect(codeOf(await one.tryJoin())).toBe('inconsistent_group_protocol')
    await member.beat()
    await member.leave()
    await evict(id)
    one.memberId = ''
    await rebalance([one])
    await evict(id)
    expect(await describeGroup(id)).toMatchObject({ protocol: 'classic', memberCount: 1 })
  })

  test('accepts commits by generation', async () => {
    const id = newGroupId()
    const one = new Classic(id)
    await rebalance([one])
    const commit = async (epoch: number, offset: number) =>
      codeOf(await tryCommit(id, { ...one.committing, epoch }, [['x', 0, offset]]))
    expect(await commit(1, 5)).toBe('ok')
    expect(await commit(0, 6)).toBe('illegal_generation')
    expect(codeOf(await tryCommit(id, null, [['x', 0, 7]]))).toBe('non_empty_group')
    await rebalance([one])
    await evict(id)
    if (one.generation > 1) expect(await commit(1, 8)).toBe('illegal_generation')
    expect(await commit(one.generation, 9)).toBe('ok')
    expect(await committed(id)).toEqual({ 'x/0': 9 })
    await one.leave()
    expect(await commit(one.generation, 10)).toBe('unknown_member_id')
  })
})

describe('an eviction', () => {
  test('does not affect a stable group', async () => {
    const id = newGroupId()
    const clients = [new Classic(id), new Classic(id, { instanceId: 'i' })]
    await rebalance(clients)
    const before = await describeGroup(id)
    await evict(id)
    expect(await describeGroup(id)).toEqual(before)
    for (const client of clients) expect(await client.heartbeat()).toBe('ok')
    for (const client of clients) {
      expect(codeOf(await client.trySync())).toBe('ok')
      expect(client.assignment).toBe(`for ${client.memberId}`)
    }
  })

  test('ends waiting joins, and the members join again', async () => {
    const id = newGroupId()
    const [one, two] = [new Classic(id), new Classic(id)]
    await rebalance([one])
    const joining = two.tryJoin().catch(() => undefined)
    await vi.waitUntil(async () => (await one.heartbeat()) === 'rebalance_in_progress', WAIT)
    // Aborted rather than evicted: an eviction would wait for the held call.
    await runInDurableObject(group(id), (_, state) => state.abort('injected: abort')).catch(
      () => undefined,
    )
    expect(await joining).toBe(undefined)
    expect(await one.heartbeat()).toBe('rebalance_in_progress')
    await rebalance([one, two])
    expect(new Set([one, two].map(({ generation }) => generation)).size).toBe(1)
  })

  test('does not end the generation while the leader assigns', async () => {
    const id = newGroupId()
    const clients = [new Classic(id), new Classic(id)]
    for (const result of await Promise.all(clients.map((client) => client.tryJoin()))) ok(result)
    await evict(id)
    expect((await describeGroup(id)).state).toBe('completing_rebalance')
    for (const result of await Promise.all(clients.map((client) => client.trySync()))) ok(result)
    for (const client of clients) expect(client.assignment).toBe(`for ${client.memberId}`)
    expect(await describeGroup(id)).toMatchObject({ state: 'stable', groupEpoch: 1 })
  })
})

describe('a time-out', () => {
  test('completes the join without the missing members', async () => {
    const id = newGroupId()
    const [one, two] = [
      new Classic(id, { rebalanceTimeoutMs: 500 }),
      new Classic(id, { rebalanceTimeoutMs: 500 }),
    ]
    await rebalance([one, two])
    ok(await one.tryJoin().then((result) => result))
    expect(one.members).toEqual([one.memberId])
    ok(await one.trySync())
    expect(await two.heartbeat()).toBe('unknown_member_id')
  })

  test('ends a sync if the leader never assigns', async () => {
    const id = newGroupId()
    const clients = [
      new Classic(id, { rebalanceTimeoutMs: 500 }),
      new Classic(id, { rebalanceTimeoutMs: 500 }),
    ]
    await Promise.all(clients.map((client) => client.tryJoin()))
    const follower = clients.find(({ isLeader }) => !isLeader)
    expect(codeOf(await follower?.trySync())).toBe('rebalance_in_progress')
    ok(await follower?.tryJoin())
    expect(follower?.isLeader).toBe(true)
  })

  test.each([false, true])(
    'removes silent members by the alarm, evicted: %s',
    async (isEvicted) => {
      const id = newGroupId()
      const one = new Classic(id, { sessionTimeoutMs: 1_000, rebalanceTimeoutMs: 1_000 })
      await rebalance([one])
      expect(await alarmTime(id)).not.toBeNull()
      if (isEvicted) await evict(id)
      await runAlarm(id)
      const [row] = await execute(id, 'SELECT count(*) AS members FROM member')
      expect(row?.members).toBe(0)
      expect((await describeGroup(id)).state).toBe('empty')
    },
  )
})

test('ends every waiting call after a failed write, and drops the decision', async () => {
  const id = newGroupId()
  const [one, two] = [new Classic(id), new Classic(id)]
  await rebalance([one])
  const before = await describeGroup(id)
  vi.spyOn(GroupStore.prototype, 'writeMember').mockImplementation(() => {
    throw new Error('injected: disk')
  })
  await expect(two.tryJoin()).rejects.toThrow()
  vi.restoreAllMocks()
  expect(await describeGroup(id)).toEqual(before)
  expect(await one.heartbeat()).toBe('ok')
})
