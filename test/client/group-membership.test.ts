/** The heartbeats of a member, with a fake group and clock. */
import { afterEach, describe, expect, test, vi } from 'vitest'
import type { AssignedPartitions } from '../../client/group/group-calls.ts'
import {
  type GroupConsumerOptions,
  groupConsumerSettings,
} from '../../client/group/group-consumer-options.ts'
import { Membership } from '../../client/group/membership.ts'
import { FakeGroup, TOPIC_ID } from './fake-group.ts'
import { ManualClock } from './manual-clock.ts'

const members: Array<{ membership: Membership; clock: ManualClock }> = []

afterEach(async () => {
  for (const { membership, clock } of members.splice(0)) {
    let hasLeft = false
    void membership.leave().then(() => {
      hasLeft = true
    })
    while (!hasLeft) await pass(clock, 1_000)
  }
})

/** Creates a member that accepts its assignment at once. */
function newMember(group: FakeGroup, options: Partial<GroupConsumerOptions> = {}) {
  const clock = new ManualClock()
  const onLost = vi.fn()
  const onFatal = vi.fn()
  const member = { owned: [] as readonly AssignedPartitions[] }
  const membership = new Membership({
    connection: {
      url: 'http://group.test',
      token: undefined,
      fetch: group.fetch,
      clock,
      random: () => 0.5,
    },
    memberId: 'me',
    settings: groupConsumerSettings({
      groupId: 'g',
      topics: ['t'],
      sessionTimeoutMs: 10_000,
      ...options,
    }),
    owned: () => member.owned,
    onAssignment: (assignment) => {
      member.owned = assignment
    },
    onLost: () => {
      member.owned = []
      onLost()
    },
    onFatal,
  })
  members.push({ membership, clock })
  return { membership, member, clock, onLost, onFatal }
}

/** Runs all work that does not wait for the clock. */
async function settle(): Promise<void> {
  for (let turn = 0; turn < 5; turn++) await new Promise((resolve) => setImmediate(resolve))
}

async function pass(clock: ManualClock, byMs: number): Promise<void> {
  clock.advance(byMs)
  await settle()
}

const OWNED = [{ topic: 't', topicId: TOPIC_ID, partitions: [0, 1] }]

async function joined(options: Partial<GroupConsumerOptions> = {}) {
  const group = new FakeGroup()
  group.epoch = 1
  group.partitions = [0, 1]
  const member = newMember(group, options)
  member.membership.join()
  await settle()
  return { group, ...member }
}

const EVERYTHING = {
  topics: ['t'],
  topicPattern: '',
  sessionTimeoutMs: 10_000,
  rebalanceTimeoutMs: 300_000,
}

