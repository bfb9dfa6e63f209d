/** How members of the consumer protocol go, and what becomes of a group whose topics change. */

import { type HeartbeatRequest, JOIN_EPOCH, LEAVE_EPOCH, LEAVE_STATIC_EPOCH } from '../group-api.ts'
import type { TopicDirectory } from '../topic-directory.ts'
import type { ConsumerGroup, ConsumerGroupChange } from './consumer-group.ts'
import { ConsumerGroupDraft } from './consumer-group.ts'
import { findMember } from './identify.ts'
import { isNewAssignmentDue } from './target.ts'

/** @throws {EdgelogError} `unknown_member_id`, `fenced_instance_id`. */
export function depart(draft: ConsumerGroupDraft, request: HeartbeatRequest): void {
  const { memberId, memberEpoch } = request
  const member = findMember(draft, request)
  if (memberEpoch === LEAVE_EPOCH) {
    draft.remove(memberId)
    draft.groupEpoch += 1
  } else {
    draft.put({ ...member, memberEpoch: LEAVE_STATIC_EPOCH, previousMemberEpoch: JOIN_EPOCH })
  }
}

/** Members that were silent too long, or did not give up what they were to: they are no members. */
export function decideExpiry(
  group: ConsumerGroup,
  memberIds: Iterable<string>,
): ConsumerGroupChange | null {
  const draft = new ConsumerGroupDraft(group)
  for (const memberId of memberIds) {
    if (draft.member(memberId) === undefined) continue
    draft.remove(memberId)
    draft.groupEpoch = group.groupEpoch + 1
  }
  return draft.change()
}

/** Topics are not what they were: a new assignment is due if the group subscribes to them. */
export function decideTopicsChange(
  group: ConsumerGroup,
  before: TopicDirectory,
  after: TopicDirectory,
): ConsumerGroupChange | null {
  const draft = new ConsumerGroupDraft(group)
  if (isNewAssignmentDue(group, before, after)) draft.groupEpoch += 1
  return draft.change()
}
