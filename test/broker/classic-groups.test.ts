/** What of a request of the classic protocol reaches the group. */
import { expect, test, vi } from 'vitest'
import { joinGroup, leaveGroup, syncGroup } from '../../src/broker/classic-groups.ts'
import { type Cluster, connectCluster, newCaches } from '../../src/broker/cluster.ts'
import type { ObjectBindings } from '../../src/broker/objects.ts'
import { EdgelogError } from '../../src/core/errors.ts'
import type { JoinGroupRequest, SyncGroupRequest } from '../../src/core/group/classic-api.ts'
import { parseGroupId } from '../../src/core/group/group-id.ts'

const groupId = parseGroupId('g')

function clusterWith(group: Record<string, unknown>): Cluster {
  return connectCluster(
    { GROUP: { getByName: () => group } } as unknown as ObjectBindings,
    newCaches(),
  )
}

/** What a client sent, with the rest of its request around it. */
function viewOf(...bytes: number[]): Uint8Array {
  const whole = new Uint8Array(1_000)
  whole.set(bytes, 500)
  return whole.subarray(500, 500 + bytes.length)
}

test('its bytes go without the request that they came in', async () => {
  const joined = vi.fn(async (_: JoinGroupRequest) => ({ ok: {} }))
  const synced = vi.fn(async (_: SyncGroupRequest) => ({ ok: {} }))
  const cluster = clusterWith({ joinGroup: joined, syncGroup: synced })
  const protocols = [{ name: 'range', metadata: viewOf(1, 2) }]
  await joinGroup(cluster, { groupId, memberId: 'm', protocols } as unknown as JoinGroupRequest)
  const assignments = [{ memberId: 'm', assignment: viewOf(3) }]
  const sync = { memberId: 'm', instanceId: null, generation: 1, protocolType: null }
  await syncGroup(cluster, groupId, { ...sync, protocolName: null, assignments })
  expect(joined.mock.lastCall?.[0]).toMatchObject({ groupId, memberId: 'm' })
  const sent = [
    joined.mock.lastCall?.[0].protocols[0]?.metadata,
    synced.mock.lastCall?.[0].assignments[0]?.assignment,
  ]
  expect(sent).toEqual([new Uint8Array([1, 2]), new Uint8Array([3])])
  expect(sent.map((bytes) => bytes?.buffer.byteLength)).toEqual([2, 1])
})

test('what the group refuses is thrown, with what it carries', async () => {
  const details = { memberId: 'new' }
  const error = new EdgelogError('member_id_required', 'join again', { details }).toBody()
  const cluster = clusterWith({ joinGroup: async () => ({ error }) })
  const request = { groupId, protocols: [] } as unknown as JoinGroupRequest
  await expect(joinGroup(cluster, request)).rejects.toMatchObject({
    code: 'member_id_required',
    details,
  })
})

test('each member that leaves is answered by itself', async () => {
  const left = [{ memberId: 'm', instanceId: null, error: 'unknown_member_id' }]
  const cluster = clusterWith({ leaveGroup: async () => ({ ok: left }) })
  expect(await leaveGroup(cluster, groupId, [{ memberId: 'm', instanceId: null }])).toEqual(left)
})
