/**
 * Question: does the object of a group keep what it decided, and no more than it should,
 * whatever happens to it, to its topics and to the coordinator?
 * Contract: docs/GUARANTEES.md on groups; what a group stores and when it is deleted.
 */
import { reset, runInDurableObject } from 'cloudflare:test'
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest'
import { Group } from '../../../durable-objects/group/group.ts'
import {
  EMPTY_GROUP_KEPT_MS,
  GROUP_METADATA_MAX_AGE_MS,
  OFFSETS_RETENTION_MINUTES_DEFAULT,
} from '../../../src/core/limits.ts'
import { WAIT } from '../../support/until.ts'
import { countRowsWritten } from '../count-rows.ts'
import { logErrorsOnly } from '../quiet-events.ts'
import {
  alarmTime,
  codeOf,
  committed,
  createTopic,
  deleteTopic,
  describeGroup,
  detailsOf,
  evict,
  execute,
  failCoordinator,
  group,
  growTopic,
  holdings,
  isStored,
  Member,
  newGroupId,
  ok,
  registeredGroups,
  runAlarm,
  settle,
  tryCommit,
} from './group-for-test.ts'

const SHORT = { sessionTimeoutMs: 1_000, rebalanceTimeoutMs: 1_000 }

beforeEach(logErrorsOnly)

afterEach(async () => {
  vi.restoreAllMocks()
  vi.useRealTimers()
  await reset()
})

function pass(ms: number): void {
  vi.useFakeTimers({ toFake: ['Date'], now: Date.now() + ms })
}

describe('members', () => {
  test('share a topic, and return their partitions when they leave', async () => {
    await createTopic('orders', 4)
    const id = newGroupId()
    const [one, two] = [
      new Member(id, 'one', { topics: ['orders'] }),
      new Member(id, 'two', { topics: ['orders'] }),
    ]
    await settle(id, [one])
    expect(one.holds).toHaveLength(4)
    await settle(id, [one, two])
    expect([one.holds.length, two.holds.length]).toEqual([2, 2])
    expect(new Set(holdings([one, two])).size).toBe(4)
    await one.leave()
    await settle(id, [two])
    expect(two.holds).toHaveLength(4)
    expect(await describeGroup(id)).toMatchObject({ state: 'stable', memberCount: 1 })
    await two.leave()
    expect(await describeGroup(id)).toMatchObject({ state: 'empty', protocol: null })
  })

  test('are not described beyond the size limit, and the error has the size', async () => {
    await createTopic('orders')
    const id = newGroupId()
    await settle(id, [new Member(id, 'one', { topics: ['orders'] })])
    const refused = await group(id).describe(1)
    expect(refused).toMatchObject({ error: { code: 'request_too_large' } })
    const { sizeBytes } = detailsOf(refused)
    expect(codeOf(await group(id).describe(Number(sizeBytes)))).toBe('ok')
    expect(codeOf(await group(id).describe(Number(sizeBytes) - 1))).toBe('request_too_large')
  })

  test('write nothing with a heartbeat that changes nothing', async () => {
    await createTopic('orders')
    const id = newGroupId()
    const members = ['one', 'two'].map(
      (name) => new Member(id, name, { topics: ['orders'], sessionTimeoutMs: 45_000 }),
    )
    await settle(id, members)
    const rowsWritten = await countRowsWritten(group(id))
    for (let round = 0; round < 5; round++) {
      for (const member of members) {
        await member.beat()
        await member.beat({ owned: undefined } as object)
        await member.beat({ topics: ['orders'], sessionTimeoutMs: 45_000 })
      }
    }
    await describeGroup(id)
    expect(rowsWritten()).toBe(0)
    await new Member(id, 'three', { topics: ['orders'], sessionTimeoutMs: 45_000 }).beat()
    expect(rowsWritten(), 'what is counted').toBeGreaterThan(0)
  })

  test('are unaffected by an eviction between any two steps', async () => {
    await createTopic('orders', 5)
    const id = newGroupId()
    const twin = newGroupId()
    const run = async (groupId: typeof id, isEvicted: boolean) => {
      const seen: unknown[] = []
      const [one, two, three] = [
        new Member(groupId, 'one', { topics: ['orders'] }),
        new Member(groupId, 'two', { topics: ['orders'], instanceId: 'i' }),
        new Member(groupId, 'three', { topics: ['orders'] }),
      ]
      const steps = [
        ...[() => one.beat(), () => two.beat(), () => one.beat(), () => two.beat()],
        ...[() => one.beat(), () => two.beat(), () => three.beat(), () => one.beat()],
        ...[() => two.beat(), () => one.beat(), () => two.beat(), () => three.beat()],
        ...[() => two.leave(-2), () => one.beat(), () => three.leave(), () => one.beat()],
        ...[() => one.beat(), () => one.beat(), () => one.leave()],
      ]
      for (const step of steps) {
        await step()
        // New assignments are some milliseconds apart, unless the object was evicted.
        await scheduler.wait(20)
        if (isEvicted) await evict(groupId)
        seen.push({ ...(await describeGroup(groupId)), groupId: '' })
      }
      return seen
    }
    expect(await run(id, true)).toEqual(await run(twin, false))
  })

  test('all get partitions when they join at once with different topics', async () => {
    await createTopic('a')
    await createTopic('b')
    await createTopic('c')
    const id = newGroupId()
    const members = ['a', 'b', 'c'].map((topic) => new Member(id, topic, { topics: [topic] }))
    const results = await runInDurableObject(group(id), (instance) =>
      Promise.all(
        members.map(({ memberId, fields }) =>
          instance.heartbeat({
            ...{ groupId: id, memberId, memberEpoch: 0, instanceId: null, clientId: 'test' },
            ...{ clientHost: 'x', mayNameUnknownTopics: false, ...fields },
          }),
        ),
      ),
    )
    for (const [index, result] of results.entries()) members[index]?.take(ok(result))
    await settle(id, members)
    expect(holdings(members)).toEqual(['a/0', 'a/1', 'b/0', 'b/1', 'c/0', 'c/1'])
  })
})

