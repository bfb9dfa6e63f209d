/** Appends records to a topic's partitions: encodes them into batches, and finds their offsets in the results. */
import type { NewRecord } from '../core/batch/record.ts'
import { assert, EdgelogError } from '../core/errors.ts'
import type { AppendResult } from '../core/log/partition-api.ts'
import type { TopicName } from '../core/topic/topic-name.ts'
import type { AppendOptions } from './append.ts'
import type { Cluster } from './cluster.ts'
import { withErrorsOfRecords } from './record-errors.ts'
import {
  type EncodedShare,
  encodeShare,
  type PartitionShare,
  type ProduceRecord,
  refuseAsWhole,
  shareOut,
} from './record-shares.ts'

export interface RecordPosition {
  readonly partition: number
  readonly offset: number
}

/**
 * Appends records. Records with a key go to the partition that Kafka's default partitioner chooses; those without go to
 * one partition, chosen per request. Each partition's share is atomic; the whole request is not.
 *
 * @throws {EdgelogError} `partly_appended` if only some partitions failed: `details.offsets` has the positions of the
 * appended records, `details.cause` the error of the others.
 */
export async function produceRecords(
  cluster: Cluster,
  name: TopicName,
  records: readonly ProduceRecord[],
): Promise<RecordPosition[]> {
  const topic = await cluster.topics.get(name)
  const shares = [...shareOut(topic, records)]
  const [only] = shares
  if (only !== undefined && shares.length === 1) {
    const [partition, { records: all }] = only
    return await produceToPartition(cluster, name, partition, all, {})
  }
  const encoded = shares.map(([, share]) => encodeShare(share, topic.config.maxMessageBytes))
  refuseAsWhole(topic, encoded, records)
  const results = await Promise.allSettled(
    shares.map(([partition, share], index) =>
      appendShare(cluster, name, partition, share, encoded[index] as EncodedShare, {}),
    ),
  )
  const positions = new Array<RecordPosition | null>(records.length).fill(null)
  let failure: unknown
  for (const [index, [partition, share]] of shares.entries()) {
    const outcome = results[index] as PromiseSettledResult<AppendResult>
    if (outcome.status === 'rejected') failure ??= outcome.reason
    else placeShare(positions, partition, share, encoded[index] as EncodedShare, outcome.value)
  }
  if (failure === undefined) return positions as RecordPosition[]
  const isPartial = results.some(({ status }) => status === 'fulfilled')
  throw isPartial && failure instanceof EdgelogError ? partialFailure(failure, positions) : failure
}

/** Appends records to one partition, all or none. */
export async function produceToPartition(
  cluster: Cluster,
  name: TopicName,
  partition: number,
  records: readonly NewRecord[],
  options: AppendOptions,
): Promise<RecordPosition[]> {
  const topic = await cluster.topics.get(name)
  const share = { records, indexes: records.map((_, index) => index) }
  const encoded = encodeShare(share, topic.config.maxMessageBytes)
  const result = await appendShare(cluster, name, partition, share, encoded, options)
  const positions = new Array<RecordPosition | null>(records.length).fill(null)
  placeShare(positions, partition, share, encoded, result)
  return positions as RecordPosition[]
}

async function appendShare(
  cluster: Cluster,
  name: TopicName,
  partition: number,
  { records, indexes }: PartitionShare,
  { batches, checks }: EncodedShare,
  options: AppendOptions,
): Promise<AppendResult> {
  const request = { checks, producerRules: 'resendable', ...options, batches } as const
  try {
    const resultOf = await cluster.topics.callPartition(name, partition, (stub) =>
      stub.append(request),
    )
    assert(!('overlaps' in resultOf), 'only batches of an idempotent producer overlap')
    return resultOf
  } catch (error) {
    throw withErrorsOfRecords(error, records, indexes)
  }
}

function placeShare(
  positions: Array<RecordPosition | null>,
  partition: number,
  share: PartitionShare,
  encoded: EncodedShare,
  result: AppendResult,
): void {
  let next = 0
  for (const [batch, count] of encoded.batchCounts.entries()) {
    for (let delta = 0; delta < count; delta++) {
      const offset = (result.baseOffsets[batch] as number) + delta
      positions[share.indexes[next] as number] = { partition, offset }
      next += 1
    }
  }
}

function partialFailure(
  failure: EdgelogError,
  offsets: ReadonlyArray<RecordPosition | null>,
): EdgelogError {
  return new EdgelogError(
    'partly_appended',
    `only the records with a position in details.offsets were appended: ${failure.message}`,
    { details: { offsets, cause: failure.toBody() }, cause: failure },
  )
}
