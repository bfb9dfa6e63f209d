/**
 * Kafka's ElectLeaders (key 43): elects new leaders for partitions (KIP-460). The one
 * node leads all of them, so an election is never needed.
 */

import { EdgelogError } from '../../core/errors.ts'
import {
  array,
  int8,
  int16,
  int32,
  messages,
  nullableArray,
  nullableString,
  type RequestOf,
  type ResponseOf,
  string,
} from '../../core/kafka/schema.ts'
import { clusterError } from '../cluster-error.ts'
import { type ErrorFields, errorNumbersOf, errorOf, NO_ERROR, numberOf } from '../error-number.ts'
import { handled } from '../handled.ts'
import { type FoundTopic, hasPartition, topicsByName } from '../topics-by-name.ts'

const { errorFields } = errorNumbersOf('admin')
const ELECTION_NOT_NEEDED = 84
/** Preferred and unclean. */
const ELECTION_TYPES = new Set([0, 1])

export const ELECT_LEADERS = messages({
  key: 43,
  name: 'ElectLeaders',
  versions: [0, 2],
  flexibleSince: 2,
  request: {
    /** One of `ELECTION_TYPES`. */
    electionType: int8.in('1+').or(0),
    /** Null: all. */
    topicPartitions: nullableArray({ topic: string, partitions: array(int32) }),
    timeoutMs: int32.or(60_000),
  },
  response: {
    throttleTimeMs: int32.or(0),
    errorCode: int16.in('1+').or(0),
    replicaElectionResults: array({
      topic: string,
      partitionResult: array({
        partitionId: int32,
        errorCode: int16,
        errorMessage: nullableString.or(null),
      }),
    }),
  },
})

export type ElectLeadersRequest = RequestOf<typeof ELECT_LEADERS>
export type ElectLeadersResponse = ResponseOf<typeof ELECT_LEADERS>

export const electLeadersApi = handled(ELECT_LEADERS, async (request, { broker }) => {
  const { electionType } = request
  const refusal = await clusterError(broker, 'alter')
  if (refusal !== undefined) {
    const refused = resultsOf(request.topicPartitions ?? [], () => refusal)
    return { errorCode: refusal.errorCode, replicaElectionResults: refused }
  }
  // For a request without partitions a broker returns only those that needed an election.
  const asked = request.topicPartitions ?? []
  if (!ELECTION_TYPES.has(electionType)) {
    const invalid = errorOf(numberOf('invalid_request'), `Unknown election type ${electionType}`)
    return { errorCode: invalid.errorCode, replicaElectionResults: resultsOf(asked, () => invalid) }
  }
  const find = await topicsByName(
    broker,
    asked.map(({ topic }) => topic),
    'alter',
  )
  return {
    errorCode: NO_ERROR,
    replicaElectionResults: resultsOf(asked, (topic, partition) =>
      whyNoElection(topic, find(topic), partition),
    ),
  }
})

function resultsOf(
  asked: NonNullable<ElectLeadersRequest['topicPartitions']>,
  whyNot: (topic: string, partition: number) => ErrorFields,
): ElectLeadersResponse['replicaElectionResults'] {
  return asked.map(({ topic, partitions }) => ({
    topic,
    partitionResult: partitions.map((partitionId) => ({
      partitionId,
      ...whyNot(topic, partitionId),
    })),
  }))
}

function whyNoElection(name: string, topic: FoundTopic, partition: number): ErrorFields {
  if (topic instanceof EdgelogError) return errorFields(topic)
  const missing = numberOf('unknown_topic_or_partition')
  if (topic === null) return errorOf(missing, `No such topic as ${name}`)
  return hasPartition(topic, partition)
    ? errorOf(ELECTION_NOT_NEEDED, 'Leader election not needed for topic partition.')
    : errorOf(missing, `No such partition as ${name}-${partition}`)
}
