/** Assignments: sets of partitions by topic id, the partitions of a topic in rising order. */

/** Contains only topics with at least one partition. */
export type Assignment = ReadonlyMap<string, readonly number[]>

export const NO_PARTITIONS: Assignment = new Map()

export function isEmpty(assignment: Assignment): boolean {
  return assignment.size === 0
}

export function countPartitions(assignment: Assignment): number {
  let count = 0
  for (const partitions of assignment.values()) count += partitions.length
  return count
}

export function holds(assignment: Assignment, topicId: string, partition: number): boolean {
  return assignment.get(topicId)?.includes(partition) ?? false
}

/** Returns the partitions of `assignment` for which `keep` returns true. */
export function filterPartitions(
  assignment: Assignment,
  keep: (topicId: string, partition: number) => boolean,
): Assignment {
  const kept = new Map<string, readonly number[]>()
  for (const [topicId, partitions] of assignment) {
    const some = partitions.filter((partition) => keep(topicId, partition))
    if (some.length > 0) kept.set(topicId, some)
  }
  return kept
}

export function intersect(one: Assignment, other: Assignment): Assignment {
  return filterPartitions(one, membershipOf(other))
}

export function subtract(one: Assignment, other: Assignment): Assignment {
  const isHeld = membershipOf(other)
  return filterPartitions(one, (topicId, partition) => !isHeld(topicId, partition))
}

/** Returns the partitions that are in either assignment. */
export function unite(one: Assignment, other: Assignment): Assignment {
  const united = new Map(one)
  for (const [topicId, partitions] of other) {
    const both = new Set([...(united.get(topicId) ?? []), ...partitions])
    united.set(
      topicId,
      [...both].sort((a, b) => a - b),
    )
  }
  return united
}

export function isSubset(part: Assignment, whole: Assignment): boolean {
  return isEmpty(subtract(part, whole))
}

export function isSameAssignment(one: Assignment, other: Assignment): boolean {
  if (one === other) return true
  if (one.size !== other.size) return false
  for (const [topicId, partitions] of one) {
    const others = other.get(topicId)
    if (others?.length !== partitions.length) return false
    if (partitions.some((partition, index) => partition !== others[index])) return false
  }
  return true
}

/** Returns `before` itself if `next` is equal, otherwise `next`: callers detect a change by identity. */
export function keepIfSame(before: Assignment, next: Assignment): Assignment {
  return isSameAssignment(before, next) ? before : next
}

/** Returns a function that checks membership in constant time, also for thousands of partitions of one topic. */
function membershipOf(assignment: Assignment): (topicId: string, partition: number) => boolean {
  const sets = new Map<string, ReadonlySet<number>>()
  return (topicId, partition) => {
    let set = sets.get(topicId)
    if (set === undefined) {
      set = new Set(assignment.get(topicId))
      sets.set(topicId, set)
    }
    return set.has(partition)
  }
}
