/**
 * Decides which copied segments leave the partition: Kafka's `local.retention.ms` and `local.retention.bytes`. The log
 * keeps their records, in R2.
 */
import type { TopicConfig } from '../../topic/topic-config.ts'
import type { ChunkSpan } from '../chunk.ts'
import { isExpired } from '../retention.ts'

type LocalRetentionConfig = Pick<
  TopicConfig,
  'localRetentionBytes' | 'localRetentionMs' | 'retentionBytes' | 'retentionMs'
>

/**
 * Returns whether the oldest segment that is live and in the partition should leave it.
 *
 * @param localBytes the bytes of all chunks in the partition, copied or not
 */
export function isLocallyExpired(
  oldest: ChunkSpan,
  localBytes: number,
  config: LocalRetentionConfig,
  nowMs: number,
): boolean {
  return isExpired(oldest, localBytes, localRetention(config), nowMs)
}

/** Returns when the segment leaves the partition by its age; undefined if age does not decide. */
export function locallyExpiresAtMs(
  oldest: ChunkSpan,
  config: LocalRetentionConfig,
): number | undefined {
  const { retentionMs } = localRetention(config)
  return retentionMs < 0 ? undefined : Math.abs(oldest.maxTimestamp) + retentionMs + 1
}

/** Returns the local limits as those of a log of its own; -1, unlimited, where the whole log has the same limit. */
function localRetention(config: LocalRetentionConfig) {
  const { localRetentionBytes, localRetentionMs } = config
  return {
    cleanupPolicy: ['delete'] as const,
    retentionBytes: Math.max(localRetentionBytes, -1),
    retentionMs: Math.max(localRetentionMs, -1),
  }
}