describe('topics', () => {
  async function follow(fields: object, change: () => Promise<void>): Promise<Member> {
    await createTopic('orders')
    const id = newGroupId()
    const member = new Member(id, 'one', fields)
    await settle(id, [member])
    expect(member.holds).toEqual(['orders/0', 'orders/1'])
    await change()
    await vi.waitUntil(async () => {
      await member.beat()
      return member.holds.length !== 2 || member.topicIdOf('orders') === ''
    }, WAIT)
    await settle(id, [member])
    return member
  }

  test('are reassigned when they grow', async () => {
    const member = await follow({ topics: ['orders'] }, () => growTopic('orders', 4))
    expect(member.holds).toHaveLength(4)
  })

  test('are revoked when they are deleted', async () => {
    const member = await follow({ topics: ['orders'] }, () => deleteTopic('orders'))
    expect(member.holds).toEqual([])
  })

  test('are different topics after they were recreated', async () => {
    let before = ''
    const member = await follow({ topics: ['orders'] }, async () => {
      before = (await createTopic('other')).id
      await deleteTopic('orders')
      before = (await createTopic('orders', 3)).id
    })
    // The group may have seen the deletion alone: the hints are two.
    await vi.waitUntil(async () => {
      await member.beat()
      return member.holds.length === 3
    }, WAIT)
    expect(member.topicIdOf('orders')).toBe(before)
  })

  test('are found when they match a pattern', async () => {
    const member = await follow({ topicPattern: 'ord.*' }, async () => {
      await createTopic('unordered')
      await createTopic('ordinary', 1)
    })
    expect(member.holds).toEqual(['orders/0', 'orders/1', 'ordinary/0'].sort())
  })

  test('are found if they were named before they existed', async () => {
    const fields = { topics: ['orders', 'later'], mayNameUnknownTopics: true }
    const member = await follow(fields, async () => {
      await createTopic('later', 1)
    })
    expect(member.holds).toEqual(['later/0', 'orders/0', 'orders/1'])
  })

  test('are awaited by a member that names only future ones, also through an eviction', async () => {
    const id = newGroupId()
    const fields = { topics: ['later', 'latest'], mayNameUnknownTopics: true }
    const member = new Member(id, 'one', fields)
    expect((await member.beat()).assignment).toEqual([])
    await settle(id, [member])
    await evict(id)
    for (const [topic, holds] of [
      ['latest', ['latest/0']],
      ['later', ['later/0', 'latest/0']],
    ] as const) {
      await createTopic(topic, 1)
      await vi.waitUntil(async () => {
        await member.beat()
        return member.holds.length === holds.length
      }, WAIT)
      expect([...member.holds].sort()).toEqual(holds)
    }
    const other = new Member(id, 'two', { topics: ['never'] })
    expect(codeOf(await other.send())).toBe('unknown_topic_or_partition')
  })

  test.each(['by its age', 'by an eviction'])('are refreshed after a lost hint %s', async (how) => {
    await createTopic('orders')
    const id = newGroupId()
    const member = new Member(id, 'one', { topics: ['orders'] })
    await settle(id, [member])
    const lost = vi.spyOn(Group.prototype, 'refresh').mockResolvedValue(undefined)
    await growTopic('orders', 3)
    await vi.waitUntil(() => lost.mock.calls.length > 0, WAIT)
    lost.mockRestore()
    await member.beat()
    expect(member.holds).toHaveLength(2)
    if (how === 'by an eviction') await evict(id)
    else {
      // In steps, because otherwise the session would expire too.
      for (let ms = 0; ms <= GROUP_METADATA_MAX_AGE_MS; ms += 30_000) {
        pass(30_000)
        await member.beat()
      }
    }
    await vi.waitUntil(async () => {
      await member.beat()
      return member.holds.length === 3
    }, WAIT)
  })
})

