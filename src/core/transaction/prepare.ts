/** The two steps that end a transaction: the decision, and what follows once all participants have ended it. */
import { assert } from '../errors.ts'
import { PRODUCER_EPOCH_MAX } from '../limits.ts'
import type { TransactionOutcome, TransactionVersion } from './participant-api.ts'
import {
  type DecisionContext,
  isExhausted,
  isPrepared,
  type TransactionRecord,
} from './transaction-record.ts'

/**
 * Decides the outcome. Without participants the transaction is complete at once.
 *
 * With version 2 the epoch grows now and the markers carry the new one, so they fence whatever is still on its way. The
 * epoch after the last one is only for markers: the producer continues with a new id.
 */
export function prepare(
  record: TransactionRecord,
  outcome: TransactionOutcome,
  version: TransactionVersion,
  context: DecisionContext,
): TransactionRecord {
  const isBumped = version === 2
  return decided(record, outcome, version, isBumped ? 'end' : undefined, context)
}

/** Aborts an open transaction for another reason than its producer's request. The epoch grows once. */
export function fence(record: TransactionRecord, context: DecisionContext): TransactionRecord {
  return decided(record, 'abort', record.version, 'fence', context)
}

function decided(
  record: TransactionRecord,
  outcome: TransactionOutcome,
  version: TransactionVersion,
  bump: 'end' | 'fence' | undefined,
  { nowMs, newProducerId }: DecisionContext,
): TransactionRecord {
  const { replaced: _, ...kept } = record
  const { producerId, producerEpoch } = record
  assert(producerEpoch <= PRODUCER_EPOCH_MAX, 'no producer uses the epoch that is for markers only')
  const decision: TransactionRecord = {
    ...kept,
    version,
    state: outcome === 'commit' ? 'PrepareCommit' : 'PrepareAbort',
    updatedAtMs: nowMs,
    ...(bump !== undefined && {
      producerEpoch: producerEpoch + 1,
      replaced: { producerId, producerEpoch, by: bump },
    }),
    // Only a client of version 2 can continue under another id. The others initialize again.
    ...(bump !== undefined &&
      version === 2 &&
      isExhausted(record) && { nextProducerId: newProducerId }),
  }
  const isEmpty = decision.partitions.length === 0 && decision.groups.length === 0
  return isEmpty ? complete(decision, nowMs) : decision
}

/** Completes a prepared transaction. */
export function complete(record: TransactionRecord, nowMs: number): TransactionRecord {
  assert(isPrepared(record), 'only a decided transaction is completed')
  const { nextProducerId, ...kept } = record
  return {
    ...kept,
    state: record.state === 'PrepareCommit' ? 'CompleteCommit' : 'CompleteAbort',
    partitions: [],
    groups: [],
    startedAtMs: -1,
    updatedAtMs: nowMs,
    ...(nextProducerId !== undefined && {
      producerId: nextProducerId,
      producerEpoch: 0,
      number: 0,
    }),
  }
}
