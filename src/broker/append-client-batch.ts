/** Appends one batch as Kafka's clients send it. */
import { readBatchHeaders } from '../core/batch/record-batch.ts'
import { ownBytes } from '../core/bytes/concatenate.ts'
import { assert, EdgelogError } from '../core/errors.ts'
import { SEQUENCE_GAP_WAIT_MS } from '../core/limits.ts'
import type { AppendReply, AppendRequest } from '../core/log/partition-api.ts'
import type { CalledTopic, Cluster } from './cluster.ts'
import { checkBatches } from './produce.ts'
import { withErrorsOfBatches } from './record-errors.ts'

/**
 * Appends what Kafka's Produce has for one partition: one batch, as the client encoded it. Its
 * `baseOffset` says nothing. Unlike `appendBatches` it begins a producer that is not known with any
 * sequence, and takes no records again that come in other batches: Kafka's rules, and its clients'.
 *
 * @throws {EdgelogError} `invalid_record` for no batch, or more than one; `invalid_txn_state` for one of
 * a transaction; `unknown_topic_id`; what `checkBatch` and the partition refuse; where
 * the topic refuses records, an error that names them.
 */
export async function appendClientBatch(
  cluster: Cluster,
  topic: CalledTopic,
  partition: number,
  records: Uint8Array,
): Promise<AppendReply> {
  const [header, ...others] = readBatchHeaders(records)
  if (others.length > 0) {
    const why = `records: one batch is allowed, got ${others.length + 1}`
    throw new EdgelogError('invalid_record', why)
  }
  const { checks, isIdempotent } = await checkBatches(records)
  if (header?.isTransactional) {
    throw new EdgelogError('invalid_txn_state', 'transactional batches are not supported yet')
  }
  const request: AppendRequest = {
    batches: ownBytes(records),
    checks,
    gapWaitMs: isIdempotent ? SEQUENCE_GAP_WAIT_MS : 0,
    mayBeginAnywhere: true,
    trimsOverlap: false,
  }
  const reply = await cluster
    .callPartitionOf(topic, partition, (stub) => stub.append(request))
    .catch(async (error: unknown) => {
      throw await withErrorsOfBatches(error, records)
    })
  assert(!('overlaps' in reply), 'overlaps are told of only where they are asked for')
  return reply
}