describe('silent members', () => {
  test.each([false, true])(
    'are removed by the alarm of their group, evicted: %s',
    async (isEvicted) => {
      await createTopic('orders')
      const id = newGroupId()
      const members = ['one', 'two'].map(
        (name) => new Member(id, name, { topics: ['orders'], ...SHORT }),
      )
      await settle(id, members)
      expect((await alarmTime(id)) ?? 0).toBeLessThanOrEqual(Date.now() + 1_000)
      if (isEvicted) await evict(id)
      await vi.waitUntil(
        async () => {
          const [row] = await execute(id, 'SELECT count(*) AS members FROM member')
          return row?.members === 0
        },
        { timeout: 120_000, interval: 100 },
      )
      expect(await describeGroup(id)).toMatchObject({ state: 'empty', memberCount: 0 })
      expect(await alarmTime(id)).not.toBeNull()
    },
  )

  test('are removed also if they become silent a little later', async () => {
    await createTopic('orders')
    const id = newGroupId()
    await new Member(id, 'one', { topics: ['orders'], ...SHORT }).beat()
    await scheduler.wait(400)
    await new Member(id, 'two', { topics: ['orders'], ...SHORT }).beat()
    await vi.waitUntil(
      async () => {
        const [row] = await execute(id, 'SELECT count(*) AS members FROM member')
        return row?.members === 0
      },
      { timeout: 120_000, interval: 100 },
    )
  })

  test('are detected by the heartbeats of others', async () => {
    await createTopic('orders')
    const id = newGroupId()
    const one = new Member(id, 'one', { topics: ['orders'] })
    const two = new Member(id, 'two', { topics: ['orders'], ...SHORT })
    await settle(id, [one, two])
    pass(1_001)
    await settle(id, [one])
    expect(one.holds).toHaveLength(2)
    expect(codeOf(await two.send())).toBe('unknown_member_id')
    expect(codeOf(await tryCommit(id, two.committing, [['x', 0, 1]]))).toBe('unknown_member_id')
  })

  test('are fenced if they never revoke', async () => {
    await createTopic('orders')
    const id = newGroupId()
    const one = new Member(id, 'one', { topics: ['orders'], rebalanceTimeoutMs: 10_000 })
    const two = new Member(id, 'two', { topics: ['orders'] })
    await settle(id, [one])
    await two.beat()
    const { owned } = one
    for (let ms = 0; ms < 9_000; ms += 3_000) {
      await one.beat({ owned })
      pass(3_000)
      await two.beat()
    }
    await one.beat({ owned })
    expect(two.holds).toEqual([])
    pass(5_000)
    await settle(id, [two])
    expect(two.holds).toHaveLength(2)
    expect(codeOf(await one.send({ owned }))).toBe('unknown_member_id')
  })

  test('get the full time again for another revocation', async () => {
    await createTopic('orders', 3)
    const id = newGroupId()
    const fields = { topics: ['orders'], rebalanceTimeoutMs: 10_000 }
    const one = new Member(id, 'one', fields)
    const others = ['two', 'three'].map((name) => new Member(id, name, fields))
    await settle(id, [one])
    for (const other of others) {
      const { owned } = one
      await other.beat()
      pass(1_000)
      // It revokes slowly, confirms, and the same response revokes more.
      await one.beat({ owned })
      pass(7_000)
      for (const known of others) if (known.epoch > 0) await known.beat()
    }
    expect(codeOf(await one.send())).toBe('ok')
    pass(5_000)
    for (const other of others) await other.beat()
    expect(codeOf(await one.send())).toBe('ok')
  })
})

