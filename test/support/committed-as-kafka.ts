/** Kafka's own rule for readers of committed transactions, to compare the server's with. */
import { decodeTransactionMarker } from '../../src/core/batch/control-record.ts'
import { type BatchHeader, readBatchHeaders } from '../../src/core/batch/record-batch.ts'
import type { AbortedTransaction } from '../../src/core/log/transactions.ts'

/**
 * Returns the batches whose records a Kafka client hands out, as Java's `CompletedFetch` decides it: walks the batches
 * beside the list, and closes a transaction at its marker.
 *
 * @param batches as they are stored, up to the last stable offset
 */
export function committedAsKafka(
  batches: Uint8Array,
  aborted: ReadonlyArray<Omit<AbortedTransaction, 'lastOffset'>>,
): BatchHeader[] {
  const waiting = aborted.toSorted((a, b) => a.firstOffset - b.firstOffset)
  const active = new Set<bigint>()
  const committed: BatchHeader[] = []
  for (const one of batches.length === 0 ? [] : readBatchHeaders(batches)) {
    const lastOffset = one.baseOffset + one.lastOffsetDelta
    while ((waiting[0]?.firstOffset ?? Number.POSITIVE_INFINITY) <= lastOffset) {
      const [begun] = waiting.splice(0, 1)
      if (begun !== undefined) active.add(begun.producerId)
    }
    if (one.isControl) {
      if (decodeTransactionMarker(batches, one)?.type === 'abort') active.delete(one.producerId)
    } else if (!(one.isTransactional && active.has(one.producerId))) committed.push(one)
  }
  return committed
}
