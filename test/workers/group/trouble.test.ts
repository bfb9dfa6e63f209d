/** What goes wrong around a group, and what its members notice of it. */
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
  ring,
  settle,
  tryHeartbeat,
} from './group-for-test.ts'

afterEach(async () => {
  vi.restoreAllMocks()
  vi.useRealTimers()
  await reset()
})

test('a coordinator that takes longer than a session expels nobody', {
  timeout: 120_000,
}, async () => {
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

test('a known member that names something new is alive while that is asked for', {
  timeout: 120_000,
}, async () => {
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
  // Somebody else comes by, and looks who is silent.
  expect((await describeGroup(id)).memberCount).toBe(1)
  expect(codeOf(await naming)).toBe('ok')
})

test('an alarm that waits for members finds the group deleted', { timeout: 120_000 }, async () => {
  await createTopic('orders')
  const id = newGroupId()
  const one = new Member(id, 'one', { topics: ['orders'], sessionTimeoutMs: 20_000 })
  await settle(id, [one])
  const rung = ring(id)
  await scheduler.wait(200)
  await one.leave()
  ok(await group(id).deleteGroup())
  await rung
  expect(codeOf(await group(id).describe())).toBe('group_id_not_found')
})

test('a creation that fails half way is made good by the next', async () => {
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

test('a late duplicate of a join takes nothing from who is at work', async () => {
  await createTopic('orders', 4)
  const id = newGroupId()
  const one = new Member(id, 'one', { topics: ['orders'] })
  await settle(id, [one])
  const two = new Member(id, 'two', { topics: ['orders'] })
  await two.beat()
  await scheduler.wait(30)
  // It is told to give up two of the four, and has yet to do so.
  expect(ok<{ assignment: unknown }>(await one.send()).assignment).not.toBeNull()
  const duplicate = { memberId: 'one', memberEpoch: 0, topics: ['orders'], owned: [] }
  expect(codeOf(await tryHeartbeat(id, duplicate))).toBe('ok')
  await two.beat()
  const { members } = await describeGroup(id)
  expect(members.find(({ memberId }) => memberId === 'two')?.assignment).toEqual([])
  // Who really begins anew says so again with its next heartbeat, and all goes on.
  await settle(id, [one, two])
})

test('a member cannot leave under an instance id that is not its own', async () => {
  await createTopic('orders')
  const id = newGroupId()
  const one = new Member(id, 'one', { topics: ['orders'] })
  await settle(id, [one])
  const away = { memberId: 'one', memberEpoch: -2, instanceId: 'another' }
  expect(codeOf(await tryHeartbeat(id, away))).toBe('unknown_member_id')
  expect(await describeGroup(id)).toMatchObject({ state: 'stable', memberCount: 1 })
})

test('a session that is longer than an alarm may take ends all the same', {
  timeout: 120_000,
}, async () => {
  await createTopic('orders')
  const id = newGroupId()
  const one = new Member(id, 'one', { topics: ['orders'], sessionTimeoutMs: 1_800_000 })
  await settle(id, [one])
  await evict(id)
  let nowMs = Date.now()
  vi.useFakeTimers({ toFake: ['Date'], now: nowMs })
  const rung = ring(id)
  await scheduler.wait(100)
  nowMs += 700_000
  vi.setSystemTime(nowMs)
  await rung
  expect((await describeGroup(id)).memberCount).toBe(1)
  expect(await alarmTime(id)).toBeLessThanOrEqual(nowMs + 1_000)
  nowMs += 1_200_000
  vi.setSystemTime(nowMs)
  await ring(id)
  expect((await describeGroup(id)).memberCount).toBe(0)
})
