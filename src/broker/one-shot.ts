/**
 * Makes a transaction in one call: records for several partitions and the offsets of groups become visible together, or
 * never.
 *
 *     begin ──> append to all partitions, commit to all groups ──> decide ──> markers
 *                              │ any refusal
 *                              └──> decide to abort
 *
 * Only an id of the caller needs the begin: it may repeat an earlier call. Without one, records of one partition alone
 * need no transaction at all: an append is atomic. If the edge disappears in between, the
 * coordinator aborts the transaction at its deadline, or the participants ask about it some time later.
 */

import { EdgelogError, type ErrorBody, type Result } from '../core/errors.ts'
import type { CommittingMember } from '../core/group/group-api.ts'
import type { GroupId } from '../core/group/group-id.ts'
import {
  ONE_SHOT_DEADLINE_MS,
  ONE_SHOT_OBJECTS,
  ONE_SHOT_PARTICIPANTS_MAX,
} from '../core/limits.ts'
import { partitionForKey } from '../core/topic/partitioner.ts'
import type { Topic } from '../core/topic/topic.ts'
import type { TopicName } from '../core/topic/topic-name.ts'
import { ONE_SHOT_NUMBER } from '../core/transaction/one-shot.ts'
import type {
  BeginOneShotRequest,
  BegunOneShot,
  DecideOneShotRequest,
  OneShotOffset,
  OneShotResult,
} from '../core/transaction/one-shot-api.ts'
import {
  ONE_SHOT_PRODUCER_ID_MIN,
  type ProducerIdAndEpoch,
  type TransactionTag,
} from '../core/transaction/participant-api.ts'
import type { PartitionParticipant } from '../core/transaction/partition-participant.ts'
import { oneShotObjectName } from '../core/transaction/transaction-api.ts'
import type { Cluster } from './cluster.ts'
import { commitOffsets, type NamedOffset } from './committed-offsets.ts'
import { withErrorsOfRecords } from './record-errors.ts'
import {
  type EncodedShare,
  encodeShare,
  type PartitionShare,
  type ProduceRecord,
  refuseAsWhole,
  shareOut,
} from './record-shares.ts'

export interface OneShot {
  readonly id: string
  /** Differs for each body that may have the id; undefined: the id is new, so there is no earlier result. */
  readonly bodyHash: string | undefined
  readonly records: readonly OneShotRecord[]
  readonly offsets: readonly GroupOffsets[]
  readonly expectations: readonly ExpectedOffset[]
}

export interface OneShotRecord extends ProduceRecord {
  readonly topic: TopicName
}

export interface GroupOffsets {
  readonly groupId: GroupId
  readonly member: CommittingMember | null
  readonly offsets: readonly NamedOffset[]
}

/** The transaction is aborted if the next offset of the partition is another one. */
export interface ExpectedOffset {
  readonly topic: TopicName
  readonly partition: number
  readonly nextOffset: number
}

export interface CommittedOneShot {
  /** The offset of the first record of each partition; the others follow it in the order of the call. */
  readonly offsets: readonly OneShotOffset[]
  /** False if some partitions show the records a little later. */
  readonly isVisible: boolean
}

/** The records for one partition. */
interface SharedPart {
  readonly topic: Topic
  readonly partition: number
  readonly share: PartitionShare
  readonly expectedOffset: number | undefined
}

interface Part extends PartitionParticipant {
  readonly share: PartitionShare
  readonly encoded: EncodedShare
  readonly expectedOffset: number | undefined
}

/**
 * Makes the transaction, or returns the result of the call that this one repeats.
 *
 * @throws {EdgelogError} `transaction_aborted` with the error that stopped it in `details.reason`;
 * `expected_offset_mismatch`; `transaction_id_reused`; errors of a call that begins nothing, such as
 * `unknown_topic_or_partition` or `invalid_record`.
 */