describe('a member', () => {
  test('joins with all fields, and then sends only changed ones', async () => {
    const { group, clock, membership } = await joined()
    expect(group.heartbeats).toEqual([{ memberId: 'me', memberEpoch: 0, owned: [], ...EVERYTHING }])
    expect(membership.committing).toEqual({ memberId: 'me', memberEpoch: 1 })
    await pass(clock, 1_000)
    expect(group.last).toEqual({ memberId: 'me', memberEpoch: 1, owned: OWNED })
    await pass(clock, 1_000)
    expect(group.last).toEqual({ memberId: 'me', memberEpoch: 1 })
  })

  test('keeps the interval and the epoch of the response', async () => {
    const { group, clock } = await joined()
    group.heartbeatIntervalMs = 3_000
    group.epoch = 2
    await pass(clock, 1_000)
    expect(group.heartbeats).toHaveLength(2)
    await pass(clock, 2_999)
    expect(group.heartbeats).toHaveLength(2)
    await pass(clock, 1)
    expect(group.heartbeats).toHaveLength(3)
    expect(group.last.memberEpoch).toBe(2)
  })

  test.each(['lost', { code: 'unavailable' }, { code: 'throttled' }] as const)(
    'sends all fields again after a heartbeat that failed: %j',
    async (fate) => {
      const { group, clock, onLost } = await joined()
      await pass(clock, 1_000)
      group.epoch = 2
      group.fates.push(fate)
      await pass(clock, 1_000)
      expect(group.last).toEqual({ memberId: 'me', memberEpoch: 1 })
      await pass(clock, 1_000)
      expect(group.last).toEqual({ memberId: 'me', memberEpoch: 1, owned: OWNED, ...EVERYTHING })
      await pass(clock, 1_000)
      expect(group.last).toEqual({ memberId: 'me', memberEpoch: 2 })
      expect(onLost).not.toHaveBeenCalled()
    },
  )

  test.each(['unknown_member_id', 'fenced_member_epoch', 'group_id_not_found'] as const)(
    'loses everything after %s, and joins again at once',
    async (code) => {
      const { group, clock, onLost, member, membership } = await joined()
      group.fates.push({ code })
      group.epoch = 7
      await pass(clock, 1_000)
      await pass(clock, 0)
      expect(onLost).toHaveBeenCalledTimes(1)
      expect(group.last).toEqual({ memberId: 'me', memberEpoch: 0, owned: [], ...EVERYTHING })
      expect(member.owned).toEqual(OWNED)
      expect(membership.committing?.memberEpoch).toBe(7)
    },
  )

  test('waits with growing delays after repeated rejections', async () => {
    const { group, clock } = await joined()
    group.fate = { code: 'unknown_member_id' }
    await pass(clock, 1_000)
    const sent = group.heartbeats.length
    for (let ms = 0; ms < 60_000; ms += 100) await pass(clock, 100)
    // At most every 500 ms: half of the bound of 1 s, because `random` returns 0.5.
    expect(group.heartbeats.length - sent).toBeGreaterThan(100)
    expect(group.heartbeats.length - sent).toBeLessThan(130)
  })

  test('loses everything after a session without a response, and joins again', async () => {
    const { group, clock, onLost, membership, member } = await joined()
    await pass(clock, 1_000)
    // The session starts when the last successful heartbeat was sent.
    group.fate = 'silent'
    for (let ms = 0; ms < 9_900; ms += 100) await pass(clock, 100)
    expect(onLost).not.toHaveBeenCalled()
    expect(membership.committing).toBeDefined()
    await pass(clock, 100)
    expect(onLost).toHaveBeenCalledTimes(1)
    expect(membership.committing).toBeUndefined()
    expect(group.last).toMatchObject({ memberEpoch: 0, owned: [] })
    group.fate = undefined
    group.epoch = 3
    for (let ms = 0; ms < 7_000; ms += 500) await pass(clock, 500)
    expect(membership.committing?.memberEpoch).toBe(3)
    expect(member.owned).toEqual(OWNED)
    expect(onLost).toHaveBeenCalledTimes(1)
  })

  test('starts its session when the heartbeat is sent, not when the response arrives', async () => {
    const { group, clock, onLost } = await joined()
    let response = () => {}
    group.gate = new Promise((resolve) => {
      response = resolve
    })
    await pass(clock, 1_000)
    await pass(clock, 3_000)
    response()
    await settle()
    group.fate = 'silent'
    for (let ms = 0; ms < 6_900; ms += 100) await pass(clock, 100)
    expect(onLost).not.toHaveBeenCalled()
    await pass(clock, 100)
    expect(onLost).toHaveBeenCalledTimes(1)
  })

  test('reports released partitions at once, even while a heartbeat is in flight', async () => {
    const { group, clock, member, membership } = await joined()
    await pass(clock, 1_000)
    member.owned = [{ topic: 't', topicId: TOPIC_ID, partitions: [0] }]
    membership.heartbeatNow()
    await settle()
    expect(group.last).toEqual({ memberId: 'me', memberEpoch: 1, owned: member.owned })
    const sent = group.heartbeats.length
    let response = () => {}
    group.gate = new Promise((resolve) => {
      response = resolve
    })
    await pass(clock, 1_000)
    member.owned = []
    membership.heartbeatNow()
    await settle()
    expect(group.heartbeats.length).toBe(sent + 1)
    response()
    await settle()
    expect(group.heartbeats.length).toBe(sent + 2)
    expect(group.last).toEqual({ memberId: 'me', memberEpoch: 1, owned: [] })
  })

  test.each([
    [undefined, -1],
    ['instance', -2],
  ])('with the instance id %s leaves with %i', async (instanceId, memberEpoch) => {
    const { group, membership, clock } = await joined(
      instanceId === undefined ? {} : { instanceId },
    )
    await membership.leave()
    const instance = instanceId === undefined ? {} : { instanceId }
    expect(group.last).toEqual({ memberId: 'me', memberEpoch, ...instance })
    const sent = group.heartbeats.length
    await pass(clock, 60_000)
    expect(group.heartbeats).toHaveLength(sent)
  })

  test('retries leaving, and does not wait long without a response', async () => {
    const { group, membership, clock } = await joined()
    group.fates.push('lost')
    group.fate = 'silent'
    let hasLeft = false
    void membership.leave().then(() => {
      hasLeft = true
    })
    await settle()
    await pass(clock, 100)
    expect(group.heartbeats.slice(-2).map(({ memberEpoch }) => memberEpoch)).toEqual([-1, -1])
    await pass(clock, 3_000)
    expect(hasLeft).toBe(true)
  })

  test('does not leave before its join was answered', async () => {
    const group = new FakeGroup()
    group.fate = 'silent'
    const { membership, clock } = newMember(group)
    membership.join()
    await settle()
    const left = membership.leave()
    await settle()
    expect(group.heartbeats).toHaveLength(1)
    group.fate = undefined
    await pass(clock, 3_000)
    await left
    expect(group.last.memberEpoch).toBe(-1)
  })

  test('joins again after it left', async () => {
    const { group, membership, member, onLost } = await joined()
    await membership.leave()
    member.owned = []
    group.epoch = 5
    membership.join()
    await settle()
    expect(group.last).toEqual({ memberId: 'me', memberEpoch: 0, owned: [], ...EVERYTHING })
    expect(membership.committing?.memberEpoch).toBe(5)
    expect(onLost).not.toHaveBeenCalled()
  })

  test.each([
    'fenced_instance_id',
    'invalid_request',
    'unauthorized',
    'group_max_size_reached',
    'inconsistent_group_protocol',
  ] as const)('ends after %s', async (code) => {
    const { group, clock, onFatal, membership } = await joined()
    group.fate = { code }
    await pass(clock, 1_000)
    expect(onFatal).toHaveBeenCalledWith(expect.objectContaining({ code }))
    expect(membership.committing).toBeUndefined()
    const sent = group.heartbeats.length
    await pass(clock, 60_000)
    expect(group.heartbeats).toHaveLength(sent)
  })

  test('waits a session for an instance id that another member still has', async () => {
    const group = new FakeGroup()
    group.fate = { code: 'unreleased_instance_id' }
    const { membership, clock, onFatal } = newMember(group, { instanceId: 'instance' })
    membership.join()
    await settle()
    for (let ms = 0; ms < 9_900; ms += 100) await pass(clock, 100)
    expect(onFatal).not.toHaveBeenCalled()
    for (let ms = 0; ms < 2_000; ms += 100) await pass(clock, 100)
    expect(onFatal).toHaveBeenCalledWith(
      expect.objectContaining({ code: 'unreleased_instance_id' }),
    )
  })

  test('rejects a response that is not that of a group', async () => {
    const { group, clock, onLost, membership } = await joined()
    group.epoch = Number.NaN
    await pass(clock, 1_000)
    expect(membership.committing?.memberEpoch).toBe(1)
    group.epoch = 2
    await pass(clock, 1_000)
    expect(membership.committing?.memberEpoch).toBe(2)
    expect(onLost).not.toHaveBeenCalled()
  })
})
