/** One step of one member towards its target (KIP-848, "Reconciliation of the group"). */
import {
  type Assignment,
  countPartitions,
  filterPartitions,
  intersect,
  isEmpty,
  isSameAssignment,
  NO_PARTITIONS,
  subtract,
  unite,
} from '../assign/assignment.ts'
import type { ConsumerGroupDraft } from './consumer-group.ts'
import type { ConsumerMember } from './consumer-member.ts'

/**
 * Revokes the partitions that the target lacks; after the member has released them, assigns the free ones.
 *
 * @param owned The partitions that the member reports to hold; undefined:
 * not reported, so nothing is confirmed.
 * @returns The same object if there is nothing to do.
 */
export function reconcile(
  draft: ConsumerGroupDraft,
  member: ConsumerMember,
  owned: Assignment | undefined,
): ConsumerMember {
  const isWaiting = member.state === 'unrevoked_partitions'
  if (isWaiting && isHeld(member.pendingRevocation, owned)) return member
  const isThere = member.state === 'stable' && member.memberEpoch === draft.assignmentEpoch
  return isThere ? member : step(draft, member, owned)
}

function step(
  draft: ConsumerGroupDraft,
  member: ConsumerMember,
  owned: Assignment | undefined,
): ConsumerMember {
  const target = draft.target(member.memberId)
  const kept = intersect(member.assigned, target)
  const revoked = subtract(member.assigned, target)
  if (!isEmpty(revoked) && isHeld(revoked, owned)) {
    return { ...member, state: 'unrevoked_partitions', assigned: kept, pendingRevocation: revoked }
  }
  const missing = subtract(target, kept)
  const free = filterPartitions(missing, (topicId, partition) =>
    draft.isFree(topicId, partition, member.memberId),
  )
  const isComplete = countPartitions(free) === countPartitions(missing)
  const state = isComplete ? 'stable' : 'unreleased_partitions'
  const assigned = unite(kept, free)
  const isSame =
    member.memberEpoch === draft.assignmentEpoch &&
    member.state === state &&
    isSameAssignment(assigned, member.assigned)
  if (isSame) return member
  return {
    ...member,
    ...epochs(member, draft.assignmentEpoch),
    state,
    assigned,
    pendingRevocation: NO_PARTITIONS,
  }
}

/** Keeps the previous epoch within one epoch: the member may have missed more than one response. */
function epochs(
  { memberEpoch, previousMemberEpoch }: ConsumerMember,
  assignmentEpoch: number,
): Pick<ConsumerMember, 'memberEpoch' | 'previousMemberEpoch'> {
  return memberEpoch === assignmentEpoch
    ? { memberEpoch, previousMemberEpoch }
    : { memberEpoch: assignmentEpoch, previousMemberEpoch: memberEpoch }
}

function isHeld(revoked: Assignment, owned: Assignment | undefined): boolean {
  return owned === undefined || !isEmpty(intersect(revoked, owned))
}
