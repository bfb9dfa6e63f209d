/**
 * Kafka's OffsetCommit (key 8): stores how far a group has read. Used by both protocols, and by consumers that are not
 * members of the group (generation -1, no member id).
 */
import type { Broker } from '../../broker/broker.ts'
import type { CommitResultOrError } from '../../broker/commit-offsets-each.ts'
import { EdgelogError } from '../../core/errors.ts'
import type { CommittingMember } from '../../core/group/group-api.ts'
import { parseGroupId } from '../../core/group/group-id.ts'
import {
  array,
  int16,
  int32,
  long,
  messages,
  NO_UUID,
  nullableString,
  type RequestOf,
  type ResponseOf,
  string,
  uuid,
} from '../../core/kafka/schema.ts'
import { errorNumbersOf, NO_ERROR } from '../error-number.ts'
import { handled } from '../handled.ts'

const { numberOf } = errorNumbersOf('group')

const GROUP_ERROR_SINCE = 9
const IDS_SINCE = 10

export const OFFSET_COMMIT = messages({
  key: 8,
  name: 'OffsetCommit',
  versions: [2, 10],
  flexibleSince: 8,
  request: {
    groupId: string,
    generationIdOrMemberEpoch: int32.or(-1),
    memberId: string,
    groupInstanceId: nullableString.in('7+').or(null),
    retentionTimeMs: long.in('2-4').or(-1),
    topics: array({
      name: string.in('0-9').or(''),
      topicId: uuid.in('10+').or(NO_UUID),
      partitions: array({
        partitionIndex: int32,
        committedOffset: long,
        committedLeaderEpoch: int32.in('6+').or(-1),
        committedMetadata: nullableString,
      }),
    }),
  },
  response: {
    throttleTimeMs: int32.in('3+').or(0),
    topics: array({
      name: string.in('0-9'),
      topicId: uuid.in('10+'),
      partitions: array({ partitionIndex: int32, errorCode: int16 }),
    }),
  },
})

export type OffsetCommitRequest = RequestOf<typeof OFFSET_COMMIT>
export type OffsetCommitResponse = ResponseOf<typeof OFFSET_COMMIT>

export const offsetCommitApi = handled(OFFSET_COMMIT, async (request, { broker, version }) => {
  const results = await commitAll(request, broker, version)
  const next = results.values()
  return {
    topics: request.topics.map(({ name, topicId, partitions }) => ({
      name,
      topicId,
      partitions: partitions.map(({ partitionIndex }) => ({
        partitionIndex,
        errorCode: codeOf(next.next().value ?? null, version),
      })),
    })),
  }
})

/** Returns one result per partition, in the order of the request. */
async function commitAll(
  request: OffsetCommitRequest,
  broker: Broker,
  version: number,
): Promise<readonly CommitResultOrError[]> {
  const wanted = request.topics.flatMap(({ name, topicId, partitions }) =>
    partitions.map((one) => ({
      topic: version >= IDS_SINCE ? { id: topicId } : { name },
      partition: one.partitionIndex,
      offset: one.committedOffset,
      leaderEpoch: one.committedLeaderEpoch,
      metadata: one.committedMetadata ?? '',
    })),
  )
  try {
    const groupId = parseGroupId(request.groupId)
    return await broker.offsets.commitEach(groupId, memberOf(request), wanted)
  } catch (error) {
    if (!(error instanceof EdgelogError)) throw error
    return wanted.map(() => error)
  }
}

/** Returns null for a commit without a member, as sent by tools and by consumers that assign partitions themselves. */
function memberOf(request: OffsetCommitRequest): CommittingMember | null {
  const { memberId, generationIdOrMemberEpoch: epoch, groupInstanceId: instanceId } = request
  return memberId === '' && epoch < 0 && instanceId === null
    ? null
    : { memberId, epoch, instanceId }
}

function codeOf(result: CommitResultOrError, version: number): number {
  if (result === null) return NO_ERROR
  // Older clients expect an old generation instead of a missing group.
  const isOld = result.code === 'group_id_not_found' && version < GROUP_ERROR_SINCE
  return numberOf(isOld ? 'illegal_generation' : result.code)
}
