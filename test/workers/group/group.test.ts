/**
 * Question: does the object of a group keep what it decided, and no more than it should, whatever happens
 * to it, to its topics and to the coordinator?
 * Contract: docs/GUARANTEES.md on groups; what a group stores and when it is gone.
 */
import { abortAllDurableObjects, reset, runInDurableObject } from 'cloudflare:test'
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest'
import { Group } from '../../../durable-objects/group/group.ts'
import { GroupStore } from '../../../durable-objects/group/group-store.ts'
import {
  COMMITTED_OFFSETS_MAX,
  EMPTY_GROUP_KEPT_MS,
  GROUP_CREATIONS_BURST,
  GROUP_METADATA_MAX_AGE_MS,
  GROUPS_MAX,
  OFFSETS_RETENTION_MINUTES_DEFAULT,
} from '../../../src/core/limits.ts'
import { coordinator } from '../coordinator/cluster.ts'
import { countRowsWritten } from '../count-rows.ts'
import {
  alarmTime,
  codeOf,
  commitRequest,
  committed,
  createTopic,
  deleteTopic,
  describeGroup,
  evict,
  execute,
  failCoordinator,
  group,
  growTopic,
  holdings,
  interceptCoordinator,
  isStored,
  Member,
  newGroupId,
  ok,
  registeredGroups,
  ring,
  settle,
  tryCommit,
  tryHeartbeat,
} from './group-for-test.ts'

const SHORT = { sessionTimeoutMs: 1_000, rebalanceTimeoutMs: 1_000 }

beforeEach(() => {
  vi.spyOn(console, 'warn').mockReturnValue(undefined)
})

afterEach(async () => {
  vi.restoreAllMocks()
  vi.useRealTimers()
  await reset()
})

function pass(ms: number): void {
  vi.useFakeTimers({ toFake: ['Date'], now: Date.now() + ms })
}

