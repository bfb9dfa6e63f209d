import type { ClassicGroupDescription, ClassicMemberDescription } from '../classic-api.ts'
import type { GroupDescription, MemberDescription } from '../group-api.ts'
import type { GroupId } from '../group-id.ts'
import type { ClassicGroup, ClassicMember } from './classic-group.ts'

/** Returns the description of a classic group. The partitions of members are opaque here, so their lists are empty. */
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
    lastProtocol: 'classic',
    protocolType: group.protocolType,
    memberCount: members.length,
    groupEpoch: group.generation,
    assignmentEpoch: group.generation,
    assignor: group.protocolName,
    members,
  }
}

/** Returns the description for Kafka's tools, which can decode the opaque metadata. */
export function describeForKafka(group: ClassicGroup): ClassicGroupDescription {
  const { state, protocolType, protocolName, generation } = group
  const members = [...group.members.values()].map((member) => memberForKafka(group, member))
  return { state, protocolType, protocolName, generation, members }
}

function memberForKafka(group: ClassicGroup, member: ClassicMember): ClassicMemberDescription {
  const { memberId, instanceId, clientId, clientHost, protocols, assignment } = member
  const chosen = protocols.find(({ name }) => name === group.protocolName)
  const metadata = chosen?.metadata ?? new Uint8Array(0)
  return { memberId, instanceId, clientId, clientHost, metadata, assignment }
}
