/**
 * Question: is a group created and deleted as a whole, whatever fails on the way?
 * Contract: docs/ARCHITECTURE.md, "the life of a group": nothing is left of a rejected creation, and a state between
 * two steps after a crash is completed.
 */
import { abortAllDurableObjects, reset, runInDurableObject } from 'cloudflare:test'
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest'
import { Group } from '../../../durable-objects/group/group.ts'
import { GroupStore } from '../../../durable-objects/group/group-store.ts'
import { EMPTY_GROUP_KEPT_MS, GROUP_CREATIONS_BURST, GROUPS_MAX } from '../../../src/core/limits.ts'
import { WAIT } from '../../support/until.ts'
import { coordinator } from '../coordinator/cluster.ts'
import { logErrorsOnly } from '../quiet-events.ts'
import {
  alarmTime,
  codeOf,
  createTopic,
  deleteTopic,
  describeGroup,
  evict,
  failCoordinator,
  group,
  interceptCoordinator,
  isStored,
  Member,
  newGroupId,
  registeredGroups,
  runAlarm,
  settle,
  tryCommit,
  tryHeartbeat,
} from './group-for-test.ts'

beforeEach(logErrorsOnly)

afterEach(async () => {
  vi.restoreAllMocks()
  vi.useRealTimers()
  await reset()
})

function pass(ms: number): void {
  vi.useFakeTimers({ toFake: ['Date'], now: Date.now() + ms })
}

describe('creation', () => {
  test('leaves nothing if a topic does not exist', async () => {
    const id = newGroupId()
    const result = await tryHeartbeat(id, { memberId: 'one', topics: ['nothing'] })
    expect(codeOf(result)).toBe('unknown_topic_or_partition')
    expect(await isStored(id)).toBe(false)
    expect(await registeredGroups()).toEqual([])
  })

  test('leaves nothing beyond the limits of groups and of new groups', async () => {
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

  test('is not caused by a request to a group that does not exist', async () => {
    const id = newGroupId()
    expect(codeOf(await group(id).describe())).toBe('group_id_not_found')
    expect(codeOf(await group(id).fetchOffsets({}))).toBe('group_id_not_found')
    expect(codeOf(await group(id).deleteGroup())).toBe('group_id_not_found')
    expect(codeOf(await tryHeartbeat(id, { memberId: 'm', memberEpoch: 3 }))).toBe(
      'unknown_member_id',
    )
    await group(id).refresh()
    expect(await isStored(id)).toBe(false)
  })

  test.each(['refuse', 'lose the response'] as const)(
    'is undone or completed later if the coordinator is unavailable (%s)',
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
      await runAlarm(other)
      expect(await isStored(other)).toBe(false)
      expect(await registeredGroups()).toEqual([id])
    },
  )

  test('is undone on both sides if the coordinator registered the group, lost the response and then rejects it', async () => {
    await createTopic('orders')
    const id = newGroupId()
    const one = new Member(id, 'one', { topics: ['orders'] })
    failCoordinator('lose the response')
    expect(codeOf(await one.send())).toBe('unavailable')
    vi.restoreAllMocks()
    const hint = vi.spyOn(Group.prototype, 'refresh').mockResolvedValue(undefined)
    await deleteTopic('orders')
    await vi.waitUntil(() => hint.mock.calls.length > 0, WAIT)
    expect(codeOf(await one.send())).toBe('unknown_topic_or_partition')
    expect(await isStored(id)).toBe(false)
    expect(await registeredGroups()).toEqual([])
  })

  test('is not needed for existing members, which continue while the coordinator is unavailable', async () => {
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

test('deletes a group on its own that was created by a commit for a topic that is gone', async () => {
  const id = newGroupId()
  expect(codeOf(await tryCommit(id, null, [['gone', 0, 1]]))).toBe('ok')
  expect(codeOf(await group(id).forgetTopics(['gone']))).toBe('ok')
  pass(EMPTY_GROUP_KEPT_MS)
  await runAlarm(id)
  expect(await isStored(id)).toBe(false)
  expect(await registeredGroups()).toEqual([])
})

describe('a crash', () => {
  /** Lets the k-th call to the coordinator hang before or after its effect, and then aborts all objects. */
  async function crashAt(k: number, isAfter: boolean, call: () => Promise<unknown>): Promise<void> {
    let calls = 0
    interceptCoordinator(async (_, call) => {
      calls += 1
      if (calls !== k) return await call()
      if (isAfter) await call()
      await scheduler.wait(60_000)
      return null
    })
    const result = call().then(
      () => 'answered',
      () => 'crashed',
    )
    await vi.waitUntil(() => calls >= k, WAIT)
    await scheduler.wait(5)
    await abortAllDurableObjects()
    expect(await result).toBe('crashed')
    vi.restoreAllMocks()
  }

  test.each([false, true])(
    'during a creation is repaired by the next heartbeat, after the call: %s',
    async (isAfter) => {
      await createTopic('orders')
      const id = newGroupId()
      const one = new Member(id, 'one', { topics: ['orders'] })
      await crashAt(1, isAfter, () => one.send())
      expect(codeOf(await group(id).describe())).toMatch(/ok|group_id_not_found/)
      await settle(id, [one])
      expect(one.holds).toHaveLength(2)
      expect(await registeredGroups()).toEqual([id])
    },
  )

  test.each([false, true])(
    'during a creation without further calls is undone by the alarm, after the call: %s',
    async (isAfter) => {
      const id = newGroupId()
      await crashAt(1, isAfter, () => tryCommit(id, null, [['x', 0, 1]]))
      expect(await alarmTime(id)).not.toBeNull()
      pass(EMPTY_GROUP_KEPT_MS)
      await runAlarm(id)
      expect(await isStored(id)).toBe(false)
      expect(await registeredGroups()).toEqual([])
    },
  )

  test.each([false, true])(
    'during a deletion is completed by the alarm, after the call: %s',
    async (isAfter) => {
      const id = newGroupId()
      expect(codeOf(await tryCommit(id, null, [['x', 0, 1]]))).toBe('ok')
      await crashAt(1, isAfter, async () => await group(id).deleteGroup())
      expect(codeOf(await group(id).describe())).toBe('group_id_not_found')
      expect(await alarmTime(id)).not.toBeNull()
      await runAlarm(id)
      expect(await isStored(id)).toBe(false)
      expect(await registeredGroups()).toEqual([])
    },
  )

  test.each([0, 1, 2, 3, 4, 5, 6])(
    '%d turns into the end of a deletion is completed by the alarm',
    async (turns) => {
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
      // Either everything is deleted, or the alarm will delete it.
      if (await isStored(id)) {
        expect(await alarmTime(id)).not.toBeNull()
        await runAlarm(id)
      }
      expect(await isStored(id)).toBe(false)
      expect(await registeredGroups()).toEqual([])
    },
  )

  test('after a failed write drops the decision', async () => {
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
