/**
 * Which chunks may go, and when to look again. A chunk stands where Kafka has a segment: it goes as a
 * whole, oldest first, and the first one that must stay ends the search (KIP-32, log cleaner's
 * `delete` policy).
 */
import type { TopicConfig } from '../topic/topic-config.ts'
import type { ChunkSpan } from './chunk.ts'

type RetentionConfig = Pick<TopicConfig, 'cleanupPolicy' | 'retentionMs' | 'retentionBytes'>

/** Whether the oldest chunk of a log of `logSizeBytes` has outlived the topic's retention. */
export function isExpired(
  oldest: ChunkSpan,
  logSizeBytes: number,
  config: RetentionConfig,
  nowMs: number,
): boolean {
  if (!config.cleanupPolicy.includes('delete')) return false
  const { retentionMs, retentionBytes } = config
  if (retentionMs >= 0 && nowMs - timeOf(oldest) > retentionMs) return true
  return retentionBytes >= 0 && logSizeBytes - oldest.sizeBytes >= retentionBytes
}

export interface RetentionPlan {
  /** How many of the oldest chunks go. */
  readonly count: number
  readonly sizeBytes: number
  /** The log start after them. */
  readonly logStartOffset: number
}

/** What of `chunks` (oldest first, from the start of the log) is to be deleted. */
export function planRetention(
  chunks: Iterable<ChunkSpan>,
  log: { readonly sizeBytes: number; readonly logStartOffset: number },
  config: RetentionConfig,
  nowMs: number,
): RetentionPlan {
  let count = 0
  let sizeBytes = 0
  let { logStartOffset } = log
  for (const chunk of chunks) {
    if (!isExpired(chunk, log.sizeBytes - sizeBytes, config, nowMs)) break
    count += 1
    sizeBytes += chunk.sizeBytes
    logStartOffset = Math.max(logStartOffset, chunk.endOffset)
  }
  return { count, sizeBytes, logStartOffset }
}

/** When the oldest chunk expires by its age; undefined where age does not expire anything. */
export function expiresAtMs(oldest: ChunkSpan, config: RetentionConfig): number | undefined {
  if (!config.cleanupPolicy.includes('delete') || config.retentionMs < 0) return undefined
  return timeOf(oldest) + config.retentionMs + 1
}

/** Kafka goes by a segment file's own time where its records have none. */
function timeOf(chunk: ChunkSpan): number {
  return Math.abs(chunk.maxTimestamp)
}