export async function makeOneShot(cluster: Cluster, oneShot: OneShot): Promise<CommittedOneShot> {
  const { id, bodyHash, offsets } = oneShot
  const producerId = randomOneShotProducerId()
  const shares = await shareOutAll(cluster, oneShot)
  const [only] = shares
  if (bodyHash === undefined && shares.length === 1 && offsets.length === 0 && only !== undefined) {
    return await appendAlone(cluster, encodePart(only, undefined))
  }
  const parts = shares.map((share) => encodePart(share, { producerId, producerEpoch: 0 }))
  const coordinator = oneShotObjectName(
    partitionForKey(new TextEncoder().encode(id), ONE_SHOT_OBJECTS),
  )
  const begin: BeginOneShotRequest = {
    ...{ id, bodyHash: bodyHash ?? '', producerId, deadlineMs: Date.now() + ONE_SHOT_DEADLINE_MS },
    partitions: parts.map(({ topicId, topic, partition }) => ({ topicId, topic, partition })),
    groups: offsets.map(({ groupId }) => groupId),
  }
  if (bodyHash !== undefined) {
    const begun = await cluster.objects.callTransaction(
      coordinator,
      (stub) => stub.begin(begin) as Promise<Result<BegunOneShot>>,
    )
    if ('result' in begun) return committedOf(begun.result)
  }
  const sent = await sendAll(cluster, parts, offsets, { coordinator, begin })
  const decision = { id, producerId, ...sent, ...(bodyHash === undefined && { begin }) }
  const decided = await cluster.objects.callTransaction(
    coordinator,
    (stub) => stub.decide(decision) as Promise<Result<OneShotResult>>,
  )
  return committedOf(decided)
}

/** Appends to one partition, which is atomic by itself. */
async function appendAlone(cluster: Cluster, part: Part): Promise<CommittedOneShot> {
  try {
    const { topic, partition } = part
    const offset = await appendPart(cluster, part, undefined)
    return { offsets: [{ topic, partition, offset }], isVisible: true }
  } catch (error) {
    const isRefusal = error instanceof EdgelogError && !error.mayHaveTakenEffect
    throw isRefusal ? abortedError(error.toBody()) : error
  }
}

/** Sends the records and offsets to all participants. Returns the decision that follows from their results. */
async function sendAll(
  cluster: Cluster,
  parts: readonly Part[],
  offsets: readonly GroupOffsets[],
  { coordinator, begin }: { readonly coordinator: string; readonly begin: BeginOneShotRequest },
): Promise<Pick<DecideOneShotRequest, 'outcome' | 'offsets' | 'reason'>> {
  const { id: transactionalId, producerId, deadlineMs } = begin
  const transaction = { coordinator, transactionalId, number: ONE_SHOT_NUMBER, version: 2 } as const
  const tag: TransactionTag = { ...transaction, deadlineMs }
  const pending = { ...tag, producerId, producerEpoch: 0 }
  const outcomes = await Promise.allSettled([
    ...parts.map((part) => appendPart(cluster, part, tag)),
    ...offsets.map((one) => commitOffsets(cluster, one.groupId, one.member, one.offsets, pending)),
  ])
  const failure = outcomes.find((outcome) => outcome.status === 'rejected')
  if (failure === undefined) return { outcome: 'commit', offsets: offsetsOf(parts, outcomes) }
  if (!(failure.reason instanceof EdgelogError)) throw failure.reason
  return { outcome: 'abort', offsets: [], reason: failure.reason.toBody() }
}

/** Gives each record its partition, and checks what can be checked before anything is stored. */
async function shareOutAll(
  cluster: Cluster,
  { records, offsets, expectations }: OneShot,
): Promise<SharedPart[]> {
  const parts: SharedPart[] = []
  for (const [name, indexes] of indexesByTopic(records)) {
    const topic = await cluster.topics.get(name)
    const own = indexes.map((index) => records[index] as OneShotRecord)
    for (const [partition, share] of shareOut(topic, own, indexes)) {
      const expected = expectations.find((one) => one.topic === name && one.partition === partition)
      parts.push({ topic, partition, share, expectedOffset: expected?.nextOffset })
    }
  }
  checkParticipants(parts, offsets, expectations)
  return parts
}

