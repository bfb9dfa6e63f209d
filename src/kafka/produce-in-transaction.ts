/** The transaction of a Produce request: found before the first of its appends starts, with one call for all. */
import type { TagOf, TransactionCall } from '../broker/transactions.ts'
import {
  ATTRIBUTE_TRANSACTIONAL,
  ATTRIBUTES_POSITION,
  BATCH_HEADER_BYTES,
} from '../core/batch/header-layout.ts'
import { type BatchHeader, readBatchHeader } from '../core/batch/record-batch.ts'
import { EdgelogError } from '../core/errors.ts'
import type { Topic } from '../core/topic/topic.ts'
import type { PartitionParticipant } from '../core/transaction/partition-participant.ts'
import type { KafkaCall } from './handled.ts'
import { PRODUCE_ADDS_SINCE } from './transaction-errors.ts'

/** A batch for one partition. */
export interface ProducedBatch {
  readonly topic: Topic | EdgelogError
  readonly index: number
  readonly records: Uint8Array | null
}

export interface ProduceTransaction {
  readonly call: TransactionCall
  /** The partitions that receive a batch of the transaction. */
  readonly participants: ReadonlyMap<ProducedBatch, PartitionParticipant>
  readonly tagOf: TagOf
}

/**
 * Finds the transaction of a request's transactional batches.
 *
 * @returns undefined if it has none.
 * @throws {EdgelogError} `transactional_id_authorization_failed`, `invalid_producer_id_mapping`; errors of
 * `findTransaction`.
 */
export async function transactionOf(
  transactionalId: string | null,
  batches: readonly ProducedBatch[],
  { broker, version }: Pick<KafkaCall, 'broker' | 'version'>,
): Promise<ProduceTransaction | undefined> {
  const participants = new Map<ProducedBatch, PartitionParticipant>()
  let producer: BatchHeader | undefined
  for (const batch of batches) {
    const header = transactionalHeader(batch.records)
    if (header === undefined) continue
    if (producer !== undefined && producer.producerId !== header.producerId) {
      const why = 'records: the transactional batches of one request must have one producer id'
      throw new EdgelogError('invalid_producer_id_mapping', why)
    }
    producer ??= header
    const topic = await topicWith(batch, broker)
    if (topic === undefined) continue
    participants.set(batch, { topicId: topic.id, topic: topic.name, partition: batch.index })
  }
  if (producer === undefined) return undefined
  if (transactionalId === null) {
    const why = 'transactionalId: transactional batches need one'
    throw new EdgelogError('transactional_id_authorization_failed', why)
  }
  const { producerId, producerEpoch } = producer
  const call: TransactionCall = {
    ...{ transactionalId, producerId, producerEpoch },
    version: version >= PRODUCE_ADDS_SINCE ? 2 : 1,
  }
  const tagOf = await broker.transactions.find(call, [...participants.values()])
  return { call, participants, tagOf }
}

/** Returns the topic of a batch; undefined if it has no such partition, which the append then refuses. */
async function topicWith(
  { topic, index }: ProducedBatch,
  broker: KafkaCall['broker'],
): Promise<Topic | undefined> {
  if (topic instanceof EdgelogError || index < 0) return undefined
  // The topic may have gained partitions.
  const current = index < topic.partitions ? topic : await broker.topics.lookUp(topic.name, 'write')
  return index < current.partitions ? current : undefined
}

/** Control batches and incomplete ones are refused by the check of each batch. */
function transactionalHeader(records: Uint8Array | null): BatchHeader | undefined {
  if (records === null || records.length < BATCH_HEADER_BYTES) return undefined
  // Most batches are not transactional, and their header is read when they are checked.
  const attributes = records[ATTRIBUTES_POSITION + 1] as number
  if ((attributes & ATTRIBUTE_TRANSACTIONAL) === 0) return undefined
  try {
    const header = readBatchHeader(records)
    return header.isControl ? undefined : header
  } catch (error) {
    if (error instanceof EdgelogError) return undefined
    throw error
  }
}
