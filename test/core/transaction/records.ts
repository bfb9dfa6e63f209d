/** Records and requests for the tests of the rules. */
import { ERRORS, type Result } from '../../../src/core/errors.ts'
import { parseGroupId } from '../../../src/core/group/group-id.ts'
import { parseTopicName } from '../../../src/core/topic/topic-name.ts'
import type {
  PartitionParticipant,
  ProducerIdAndEpoch,
  TransactionState,
} from '../../../src/core/transaction/transaction-api.ts'
import {
  type Decision,
  nextProducer,
  type TransactionRecord,
} from '../../../src/core/transaction/transaction-record.ts'

export const ID = 'payments'
/** The producer id of all records; `FRESH` is the one that a decision may hand out. */
export const PRODUCER = 4_711n
export const FRESH = 9_999n
export const NOW_MS = 1_000_000
export const CONTEXT = { nowMs: NOW_MS, newProducerId: FRESH }

export const STATES: readonly TransactionState[] = [
  'Empty',
  'Ongoing',
  'PrepareCommit',
  'PrepareAbort',
  'CompleteCommit',
  'CompleteAbort',
]

export function partition(index: number): PartitionParticipant {
  return { topicId: 'topic-id', topic: parseTopicName('orders'), partition: index }
}

export const GROUP = parseGroupId('billing')

/** Returns a record in a state, with epoch 5 after epoch 4. */
export function recordIn(
  state: TransactionState,
  changes: Partial<TransactionRecord> = {},
): TransactionRecord {
  const isOpen = state === 'Ongoing' || state === 'PrepareCommit' || state === 'PrepareAbort'
  const record: TransactionRecord = {
    transactionalId: ID,
    producerId: PRODUCER,
    producerEpoch: 5,
    replaced: { producerId: PRODUCER, producerEpoch: 4, by: state === 'Empty' ? 'init' : 'end' },
    timeoutMs: 60_000,
    state,
    number: state === 'Empty' ? 0 : 3,
    version: 2,
    partitions: isOpen ? [partition(0), partition(1)] : [],
    groups: isOpen ? [GROUP] : [],
    startedAtMs: isOpen ? NOW_MS - 1_000 : -1,
    updatedAtMs: NOW_MS - 500,
    connection: 0,
  }
  return { ...record, ...changes }
}

/** Returns Kafka's error number, or 0. */
export function numberOf(result: Result<unknown>): number {
  return 'error' in result ? ERRORS[result.error.code].kafka : 0
}

/**
 * Returns a decision in one line: the error or the producer in the response, and the record if it changed. `0 4711/6 >
 * PrepareCommit 4711/6` is a success.
 */
export function shown(before: TransactionRecord | undefined, decision: Decision<unknown>): string {
  const { record, result } = decision
  const answer = 'ok' in result && isProducer(result.ok) ? ` ${producerOf(result.ok)}` : ''
  const change =
    record === before || record === undefined
      ? ''
      : ` > ${record.state} ${producerOf(nextProducer(record))}`
  return `${numberOf(result)}${answer}${change}`
}

function isProducer(value: unknown): value is ProducerIdAndEpoch {
  return typeof value === 'object' && value !== null && 'producerEpoch' in value
}

export function producerOf({ producerId, producerEpoch }: ProducerIdAndEpoch): string {
  return `${producerId}/${producerEpoch}`
}
