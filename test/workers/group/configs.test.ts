/**
 * Question: does a group apply its configs whenever they are set, and does it keep them?
 * Contract: docs/KAFKA.md on configs of groups.
 */
import { evictDurableObject, reset, runInDurableObject } from 'cloudflare:test'
import { afterEach, beforeEach, expect, test, vi } from 'vitest'
import { Group } from '../../../durable-objects/group/group.ts'
import type { GroupConfigChange } from '../../../src/core/group/group-config.ts'
import type { GroupId } from '../../../src/core/group/group-id.ts'
import { GROUP_METADATA_MAX_AGE_MS, GROUPS_MAX } from '../../../src/core/limits.ts'
import { coordinator } from '../coordinator/cluster.ts'
import { logErrorsOnly } from '../quiet-events.ts'
import {
  codeOf,
  createTopic,
  describeGroup,
  evict,
  execute,
  failCoordinator,
  group,
  isStored,
  Member,
  newGroupId,
  ok,
  registeredGroups,
  settle,
} from './group-for-test.ts'

const HEARTBEAT = 'consumer.heartbeat.interval.ms'
const SESSION = 'consumer.session.timeout.ms'

beforeEach(async () => {
  logErrorsOnly()
  await createTopic('orders')
})

afterEach(async () => {
  vi.restoreAllMocks()
  vi.useRealTimers()
  await reset()
})

function pass(ms: number): void {
  vi.useFakeTimers({ toFake: ['Date'], now: Date.now() + ms })
}

async function set(id: GroupId, overrides: GroupConfigChange['overrides']): Promise<void> {
  ok(await coordinator().changeGroupConfig(id, { overrides }, false))
}

async function configOf(id: GroupId): Promise<unknown> {
  return ok(await coordinator().groupConfig(id))
}

async function memberOf(id: GroupId): Promise<Member> {
  const member = new Member(id, 'one', { topics: ['orders'] })
  await settle(id, [member])
  return member
}

/** Sends heartbeats until the response has the interval, because the hint of a change is asynchronous. */
async function beatsEach(member: Member, intervalMs: number): Promise<void> {
  await vi.waitUntil(async () => (await member.beat()).heartbeatIntervalMs === intervalMs, {
    timeout: 120_000,
  })
}

test('applies what was set before it had members', async () => {
  const id = newGroupId()
  await set(id, { [HEARTBEAT]: 9_000, [SESSION]: 60_000 })
  expect(await isStored(id)).toBe(false)
  expect(await registeredGroups()).not.toContain(id)
  const member = await memberOf(id)
  expect((await member.beat()).heartbeatIntervalMs).toBe(9_000)
  pass(59_000)
  expect((await describeGroup(id)).members).toHaveLength(1)
  pass(1_001)
  expect((await describeGroup(id)).members).toHaveLength(0)
})

test('removes a silent member after the default time-out without configs', async () => {
  const id = newGroupId()
  await memberOf(id)
  pass(44_000)
  expect((await describeGroup(id)).members).toHaveLength(1)
  pass(1_001)
  expect((await describeGroup(id)).members).toHaveLength(0)
})

test('applies a change while it has members, and the default after a reset', async () => {
  const id = newGroupId()
  const member = await memberOf(id)
  expect((await member.beat()).heartbeatIntervalMs).toBe(5_000)
  await set(id, { [HEARTBEAT]: 7_000 })
  await beatsEach(member, 7_000)
  await set(id, { [HEARTBEAT]: null })
  await beatsEach(member, 5_000)
})

test('applies a change whose hint was lost, at the next refresh', async () => {
  const id = newGroupId()
  const member = await memberOf(id)
  const lost = vi.spyOn(Group.prototype, 'refresh').mockResolvedValue(undefined)
  await set(id, { [HEARTBEAT]: 7_000 })
  await vi.waitUntil(() => lost.mock.calls.length > 0, { timeout: 120_000 })
  lost.mockRestore()
  expect((await member.beat()).heartbeatIntervalMs).toBe(5_000)
  for (let round = 0; round < GROUP_METADATA_MAX_AGE_MS / 40_000 + 1; round++) {
    pass(40_000)
    await member.beat()
  }
  await beatsEach(member, 7_000)
})

test('applies its configs after an eviction, even if the coordinator does not respond', async () => {
  const id = newGroupId()
  await set(id, { [HEARTBEAT]: 8_000, [SESSION]: 60_000 })
  const member = await memberOf(id)
  await evict(id)
  failCoordinator('refuse', 'watchTopics')
  expect((await member.beat()).heartbeatIntervalMs).toBe(8_000)
})

test('keeps the session time-out that a member set itself', async () => {
  const id = newGroupId()
  await set(id, { [HEARTBEAT]: 15_000, [SESSION]: 60_000 })
  const member = new Member(id, 'one', { topics: ['orders'], sessionTimeoutMs: 10_000 })
  await settle(id, [member])
  expect((await member.beat()).heartbeatIntervalMs).toBe(2_000)
  pass(10_001)
  expect((await describeGroup(id)).members).toHaveLength(0)
})

test('keeps its configs when the group is deleted, and applies them after it is recreated', async () => {
  const id = newGroupId()
  await set(id, { [HEARTBEAT]: 6_000 })
  await (await memberOf(id)).leave()
  ok(await group(id).deleteGroup())
  expect(await isStored(id)).toBe(false)
  await evictDurableObject(coordinator())
  expect(await configOf(id)).toEqual({ [HEARTBEAT]: 6_000 })
  expect((await (await memberOf(id)).beat()).heartbeatIntervalMs).toBe(6_000)
})

test('stores a versioned config, and nothing without configs', async () => {
  const [with_, without] = [newGroupId(), newGroupId()]
  await set(with_, { [HEARTBEAT]: 6_000 })
  await memberOf(with_)
  await memberOf(without)
  const stored = (id: GroupId) => execute(id, "SELECT value FROM setting WHERE key = 'config'")
  const value = JSON.stringify({ formVersion: 1, overrides: { [HEARTBEAT]: 6_000 } })
  expect(await stored(with_)).toEqual([{ value }])
  expect(await stored(without)).toEqual([])
})

test('lists the groups with configs, and changes nothing if the request only validates', async () => {
  const [one, two] = [newGroupId(), newGroupId()]
  await set(one, { [HEARTBEAT]: 6_000 })
  const change = { overrides: { [HEARTBEAT]: 6_000 } }
  ok(await coordinator().changeGroupConfig(two, change, true))
  const listed = async () => ok(await coordinator().listConfiguredGroups())
  expect(await listed()).toEqual([one])
  await set(one, { [HEARTBEAT]: null })
  expect(await listed()).toEqual([])
})

test('rejects configs for a group beyond the limit', async () => {
  await runInDurableObject(coordinator(), (_, { storage }) => {
    storage.sql.exec(
      `WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < ?)
       INSERT INTO group_config SELECT 'filler-' || i, '{"formVersion":1,"overrides":{}}' FROM n`,
      GROUPS_MAX,
    )
  })
  await evictDurableObject(coordinator())
  const change = { overrides: { [HEARTBEAT]: 6_000 } }
  const result = await coordinator().changeGroupConfig(newGroupId(), change, false)
  expect(codeOf(result)).toBe('policy_violation')
})
