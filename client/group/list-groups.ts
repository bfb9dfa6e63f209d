import { type Connection, requestJson } from '../http/connection.ts'

export interface GroupSummary {
  readonly groupId: string
  /** `empty`, `assigning`, `reconciling`, `stable`; classic groups have other states. */
  readonly state: string
  readonly protocol: 'consumer' | 'classic' | null
  readonly memberCount: number
}

/** Returns all groups, sorted by id; reads them page by page. */
export async function listGroups(
  connection: Connection,
  signal?: AbortSignal,
): Promise<readonly GroupSummary[]> {
  const groups: GroupSummary[] = []
  // Each page begins after the last id of the previous one, so the loop ends.
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
