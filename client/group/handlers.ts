/** The functions that an application passes to a group's consumer. */

import type { ConsumerBatch, ConsumerRecord } from '../consumer/consumer-record.ts'
import type { Producer } from '../producer/producer.ts'
import type { Transaction } from '../producer/transaction/transaction.ts'

/**
 * Handles one batch, which is finished when the promise resolves.
 *
 * `signal` is aborted when the partition is revoked. A handler that stops early then must
 * throw (`signal.throwIfAborted()`), so that the partition's next owner gets the batch again.
 */
export type BatchHandler = (
  batch: ConsumerBatch,
  context: { readonly signal: AbortSignal },
) => unknown

/** Handles one batch in a transaction, which is committed with the offsets of the batch when the promise resolves. */
export type TransactionalBatchHandler = (
  batch: ConsumerBatch,
  context: { readonly signal: AbortSignal; readonly tx: Transaction },
) => unknown

/** Handles one record, which is handled when the promise resolves. `signal` is as that of a `BatchHandler`. */
export type RecordHandler = (
  record: ConsumerRecord,
  context: { readonly signal: AbortSignal },
) => unknown

export interface RunOptions {
  /** Batches handled at a time, each of another partition; 1. */
  readonly concurrency?: number
}

export interface TransactionalRunOptions extends RunOptions {
  /** The producer of the transactions. One with a `transactionalId` handles one batch at a time. */
  readonly transactional: Producer
}

/** Returns a handler of batches that passes the records on, one after the other. */
export function oneByOne(handler: RecordHandler): BatchHandler {
  return async ({ records }, context) => {
    for (const record of records) {
      context.signal.throwIfAborted()
      await handler(record, context)
    }
  }
}