describe('members', () => {
  test('two share a topic, and who leaves gives its part back', async () => {
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

  test('a heartbeat that changes nothing writes nothing', async () => {
    await createTopic('orders')
    const id = newGroupId()
    const members = ['one', 'two'].map((name) => new Member(id, name, { topics: ['orders'] }))
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
    await new Member(id, 'three', { topics: ['orders'] }).beat()
    expect(rowsWritten(), 'what is counted').toBeGreaterThan(0)
  })

  test('an eviction between any two steps changes nothing', async () => {
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

  test('members that join at once with different topics all get theirs', async () => {
    await createTopic('a')
    await createTopic('b')
    await createTopic('c')
    const id = newGroupId()
    const members = ['a', 'b', 'c'].map((topic) => new Member(id, topic, { topics: [topic] }))
    const answers = await runInDurableObject(group(id), (instance) =>
      Promise.all(
        members.map(({ memberId, says }) =>
          instance.heartbeat({
            ...{ groupId: id, memberId, memberEpoch: 0, instanceId: null, clientId: 'test' },
            ...{ clientHost: 'x', mayNameUnknownTopics: false, ...says },
          }),
        ),
      ),
    )
    for (const [index, answer] of answers.entries()) members[index]?.take(ok(answer))
    await settle(id, members)
    expect(holdings(members)).toEqual(['a/0', 'a/1', 'b/0', 'b/1', 'c/0', 'c/1'])
  })
})

describe('topics', () => {
  async function follow(says: object, change: () => Promise<void>): Promise<Member> {
    await createTopic('orders')
    const id = newGroupId()
    const member = new Member(id, 'one', says)
    await settle(id, [member])
    expect(member.holds).toEqual(['orders/0', 'orders/1'])
    await change()
    await vi.waitUntil(async () => {
      await member.beat()
      return member.holds.length !== 2 || member.topicIdOf('orders') === ''
    })
    await settle(id, [member])
    return member
  }

  test('one that grows is shared out anew', async () => {
    const member = await follow({ topics: ['orders'] }, () => growTopic('orders', 4))
    expect(member.holds).toHaveLength(4)
  })

  test('one that is deleted is given up', async () => {
    const member = await follow({ topics: ['orders'] }, () => deleteTopic('orders'))
    expect(member.holds).toEqual([])
  })

  test('one that is created anew is another', async () => {
    let before = ''
    const member = await follow({ topics: ['orders'] }, async () => {
      before = (await createTopic('other')).id
      await deleteTopic('orders')
      before = (await createTopic('orders', 3)).id
    })
    expect(member.holds).toHaveLength(3)
    expect(member.topicIdOf('orders')).toBe(before)
  })

  test('one that a pattern matches is found', async () => {
    const member = await follow({ topicPattern: 'ord.*' }, async () => {
      await createTopic('unordered')
      await createTopic('ordinary', 1)
    })
    expect(member.holds).toEqual(['orders/0', 'orders/1', 'ordinary/0'].sort())
  })

  test('one that was named before it was there is found', async () => {
    const says = { topics: ['orders', 'later'], mayNameUnknownTopics: true }
    const member = await follow(says, async () => {
      await createTopic('later', 1)
    })
    expect(member.holds).toEqual(['later/0', 'orders/0', 'orders/1'])
  })

  test.each(['by its age', 'by an eviction'])(
    'a change nobody told of is found %s',
    async (how) => {
      await createTopic('orders')
      const id = newGroupId()
      const member = new Member(id, 'one', { topics: ['orders'] })
      await settle(id, [member])
      const lost = vi.spyOn(Group.prototype, 'topicsChanged').mockResolvedValue(undefined)
      await growTopic('orders', 3)
      await vi.waitUntil(() => lost.mock.calls.length > 0)
      lost.mockRestore()
      await member.beat()
      expect(member.holds).toHaveLength(2)
      if (how === 'by an eviction') await evict(id)
      else {
        // Not at once: its session would be over too.
        for (let ms = 0; ms <= GROUP_METADATA_MAX_AGE_MS; ms += 30_000) {
          pass(30_000)
          await member.beat()
        }
      }
      await vi.waitUntil(async () => {
        await member.beat()
        return member.holds.length === 3
      })
    },
  )
})

describe('silence', { timeout: 15_000 }, () => {
  test.each([false, true])(
    'a group of silent members is emptied by its alarm, evicted: %s',
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
        { timeout: 5_000, interval: 100 },
      )
      expect(await describeGroup(id)).toMatchObject({ state: 'empty', memberCount: 0 })
      expect(await alarmTime(id)).not.toBeNull()
    },
  )

  test('those that fell silent a little later are found too', async () => {
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
      { timeout: 5_000, interval: 100 },
    )
  })

  test('a silent member is found out by the others', async () => {
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

  test('a member that never revokes is fenced', async () => {
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

  test('who is told to revoke again has its time again', async () => {
    await createTopic('orders', 3)
    const id = newGroupId()
    const says = { topics: ['orders'], rebalanceTimeoutMs: 10_000 }
    const one = new Member(id, 'one', says)
    const others = ['two', 'three'].map((name) => new Member(id, name, says))
    await settle(id, [one])
    for (const other of others) {
      const { owned } = one
      await other.beat()
      pass(1_000)
      // It takes its time, confirms, and is in the same answer told of more to give up.
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

describe('how it goes', () => {
  test('a deleted group leaves nothing', async () => {
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

  test('one without members and offsets goes by itself', async () => {
    await createTopic('orders')
    const id = newGroupId()
    const one = new Member(id, 'one', { topics: ['orders'] })
    await settle(id, [one])
    await one.leave()
    expect((await alarmTime(id)) ?? 0).toBeLessThanOrEqual(Date.now() + EMPTY_GROUP_KEPT_MS)
    await ring(id)
    expect(await isStored(id)).toBe(true)
    pass(EMPTY_GROUP_KEPT_MS)
    await ring(id)
    expect(await isStored(id)).toBe(false)
    expect(await registeredGroups()).toEqual([])
  })

  test('offsets expire, and the group with them', async () => {
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
    await ring(id)
    expect(await committed(id)).toEqual({ 'young/0': 3 })
    pass(retentionMs / 2)
    await ring(id)
    await ring(id)
    expect(await isStored(id)).toBe(false)
  })

  test('of a group with members only offsets that nobody subscribes to expire', async () => {
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
    const ringing = ring(id)
    await scheduler.wait(50)
    await one.beat()
    await ringing
    expect(await committed(id)).toEqual({ [`${topicId}/0`]: 1 })
  })

  test('a deletion that the coordinator did not hear of goes on by itself', async () => {
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
    await ring(id)
    expect(await isStored(id)).toBe(false)
    expect(await registeredGroups()).toEqual([])
  })
})

describe('creation', () => {
  test('a topic that is not there: nothing is left', async () => {
    const id = newGroupId()
    const answer = await tryHeartbeat(id, { memberId: 'one', topics: ['nothing'] })
    expect(codeOf(answer)).toBe('unknown_topic_or_partition')
    expect(await isStored(id)).toBe(false)
    expect(await registeredGroups()).toEqual([])
  })

  test('too many groups, and too many at once: nothing is left', async () => {
    const fill = `WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < ${GROUPS_MAX})
      INSERT INTO consumer_group SELECT 'filler-' || i, '', '[]', 0 FROM n`
    await runInDurableObject(coordinator(), (_, { storage }) => {
      storage.sql.exec(fill)
    })
    const id = newGroupId()
    expect(codeOf(await tryCommit(id, null, [['x', 0, 1]]))).toBe('policy_violation')
    expect(await isStored(id)).toBe(false)
    await runInDurableObject(coordinator(), async (instance, { storage }) => {
      storage.sql.exec('DELETE FROM consumer_group')
      const interest = { names: [], all: false }
      for (let n = 0; n < GROUP_CREATIONS_BURST; n++) {
        const groupId = newGroupId()
        await instance.watchTopics({ groupId, incarnation: '', interest, requiredTopics: [] })
      }
    })
    expect(codeOf(await tryCommit(id, null, [['x', 0, 1]]))).toBe('throttled')
    expect(await isStored(id)).toBe(false)
    expect(await registeredGroups()).not.toContain(id)
  })

  test('asking a group that is not there stores nothing', async () => {
    const id = newGroupId()
    expect(codeOf(await group(id).describe())).toBe('group_id_not_found')
    expect(codeOf(await group(id).fetchOffsets({}))).toBe('group_id_not_found')
    expect(codeOf(await group(id).deleteGroup())).toBe('group_id_not_found')
    expect(codeOf(await tryHeartbeat(id, { memberId: 'm', memberEpoch: 3 }))).toBe(
      'unknown_member_id',
    )
    await group(id).topicsChanged()
    expect(await isStored(id)).toBe(false)
  })

  test.each(['refuse', 'lose the answer'] as const)(
    'the coordinator is away (%s): it is undone or finished later',
    async (fault) => {
      await createTopic('orders')
      const id = newGroupId()
      const one = new Member(id, 'one', { topics: ['orders'] })
      failCoordinator(fault)
      expect(codeOf(await one.send())).toBe('unavailable')
      expect(await alarmTime(id)).not.toBeNull()
      vi.restoreAllMocks()
      await settle(id, [one])
      expect(await registeredGroups()).toEqual([id])
      const other = newGroupId()
      failCoordinator(fault)
      expect(codeOf(await tryCommit(other, null, [['x', 0, 1]]))).toBe('unavailable')
      vi.restoreAllMocks()
      pass(EMPTY_GROUP_KEPT_MS)
      await ring(other)
      expect(await isStored(other)).toBe(false)
      expect(await registeredGroups()).toEqual([id])
    },
  )

  test('one that the coordinator took without saying so, and refuses now, is forgotten by both', async () => {
    await createTopic('orders')
    const id = newGroupId()
    const one = new Member(id, 'one', { topics: ['orders'] })
    failCoordinator('lose the answer')
    expect(codeOf(await one.send())).toBe('unavailable')
    vi.restoreAllMocks()
    const hint = vi.spyOn(Group.prototype, 'topicsChanged').mockResolvedValue(undefined)
    await deleteTopic('orders')
    await vi.waitUntil(() => hint.mock.calls.length > 0)
    expect(codeOf(await one.send())).toBe('unknown_topic_or_partition')
    expect(await isStored(id)).toBe(false)
    expect(await registeredGroups()).toEqual([])
  })

  test('while the coordinator is away, known members go on', async () => {
    await createTopic('orders')
    await createTopic('other')
    const id = newGroupId()
    const one = new Member(id, 'one', { topics: ['orders'] })
    const pattern = new Member(id, 'pattern', { topicPattern: 'o.*' })
    await settle(id, [one, pattern])
    failCoordinator('refuse')
    await evict(id)
    await pattern.beat({ topicPattern: 'o.*' })
    await one.beat()
    await one.beat({ topics: ['orders'] })
    const commit = await tryCommit(id, one.committing, [])
    expect(codeOf(commit)).toBe('ok')
    expect(codeOf(await one.send({ topics: ['orders', 'others'] }))).toBe('unavailable')
    vi.restoreAllMocks()
    expect(codeOf(await one.send({ topics: ['orders', 'other'] }))).toBe('ok')
  })
})

describe('crashes', () => {
  /** Lets the k-th call to the coordinator hang before or after its effect, and aborts everything then. */
  async function crashAt(k: number, isAfter: boolean, call: () => Promise<unknown>): Promise<void> {
    let calls = 0
    interceptCoordinator(async (_, call) => {
      calls += 1
      if (calls !== k) return await call()
      if (isAfter) await call()
      await scheduler.wait(60_000)
      return null
    })
    const answer = call().then(
      () => 'answered',
      () => 'crashed',
    )
    await vi.waitUntil(() => calls >= k)
    await scheduler.wait(5)
    await abortAllDurableObjects()
    expect(await answer).toBe('crashed')
    vi.restoreAllMocks()
  }

  test.each([false, true])('while it is created, after the call: %s', async (isAfter) => {
    await createTopic('orders')
    const id = newGroupId()
    const one = new Member(id, 'one', { topics: ['orders'] })
    await crashAt(1, isAfter, () => one.send())
    expect(codeOf(await group(id).describe())).toMatch(/ok|group_id_not_found/)
    await settle(id, [one])
    expect(one.holds).toHaveLength(2)
    expect(await registeredGroups()).toEqual([id])
  })

  test.each([false, true])('while it is created, and nobody comes back: %s', async (isAfter) => {
    const id = newGroupId()
    await crashAt(1, isAfter, () => tryCommit(id, null, [['x', 0, 1]]))
    expect(await alarmTime(id)).not.toBeNull()
    pass(EMPTY_GROUP_KEPT_MS)
    await ring(id)
    expect(await isStored(id)).toBe(false)
    expect(await registeredGroups()).toEqual([])
  })

  test.each([false, true])('while it is deleted, after the call: %s', async (isAfter) => {
    const id = newGroupId()
    expect(codeOf(await tryCommit(id, null, [['x', 0, 1]]))).toBe('ok')
    await crashAt(1, isAfter, async () => await group(id).deleteGroup())
    expect(codeOf(await group(id).describe())).toBe('group_id_not_found')
    expect(await alarmTime(id)).not.toBeNull()
    await ring(id)
    expect(await isStored(id)).toBe(false)
    expect(await registeredGroups()).toEqual([])
  })

  test.each([0, 1, 2, 3, 4, 5, 6])('%d turns into the end of a deletion', async (turns) => {
    const id = newGroupId()
    expect(codeOf(await tryCommit(id, null, [['x', 0, 1]]))).toBe('ok')
    const forget = GroupStore.prototype.forget
    await runInDurableObject(group(id), async (instance, state) => {
      vi.spyOn(GroupStore.prototype, 'forget').mockImplementation(function (this: GroupStore) {
        forget.call(this)
        void (async () => {
          for (let turn = 0; turn < turns; turn++) await Promise.resolve()
          if (turns > 3) await state.storage.sync()
          state.abort('injected: abort')
        })()
      })
      await instance.deleteGroup()
    }).catch(() => undefined)
    vi.restoreAllMocks()
    // Either all of it is gone, or its alarm comes to end it.
    if (await isStored(id)) {
      expect(await alarmTime(id)).not.toBeNull()
      await ring(id)
    }
    expect(await isStored(id)).toBe(false)
    expect(await registeredGroups()).toEqual([])
  })

  test('a write that fails drops what was decided', async () => {
    await createTopic('orders')
    const id = newGroupId()
    const one = new Member(id, 'one', { topics: ['orders'] })
    await settle(id, [one])
    const before = await describeGroup(id)
    vi.spyOn(GroupStore.prototype, 'writeMember').mockImplementation(() => {
      throw new Error('injected: disk')
    })
    await expect(new Member(id, 'two', { topics: ['orders'] }).send()).rejects.toThrow()
    vi.restoreAllMocks()
    expect(await describeGroup(id)).toEqual(before)
    await one.beat()
  })
})

describe('commits', () => {
  test('many at once of one partition are a few rows, and the last one wins', async () => {
    const { id: topicId } = await createTopic('orders')
    const id = newGroupId()
    const one = new Member(id, 'one', { topics: ['orders'] })
    await settle(id, [one])
    const rowsWritten = await countRowsWritten(group(id))
    const answers = await runInDurableObject(group(id), (instance) =>
      Promise.all(
        Array.from({ length: 200 }, (_, offset) =>
          instance.commitOffsets(commitRequest(id, one.committing, [[topicId, 0, offset]])),
        ),
      ),
    )
    expect(answers.every((answer) => codeOf(answer) === 'ok')).toBe(true)
    expect(rowsWritten()).toBeLessThanOrEqual(4)
    expect(await committed(id)).toEqual({ [`${topicId}/0`]: 199 })
    await evict(id)
    expect(await committed(id)).toEqual({ [`${topicId}/0`]: 199 })
  })

  test('one that was queued before its member was fenced is refused', async () => {
    const { id: topicId } = await createTopic('orders')
    const id = newGroupId()
    const one = new Member(id, 'one', { topics: ['orders'] })
    await settle(id, [one])
    const codes = await runInDurableObject(group(id), async (instance) => {
      const commit = (offset: number) =>
        instance.commitOffsets(commitRequest(id, one.committing, [[topicId, 0, offset]]))
      const first = commit(1)
      await Promise.resolve()
      const queued = commit(2)
      // In the same turn, so that it is decided while the first is on its way to disk.
      const leaving = instance.heartbeat({
        ...{ groupId: id, memberId: 'one', memberEpoch: -1, instanceId: null, clientId: '' },
        ...{ clientHost: '', mayNameUnknownTopics: false },
      })
      return (await Promise.all([first, queued, leaving])).map(codeOf)
    })
    expect(codes).toEqual(['ok', 'unknown_member_id', 'ok'])
    expect(await committed(id)).toEqual({ [`${topicId}/0`]: 1 })
  })

  test('only of what is its, under its epoch; by hand only while the group is empty', async () => {
    const { id: topicId } = await createTopic('orders')
    const id = newGroupId()
    const [one, two] = [
      new Member(id, 'one', { topics: ['orders'] }),
      new Member(id, 'two', { topics: ['orders'] }),
    ]
    expect(codeOf(await tryCommit(id, null, [[topicId, 0, 7]]))).toBe('ok')
    await settle(id, [one, two])
    expect(codeOf(await tryCommit(id, null, [[topicId, 0, 8]]))).toBe('non_empty_group')
    for (const [member, other] of [
      [one, two],
      [two, one],
    ] as const) {
      const own = Number(member.holds[0]?.split('/')[1])
      expect(codeOf(await tryCommit(id, member.committing, [[topicId, own, 9]]))).toBe('ok')
      expect(codeOf(await tryCommit(id, other.committing, [[topicId, own, 1]]))).toBe(
        'stale_member_epoch',
      )
      const late = { ...member.committing, epoch: member.epoch - 2 }
      expect(codeOf(await tryCommit(id, late, [[topicId, own, 1]]))).toBe('stale_member_epoch')
    }
    expect(await committed(id)).toEqual({ [`${topicId}/0`]: 9, [`${topicId}/1`]: 9 })
    expect(codeOf(await group(id).deleteOffsets(topicId, null))).toBe('group_subscribed_to_topic')
  })

  test('a group holds so many offsets and no more, also when they come at once', async () => {
    const id = newGroupId()
    expect(codeOf(await tryCommit(id, null, [['x', 0, 1]]))).toBe('ok')
    await execute(
      id,
      `WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < ?)
       INSERT INTO committed_offset SELECT 'x', i, 'x', 1, -1, '', 0 FROM n`,
      COMMITTED_OFFSETS_MAX - 3,
    )
    await evict(id)
    const commit = (partition: number) =>
      commitRequest(id, null, [
        ['x', 0, 5],
        ['y', partition, 1],
      ])
    const codes = await runInDurableObject(group(id), async (instance) => {
      const answers = [0, 1, 1, 2, 3].map((partition) => instance.commitOffsets(commit(partition)))
      return (await Promise.all(answers)).map(codeOf)
    })
    expect(codes).toEqual(['ok', 'ok', 'ok', 'policy_violation', 'policy_violation'])
    const [row] = await execute(id, 'SELECT count(*) AS offsets FROM committed_offset')
    expect(row?.offsets).toBe(COMMITTED_OFFSETS_MAX)
    expect(codeOf(await tryCommit(id, null, [['y', 0, 9]]))).toBe('ok')
  })
})
