/** Measures how long a group takes to share a topic of 1,000 partitions, and how many partitions move. */
import { Members, type Owners } from './group-members.ts'
import type { HttpLoad } from './http-load.ts'

const MEMBER_COUNTS = [1, 10, 100, 1_000]

export interface Rebalance {
  readonly tookMs: number
  readonly moved: number
  /** The minimum number of moves that balances the new members. */
  readonly needed: number
}

export interface RebalanceFigures {
  readonly memberCount: number
  readonly allJoinMs: number
  readonly oneJoins: Rebalance
  readonly oneLeaves: Rebalance
}

export async function measureRebalances(
  load: HttpLoad,
  topic: string,
  partitions: number,
): Promise<RebalanceFigures[]> {
  const figures: RebalanceFigures[] = []
  for (const memberCount of MEMBER_COUNTS) {
    const members = new Members(load, `members-${memberCount}`, topic, partitions)
    const startedAtMs = performance.now()
    members.join(memberCount)
    const owners = await members.settled()
    const allJoinMs = performance.now() - startedAtMs
    // Each change comes right after the members have settled. Most have just sent a heartbeat, so they
    // get the change a whole heartbeat interval later.
    const oneJoins = await measureChange(members, owners, async () => members.join(1))
    const [eldest] = members.all
    if (eldest === undefined) throw new Error('the group has no members')
    const oneLeaves = await measureChange(members, oneJoins.owners, () => members.leave(eldest))
    await members.leaveAll()
    figures.push({ memberCount, allJoinMs, oneJoins, oneLeaves })
  }
  return figures
}

async function measureChange(
  members: Members,
  before: Owners,
  change: () => Promise<void>,
): Promise<Rebalance & { readonly owners: Owners }> {
  const startedAtMs = performance.now()
  await change()
  const owners = await members.settled()
  const tookMs = performance.now() - startedAtMs
  const moved = [...owners].filter(([partition, memberId]) => before.get(partition) !== memberId)
  const memberIds = members.all.map(({ memberId }) => memberId)
  return { tookMs, moved: moved.length, needed: movesNeeded(before, memberIds), owners }
}

/**
 * Returns the number of partitions that must move. Each remaining member keeps up to its even share;
 * where the division leaves a remainder, some keep one more.
 */
function movesNeeded(before: Owners, memberIds: readonly string[]): number {
  const share = Math.floor(before.size / memberIds.length)
  let larger = before.size % memberIds.length
  const counts = new Map(memberIds.map((memberId) => [memberId, 0]))
  for (const memberId of before.values()) {
    const count = counts.get(memberId)
    if (count !== undefined) counts.set(memberId, count + 1)
  }
  let kept = 0
  for (const count of counts.values()) {
    const hasMore = count > share && larger > 0
    if (hasMore) larger -= 1
    kept += hasMore ? share + 1 : Math.min(count, share)
  }
  return before.size - kept
}
