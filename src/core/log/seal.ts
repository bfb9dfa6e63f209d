/**
 * Merges neighbouring small chunks into rows of about `CHUNK_BYTES_MAX`, so that one row is read, tiered and
 * expired instead of hundreds. Sealing never changes a batch.
 */
import { CHUNK_BYTES_MAX, SEAL_CHUNKS_MAX } from '../limits.ts'
import type { ChunkSpan } from './chunk.ts'

/**
 * Chunks of at least this size are not merged. Each costs one delete when it expires in any case, reading a few
 * more rows costs next to nothing, and merging would write all their bytes a second time.
 */
export const SEALED_CHUNK_BYTES_MIN = CHUNK_BYTES_MAX / 16

interface SealPlan {
  /** Neighbouring chunks to merge into one; undefined if no merge is worthwhile yet. */
  readonly group: readonly ChunkSpan[] | undefined
  /** Every chunk below is sealed once the group is merged. It does not advance while the group can still grow. */
  readonly sealedOffset: number
}

/**
 * Returns the first group to merge among `chunks`: the unsealed ones, in order. A group ends where the next
 * chunk would make it too large. A group that reaches the end of the list waits for more chunks. A group that
 * reaches the maximum number of chunks is merged, and the merged chunk can grow on.
 */
export function planSeal(chunks: Iterable<ChunkSpan>, sealedOffset: number): SealPlan {
  const group: ChunkSpan[] = []
  let sizeBytes = 0
  let passedOffset = sealedOffset
  for (const chunk of chunks) {
    const isLarge = chunk.sizeBytes >= SEALED_CHUNK_BYTES_MIN
    const isFull = sizeBytes + chunk.sizeBytes > CHUNK_BYTES_MAX
    if (!isFull && !isLarge && group.length === SEAL_CHUNKS_MAX) {
      return { group, sealedOffset: group[0]?.baseOffset ?? passedOffset }
    }
    if (isLarge || isFull) {
      if (group.length > 1) return { group, sealedOffset: passedOffset }
      group.length = 0
      sizeBytes = 0
    }
    passedOffset = chunk.endOffset
    if (isLarge) continue
    group.push(chunk)
    sizeBytes += chunk.sizeBytes
  }
  return { group: undefined, sealedOffset: group[0]?.baseOffset ?? passedOffset }
}
