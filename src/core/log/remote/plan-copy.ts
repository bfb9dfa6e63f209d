/**
 * Decides which chunks form the next object of a tiered log. An object is the counterpart of Kafka's closed segment:
 * it is copied when it has its size, or when its first chunk has the age at which Kafka would close a segment.
 */
import { REMOTE_OBJECT_BYTES_MAX, REMOTE_OBJECT_CHUNKS_MAX } from '../../limits.ts'
import type { TopicConfig } from '../../topic/topic-config.ts'
import type { ChunkSpan } from '../chunk.ts'

export type CopyConfig = Pick<
  TopicConfig,
  'remoteStorageEnable' | 'remoteLogCopyDisable' | 'segmentBytes' | 'segmentMs' | 'localRetentionMs'
>

export interface CopyPlan {
  /** The chunks of the next object; empty if none is due. */
  readonly chunks: readonly ChunkSpan[]
  /** When chunks that are too few for now become due by their age; undefined if there are none. */
  readonly dueAtMs?: number
}

const NOTHING: CopyPlan = { chunks: [] }

/**
 * Returns the chunks of the next object.
 *
 * @param chunks those that are not copied yet, in order: sealed, and below the last stable offset
 */
export function planCopy(chunks: Iterable<ChunkSpan>, config: CopyConfig, nowMs: number): CopyPlan {
  if (!isCopying(config)) return NOTHING
  const bytesMax = Math.min(REMOTE_OBJECT_BYTES_MAX, config.segmentBytes)
  const taken: ChunkSpan[] = []
  let sizeBytes = 0
  for (const chunk of chunks) {
    const isFull = taken.length > 0 && sizeBytes + chunk.sizeBytes > bytesMax
    if (isFull || taken.length === REMOTE_OBJECT_CHUNKS_MAX) return { chunks: taken }
    taken.push(chunk)
    sizeBytes += chunk.sizeBytes
  }
  const [first] = taken
  if (first === undefined) return NOTHING
  if (sizeBytes >= bytesMax) return { chunks: taken }
  const dueAtMs = Math.abs(first.maxTimestamp) + ageMsMax(config)
  return nowMs >= dueAtMs ? { chunks: taken } : { chunks: [], dueAtMs }
}

/** Returns whether records are copied to R2. */
export function isCopying({ remoteStorageEnable, remoteLogCopyDisable }: CopyConfig): boolean {
  return remoteStorageEnable && !remoteLogCopyDisable
}

/** Records that the partition should not keep any more are copied, however few they are. */
function ageMsMax({ segmentMs, localRetentionMs }: CopyConfig): number {
  return localRetentionMs < 0 ? segmentMs : Math.min(segmentMs, localRetentionMs)
}
