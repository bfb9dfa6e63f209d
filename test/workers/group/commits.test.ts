/**
 * Question: does the object of a group store exactly the offsets whose commits were allowed?
 * Contract: docs/PROTOCOL.md on offsets; a partition costs one row per turn.
 */
import { reset, runInDurableObject } from 'cloudflare:test'
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest'
import type { CommittedOffset } from '../../../src/core/group/group-api.ts'
import { COMMITTED_OFFSETS_MAX } from '../../../src/core/limits.ts'
import { countRowsWritten } from '../count-rows.ts'
import { logErrorsOnly } from '../quiet-events.ts'
import {
  codeOf,
  commitRequest,
  committed,
  createTopic,
  evict,
  execute,
  group,
  Member,
  newGroupId,
  ok,
  settle,
  tryCommit,
} from './group-for-test.ts'

beforeEach(logErrorsOnly)

afterEach(async () => {
  vi.restoreAllMocks()
  await reset()
})

describe('fetchOffsets()', () => {
  test('returns the offsets of some topics, or of all', async () => {
    const id = newGroupId()
    const topics = ['a', 'b', 'c']
    await tryCommit(
      id,
      null,
      topics.map((topic) => [topic, 0, 5]),
    )
    const fetched = async (request: { topics?: readonly string[] }) =>
      ok<readonly CommittedOffset[]>(await group(id).fetchOffsets(request)).map(
        ({ topic }) => topic,
      )
    expect(await fetched({})).toEqual(topics)
    expect(await fetched({ topics: ['c', 'a', 'none', "'"] })).toEqual(['a', 'c'])
    expect(await fetched({ topics: [] })).toEqual([])
  })

  test('requires that a member exists with its epoch, once the group exists', async () => {
    await createTopic('orders')
    const id = newGroupId()
    const one = new Member(id, 'one', { topics: ['orders'] })
    const asked = async (epoch: number) =>
      codeOf(await group(id).fetchOffsets({ member: { ...one.committing, epoch } }))
    expect(await asked(1)).toBe('group_id_not_found')
    await settle(id, [one])
    expect(await asked(one.epoch)).toBe('ok')
    expect(await asked(one.epoch + 1)).toBe('stale_member_epoch')
    await one.leave()
    expect(await asked(1)).toBe('unknown_member_id')
  })
})

describe('commits', () => {
  test('writes few rows for many concurrent commits of one partition, and keeps the last one', async () => {
    const { id: topicId } = await createTopic('orders')
    const id = newGroupId()
    const one = new Member(id, 'one', { topics: ['orders'] })
    await settle(id, [one])
    const rowsWritten = await countRowsWritten(group(id))
    const results = await runInDurableObject(group(id), (instance) =>
      Promise.all(
        Array.from({ length: 200 }, (_, offset) =>
          instance.commitOffsets(commitRequest(id, one.committing, [[topicId, 0, offset]])),
        ),
      ),
    )
    expect(results.every((result) => codeOf(result) === 'ok')).toBe(true)
    expect(rowsWritten()).toBeLessThanOrEqual(4)
    expect(await committed(id)).toEqual({ [`${topicId}/0`]: 199 })
    await evict(id)
    expect(await committed(id)).toEqual({ [`${topicId}/0`]: 199 })
  })

  test('rejects a queued commit of a member that was fenced in the meantime', async () => {
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
      // In the same turn, so that it is decided while the first is being written.
      const leaving = instance.heartbeat({
        ...{ groupId: id, memberId: 'one', memberEpoch: -1, instanceId: null, clientId: '' },
        ...{ clientHost: '', mayNameUnknownTopics: false },
      })
      return (await Promise.all([first, queued, leaving])).map(codeOf)
    })
    expect(codes).toEqual(['ok', 'unknown_member_id', 'ok'])
    expect(await committed(id)).toEqual({ [`${topicId}/0`]: 1 })
  })

  test("accepts only a member's own partitions under its epoch, and commits without a member only while the group is empty", async () => {
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

  test('rejects commits beyond the limit of offsets, also concurrent ones', async () => {
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
      const results = [0, 1, 1, 2, 3].map((partition) => instance.commitOffsets(commit(partition)))
      return (await Promise.all(results)).map(codeOf)
    })
    expect(codes).toEqual(['ok', 'ok', 'ok', 'policy_violation', 'policy_violation'])
    const [row] = await execute(id, 'SELECT count(*) AS offsets FROM committed_offset')
    expect(row?.offsets).toBe(COMMITTED_OFFSETS_MAX)
    expect(codeOf(await tryCommit(id, null, [['y', 0, 9]]))).toBe('ok')
  })
})
