import type { GroupDescription, MemberDescription } from '../group-api.ts'
import type { GroupId } from '../group-id.ts'
import type { TopicDirectory } from '../topic-directory.ts'
import { assignedTopics } from './assigned-topics.ts'
import type { ConsumerGroup } from './consumer-group.ts'
import { isAway } from './consumer-member.ts'
import { assignorOf } from './target.ts'

/** Kafka's protocol type of consumer groups. */
export const CONSUMER_PROTOCOL_TYPE = 'consumer'

/** Returns the description of a group of the consumer protocol. */
export function describeConsumerGroup(
  groupId: GroupId,
  group: ConsumerGroup,
  topics: TopicDirectory,
): GroupDescription {
  const members = [...group.members.values()].map(
    (member): MemberDescription => ({
      memberId: member.memberId,
      instanceId: member.instanceId,
      clientId: member.clientId,
      clientHost: member.clientHost,
      memberEpoch: member.memberEpoch,
      state: isAway(member) ? 'away' : member.state,
      topics: member.topics,
      topicPattern: member.topicPattern,
      assignment: assignedTopics(member.assigned, topics),
      target: assignedTopics(group.target(member.memberId), topics),
    }),
  )
  return {
    groupId,
    state: group.state,
    protocol: 'consumer',
    lastProtocol: 'consumer',
    protocolType: CONSUMER_PROTOCOL_TYPE,
    memberCount: members.length,
    groupEpoch: group.groupEpoch,
    assignmentEpoch: group.assignmentEpoch,
    assignor: assignorOf(group),
    members: members.sort((one, other) => (one.memberId < other.memberId ? -1 : 1)),
  }
}
