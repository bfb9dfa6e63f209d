/** The error numbers of the transaction APIs. Clients expect other numbers in older versions, and from Produce. */
import { EdgelogError, type ErrorCode } from '../core/errors.ts'
import { errorNumbersOf, numberOf } from './error-number.ts'

const coordinatorNumbers = errorNumbersOf('group')

/** For the other partitions of a request of which one is refused. */
export const OPERATION_NOT_ATTEMPTED = 55
/** NOT_ENOUGH_REPLICAS: old producers send the batch again without a metadata refresh. */
const NOT_ENOUGH_REPLICAS = 19

/** First versions of the APIs that return `producer_fenced` (KIP-588). */
export const FENCED_SINCE = { initProducerId: 4, others: 2 } as const

/** First version of Produce that adds its partitions to the transaction (KIP-890). */
export const PRODUCE_ADDS_SINCE = 12
/** First version of Produce that names topics by id: an append in a transaction always does. */
const PRODUCE_IDS_SINCE = 13
/** First version of Produce that returns `transaction_abortable`. */
const PRODUCE_ABORTABLE_SINCE = 11
/** The first version of TxnOffsetCommit that adds its group to the transaction, and the first that returns 120. */
export const COMMIT_ADDS_SINCE = 5
const COMMIT_ABORTABLE_SINCE = 4

/** Returns the number of an `EdgelogError` of a coordinator. Rethrows any other error. */
export function coordinatorErrorNumber(
  error: unknown,
  version: number,
  fencedSince: number = FENCED_SINCE.others,
): number {
  if (!(error instanceof EdgelogError)) throw error
  const { code } = error
  if (code === 'producer_fenced' && version < fencedSince) return numberOf('invalid_producer_epoch')
  return coordinatorNumber(code)
}

function coordinatorNumber(code: ErrorCode): number {
  // Without the binding, as a broker whose coordinator is not allowed to the client.
  if (code === 'not_found') return numberOf('transactional_id_authorization_failed')
  if (code === 'invalid_topic') return numberOf('unknown_topic_or_partition')
  return coordinatorNumbers.numberOf(code)
}

/** Returns the number of an error of TxnOffsetCommit. A fenced producer aborts its transaction there. */
export function offsetCommitErrorNumber({ code }: EdgelogError, version: number): number {
  if (code === 'producer_fenced') return numberOf('invalid_producer_epoch')
  if (code === 'transaction_abortable' && version < COMMIT_ABORTABLE_SINCE) {
    return numberOf('invalid_txn_state')
  }
  if (code === 'concurrent_transactions' && version < COMMIT_ADDS_SINCE) {
    return coordinatorNumber('unavailable')
  }
  return coordinatorNumber(code)
}

/**
 * Returns the number of an error at Produce in a transaction; undefined if it is that of any other produce.
 *
 * @param isOfCoordinator true for an error that prevented the append, so that the client may repeat it.
 */
export function produceErrorNumber(
  { code }: EdgelogError,
  version: number,
  isOfCoordinator: boolean,
): number | undefined {
  if (code === 'producer_fenced') return numberOf('invalid_producer_epoch')
  if (code === 'unknown_topic_id' && version < PRODUCE_IDS_SINCE) {
    return numberOf('unknown_topic_or_partition')
  }
  if (code === 'transaction_abortable') {
    return numberOf(version < PRODUCE_ABORTABLE_SINCE ? 'invalid_txn_state' : code)
  }
  if (code === 'concurrent_transactions') {
    return version < PRODUCE_ADDS_SINCE ? NOT_ENOUGH_REPLICAS : numberOf(code)
  }
  if (!isOfCoordinator) return undefined
  if (code === 'not_found') return numberOf('transactional_id_authorization_failed')
  return code === 'unavailable' || code === 'throttled' ? NOT_ENOUGH_REPLICAS : numberOf(code)
}
