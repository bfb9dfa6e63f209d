/** Checks whether a member of the consumer protocol may commit an offset. */
import { EdgelogError } from '../../errors.ts'
import { holds } from '../assign/assignment.ts'
import { type CommittingMember, JOIN_EPOCH } from '../group-api.ts'
import type { ConsumerGroup } from './consumer-group.ts'
import type { ConsumerMember } from './consumer-member.ts'
import { findMember } from './identify.ts'

/**
 * Checks a member's commit. The member must commit with its epoch, or with its previous epoch if it has not
 * received the new one, and only for partitions that it holds. The second rule is stricter than Kafka: a late
 * commit of a revoked partition never overwrites a commit of the partition's new owner.
 *
 * @throws {EdgelogError} `unknown_member_id`, `fenced_instance_id`, `stale_member_epoch`.
 */
export function checkConsumerCommit(
  group: ConsumerGroup,
  committing: CommittingMember,
  offsets: ReadonlyArray<{
    readonly topicId: string
    readonly topic: string
    readonly partition: number
  }>,
): void {
  const member = findCommitting(group, committing)
  for (const { topicId, topic, partition } of offsets) {
    const isHeld =
      holds(member.assigned, topicId, partition) ||
      holds(member.pendingRevocation, topicId, partition)
    if (isHeld) continue
    throw new EdgelogError(
      'stale_member_epoch',
      `partition ${partition} of ${topic} is not assigned to member ${member.memberId}`,
    )
  }
}

/** @throws {EdgelogError} `unknown_member_id`, `fenced_instance_id`, `stale_member_epoch`. */
export function findCommitting(group: ConsumerGroup, committing: CommittingMember): ConsumerMember {
  const member = findMember(group, committing)
  const { epoch } = committing
  const isCurrent = epoch === member.memberEpoch || epoch === member.previousMemberEpoch
  // Epochs of 0 and less are used for joining and leaving: a member holds no partition with them.
  if (isCurrent && epoch > JOIN_EPOCH) return member
  throw new EdgelogError(
    'stale_member_epoch',
    `memberEpoch: must be ${member.memberEpoch}, the member's epoch; got ${epoch}`,
  )
}
