/**
 * Sealed chunks, as readers get them whole: a chunk that sealing will not merge again, below the last stable offset and
 * not cut by the log start. Its bytes and its ends stay the same as long as it exists, unless compaction rewrites it.
 */
import { EdgelogError } from '../errors.ts'
import type { ChunkSpan } from './chunk.ts'
import type { LogEnds } from './log-ends.ts'
import { SEALED_CHUNK_BYTES_MIN } from './seal.ts'

/**
 * Returns whether a chunk is read as a whole. One that the log start cuts would return deleted records.
 *
 * @param sealedOffset the end of what sealing has passed; chunks above it are sealed only if they are large
 */
export function isSealed(
  { baseOffset, endOffset, sizeBytes }: ChunkSpan,
  sealedOffset: number,
  { logStartOffset, lastStableOffset }: LogEnds,
): boolean {
  const isMergedNoMore = endOffset <= sealedOffset || sizeBytes >= SEALED_CHUNK_BYTES_MIN
  return isMergedNoMore && baseOffset >= logStartOffset && endOffset <= lastStableOffset
}

/** Returns the error for an offset that has to be fetched. */
export function notSealed(offset: number): EdgelogError {
  return new EdgelogError('not_sealed', `offset: no sealed chunk holds ${offset}; fetch it instead`)
}

/** Returns the path of a sealed chunk in the HTTP API. It names the topic by its id: a name may be used again. */
export function sealedPath(topicId: string, partition: number, offset: number): string {
  return `/v1/topics/${topicId}/partitions/${partition}/sealed/${offset}`
}
