/**
 * Asks the coordinators of transactions that are open for too long. A coordinator ends its transactions by itself; only
 * one that was lost, for example by restoring an object to an earlier time, leaves a transaction open.
 */
import { EdgelogError, type Result, unwrap } from '../../src/core/errors.ts'
import type { PartitionAssignment } from '../../src/core/log/partition-api.ts'
import type { OpenTransaction } from '../../src/core/log/transactions.ts'
import type { EndTransactionRequest } from '../../src/core/transaction/participant-api.ts'
import type { TransactionApi } from '../../src/core/transaction/transaction-api.ts'
import { report } from '../../src/events/report.ts'

export type TransactionBinding = DurableObjectNamespace<Rpc.DurableObjectBranded & TransactionApi>

/**
 * Returns the end of the transaction if its coordinator does not know it as open; otherwise the partition asks again
 * later.
 */
export async function endOfLost(
  coordinators: TransactionBinding | undefined,
  transaction: OpenTransaction,
  { topic, partition }: PartitionAssignment,
): Promise<EndTransactionRequest | undefined> {
  const { transactionalId, producerId, producerEpoch, number, version } = transaction
  const place = { topic, partition, transactionalId }
  try {
    const fate = unwrap(await ask(coordinators, transaction))
    if (fate === 'pending') return undefined
    report({ type: 'transaction_lost', ...place })
    return { producerId, producerEpoch, number, version, outcome: 'abort' }
  } catch (error) {
    report({ type: 'transaction_fate_unknown', ...place, error })
    return undefined
  }
}

async function ask(
  coordinators: TransactionBinding | undefined,
  { coordinator, producerId, transactionalId, number }: OpenTransaction,
): Promise<Result<'pending' | 'unknown'>> {
  if (coordinators === undefined) {
    throw new EdgelogError('unavailable', 'the Worker has no binding TRANSACTION')
  }
  return await coordinators.getByName(coordinator).fateOf(producerId, transactionalId, number)
}
