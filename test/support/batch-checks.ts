/** Returns the checks of batches for a partition, from their headers. */
import type { BatchCheck } from '../../src/core/batch/batch-check.ts'
import { type BatchHeader, readBatchHeaders } from '../../src/core/batch/record-batch.ts'

export function checkOf(
  { baseTimestamp, maxTimestamp }: BatchHeader,
  hasNullKey = false,
): BatchCheck {
  return { hasNullKey, minTimestamp: baseTimestamp, maxTimestamp }
}

export function checksOf(batches: Uint8Array): BatchCheck[] {
  return readBatchHeaders(batches).map((header) => checkOf(header))
}
