/** Faults around a group, and their effect on its members. */
import { reset, runInDurableObject } from 'cloudflare:test'
import { afterEach, expect, test, vi } from 'vitest'
import {
  alarmTime,
  codeOf,
  createTopic,
  describeGroup,
  evict,
  group,
  interceptCoordinator,
  Member,
  newGroupId,
  ok,
  runAlarm,
  settle,
  tryHeartbeat,
} from './group-for-test.ts'

afterEach(async () => {
  vi.restoreAllMocks()
  vi.useRealTimers()
  await reset()
})

test('keeps the members during a coordinator call that is longer than a session', async () => {
  await createTopic('orders')
  const id = newGroupId()
  const one = new Member(id, 'one', { topics: ['orders'], sessionTimeoutMs: 1_000 })
  await settle(id, [one])
  interceptCoordinator(async (_, call) => {
    await scheduler.wait(2_500)
    return await call()
  })
  const asking = group(id).refresh()
  for (let beat = 0; beat < 10; beat++) {
    expect(codeOf(await one.send())).toBe('ok')
    await scheduler.wait(250)
  }
  await asking
})

test('keeps a member alive while its new topic is being looked up', async () => {
  await createTopic('orders')
  await createTopic('payments')
  const id = newGroupId()
  const one = new Member(id, 'one', { topics: ['orders'], sessionTimeoutMs: 1_000 })
  await settle(id, [one])
  interceptCoordinator(async (_, call) => {
    await scheduler.wait(900)
    return await call()
  })
  await scheduler.wait(500)
  const request = { memberId: 'one', memberEpoch: one.epoch, topics: ['orders', 'payments'] }
  const naming = tryHeartbeat(id, request)
  await scheduler.wait(600)
  // Another call arrives and expires silent members.
  expect((await describeGroup(id)).memberCount).toBe(1)
  expect(codeOf(await naming)).toBe('ok')
})

test('handles a deletion of the group during an alarm that waits for members', async () => {
  await createTopic('orders')
  const id = newGroupId()
  const one = new Member(id, 'one', { topics: ['orders'], sessionTimeoutMs: 20_000 })
  await settle(id, [one])
  const running = runAlarm(id)
  await scheduler.wait(200)
  await one.leave()
  ok(await group(id).deleteGroup())
  await running
  expect(codeOf(await group(id).describe())).toBe('group_id_not_found')
})

test('repairs a half failed creation with the next call', async () => {
  await createTopic('orders')
  const id = newGroupId()
  await runInDurableObject(group(id), (_, { storage }) => {
    const sql = Object.getPrototypeOf(storage.sql) as SqlStorage
    const { exec } = sql
    let isFirst = true
    vi.spyOn(sql, 'exec').mockImplementation(function (this: SqlStorage, query, ...bindings) {
      if (query.includes('member (') && isFirst) {
        isFirst = false
        throw new Error('injected: disk')
      }
      return exec.call(this, query, ...bindings) as never
    })
  })
  const join = { memberId: 'one', topics: ['orders'] }
  await expect(tryHeartbeat(id, join)).rejects.toThrow('injected: disk')
  expect(codeOf(await tryHeartbeat(id, join))).toBe('ok')
})

test('ignores a late duplicate of a join, so that a working member loses nothing', async () => {
  await createTopic('orders', 4)
  const id = newGroupId()
  const one = new Member(id, 'one', { topics: ['orders'] })
  await settle(id, [one])
  const two = new Member(id, 'two', { topics: ['orders'] })
  await two.beat()
  await scheduler.wait(30)
  // It must revoke two of the four, and has not done so yet.
  expect(ok<{ assignment: unknown }>(await one.send()).assignment).not.toBeNull()
  const duplicate = { memberId: 'one', memberEpoch: 0, topics: ['orders'], owned: [] }
  expect(codeOf(await tryHeartbeat(id, duplicate))).toBe('ok')
  await two.beat()
  const { members } = await describeGroup(id)
  expect(members.find(({ memberId }) => memberId === 'two')?.assignment).toEqual([])
  // A member that really restarts joins again with its next heartbeat, and everything continues.
  await settle(id, [one, two])
})

test('rejects a leave under an instance id that belongs to another member', async () => {
  await createTopic('orders')
  const id = newGroupId()
  const one = new Member(id, 'one', { topics: ['orders'] })
  await settle(id, [one])
  const away = { memberId: 'one', memberEpoch: -2, instanceId: 'another' }
  expect(codeOf(await tryHeartbeat(id, away))).toBe('unknown_member_id')
  expect(await describeGroup(id)).toMatchObject({ state: 'stable', memberCount: 1 })
})

test('ends a session that is longer than an alarm may run', async () => {
  await createTopic('orders')
  const id = newGroupId()
  const one = new Member(id, 'one', { topics: ['orders'], sessionTimeoutMs: 1_800_000 })
  await settle(id, [one])
  await evict(id)
  let nowMs = Date.now()
  vi.useFakeTimers({ toFake: ['Date'], now: nowMs })
  const running = runAlarm(id)
  await scheduler.wait(100)
  nowMs += 700_000
  vi.setSystemTime(nowMs)
  await running
  expect((await describeGroup(id)).memberCount).toBe(1)
  expect(await alarmTime(id)).toBeLessThanOrEqual(nowMs + 1_000)
  nowMs += 1_200_000
  vi.setSystemTime(nowMs)
  await runAlarm(id)
  expect((await describeGroup(id)).memberCount).toBe(0)
})
