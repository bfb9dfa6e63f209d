/** Consumer groups: heartbeats, members, the list of groups. */
import { EdgelogError } from '../core/errors.ts'
import type {
  GroupDescription,
  GroupSummary,
  HeartbeatRequest,
  HeartbeatResponse,
} from '../core/group/group-api.ts'
import type { GroupId } from '../core/group/group-id.ts'
import { GROUPS_MAX } from '../core/limits.ts'
import type { Cluster } from './cluster.ts'
import { fanOut } from './fan-out.ts'

/**
 * Sends one heartbeat of the consumer protocol.
 *
 * @param request valid by `checkHeartbeat`.
 * @throws {EdgelogError} errors of `decideHeartbeat`; `policy_violation`,
 * `throttled` for a new group; `inconsistent_group_protocol`.
 */
export async function heartbeat(
  cluster: Cluster,
  request: HeartbeatRequest,
): Promise<HeartbeatResponse> {
  return await cluster.objects.callGroup(request.groupId, (group) => group.heartbeat(request))
}

export interface GroupPage {
  readonly groups: readonly GroupSummary[]
  /** Start of the next page; null on the last page. */
  readonly next: string | null
}

/** Returns those of the groups that the caller may see. */
export type Visible = (groupIds: readonly GroupId[]) => Promise<readonly GroupId[]>

/**
 * Returns a page of the groups, sorted by id. A group that is deleted in the meantime is left out; a group that does
 * not respond has the state `unknown`.
 */
export async function listGroups(
  cluster: Cluster,
  { after, limit }: { readonly after: string; readonly limit: number },
  visible: Visible,
): Promise<GroupPage> {
  const ids = await cluster.objects.coordinate((coordinator) =>
    coordinator.listGroups(after, limit),
  )
  const found = await fanOut(await visible(ids), (id) => summarize(cluster, id))
  const last = ids.length < limit ? undefined : ids.at(-1)
  return { groups: found.flat(), next: last ?? null }
}

/**
 * Returns all groups, sorted by id. Summarizes the first `summariesMax`
 * like `listGroups`; the others get only their id.
 */
export async function listAllGroups(
  cluster: Cluster,
  summariesMax: number,
  visible: Visible,
): Promise<readonly GroupSummary[]> {
  const ids = await visible(
    await cluster.objects.coordinate((coordinator) => coordinator.listGroups('', GROUPS_MAX)),
  )
  const asked = await fanOut(ids.slice(0, summariesMax), (id) => summarize(cluster, id))
  return [...asked.flat(), ...ids.slice(summariesMax).map(unknownGroup)]
}

async function summarize(cluster: Cluster, groupId: GroupId): Promise<GroupSummary[]> {
  try {
    return [await cluster.objects.callGroup(groupId, (group) => group.summarize())]
  } catch (error) {
    if (!(error instanceof EdgelogError)) throw error
    if (error.code === 'group_id_not_found') return []
    if (!error.retryable) throw error
    return [unknownGroup(groupId)]
  }
}

function unknownGroup(groupId: GroupId): GroupSummary {
  const unknown = { protocol: null, lastProtocol: null, protocolType: null }
  return { groupId, state: 'unknown', ...unknown, memberCount: 0 }
}

/** @throws {EdgelogError} `group_id_not_found`. */
export async function checkGroupExists(cluster: Cluster, groupId: GroupId): Promise<void> {
  await cluster.objects.callGroup(groupId, (group) => group.summarize())
}

/** @throws {EdgelogError} `group_id_not_found`, with `maxBytes` also `request_too_large`. */
export async function describeGroup(
  cluster: Cluster,
  groupId: GroupId,
  maxBytes?: number,
): Promise<GroupDescription> {
  return await cluster.objects.callGroup(groupId, (group) => group.describe(maxBytes))
}

/** @throws {EdgelogError} `group_id_not_found`, `non_empty_group`. */
export async function deleteGroup(cluster: Cluster, groupId: GroupId): Promise<void> {
  await cluster.objects.callGroup(groupId, (group) => group.deleteGroup())
}
