/** AddPartitionsToTxn and AddOffsetsToTxn: begin a transaction, and name its participants. */
import type { Result } from '../errors.ts'
import {
  TRANSACTION_GROUPS_MAX,
  TRANSACTION_NUMBER_MAX,
  TRANSACTION_PARTITIONS_MAX,
} from '../limits.ts'
import type { PartitionParticipant } from './partition-participant.ts'
import type { AddParticipantsRequest, VerifyRequest } from './transaction-api.ts'
import {
  type Decision,
  type DecisionContext,
  isOvertaken,
  isPrepared,
  REFUSALS,
  refuse,
  refuseProducer,
  type TransactionRecord,
} from './transaction-record.ts'

interface Numbered {
  readonly number: number
}

/** Decides an addition: all participants or none. */
export function decideAdd(
  record: TransactionRecord | undefined,
  request: AddParticipantsRequest,
  { nowMs }: DecisionContext,
): Decision<Numbered> {
  const refusal = refuseProducer(record, request)
  if (refusal !== undefined) return refusal
  const known = record as TransactionRecord
  const { version, connection = 0 } = request
  if (version === 1 && isOvertaken(known, request.connection)) return REFUSALS.overtaken(known)
  if (isPrepared(known)) return REFUSALS.ending(known)
  const isOpen = known.state === 'Ongoing'
  const partitions = union(known.partitions, request.partitions, partitionKey)
  const groups = union(known.groups, request.groups, (group) => group)
  const isSame = partitions === known.partitions && groups === known.groups
  if (isOpen && isSame && connection <= known.connection) return numbered(known)
  if (!isOpen && known.number >= TRANSACTION_NUMBER_MAX) return REFUSALS.fenced(known)
  if (partitions.length > TRANSACTION_PARTITIONS_MAX || groups.length > TRANSACTION_GROUPS_MAX) {
    const why = `at most ${TRANSACTION_PARTITIONS_MAX} partitions and ${TRANSACTION_GROUPS_MAX} groups are allowed`
    return refuse(known, 'policy_violation', `transaction: ${why}`)
  }
  return numbered({
    ...known,
    state: 'Ongoing',
    number: isOpen ? known.number : known.number + 1,
    startedAtMs: isOpen ? known.startedAtMs : nowMs,
    updatedAtMs: nowMs,
    connection: Math.max(connection, known.connection),
    version,
    partitions,
    groups,
  })
}

/** Returns the number of the open transaction if it has all these participants. Changes nothing. */
export function decideVerify(
  record: TransactionRecord | undefined,
  request: VerifyRequest,
): Result<Numbered> {
  const refusal = refuseProducer(record, request)
  if (refusal !== undefined) return refusal.result
  const known = record as TransactionRecord
  if (isPrepared(known)) return REFUSALS.ending(known).result
  const isComplete =
    union(known.partitions, request.partitions, partitionKey) === known.partitions &&
    union(known.groups, request.groups, (group) => group) === known.groups
  // Without participants all of none are in it, but no transaction is open.
  if (known.state === 'Ongoing' && isComplete) return { ok: { number: known.number } }
  const why = 'transaction: a partition or group was not added to the open transaction; abort it'
  return refuse<Numbered>(known, 'transaction_abortable', why).result
}

function numbered(record: TransactionRecord): Decision<Numbered> {
  return { record, result: { ok: { number: record.number } } }
}

function partitionKey({ topicId, partition }: PartitionParticipant): string {
  return `${topicId}/${partition}`
}

/** Returns both without duplicates; `known` itself if nothing is added. */
function union<T>(
  known: readonly T[],
  added: readonly T[],
  keyOf: (item: T) => string,
): readonly T[] {
  const keys = new Set(known.map(keyOf))
  const fresh = added.filter((item) => {
    const isFresh = !keys.has(keyOf(item))
    keys.add(keyOf(item))
    return isFresh
  })
  return fresh.length === 0 ? known : [...known, ...fresh]
}
