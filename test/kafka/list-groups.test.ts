/** The number of calls for a list of groups: each group is a call, and the platform limits them. */
import { expect, test, vi } from 'vitest'
import type { GroupSummary } from '../../src/core/group/group-api.ts'
import { GROUPS_MAX, KAFKA_GROUP_SUMMARIES_MAX } from '../../src/core/limits.ts'
import { LIST_GROUPS } from '../../src/kafka/apis/list-groups.ts'
import { ask, brokerOf, callerOf } from './door.ts'

const ids = Array.from({ length: GROUPS_MAX }, (_, index) => `g${String(index).padStart(5, '0')}`)

function callerWithGroups(count: number) {
  const listGroups = vi.fn(async (_: string, limit: number) => ({
    ok: ids.slice(0, Math.min(count, limit)),
  }))
  const summarize = vi.fn(async (groupId: string): Promise<{ ok: Partial<GroupSummary> }> => {
    const isEmpty = groupId === 'g00000'
    const fields = { lastProtocol: 'consumer', protocolType: 'consumer' } as const
    return { ok: { groupId: groupId as never, state: isEmpty ? 'empty' : 'stable', ...fields } }
  })
  const group = (groupId: string) => ({ summarize: () => summarize(groupId) })
  const caller = callerOf(brokerOf({ coordinator: { listGroups }, group }))
  return { caller, listGroups, summarize }
}

test('lists the maximum number of groups with a bounded number of calls', async () => {
  const { caller, listGroups, summarize } = callerWithGroups(GROUPS_MAX)
  const response = await ask(caller, LIST_GROUPS, 5, {})
  expect(response?.groups.map(({ groupId }) => groupId)).toEqual(ids)
  expect(listGroups).toHaveBeenCalledTimes(1)
  expect(summarize).toHaveBeenCalledTimes(KAFKA_GROUP_SUMMARIES_MAX)
  expect(response?.groups[1]).toMatchObject({ groupState: 'Stable', groupType: 'consumer' })
  expect(response?.groups.at(-1)).toMatchObject({ groupState: 'Unknown', groupType: '' })
})

test('lists all groups also in versions without a state', async () => {
  const { caller } = callerWithGroups(GROUPS_MAX)
  const response = await ask(caller, LIST_GROUPS, 3, {})
  expect(response?.groups.map(({ groupId }) => groupId)).toEqual(ids)
})

test('filters out only groups that are known not to match', async () => {
  const { caller } = callerWithGroups(KAFKA_GROUP_SUMMARIES_MAX + 1)
  const response = await ask(caller, LIST_GROUPS, 5, { statesFilter: ['EMPTY'] })
  expect(response?.groups.map(({ groupState }) => groupState)).toEqual(['Empty', 'Unknown'])
  const classic = await ask(caller, LIST_GROUPS, 5, { typesFilter: ['classic'] })
  expect(classic?.groups.map(({ groupState }) => groupState)).toEqual(['Unknown'])
})
