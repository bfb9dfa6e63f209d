/**
 * Which chunks may go, and when to look again. A chunk stands where Kafka has a segment: it goes as a
 * whole, oldest first, and the first one that must stay ends the search (KIP-32, log cleaner's
 * `delete` policy). What lies below the log start goes under any policy (KIP-107, DeleteRecords).
 */
import { EdgelogError } from '../errors.ts'
import type { TopicConfig } from '../topic/topic-config.ts'
import type { ChunkSpan } from './chunk.ts'
import type { LogEnds } from './log-ends.ts'

type RetentionConfig = Pick<TopicConfig, 'cleanupPolicy' | 'retentionMs' | 'retentionBytes'>

/** The part of a log that its oldest chunk is held against. */
interface RetainedLog {
  readonly sizeBytes: number
  readonly logStartOffset: number
}

/**
 * Whether the oldest chunk of a log may go: it has outlived retention, or is not part of the log any more.
 *
 * @param nowMs Left out: the age of records does not count, as between two checks of it.
 */
export function mayGo(
  oldest: ChunkSpan,
  log: RetainedLog,
  config: RetentionConfig,
  nowMs?: number,
): boolean {
  return oldest.endOffset <= log.logStartOffset || isExpired(oldest, log.sizeBytes, config, nowMs)
}

/** Whether the oldest chunk of a log of `logSizeBytes` has outlived the topic's retention. */
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
  /** How many of the oldest chunks go. */
  readonly count: number
  readonly sizeBytes: number
  /** Where the last of them ends. */
  readonly endOffset: number
  /** The log start after them. */
  readonly logStartOffset: number
}

/**
 * Returns what of `chunks` (oldest first, from the start of the log) is to be deleted.
 *
 * @param nowMs Left out: the age of records does not count.
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
    if (!mayGo(chunk, rest, config, nowMs)) break
    count += 1
    sizeBytes += chunk.sizeBytes
    endOffset = chunk.endOffset
    logStartOffset = Math.max(logStartOffset, endOffset)
  }
  return { count, sizeBytes, endOffset, logStartOffset }
}

/**
 * The log start after records before an offset are deleted by hand. It never moves down.
 *
 * @throws {EdgelogError} `policy_violation` where the topic's `cleanup.policy` has no `delete`;
 * `offset_out_of_range` for an offset that is negative, or beyond the high watermark.
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
      'records can be deleted only where cleanup.policy has delete',
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

/** When the oldest chunk expires by its age; undefined where age does not expire anything. */
export function expiresAtMs(oldest: ChunkSpan, config: RetentionConfig): number | undefined {
  if (!config.cleanupPolicy.includes('delete') || config.retentionMs < 0) return undefined
  return timeOf(oldest) + config.retentionMs + 1
}

/** Kafka goes by a segment file's own time where its records have none. */
function timeOf(chunk: ChunkSpan): number {
  return Math.abs(chunk.maxTimestamp)
}
