/** Appends record batches to one partition, as a client encoded them. */
import type { BatchCheck } from '../core/batch/batch-check.ts'
import { checkBatch } from '../core/batch/decode-records.ts'
import { assignMaxTimestamp, readBatchHeaders } from '../core/batch/record-batch.ts'
import { ownBytes } from '../core/bytes/concatenate.ts'
import { EdgelogError } from '../core/errors.ts'
import { REQUEST_BATCHES_MAX } from '../core/limits.ts'
import type { ProducerRules } from '../core/log/producer-state.ts'
import type { TransactionTag } from '../core/transaction/participant-api.ts'
import { type AppendedBatches, appendTrimmed } from './append-trimmed.ts'
import type { Cluster } from './cluster.ts'
import { requestCodecs } from './codecs.ts'
import type { CalledTopic } from './topic-metadata.ts'

/** Options of an append. */
export interface AppendOptions {
  /** Appends only if this is the next offset, else `expected_offset_mismatch`. */
  readonly expectedOffset?: number
  /** The transaction of all batches. */
  readonly transaction?: TransactionTag
}

/** An append that has its place among the others to its partition. */
export interface StartedAppend {
  /** Rejects with the errors of `appendTrimmed` and the partition; an error names the records that a topic rejects. */
  readonly appended: Promise<AppendedBatches>
}

/**
 * Appends record batches unchanged, all or none; every batch is checked first. Resolves when a further append to the
 * partition comes behind this one. With the rules `resendable`, records of
 * an idempotent producer that are already in the log are removed.
 *
 * @throws {EdgelogError} `invalid_record` for no batch, `invalid_request` for too many, `request_too_large` if they
 * exceed the limit when decompressed; errors of `checkBatch`.
 */
export async function startAppend(
  cluster: Cluster,
  topic: CalledTopic,
  partition: number,
  batches: Uint8Array,
  producerRules: ProducerRules,
  options: AppendOptions = {},
): Promise<StartedAppend> {
  const checks = await checkBatches(batches)
  const appended = appendTrimmed(
    ownBytes(batches),
    checks,
    async (rest, checksOfRest) => {
      const request = { checks: checksOfRest, producerRules, ...options, batches: rest }
      return await cluster.appends.append(topic, partition, request)
    },
    async () => (await cluster.topics.get(topic.name)).config.maxMessageBytes,
  )
  // Prevents an unhandled rejection if it fails before the caller awaits it.
  appended.catch(() => undefined)
  return { appended }
}

/**
 * Appends as `startAppend`, and resolves when the records are durable.
 *
 * @throws {EdgelogError} also the errors of `appended`.
 */
export async function appendBatches(
  ...append: Parameters<typeof startAppend>
): Promise<AppendedBatches> {
  const { appended } = await startAppend(...append)
  return await appended
}

/** Checks each batch, and corrects the latest time in headers that differ from their records. */
export async function checkBatches(batches: Uint8Array): Promise<BatchCheck[]> {
  const checks: BatchCheck[] = []
  const codecs = requestCodecs()
  const headers = readBatchHeaders(batches)
  if (headers.length > REQUEST_BATCHES_MAX) {
    throw new EdgelogError(
      'invalid_request',
      `body: at most ${REQUEST_BATCHES_MAX} batches are allowed, got ${headers.length}`,
    )
  }
  for (const header of headers) {
    const check = await checkBatch(batches, header, codecs)
    // As in Kafka: the log looks up times and expires records by the header.
    if (check.maxTimestamp !== header.maxTimestamp) {
      assignMaxTimestamp(batches, header, check.maxTimestamp)
    }
    checks.push(check)
  }
  return checks
}
