/**
 * Sealing merges neighbouring small chunks into rows of about `CHUNK_BYTES_MAX`: one row to read, to
 * tier and to expire instead of hundreds. It never changes a batch.
 */
import { CHUNK_BYTES_MAX, SEAL_CHUNKS_MAX } from '../limits.ts'
import type { ChunkSpan } from './chunk.ts'

/**
 * A chunk of at least this size is left as it is. Its one delete is paid when it expires in any case,
 * reading a few rows more costs next to nothing, and merging would write all its bytes a second time.
 */
export const SEALED_CHUNK_BYTES_MIN = CHUNK_BYTES_MAX / 16

interface SealPlan {
  /** Neighbouring chunks that become one; undefined when there is nothing worth merging yet. */
  readonly group: readonly ChunkSpan[] | undefined
  /** Everything below is sealed once the group is merged; it may stay while the group still grows. */
  readonly sealedOffset: number
}

/**
 * The first group to merge among `chunks`: the unsealed ones, in order. A group ends where the next
 * chunk would make it too large; one that the end of the list cuts short waits for more, and one that
 * its number of chunks cuts short is merged and then grows on.
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
