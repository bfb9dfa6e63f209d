/** Checks which member of the consumer protocol may commit an offset. */
import { EdgelogError } from '../../errors.ts'
import { holds } from '../assign/assignment.ts'
import { type CommittingMember, JOIN_EPOCH } from '../group-api.ts'
import type { ConsumerGroup } from './consumer-group.ts'
import type { ConsumerMember } from './consumer-member.ts'
import { findMember } from './identify.ts'

/**
 * A member commits under its epoch, or under the one before if it has yet to hear of its own, and only
 * what it holds. The second is stricter than Kafka: what was revoked, however late its commit arrives,
 * is never committed over the one who has it now.
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
      `partition ${partition} of ${topic} is not with member ${member.memberId}`,
    )
  }
}

/** @throws {EdgelogError} `unknown_member_id`, `fenced_instance_id`, `stale_member_epoch`. */
export function findCommitting(group: ConsumerGroup, committing: CommittingMember): ConsumerMember {
  const member = findMember(group, committing)
  const { epoch } = committing
  const isIts = epoch === member.memberEpoch || epoch === member.previousMemberEpoch
  // 0 and less stand for joining and leaving: nobody holds anything under them.
  if (isIts && epoch > JOIN_EPOCH) return member
  throw new EdgelogError(
    'stale_member_epoch',
    `memberEpoch: ${epoch} is not the member's, which is ${member.memberEpoch}`,
  )
}
