/**
 * Takes part in transactions on behalf of a producer: finds the number of its open transaction, and sends records and
 * offsets under it.
 *
 *     coordinator   add or verify partition ──> number 7, cached
 *     partition     append under 7 ──> ok
 *                   append under 7 ──> invalid_txn_state: the cached number is old
 *     coordinator   add or verify again ──> number 8
 *     partition     append under 8 ──> ok
 */
import { assert, EdgelogError } from '../core/errors.ts'
import type { CommittingMember } from '../core/group/group-api.ts'
import type { GroupId } from '../core/group/group-id.ts'
import { TRANSACTIONAL_ID_LENGTH_MAX } from '../core/limits.ts'
import type { TransactionTag, TransactionVersion } from '../core/transaction/participant-api.ts'
import type { PartitionParticipant } from '../core/transaction/partition-participant.ts'
import { transactionObjectName } from '../core/transaction/transaction-api.ts'
import { type StartedAppend, startAppend } from './append.ts'
import type { Cluster } from './cluster.ts'
import { type CommitResultOrError, commitOffsetsEach } from './commit-offsets-each.ts'
import type { WantedOffset } from './locate-offsets.ts'
import type { CalledTopic } from './topic-metadata.ts'
import type { Participant, TransactionalProducer } from './transaction-numbers.ts'

/** A producer that sends something in a transaction. */
export interface TransactionCall extends TransactionalProducer {
  /** 1: the participants must be in the transaction already. 2: they are added to it. */
  readonly version: TransactionVersion
}

/** Returns the tag of the producer's open transaction for a participant. */
export type TagOf = (participant: Participant) => TransactionTag

/** @throws {EdgelogError} `invalid_request`. */
export function checkTransactionalId(id: string): void {
  if (id !== '' && id.length <= TRANSACTIONAL_ID_LENGTH_MAX) return
  const why = `transactionalId: 1 to ${TRANSACTIONAL_ID_LENGTH_MAX} characters are allowed, got ${id.length}`
  throw new EdgelogError('invalid_request', why)
}

/**
 * Finds the open transaction of a producer, with at most one call for the participants whose number is not cached.
 *
 * @throws {EdgelogError} `invalid_request`, `not_found` without the binding, `unavailable`, `throttled`, errors of
 * `addParticipants` and `verify`.
 */
export async function findTransaction(
  cluster: Cluster,
  call: TransactionCall,
  participants: readonly Participant[],
): Promise<TagOf> {
  checkTransactionalId(call.transactionalId)
  const numbers = new Map(
    participants.map((one) => [one, cluster.transactions.get(call, one)] as const),
  )
  const unknown = participants.filter((one) => numbers.get(one) === undefined)
  if (unknown.length > 0) {
    const number = await askNumber(cluster, call, unknown)
    for (const one of unknown) numbers.set(one, number)
  }
  return (one) => {
    const number = numbers.get(one)
    assert(number !== undefined, 'a tag is used for a participant that was asked about')
    return tag(call, number)
  }
}

function tag({ transactionalId, version }: TransactionCall, number: number): TransactionTag {
  return { coordinator: transactionObjectName(transactionalId), transactionalId, number, version }
}

async function askNumber(
  cluster: Cluster,
  { version, ...producer }: TransactionCall,
  participants: readonly Participant[],
): Promise<number> {
  const request = { ...producer, ...splitParticipants(participants) }
  const { number } = await cluster.objects.callTransaction(
    transactionObjectName(producer.transactionalId),
    (coordinator) =>
      version === 2
        ? coordinator.addParticipants({ ...request, version })
        : coordinator.verify(request),
  )
  cluster.transactions.set(producer, participants, number)
  return number
}

function splitParticipants(participants: readonly Participant[]) {
  return {
    partitions: participants.filter((one): one is PartitionParticipant => 'topicId' in one),
    groups: participants.flatMap((one) => ('groupId' in one ? [one.groupId as GroupId] : [])),
  }
}

/**
 * Asks the coordinator again after a participant refused a number.
 *
 * @throws {EdgelogError} `refusal` if the number is still that one; errors of `findTransaction`.
 */
async function askAgain(
  cluster: Cluster,
  call: TransactionCall,
  participant: Participant,
  refused: TransactionTag,
  refusal: EdgelogError,
): Promise<TransactionTag> {
  const number = await askNumber(cluster, call, [participant])
  if (number === refused.number) throw refusal
  return tag(call, number)
}

function isOldNumber(error: unknown): error is EdgelogError {
  return error instanceof EdgelogError && error.code === 'invalid_txn_state'
}

/**
 * Runs `work` under the tag of the producer's open transaction; once more if the cached number was old.
 *
 * @throws {EdgelogError} errors of `findTransaction` and `work`.
 */
export async function underTag<T>(
  cluster: Cluster,
  call: TransactionCall,
  participant: Participant,
  work: (tag: TransactionTag) => Promise<T>,
): Promise<T> {
  const transaction = (await findTransaction(cluster, call, [participant]))(participant)
  try {
    return await work(transaction)
  } catch (error) {
    if (!isOldNumber(error)) throw error
    return await work(await askAgain(cluster, call, participant, transaction, error))
  }
}

/** Batches of a producer for one partition. */
export interface TransactionalAppend {
  readonly call: TransactionCall
  readonly participant: PartitionParticipant
  readonly batches: Uint8Array
}

/**
 * Appends like `startAppend`, in a transaction: to the topic with the id of the participant only, because that one
 * receives the marker.
 */
export async function startTransactionalAppend(
  cluster: Cluster,
  { call, participant, batches }: TransactionalAppend,
  transaction: TransactionTag,
): Promise<StartedAppend> {
  const { topic: name, topicId: id, partition } = participant
  const topic: CalledTopic = { name, id }
  const start = (under: TransactionTag) =>
    startAppend(cluster, topic, partition, batches, 'kafka', { transaction: under })
  const { appended: first } = await start(transaction)
  const appended = first.catch(async (error: unknown) => {
    if (!isOldNumber(error)) throw error
    const again = await start(await askAgain(cluster, call, participant, transaction, error))
    return await again.appended
  })
  // Prevents an unhandled rejection if it fails before the caller awaits it.
  appended.catch(() => undefined)
  return { appended }
}

/**
 * Commits offsets like `commitOffsetsEach`; they count once the transaction is committed.
 *
 * @throws {EdgelogError} errors of `findTransaction`; then nothing is committed.
 */
export async function commitTransactionalOffsets(
  cluster: Cluster,
  call: TransactionCall,
  groupId: GroupId,
  member: CommittingMember | null,
  wanted: readonly WantedOffset[],
): Promise<CommitResultOrError[]> {
  if (wanted.length === 0) return []
  const { producerId, producerEpoch } = call
  let results: CommitResultOrError[] = []
  try {
    await underTag(cluster, call, { groupId }, async (tag) => {
      const transaction = { ...tag, producerId, producerEpoch }
      results = await commitOffsetsEach(cluster, groupId, member, wanted, transaction)
      const refusal = results.find(isOldNumber)
      if (refusal !== undefined) throw refusal
    })
  } catch (error) {
    // The results name it for each offset.
    if (!isOldNumber(error)) throw error
  }
  return results
}
