/** The configs of groups. */
import type { GroupConfigChange, GroupConfigOverrides } from '../core/group/group-config.ts'
import type { GroupId } from '../core/group/group-id.ts'
import type { Cluster } from './cluster.ts'

/** Returns the configs that were set for a group; most groups have none. */
export async function groupConfig(
  cluster: Cluster,
  groupId: GroupId,
): Promise<GroupConfigOverrides> {
  return await cluster.objects.coordinate((coordinator) => coordinator.groupConfig(groupId))
}

/**
 * Changes the configs of a group.
 *
 * @throws {EdgelogError} `policy_violation` if too many groups have configs.
 */
export async function changeGroupConfig(
  cluster: Cluster,
  groupId: GroupId,
  change: GroupConfigChange,
  validateOnly: boolean,
): Promise<void> {
  await cluster.objects.coordinate((coordinator) =>
    coordinator.changeGroupConfig(groupId, change, validateOnly),
  )
}

/** Returns the groups that have configs, whether the groups themselves exist or not. */
export async function listConfiguredGroups(cluster: Cluster): Promise<readonly GroupId[]> {
  return await cluster.objects.coordinate((coordinator) => coordinator.listConfiguredGroups())
}
