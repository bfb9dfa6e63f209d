/**
 * Kafka's ListGroups (key 16): lists the groups of the cluster, of both
 * protocols. An empty filter matches all (KIP-518, KIP-848).
 */
import type { GroupSummary } from '../../core/group/group-api.ts'
import {
  array,
  int16,
  int32,
  messages,
  type RequestOf,
  type ResponseOf,
  string,
} from '../../core/kafka/schema.ts'
import { KAFKA_GROUP_SUMMARIES_MAX } from '../../core/limits.ts'
import { errorNumbersOf, NO_ERROR } from '../error-number.ts'
import { GROUP_STATES } from '../group-states.ts'
import { handled } from '../handled.ts'

const { errorNumber } = errorNumbersOf('group')

export const LIST_GROUPS = messages({
  key: 16,
  name: 'ListGroups',
  versions: [0, 5],
  flexibleSince: 3,
  request: {
    statesFilter: array(string).in('4+').or([]),
    typesFilter: array(string).in('5+').or([]),
  },
  response: {
    throttleTimeMs: int32.in('1+').or(0),
    errorCode: int16,
    groups: array({
      groupId: string,
      protocolType: string,
      groupState: string.in('4+'),
      groupType: string.in('5+'),
    }),
  },
})

export type ListGroupsRequest = RequestOf<typeof LIST_GROUPS>
export type ListGroupsResponse = ResponseOf<typeof LIST_GROUPS>

/** Lists groups. A group with unknown state passes every filter, because it may match. */
export const listGroupsApi = handled(LIST_GROUPS, async (request, { broker }) => {
  const states = lowerCased(request.statesFilter)
  const types = lowerCased(request.typesFilter)
  try {
    const groups = (await broker.groups.listAll(KAFKA_GROUP_SUMMARIES_MAX)).map(listed)
    return {
      errorCode: NO_ERROR,
      groups: groups.filter(
        ({ groupState, groupType }) =>
          groupState === GROUP_STATES.unknown ||
          (isAmong(groupState, states) && isAmong(groupType, types)),
      ),
    }
  } catch (error) {
    return { errorCode: errorNumber(error), groups: [] }
  }
})

type ListedGroup = ListGroupsResponse['groups'][number]

function listed({ groupId, state, lastProtocol, protocolType }: GroupSummary): ListedGroup {
  return {
    groupId,
    // A group with offsets committed without a member has no protocol: Kafka calls it classic.
    protocolType: protocolType ?? '',
    groupState: GROUP_STATES[state],
    groupType: state === 'unknown' ? '' : (lastProtocol ?? 'classic'),
  }
}

function lowerCased(texts: readonly string[]): ReadonlySet<string> {
  return new Set(texts.map((text) => text.toLowerCase()))
}

function isAmong(text: string, wanted: ReadonlySet<string>): boolean {
  return wanted.size === 0 || wanted.has(text.toLowerCase())
}
