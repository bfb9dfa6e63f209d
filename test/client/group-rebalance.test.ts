/** A member while partitions are assigned and revoked, with a fake group and clock. */
import { afterEach, describe, expect, test, vi } from 'vitest'
import {
  closeMembers,
  holdCommits,
  newMember,
  pass,
  passSlowly,
  running,
  settle,
} from './running-member.ts'

afterEach(closeMembers)

describe('a member', () => {
  test('begins at the committed offset, and at `from` without one', async () => {
    const { group, keys } = await running([0, 1], { committed: { 0: 3 } })
    group.append(0, 5)
    group.append(1, 5)
    await settle()
    expect(keys().toSorted()).toEqual(['0:3', '1:0'])
  })

  test('sends heartbeats while its handlers work', async () => {
    const { group, clock, keys, handled } = await running([0])
    group.append(0)
    await settle()
    expect(keys()).toEqual(['0:0'])
    const sent = group.heartbeats.length
    await passSlowly(clock, 60_000)
    expect(group.heartbeats.length - sent).toBe(60)
    expect(handled[0]?.signal.aborted).toBe(false)
  })

  test('finishes and commits revoked partitions, then reports their release, and continues with the rest', async () => {
    const { group, clock, keys, of, changes } = await running([0, 1])
    group.append(0, 3)
    group.append(1, 3)
    await settle()
    expect(keys().toSorted()).toEqual(['0:0', '1:0'])
    await pass(clock, 1_000)
    group.events.length = 0
    group.partitions = [0]
    await pass(clock, 1_000)
    expect(of('1:0').signal.aborted).toBe(true)
    expect(of('0:0').signal.aborted).toBe(false)
    of('0:0').finish()
    await pass(clock, 5_000)
    expect(keys()).toContain('0:1')
    expect(group.events).toEqual([])
    of('1:0').finish()
    await settle()
    expect(group.events).toEqual(['commit 0:1,1:1', 'owned 0'])
    expect(keys()).not.toContain('1:1')
    expect(changes.at(-1)).toEqual({
      assigned: [],
      revoked: [{ topic: 't', partition: 1 }],
      lost: [],
      current: [{ topic: 't', partition: 0 }],
    })
  })

  test('releases idle partitions at once', async () => {
    const { group, clock, of } = await running([0, 1])
    group.append(1)
    await settle()
    await pass(clock, 1_000)
    group.partitions = []
    group.events.length = 0
    await pass(clock, 1_000)
    expect(of('1:0').signal.aborted).toBe(true)
    expect(group.events).toEqual(['commit 0:0,1:0', 'owned 1'])
    of('1:0').finish()
    await settle()
    expect(group.events.slice(2)).toEqual(['commit 1:1', 'owned '])
  })

  test('does not commit a batch that its handler abandoned', async () => {
    const { group, clock, of, onFailed } = await running([0, 1])
    group.append(1, 3)
    await settle()
    of('1:0').finish()
    await settle()
    group.partitions = [0]
    await pass(clock, 1_000)
    of('1:1').fail(of('1:1').signal.reason)
    await settle()
    expect(group.commits).toEqual([
      [
        { topic: 't', partition: 0, offset: 0 },
        { topic: 't', partition: 1, offset: 1 },
      ],
    ])
    expect(onFailed).not.toHaveBeenCalled()
  })

  test('retries a lost commit before it reports the release', async () => {
    const { group, clock, of } = await running([1])
    group.append(1)
    await settle()
    await pass(clock, 1_000)
    group.partitions = []
    group.commitFates.push('lost', { code: 'unavailable' })
    await pass(clock, 1_000)
    group.events.length = 0
    of('1:0').finish()
    await settle()
    await pass(clock, 500)
    await pass(clock, 500)
    expect(group.events).toEqual(['commit 1:1', 'commit 1:1', 'commit 1:1', 'owned '])
  })

  test('stops after a session without a response, and starts again at the committed offset', async () => {
    const { group, clock, keys, of, changes } = await running([0])
    group.append(0, 2)
    await settle()
    of('0:0').finish()
    await settle()
    expect(keys()).toEqual(['0:0', '0:1'])
    group.fate = 'silent'
    await passSlowly(clock, 12_000)
    expect(of('0:1').signal.aborted).toBe(true)
    expect(changes.at(-1)).toMatchObject({ lost: [{ topic: 't', partition: 0 }], current: [] })
    of('0:1').finish()
    group.append(0, 5)
    await passSlowly(clock, 5_000)
    expect(keys()).toEqual(['0:0', '0:1'])
    group.fate = undefined
    group.committed = { 0: 1 }
    await passSlowly(clock, 6_000)
    expect(keys()).toEqual(['0:0', '0:1', '0:1'])
    // The batches that were finished after the loss were no longer its own.
    expect(group.commits).toEqual([])
  })

  test('delivers nothing after a sleep that exceeds its session', async () => {
    const { group, clock, keys, of, changes } = await running([0], {}, 1)
    group.append(0, 3)
    await settle()
    clock.sleepThrough(20_000)
    of('0:0').finish()
    await settle()
    // It lost everything, joined again, and gets the batch again that it could not commit.
    expect(keys()).toEqual(['0:0', '0:0'])
    expect(changes.map(({ lost, assigned }) => [lost.length, assigned.length])).toEqual([
      [0, 1],
      [1, 0],
      [0, 1],
    ])
    expect(group.commits).toEqual([])
  })

  test('does not handle a partition twice that it lost and was assigned again', async () => {
    const { group, clock, handled, keys } = await running([0, 1])
    group.append(0)
    await settle()
    group.fates.push({ code: 'fenced_member_epoch' })
    await pass(clock, 1_000)
    await pass(clock, 0)
    group.append(1)
    await settle()
    // The other partition does not wait for it.
    expect(keys()).toEqual(['0:0', '1:0'])
    handled[0]?.finish()
    await settle()
    expect(keys()).toEqual(['0:0', '1:0', '0:0'])
  })

  test('treats a recreated topic as another one', async () => {
    const { group, clock, keys, of, changes } = await running([0])
    group.append(0, 2)
    await settle()
    of('0:0').finish()
    await settle()
    of('0:1').finish()
    await settle()
    group.commitFates.push({ code: 'stale_member_epoch' })
    group.topicId = '00000000-0000-4000-8000-000000000002'
    await pass(clock, 1_000)
    await pass(clock, 1_000)
    expect(keys()).toEqual(['0:0', '0:1', '0:0'])
    expect(changes.map(({ revoked }) => revoked.length)).toContain(1)
    expect(group.last.owned?.[0]?.topicId ?? group.topicId).toBe(group.topicId)
  })

  test('keeps a partition that is assigned again before its release', async () => {
    const { group, clock, keys, of, changes } = await running([0, 1])
    group.append(1, 2)
    await settle()
    group.partitions = [0]
    await pass(clock, 1_000)
    group.partitions = [0, 1]
    group.committed = { 1: 1 }
    await pass(clock, 1_000)
    expect(keys()).toEqual(['1:0'])
    of('1:0').finish()
    await settle()
    expect(keys()).toEqual(['1:0', '1:1'])
    expect(changes.map(({ current }) => current.length)).toEqual([2, 1, 2])
  })

  test('leaves when its application exceeds the poll interval, and joins again when it returns', async () => {
    const { group, clock, keys, of, changes, consumer } = await running([0], {
      maxPollIntervalMs: 3_500,
    })
    group.append(0, 2)
    await settle()
    of('0:0').finish()
    await settle()
    const response = holdCommits(group)
    group.events.length = 0
    await pass(clock, 3_500)
    expect(of('0:1').signal.aborted).toBe(true)
    expect(group.events).toEqual(['owned 0', 'commit 0:1'])
    // While it commits it is still a member.
    group.partitions = [0, 1]
    await pass(clock, 1_000)
    response()
    await settle()
    expect(group.last).toEqual({ memberId: 'me', memberEpoch: -1 })
    expect(consumer.assignment).toEqual([])
    const sent = group.heartbeats.length
    await passSlowly(clock, 60_000)
    expect(group.heartbeats).toHaveLength(sent)
    expect(changes.flatMap(({ assigned }) => assigned)).toHaveLength(1)
    group.committed = { 0: 1 }
    of('0:1').finish()
    await settle()
    expect(keys()).toEqual(['0:0', '0:1', '0:1'])
    expect(consumer.assignment).toHaveLength(2)
  })
})

