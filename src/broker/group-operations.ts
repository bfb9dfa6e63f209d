/** Operations on groups: list, describe, delete, configure. */
import { CLUSTER, groupResource, type Operation, topicResource } from '../core/access/resource.ts'
import type { ClassicGroupDescription } from '../core/group/classic-api.ts'
import type { GroupDescription, GroupSummary } from '../core/group/group-api.ts'
import type { GroupConfigChange, GroupConfigOverrides } from '../core/group/group-config.ts'
import type { GroupId } from '../core/group/group-id.ts'
import type { Access } from './access.ts'
import { describeClassicGroup } from './classic-groups.ts'
import type { Cluster } from './cluster.ts'
import { changeGroupConfig, groupConfig, listConfiguredGroups } from './group-configs.ts'
import { describeLag, type PartitionLag } from './group-lag.ts'
import {
  checkGroupExists,
  deleteGroup,
  describeGroup,
  type GroupPage,
  listAllGroups,
  listGroups,
} from './groups.ts'

/** Every method throws an authorization error, in addition to the errors of the function it calls. */
export class GroupOperations {
  readonly #cluster: Cluster
  readonly #access: Access

  constructor(cluster: Cluster, access: Access) {
    this.#cluster = cluster
    this.#access = access
  }

  /** Returns a page of the groups, without those that the principal may not `describe`. */
  list(page: { readonly after: string; readonly limit: number }): Promise<GroupPage> {
    return listGroups(this.#cluster, page, (groupIds) => this.#visible(groupIds))
  }

  /** Returns all groups that the principal may `describe`. */
  listAll(summariesMax: number): Promise<readonly GroupSummary[]> {
    return listAllGroups(this.#cluster, summariesMax, (groupIds) => this.#visible(groupIds))
  }

  /** Needs `operation` on the group: the one that the caller is about to do. */
  checkExists(groupId: GroupId, operation: Operation): Promise<void> {
    return this.#access.guard(operation, groupResource(groupId), () =>
      checkGroupExists(this.#cluster, groupId),
    )
  }

  /** Needs `describe` on the group, and on each topic that its members subscribe to or are assigned. */
  async describe(groupId: GroupId, maxBytes?: number): Promise<GroupDescription> {
    const description = await this.#access.guard('describe', groupResource(groupId), () =>
      describeGroup(this.#cluster, groupId, maxBytes),
    )
    await this.#access.checkEach('describe', topicsOf(description).map(topicResource))
    return description
  }

  /** Needs `describe` on the group. */
  describeClassic(groupId: GroupId, maxBytes: number): Promise<ClassicGroupDescription> {
    return this.#access.guard('describe', groupResource(groupId), () =>
      describeClassicGroup(this.#cluster, groupId, maxBytes),
    )
  }

  /** Needs `describe` on the group, and leaves out topics that the principal may not describe. */
  async describeLag(
    groupId: GroupId,
    description: GroupDescription,
  ): Promise<readonly PartitionLag[]> {
    const lags = await this.#access.guard('describe', groupResource(groupId), () =>
      describeLag(this.#cluster, groupId, description),
    )
    return await this.#access.filter(lags, 'describe', ({ topic }) => topicResource(topic))
  }

  /** Needs `delete` on the group. */
  delete(groupId: GroupId): Promise<void> {
    return this.#access.guard('delete', groupResource(groupId), () =>
      deleteGroup(this.#cluster, groupId),
    )
  }

  /** Needs `describe_configs` on the group. */
  config(groupId: GroupId): Promise<GroupConfigOverrides> {
    return this.#access.guard('describe_configs', groupResource(groupId), () =>
      groupConfig(this.#cluster, groupId),
    )
  }

  /** Needs `alter_configs` on the group. */
  changeConfig(groupId: GroupId, change: GroupConfigChange, validateOnly: boolean): Promise<void> {
    return this.#access.guard('alter_configs', groupResource(groupId), () =>
      changeGroupConfig(this.#cluster, groupId, change, validateOnly),
    )
  }

  /** Needs `describe_configs` on the cluster. */
  listConfigured(): Promise<readonly GroupId[]> {
    return this.#access.guard('describe_configs', CLUSTER, () =>
      listConfiguredGroups(this.#cluster),
    )
  }

  /** Returns the visible groups. As in Kafka, a principal that may describe the cluster sees all groups. */
  async #visible(groupIds: readonly GroupId[]): Promise<readonly GroupId[]> {
    if (await this.#access.allows('describe', CLUSTER)) return groupIds
    return await this.#access.filter(groupIds, 'describe', groupResource)
  }
}

function topicsOf({ members }: GroupDescription): string[] {
  const topics = members.flatMap(({ topics, assignment, target }) => [
    ...topics,
    ...assignment.map(({ topic }) => topic),
    ...target.map(({ topic }) => topic),
  ])
  return [...new Set(topics)]
}
