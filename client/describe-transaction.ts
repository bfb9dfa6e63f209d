/** Lists, describes and aborts the transactions of transactional ids, for operators. */
import { type Connection, request, requestJson } from './http/connection.ts'

export interface TransactionDescription {
  /** The transactional id. */
  readonly id: string
  /** Kafka's states: `Empty`, `Ongoing`, `PrepareCommit`, `PrepareAbort`, `CompleteCommit`, `CompleteAbort`. */
  readonly state: string
  /** Text, because it exceeds 2^53. */
  readonly producerId: string
  readonly producerEpoch: number
  readonly timeoutMs: number
  /** Start of the open transaction; null if none is open. */
  readonly startedAtMs: number | null
  readonly updatedAtMs: number
  /** The partitions of a transaction that has not ended. */
  readonly partitions: ReadonlyArray<{ readonly topic: string; readonly partition: number }>
  readonly groups: readonly string[]
}

/** Returns all transactional ids, sorted; reads them page by page. */
export async function listTransactions(
  connection: Connection,
  signal?: AbortSignal,
): Promise<readonly TransactionDescription[]> {
  const transactions: TransactionDescription[] = []
  // Each page begins after the last id of the previous one, so the loop ends.
  for (let after: string | null = ''; after !== null; ) {
    const path: string = `/v1/transactions?after=${encodeURIComponent(after)}`
    const page: { transactions: readonly TransactionDescription[]; next: string | null } =
      await requestJson(connection, path, { signal })
    transactions.push(...page.transactions)
    after = page.next
  }
  return transactions
}

/** @throws {EdgelogError} `transactional_id_not_found`, `unavailable`, ... */
export async function describeTransaction(
  connection: Connection,
  id: string,
  signal?: AbortSignal,
): Promise<TransactionDescription> {
  return await requestJson(connection, pathOf(id), { signal })
}

/** @throws {EdgelogError} `transactional_id_not_found`, `invalid_txn_state` if no transaction is open, ... */
export async function abortTransaction(
  connection: Connection,
  id: string,
  signal?: AbortSignal,
): Promise<void> {
  await request(connection, pathOf(id), { method: 'DELETE', signal }, async () => {})
}

function pathOf(id: string): string {
  return `/v1/transactions/${encodeURIComponent(id)}`
}
