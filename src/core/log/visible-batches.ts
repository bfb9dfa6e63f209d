/**
 * Removes what readers of the native API never get: markers, and for `committed` the records of aborted transactions.
 * Kafka's clients do the same by themselves.
 */
import {
  ATTRIBUTE_CONTROL,
  ATTRIBUTE_TRANSACTIONAL,
  ATTRIBUTES_POSITION,
  BATCH_LENGTH_END,
  BATCH_LENGTH_POSITION,
  PRODUCER_ID_POSITION,
} from '../batch/header-layout.ts'
import type { AbortedTransaction } from './transactions.ts'

/**
 * Returns the visible batches among whole, consecutive ones, as views that are as long as possible.
 *
 * @param aborted the aborted transactions with records among them
 */
export function visibleBatches(
  batches: Uint8Array,
  aborted: readonly AbortedTransaction[],
): Uint8Array[] {
  const view = new DataView(batches.buffer, batches.byteOffset, batches.byteLength)
  const visible: Uint8Array[] = []
  let start = 0
  let position = 0
  while (position < batches.length) {
    const end = position + view.getInt32(position + BATCH_LENGTH_POSITION) + BATCH_LENGTH_END
    if (isHidden(view, position, aborted)) {
      if (position > start) visible.push(batches.subarray(start, position))
      start = end
    }
    position = end
  }
  if (position > start) visible.push(batches.subarray(start, position))
  return visible
}

function isHidden(
  view: DataView,
  position: number,
  aborted: readonly AbortedTransaction[],
): boolean {
  const attributes = view.getInt16(position + ATTRIBUTES_POSITION)
  if ((attributes & ATTRIBUTE_CONTROL) !== 0) return true
  if ((attributes & ATTRIBUTE_TRANSACTIONAL) === 0 || aborted.length === 0) return false
  const baseOffset = view.getInt32(position) * 2 ** 32 + view.getUint32(position + 4)
  const producerId = view.getBigInt64(position + PRODUCER_ID_POSITION)
  return aborted.some(
    (transaction) =>
      transaction.producerId === producerId &&
      transaction.firstOffset <= baseOffset &&
      baseOffset < transaction.lastOffset,
  )
}