describe('a commit', () => {
  test('that is rejected for one partition is made for the others', async () => {
    const { group, clock, of, onFailed } = await running([0, 1], { autoCommitIntervalMs: 1_000 })
    group.append(0)
    group.append(1)
    await settle()
    of('0:0').finish()
    of('1:0').finish()
    const refused = { code: 'stale_member_epoch' } as const
    group.commitFates.push(refused, refused)
    group.events.length = 0
    await pass(clock, 1_000)
    expect(group.events.filter((event) => event.startsWith('commit'))).toEqual([
      'commit 0:1,1:1',
      'commit 0:1',
      'commit 1:1',
    ])
    await pass(clock, 1_000)
    // The commit of partition 0 is still due; no application call failed.
    expect(group.events.at(-1)).toBe('commit 0:1')
    expect(onFailed).not.toHaveBeenCalled()
  })

  test('waits for the previous one', async () => {
    const { group, of, consumer } = await running([0])
    group.append(0, 2)
    await settle()
    const response = holdCommits(group)
    of('0:0').finish()
    await settle()
    const first = consumer.commit()
    await settle()
    of('0:1').finish()
    await settle()
    const second = consumer.commit()
    await settle()
    expect(group.events.filter((event) => event.startsWith('commit'))).toEqual(['commit 0:1'])
    response()
    await Promise.all([first, second])
    expect(group.events.filter((event) => event.startsWith('commit'))).toEqual([
      'commit 0:1',
      'commit 0:2',
    ])
  })

  test('throws every error if the application made it, and only permanent ones if it is automatic', async () => {
    const { group, clock, of, consumer, onFailed } = await running([0], {
      autoCommitIntervalMs: 60_000,
    })
    group.append(0)
    await settle()
    of('0:0').finish()
    await settle()
    group.commitFates.push({ code: 'stale_member_epoch' })
    await expect(consumer.commit()).rejects.toMatchObject({ code: 'stale_member_epoch' })
    group.commitFates.push({ code: 'unauthorized' })
    await passSlowly(clock, 60_000)
    expect(onFailed).toHaveBeenCalledWith(expect.objectContaining({ code: 'unauthorized' }))
  })
  test('is not retried for a partition that was lost meanwhile, even if it is held again', async () => {
    const { group, clock, of, consumer } = await running([0])
    group.append(0)
    await settle()
    of('0:0').finish()
    await settle()
    const response = holdCommits(group)
    const commit = consumer.commit()
    const refused = expect(commit).rejects.toMatchObject({ code: 'stale_member_epoch' })
    group.commitFates.push('lost')
    group.fates.push({ code: 'fenced_member_epoch' })
    group.epoch = 2
    await pass(clock, 1_000)
    await pass(clock, 0)
    expect(consumer.assignment).toHaveLength(1)
    response()
    await settle()
    await pass(clock, 1_000)
    await refused
    expect(group.commits).toHaveLength(1)
  })

  test('of an unknown member is rejected once, however many partitions it has', async () => {
    const { group, of, consumer } = await running([0, 1, 2, 3])
    for (const partition of group.partitions) group.append(partition)
    await settle()
    for (const partition of group.partitions) of(`${partition}:0`).finish()
    await settle()
    group.commitFates.push(...Array(7).fill({ code: 'unknown_member_id' }))
    await expect(consumer.commit()).rejects.toMatchObject({ code: 'unknown_member_id' })
    expect(group.commits).toHaveLength(1)
  })

  test('in a loop, or of offsets, is rejected once the partition is lost', async () => {
    const { group, clock, consumer } = newMember([0], { autoCommit: false })
    const batches = consumer[Symbol.asyncIterator]()
    group.append(0, 2)
    await batches.next()
    const offsets = [{ topic: 't', partition: 0, offset: 1 }]
    group.partitions = []
    group.fates.push({ code: 'fenced_member_epoch' })
    await pass(clock, 1_000)
    await pass(clock, 0)
    await expect(consumer.commit()).rejects.toMatchObject({ code: 'stale_member_epoch' })
    await expect(consumer.commit(offsets)).rejects.toMatchObject({ code: 'stale_member_epoch' })
    group.fates.push({ code: 'unknown_member_id' })
    group.fate = 'silent'
    await pass(clock, 1_000)
    await expect(consumer.commit()).rejects.toMatchObject({ code: 'unknown_member_id' })
    await expect(consumer.commit(offsets)).rejects.toMatchObject({ code: 'unknown_member_id' })
    const never = consumer.commit([{ topic: 't', partition: 7, offset: 0 }])
    await expect(never).rejects.toMatchObject({ code: 'invalid_request' })
    expect(group.commits).toEqual([])
  })

  test('of offsets is made for a revoked partition that is still being handled', async () => {
    const { group, clock, of, consumer } = await running([0], { autoCommit: false })
    group.append(0)
    await settle()
    group.partitions = []
    await pass(clock, 1_000)
    expect(of('0:0').signal.aborted).toBe(true)
    await consumer.commit([{ topic: 't', partition: 0, offset: 1 }])
    expect(group.commits).toEqual([[{ topic: 't', partition: 0, offset: 1 }]])
  })

  test('of an invalid offset, and a seek to it, are rejected and change nothing', async () => {
    const { group, of, consumer } = await running([0])
    group.append(0, 2)
    await settle()
    for (const offset of [3.5, -1, 0.5, Number.NaN]) {
      const commit = consumer.commit([{ topic: 't', partition: 0, offset }])
      await expect(commit).rejects.toMatchObject({ code: 'invalid_request' })
      for (const to of [offset, { timestamp: offset }]) {
        expect(() => consumer.seek('t', 0, to)).toThrow(
          expect.objectContaining({ code: 'invalid_request' }),
        )
      }
    }
    of('0:0').finish()
    await settle()
    await consumer.commit()
    expect(group.commits).toEqual([[{ topic: 't', partition: 0, offset: 1 }]])
  })

  test('that waits for another is given up after the same time, counted from the call', async () => {
    const { group, clock, of, consumer } = await running([0])
    group.append(0)
    await settle()
    of('0:0').finish()
    await settle()
    group.commitFates.push(...Array(100).fill({ code: 'unavailable' }))
    const refused = vi.fn()
    consumer.commit().catch(refused)
    consumer.commit().catch(refused)
    await passSlowly(clock, 40_000)
    expect(refused).toHaveBeenCalledTimes(2)
    expect(refused).toHaveBeenCalledWith(expect.objectContaining({ code: 'unavailable' }))
  })

  test('is retried at once when a heartbeat has changed the epoch', async () => {
    const { group, clock, of, consumer } = await running([0])
    group.append(0)
    await settle()
    of('0:0').finish()
    await settle()
    const response = holdCommits(group)
    const commit = consumer.commit()
    await settle()
    group.commitFates.push({ code: 'stale_member_epoch' })
    group.epoch = 2
    await pass(clock, 1_000)
    response()
    await commit
    expect(group.events.filter((event) => event.startsWith('commit'))).toEqual([
      'commit 0:1',
      'commit 0:1',
    ])
  })
})
