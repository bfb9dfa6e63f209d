/** Listing groups of which some do not respond. */
import { expect, test } from 'vitest'
import { connectCluster, newCaches } from '../../src/broker/cluster.ts'
import { listGroups } from '../../src/broker/groups.ts'
import type { ObjectBindings } from '../../src/broker/objects.ts'
import { EdgelogError } from '../../src/core/errors.ts'

const GROUPS: Readonly<Record<string, () => unknown>> = {
  there: () => ({
    ok: { groupId: 'there', state: 'stable', protocol: 'consumer', memberCount: 2 },
  }),
  silent: () => {
    throw new Error('the object was reset')
  },
  gone: () => ({ error: new EdgelogError('group_id_not_found', 'gone').toBody() }),
}

test('leaves out deleted groups, and lists those that do not respond as unknown', async () => {
  const env = {
    COORDINATOR: { getByName: () => ({ listGroups: async () => ({ ok: Object.keys(GROUPS) }) }) },
    GROUP: { getByName: (id: string) => ({ summarize: async () => GROUPS[id]?.() }) },
  }
  const cluster = connectCluster(env as unknown as ObjectBindings, newCaches())
  const { groups, next } = await listGroups(cluster, { after: '', limit: 3 }, async (ids) => ids)
  expect(groups.map(({ groupId, state }) => [groupId, state])).toEqual([
    ['there', 'stable'],
    ['silent', 'unknown'],
  ])
  // A full page may be followed by another one.
  expect(next).toBe('gone')
})
