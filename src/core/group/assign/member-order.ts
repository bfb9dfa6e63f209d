/** The order in which assignors visit members. */
import type { AssignorInput, AssignorMember } from './assignor.ts'

/**
 * Sorts static members first, by instance id, then the others by member id, as in Kafka. A static member that
 * returns with a new member id keeps its position.
 */
export function sortMembers(
  members: AssignorInput['members'],
): ReadonlyArray<readonly [memberId: string, member: AssignorMember]> {
  return [...members].sort(([idA, a], [idB, b]) => {
    if (a.instanceId === null || b.instanceId === null) {
      if (a.instanceId === b.instanceId) return compareText(idA, idB)
      return a.instanceId === null ? 1 : -1
    }
    return compareText(a.instanceId, b.instanceId) || compareText(idA, idB)
  })
}

/** Compares by UTF-16 code units, because locales differ between machines. */
export function compareText(one: string, other: string): number {
  if (one === other) return 0
  return one < other ? -1 : 1
}
