import type { ClassicGroup } from './classic-group.ts'
import type { GroupDescription, MemberDescription } from './group-api.ts'
import type { GroupId } from './group-id.ts'

/** A group of the classic protocol as an operator sees it. What its members hold only they know. */
export function describeClassicGroup(groupId: GroupId, group: ClassicGroup): GroupDescription {
  const members = [...group.members.values()].map(
    (member): MemberDescription => ({
      memberId: member.memberId,
      instanceId: member.instanceId,
      clientId: member.clientId,
      clientHost: member.clientHost,
      memberEpoch: group.generation,
      state: group.state,
      topics: [],
      topicPattern: null,
      assignment: [],
      target: [],
    }),
  )
  return {
    groupId,
    state: group.state,
    protocol: 'classic',
    memberCount: members.length,
    groupEpoch: group.generation,
    assignmentEpoch: group.generation,
    assignor: group.protocolName,
    members,
  }
}
