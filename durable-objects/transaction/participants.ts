/** The participants of a transaction, as the coordinator calls them. */
import type { Result } from '../../src/core/errors.ts'
import type { GroupId } from '../../src/core/group/group-id.ts'
import { partitionObjectName } from '../../src/core/topic/topic.ts'
import type {
  EndTransactionRequest,
  TransactionParticipant,
} from '../../src/core/transaction/participant-api.ts'
import type { PartitionParticipant } from '../../src/core/transaction/partition-participant.ts'

export type ParticipantNamespace = DurableObjectNamespace<
  Rpc.DurableObjectBranded & TransactionParticipant
>

export interface ParticipantCalls {
  endAtPartition(
    partition: PartitionParticipant,
    request: EndTransactionRequest,
  ): Promise<Result<null>>
  endAtGroup(group: GroupId, request: EndTransactionRequest): Promise<Result<null>>
}

export function participantCalls(
  partitions: ParticipantNamespace,
  groups: ParticipantNamespace,
): ParticipantCalls {
  return {
    endAtPartition: ({ topicId, partition }, request) => {
      const id = partitions.idFromName(partitionObjectName(topicId, partition))
      return partitions.get(id).endTransaction(request)
    },
    endAtGroup: (group, request) => groups.getByName(group).endTransaction(request),
  }
}
