/**
 * Decides which chunks are deleted, and when to check again. A chunk takes the place of Kafka's segment: it is
 * deleted as a whole, oldest first, and the first chunk to keep ends the search (KIP-32, the log cleaner's
 * `delete` policy). Chunks below the log start are deleted under any policy (KIP-107, DeleteRecords).
 */
import { EdgelogError } from '../errors.ts'
import type { TopicConfig } from '../topic/topic-config.ts'
import type { ChunkSpan } from './chunk.ts'
import type { LogEnds } from './log-ends.ts'

type RetentionConfig = Pick<TopicConfig, 'cleanupPolicy' | 'retentionMs' | 'retentionBytes'>

/** The part of a log that decides on its oldest chunk. */
interface RetainedLog {
  readonly sizeBytes: number
  readonly logStartOffset: number
}

/**
 * Returns whether the oldest chunk of a log can be deleted: it exceeds retention, or lies below the log start.
 *
 * @param nowMs Without it, the age of records does not count, as between two age checks.
 */
export function isDeletable(
  oldest: ChunkSpan,
  log: RetainedLog,
  config: RetentionConfig,
  nowMs?: number,
): boolean {
  return oldest.endOffset <= log.logStartOffset || isExpired(oldest, log.sizeBytes, config, nowMs)
}

/** Returns whether the oldest chunk of a log of `logSizeBytes` exceeds the topic's retention. */
export function isExpired(
  oldest: ChunkSpan,
  logSizeBytes: number,
  config: RetentionConfig,
  nowMs?: number,
): boolean {
  if (!config.cleanupPolicy.includes('delete')) return false
  const { retentionMs, retentionBytes } = config
  const ageMs = nowMs === undefined ? -1 : nowMs - timeOf(oldest)
  if (retentionMs >= 0 && ageMs > retentionMs) return true
  return retentionBytes >= 0 && logSizeBytes - oldest.sizeBytes >= retentionBytes
}

interface RetentionPlan {
  /** How many of the oldest chunks are deleted. */
  readonly count: number
  readonly sizeBytes: number
  /** End offset of the last of them. */
  readonly endOffset: number
  /** The log start after the deletion. */
  readonly logStartOffset: number
}

/**
 * Returns which of `chunks` (oldest first, from the start of the log) are deleted.
 *
 * @param nowMs Without it, the age of records does not count.
 */
export function planRetention(
  chunks: Iterable<ChunkSpan>,
  log: RetainedLog,
  config: RetentionConfig,
  nowMs?: number,
): RetentionPlan {
  let count = 0
  let sizeBytes = 0
  let endOffset = 0
  let { logStartOffset } = log
  for (const chunk of chunks) {
    const rest = { sizeBytes: log.sizeBytes - sizeBytes, logStartOffset }
    if (!isDeletable(chunk, rest, config, nowMs)) break
    count += 1
    sizeBytes += chunk.sizeBytes
    endOffset = chunk.endOffset
    logStartOffset = Math.max(logStartOffset, endOffset)
  }
  return { count, sizeBytes, endOffset, logStartOffset }
}

/**
 * Returns the log start after a DeleteRecords request for the records before an offset. It never moves down.
 *
 * @throws {EdgelogError} `policy_violation` if the topic's `cleanup.policy` does not contain `delete`;
 * `offset_out_of_range` for an offset that is negative or above the high watermark.
 */
export function decideDeleteRecords(
  beforeOffset: number | 'highWatermark',
  log: Pick<LogEnds, 'logStartOffset' | 'highWatermark'>,
  config: Pick<TopicConfig, 'cleanupPolicy'>,
): number {
  const { logStartOffset, highWatermark } = log
  if (!config.cleanupPolicy.includes('delete')) {
    throw new EdgelogError(
      'policy_violation',
      'cleanup.policy: must contain delete before records can be deleted',
    )
  }
  const offset = beforeOffset === 'highWatermark' ? highWatermark : beforeOffset
  if (!(offset >= 0 && offset <= highWatermark)) {
    throw new EdgelogError(
      'offset_out_of_range',
      `offset: 0 to ${highWatermark} is allowed, got ${offset}`,
      { details: { logStartOffset, highWatermark } },
    )
  }
  return Math.max(logStartOffset, offset)
}

/** Returns when the oldest chunk expires by its age; undefined if age expires nothing. */
export function expiresAtMs(oldest: ChunkSpan, config: RetentionConfig): number | undefined {
  if (!config.cleanupPolicy.includes('delete') || config.retentionMs < 0) return undefined
  return timeOf(oldest) + config.retentionMs + 1
}

/** Returns a chunk's timestamp. As Kafka uses a segment file's own time if its records have none. */
function timeOf(chunk: ChunkSpan): number {
  return Math.abs(chunk.maxTimestamp)
}
