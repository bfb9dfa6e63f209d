import { type Connection, requestJson } from '../http/connection.ts'

export interface GroupSummary {
  readonly groupId: string
  /** `empty`, `assigning`, `reconciling`, `stable`; of Kafka's classic protocol others. */
  readonly state: string
  readonly protocol: 'consumer' | 'classic' | null
  readonly memberCount: number
}

/** All groups, by id, read a page at a time. */
export async function listGroups(
  connection: Connection,
  signal?: AbortSignal,
): Promise<readonly GroupSummary[]> {
  const groups: GroupSummary[] = []
  // Each page begins after the last id of the one before, so there is an end to them.
  for (let after: string | null = ''; after !== null; ) {
    const path: string = `/v1/groups?after=${encodeURIComponent(after)}`
    const page: { groups: readonly GroupSummary[]; next: string | null } = await requestJson(
      connection,
      path,
      { signal },
    )
    groups.push(...page.groups)
    after = page.next
  }
  return groups
}
