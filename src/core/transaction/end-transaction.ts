/** EndTxn: commits or aborts. The tables of both versions are Kafka's; each repeat has the response of the first. */
import type { ProducerIdAndEpoch, TransactionOutcome } from './participant-api.ts'
import { fence, prepare } from './prepare.ts'
import type { EndRequest } from './transaction-api.ts'
import {
  type Decision,
  type DecisionContext,
  isCurrentProducer,
  isOvertaken,
  isPrepared,
  isSameProducer,
  nextProducer,
  REFUSALS,
  refuse,
  refuseProducer,
  type TransactionRecord,
} from './transaction-record.ts'

export function decideEnd(
  record: TransactionRecord | undefined,
  request: EndRequest,
  context: DecisionContext,
): Decision<ProducerIdAndEpoch> {
  if (request.transactionalId === '') {
    return refuse(record, 'invalid_request', 'transactionalId: an empty one is not allowed')
  }
  if (record === undefined) return REFUSALS.unmapped(record)
  return request.version === 1
    ? decideVersion1(record, request, context)
    : decideVersion2(record, request, context)
}

/** Without a change of epoch a repeat looks like a new request: the outcome of the last transaction answers it. */
function decideVersion1(
  record: TransactionRecord,
  request: EndRequest,
  context: DecisionContext,
): Decision<ProducerIdAndEpoch> {
  const { outcome, connection = 0 } = request
  const refusal = refuseProducer(record, request)
  if (refusal !== undefined) return refusal
  if (isOvertaken(record, request.connection)) return REFUSALS.overtaken(record)
  if (record.state === 'Ongoing') {
    const prepared = prepare(record, outcome, 1, context)
    return answer({ ...prepared, connection: Math.max(connection, record.connection) })
  }
  if (outcome !== outcomeOf(record)) return refuseState(record, outcome)
  return isPrepared(record) ? REFUSALS.ending(record) : answer(record)
}

function decideVersion2(
  record: TransactionRecord,
  request: EndRequest,
  context: DecisionContext,
): Decision<ProducerIdAndEpoch> {
  const { outcome } = request
  if (isCurrentProducer(record, request)) {
    // Kafka answers so while it writes markers; then the producer already has its next epoch.
    if (isPrepared(record)) return REFUSALS.ending(record)
    const mayEnd = record.state === 'Ongoing' || outcome === 'abort'
    return mayEnd ? answer(prepare(record, outcome, 2, context)) : refuseState(record, outcome)
  }
  const { replaced } = record
  const isRepeat = replaced !== undefined && isSameProducer(request, replaced)
  if (!isRepeat) return refuseProducer(record, request) ?? REFUSALS.fenced(record)
  if (record.state === 'Empty' || record.state === 'Ongoing') return REFUSALS.fenced(record)
  if (outcome !== outcomeOf(record)) return refuseState(record, outcome)
  return isPrepared(record) ? REFUSALS.ending(record) : answer(record)
}

/** Aborts the open transaction for an operator. */
export function decideForceAbort(
  record: TransactionRecord | undefined,
  context: DecisionContext,
): Decision<ProducerIdAndEpoch> {
  if (record === undefined) {
    const why = 'transactionalId: the transactional id does not exist'
    return refuse(record, 'transactional_id_not_found', why)
  }
  if (isPrepared(record)) return REFUSALS.ending(record)
  return record.state === 'Ongoing' ? answer(fence(record, context)) : refuseState(record, 'abort')
}

/** Returns the outcome of the transaction that is being ended or was the last to end. */
function outcomeOf({ state }: TransactionRecord): TransactionOutcome | undefined {
  if (state === 'PrepareCommit' || state === 'CompleteCommit') return 'commit'
  return state === 'PrepareAbort' || state === 'CompleteAbort' ? 'abort' : undefined
}

function refuseState(record: TransactionRecord, outcome: TransactionOutcome): Decision<never> {
  const why = `outcome: ${outcome} is not possible in the state ${record.state}`
  return refuse(record, 'invalid_txn_state', why)
}

function answer(record: TransactionRecord): Decision<ProducerIdAndEpoch> {
  return { record, result: { ok: nextProducer(record) } }
}