function indexesByTopic(records: readonly OneShotRecord[]): Map<TopicName, number[]> {
  const indexesOf = new Map<TopicName, number[]>()
  for (const [index, { topic }] of records.entries()) {
    const indexes = indexesOf.get(topic) ?? []
    indexes.push(index)
    indexesOf.set(topic, indexes)
  }
  return indexesOf
}

/** @throws {EdgelogError} if the topic refuses a record. */
function encodePart(
  { topic, partition, share, expectedOffset }: SharedPart,
  producer: ProducerIdAndEpoch | undefined,
): Part {
  const encoded = encodeShare(share, topic.config.maxMessageBytes, producer)
  refuseAsWhole(topic, [encoded], share.records, share.indexes)
  return { topicId: topic.id, topic: topic.name, partition, share, encoded, expectedOffset }
}

function checkParticipants(
  parts: readonly SharedPart[],
  offsets: readonly GroupOffsets[],
  expectations: readonly ExpectedOffset[],
): void {
  const count = parts.length + offsets.length
  if (count > ONE_SHOT_PARTICIPANTS_MAX) {
    const why = `at most ${ONE_SHOT_PARTICIPANTS_MAX} partitions and groups are allowed, got ${count}`
    throw new EdgelogError('invalid_request', `records: ${why}`)
  }
  for (const [index, { topic, partition }] of expectations.entries()) {
    // The offset is compared in the turn that appends, so without an append it would prove nothing.
    if (parts.some((part) => part.topic.name === topic && part.partition === partition)) continue
    const why = `no record goes to partition ${partition} of ${topic}; only partitions of the records are allowed`
    throw new EdgelogError('invalid_request', `expect[${index}]: ${why}`)
  }
}

/** Returns the offset of the first record. */
async function appendPart(
  cluster: Cluster,
  { topic, topicId, partition, share, encoded, expectedOffset }: Part,
  transaction: TransactionTag | undefined,
): Promise<number> {
  const { batches, checks } = encoded
  const options = {
    ...(transaction !== undefined && { transaction }),
    ...(expectedOffset !== undefined && { expectedOffset }),
  }
  const request = { checks, producerRules: 'kafka', ...options, batches } as const
  try {
    const result = await cluster.topics.callPartitionOf(
      { name: topic, id: topicId },
      partition,
      (stub) => stub.append(request),
    )
    return 'baseOffsets' in result ? (result.baseOffsets[0] as number) : -1
  } catch (error) {
    throw withErrorsOfRecords(error, share.records, share.indexes)
  }
}

function offsetsOf(
  parts: readonly Part[],
  outcomes: ReadonlyArray<PromiseSettledResult<unknown>>,
): OneShotOffset[] {
  return parts.map(({ topic, partition }, index) => {
    const { value: offset } = outcomes[index] as PromiseFulfilledResult<number>
    return { topic, partition, offset }
  })
}

function committedOf({ outcome, offsets, reason, isComplete }: OneShotResult): CommittedOneShot {
  if (outcome === 'commit') return { offsets, isVisible: isComplete }
  throw abortedError(reason)
}

function abortedError(reason: ErrorBody | undefined): EdgelogError {
  if (reason?.code === 'expected_offset_mismatch') return EdgelogError.fromBody(reason)
  const why = reason?.message ?? 'its deadline passed before it was decided'
  return new EdgelogError('transaction_aborted', `nothing is visible: ${why}`, {
    details: reason === undefined ? {} : { reason },
  })
}

/** Returns a random id from `ONE_SHOT_PRODUCER_ID_MIN` to 2^63 - 1. */
function randomOneShotProducerId(): bigint {
  const [bits = 0n] = crypto.getRandomValues(new BigUint64Array(1))
  return ONE_SHOT_PRODUCER_ID_MIN + (bits >> 2n)
}
