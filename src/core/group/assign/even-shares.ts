/**
 * Evens out a group whose members all subscribe to the same topics. P partitions and M members give
 * quotas of floor(P / M), and one more for P mod M of them:
 *
 *   1. members with more than floor(P / M) partitions come first for the larger quotas;
 *   2. a member above its quota gives up the difference, and no member gives up more;
 *   3. free partitions are dealt out to the members below their quota.
 *
 * A member keeps min(its count, its quota), and rule 1 maximizes the sum of these. The partitions to give up, and the
 * members that get free ones, are then chosen so that each topic is spread over the members.
 */
import { assert } from '../../errors.ts'
import { addToShare, type GroupShares, type TopicShares } from './shares.ts'

export function evenOutShares({ topics, counts }: GroupShares): void {
  const quotas = quotasOf(topics, counts)
  const topicsOfRich = quotas.map((): TopicShares[] => [])
  for (const topic of topics) {
    for (const member of topic.shares.keys()) {
      if (excessOf(counts, quotas, member) > 0) topicsOfRich[member]?.push(topic)
    }
  }
  for (const [member, topicsOfMember] of topicsOfRich.entries()) {
    const excess = excessOf(counts, quotas, member)
    if (excess > 0) giveUp(topicsOfMember, counts, member, excess)
  }
  dealOut(topics, counts, quotas)
}

function excessOf(counts: readonly number[], quotas: readonly number[], member: number): number {
  return (counts[member] ?? 0) - (quotas[member] ?? 0)
}

function quotasOf(topics: readonly TopicShares[], counts: readonly number[]): readonly number[] {
  const total = topics.reduce((sum, { owners }) => sum + owners.length, 0)
  const base = Math.floor(total / counts.length)
  const extra = total % counts.length
  const isRich = (member: number) => (counts[member] ?? 0) > base
  const richFirst = [...counts.keys()].sort((a, b) => Number(isRich(b)) - Number(isRich(a)))
  const quotas = counts.map(() => base)
  for (const member of richFirst.slice(0, extra)) quotas[member] = base + 1
  return quotas
}

/**
 * Gives up `excess` partitions of a member, from the topics in which it has the largest shares:
 * all its shares are cut to one level. If more would be cut than needed, the topics with the
 * most free partitions keep one above that level.
 */
function giveUp(
  topics: readonly TopicShares[],
  counts: number[],
  member: number,
  excess: number,
): void {
  const shareOf = (topic: TopicShares) => topic.shares.get(member) ?? 0
  const cutBy = (level: number) =>
    topics.reduce((sum, topic) => sum + Math.max(0, shareOf(topic) - level), 0)
  let level = 0
  let tooHigh = topics.reduce((max, topic) => Math.max(max, shareOf(topic)), 0)
  while (tooHigh - level > 1) {
    const middle = Math.floor((level + tooHigh) / 2)
    if (cutBy(middle) >= excess) level = middle
    else tooHigh = middle
  }
  const cut = topics.filter((topic) => shareOf(topic) > level).sort((a, b) => b.free - a.free)
  let spared = cutBy(level) - excess
  for (const topic of cut) {
    const newShare = spared-- > 0 ? level + 1 : level
    addToShare(topic, counts, member, newShare - shareOf(topic))
  }
}

/**
 * Deals out the free partitions of each topic in turn, preferably to members with the smallest share of the
 * topic. A skipped member has a larger share, so the total number of skips is at most the number of partitions.
 */
function dealOut(
  topics: readonly TopicShares[],
  counts: number[],
  quotas: readonly number[],
): void {
  const poor = [...counts.keys()].filter((member) => excessOf(counts, quotas, member) < 0)
  let turn = 0
  for (const topic of topics) {
    let level = 0
    let skipped = 0
    while (topic.free > 0) {
      if (turn >= poor.length) turn = 0
      const member = poor[turn]
      assert(member !== undefined, 'quotas add up to all partitions')
      if ((topic.shares.get(member) ?? 0) > level) {
        turn++
        skipped++
      } else {
        addToShare(topic, counts, member, 1)
        if (excessOf(counts, quotas, member) < 0) turn++
        else poor.splice(turn, 1)
        skipped = 0
      }
      if (skipped < poor.length) continue
      level++
      skipped = 0
    }
  }
}
