/** Decides how members of the consumer protocol leave, and whether a change of topics affects a group. */

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

/** Removes members whose session expired or that did not revoke their partitions in time. */
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

/** Requires a new assignment if the group subscribes to a topic that has changed. */
export function decideTopicsChange(
  group: ConsumerGroup,
  before: TopicDirectory,
  after: TopicDirectory,
): ConsumerGroupChange | null {
  const draft = new ConsumerGroupDraft(group)
  if (isNewAssignmentDue(group, before, after)) draft.groupEpoch += 1
  return draft.change()
}
