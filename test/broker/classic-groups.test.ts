/** Requests of the classic protocol as the group receives them. */
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

/** Returns a view of a client's bytes in the middle of a larger request. */
function viewOf(...bytes: number[]): Uint8Array {
  const whole = new Uint8Array(1_000)
  whole.set(bytes, 500)
  return whole.subarray(500, 500 + bytes.length)
}

test("sends only the client's bytes, not the request around them", async () => {
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

test("throws the group's error with its details", async () => {
  const details = { memberId: 'new' }
  const error = new EdgelogError('member_id_required', 'join again', { details }).toBody()
  const cluster = clusterWith({ joinGroup: async () => ({ error }) })
  const request = { groupId, protocols: [] } as unknown as JoinGroupRequest
  await expect(joinGroup(cluster, request)).rejects.toMatchObject({
    code: 'member_id_required',
    details,
  })
})

test('returns one result per leaving member', async () => {
  const left = [{ memberId: 'm', instanceId: null, error: 'unknown_member_id' }]
  const cluster = clusterWith({ leaveGroup: async () => ({ ok: left }) })
  expect(await leaveGroup(cluster, groupId, [{ memberId: 'm', instanceId: null }])).toEqual(left)
})