describe('the end of a group', () => {
  test('leaves nothing after a deletion', async () => {
    await createTopic('orders')
    const id = newGroupId()
    const one = new Member(id, 'one', { topics: ['orders'] })
    await settle(id, [one])
    expect(codeOf(await group(id).deleteGroup())).toBe('non_empty_group')
    await one.leave()
    expect(codeOf(await tryCommit(id, null, [['x', 0, 1]]))).toBe('ok')
    expect(await registeredGroups()).toEqual([id])
    expect(codeOf(await group(id).deleteGroup())).toBe('ok')
    expect(await isStored(id)).toBe(false)
    expect(await registeredGroups()).toEqual([])
    expect(codeOf(await group(id).describe())).toBe('group_id_not_found')
    expect(codeOf(await group(id).deleteGroup())).toBe('group_id_not_found')
    expect(await isStored(id)).toBe(false)
    await settle(id, [one])
    expect(await committed(id)).toEqual({})
  })

  test('comes without a deletion once there are no members and offsets', async () => {
    await createTopic('orders')
    const id = newGroupId()
    const one = new Member(id, 'one', { topics: ['orders'] })
    await settle(id, [one])
    await one.leave()
    expect((await alarmTime(id)) ?? 0).toBeLessThanOrEqual(Date.now() + EMPTY_GROUP_KEPT_MS)
    await runAlarm(id)
    expect(await isStored(id)).toBe(true)
    pass(EMPTY_GROUP_KEPT_MS)
    await runAlarm(id)
    expect(await isStored(id)).toBe(false)
    expect(await registeredGroups()).toEqual([])
  })

  test('comes after its offsets have expired', async () => {
    const id = newGroupId()
    expect(
      codeOf(
        await tryCommit(id, null, [
          ['old', 0, 1],
          ['young', 0, 2],
        ]),
      ),
    ).toBe('ok')
    const retentionMs = OFFSETS_RETENTION_MINUTES_DEFAULT * 60_000
    pass(retentionMs / 2)
    expect(codeOf(await tryCommit(id, null, [['young', 0, 3]]))).toBe('ok')
    pass(retentionMs / 2)
    await runAlarm(id)
    expect(await committed(id)).toEqual({ 'young/0': 3 })
    pass(retentionMs / 2)
    await runAlarm(id)
    await runAlarm(id)
    expect(await isStored(id)).toBe(false)
  })

  test('does not come while it has members: only offsets of unsubscribed topics expire', async () => {
    const { id: topicId } = await createTopic('orders')
    const id = newGroupId()
    const one = new Member(id, 'one', { topics: ['orders'], ...SHORT })
    expect(
      codeOf(
        await tryCommit(id, null, [
          [topicId, 0, 1],
          ['other', 0, 2],
        ]),
      ),
    ).toBe('ok')
    await settle(id, [one])
    await execute(id, 'UPDATE committed_offset SET committed_at_ms = 0')
    const running = runAlarm(id)
    await scheduler.wait(50)
    await one.beat()
    await running
    expect(await committed(id)).toEqual({ [`${topicId}/0`]: 1 })
  })

  test('completes in the background if the coordinator did not receive the deletion', async () => {
    const id = newGroupId()
    expect(codeOf(await tryCommit(id, null, [['x', 0, 1]]))).toBe('ok')
    failCoordinator('refuse', 'forgetGroup')
    expect(codeOf(await group(id).deleteGroup())).toBe('unavailable')
    expect(codeOf(await group(id).describe())).toBe('group_id_not_found')
    expect(codeOf(await tryCommit(id, null, [['x', 0, 2]]))).toBe('unavailable')
    expect((await alarmTime(id)) ?? Number.POSITIVE_INFINITY).toBeLessThanOrEqual(
      Date.now() + 60_000,
    )
    vi.restoreAllMocks()
    await runAlarm(id)
    expect(await isStored(id)).toBe(false)
    expect(await registeredGroups()).toEqual([])
  })
})
