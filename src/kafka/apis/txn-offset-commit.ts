/**
 * Kafka's TxnOffsetCommit (key 28): commits offsets of a group as part of a transaction. From version 5 on it adds the
 * group to the transaction (KIP-890); before, the group must be in it.
 */
import type { CommitResultOrError } from '../../broker/commit-offsets-each.ts'
import { EdgelogError } from '../../core/errors.ts'
import type { CommittingMember } from '../../core/group/group-api.ts'
import { parseGroupId } from '../../core/group/group-id.ts'
import {
  array,
  int16,
  int32,
  int64,
  long,
  messages,
  nullableString,
  type RequestOf,
  type ResponseOf,
  string,
} from '../../core/kafka/schema.ts'
import { NO_ERROR } from '../error-number.ts'
import { handled, type KafkaCall } from '../handled.ts'
import { COMMIT_ADDS_SINCE, offsetCommitErrorNumber } from '../transaction-errors.ts'

export const TXN_OFFSET_COMMIT = messages({
  key: 28,
  name: 'TxnOffsetCommit',
  versions: [0, 5],
  flexibleSince: 3,
  request: {
    transactionalId: string,
    groupId: string,
    producerId: int64,
    producerEpoch: int16,
    generationId: int32.in('3+').or(-1),
    memberId: string.in('3+').or(''),
    groupInstanceId: nullableString.in('3+').or(null),
    topics: array({
      name: string,
      partitions: array({
        partitionIndex: int32,
        committedOffset: long,
        committedLeaderEpoch: int32.in('2+').or(-1),
        committedMetadata: nullableString,
      }),
    }),
  },
  response: {
    throttleTimeMs: int32.or(0),
    topics: array({
      name: string,
      partitions: array({ partitionIndex: int32, errorCode: int16 }),
    }),
  },
})

export type TxnOffsetCommitRequest = RequestOf<typeof TXN_OFFSET_COMMIT>
export type TxnOffsetCommitResponse = ResponseOf<typeof TXN_OFFSET_COMMIT>

export const txnOffsetCommitApi = handled(TXN_OFFSET_COMMIT, async (request, call) => {
  const results = (await commitAll(request, call)).values()
  const numberOf = (result: CommitResultOrError) =>
    result === null ? NO_ERROR : offsetCommitErrorNumber(result, call.version)
  return {
    topics: request.topics.map(({ name, partitions }) => ({
      name,
      partitions: partitions.map(({ partitionIndex }) => ({
        partitionIndex,
        errorCode: numberOf(results.next().value ?? null),
      })),
    })),
  }
})

/** Returns one result per partition, in the order of the request. */
async function commitAll(
  request: TxnOffsetCommitRequest,
  { broker, version }: KafkaCall,
): Promise<readonly CommitResultOrError[]> {
  const { transactionalId, producerId, producerEpoch } = request
  const wanted = request.topics.flatMap(({ name, partitions }) =>
    partitions.map((one) => ({
      topic: { name },
      partition: one.partitionIndex,
      offset: one.committedOffset,
      leaderEpoch: one.committedLeaderEpoch,
      metadata: one.committedMetadata ?? '',
    })),
  )
  try {
    const groupId = parseGroupId(request.groupId)
    const producer = { transactionalId, producerId, producerEpoch }
    return await broker.offsets.commitEach(groupId, memberOf(request), wanted, {
      ...producer,
      version: version >= COMMIT_ADDS_SINCE ? 2 : 1,
    })
  } catch (error) {
    if (!(error instanceof EdgelogError)) throw error
    return wanted.map(() => error)
  }
}

/** Returns null for a commit without a member: then the group checks none. */
function memberOf(request: TxnOffsetCommitRequest): CommittingMember | null {
  const { memberId, generationId: epoch, groupInstanceId: instanceId } = request
  return memberId === '' && epoch < 0 && instanceId === null
    ? null
    : { memberId, epoch, instanceId }
}
