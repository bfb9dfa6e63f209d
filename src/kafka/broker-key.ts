/** Maps configs of topics to the broker configs that set their defaults. */
import type { TopicConfigKey } from '../core/topic/topic-config-keys.ts'

const BROKER_KEYS: { readonly [Key in TopicConfigKey]?: string } = {
  'cleanup.policy': 'log.cleanup.policy',
  'delete.retention.ms': 'log.cleaner.delete.retention.ms',
  'file.delete.delay.ms': 'log.segment.delete.delay.ms',
  'flush.messages': 'log.flush.interval.messages',
  'flush.ms': 'log.flush.interval.ms',
  'index.interval.bytes': 'log.index.interval.bytes',
  'local.retention.bytes': 'log.local.retention.bytes',
  'local.retention.ms': 'log.local.retention.ms',
  'max.compaction.lag.ms': 'log.cleaner.max.compaction.lag.ms',
  'max.message.bytes': 'message.max.bytes',
  'message.timestamp.after.max.ms': 'log.message.timestamp.after.max.ms',
  'message.timestamp.before.max.ms': 'log.message.timestamp.before.max.ms',
  'message.timestamp.type': 'log.message.timestamp.type',
  'min.cleanable.dirty.ratio': 'log.cleaner.min.cleanable.ratio',
  'min.compaction.lag.ms': 'log.cleaner.min.compaction.lag.ms',
  preallocate: 'log.preallocate',
  'retention.bytes': 'log.retention.bytes',
  'retention.ms': 'log.retention.ms',
  'segment.bytes': 'log.segment.bytes',
  'segment.index.bytes': 'log.index.size.max.bytes',
  'segment.jitter.ms': 'log.roll.jitter.ms',
  'segment.ms': 'log.roll.ms',
}

/** Configs that only topics have. */
const TOPIC_ONLY = new Set<TopicConfigKey>([
  'follower.replication.throttled.replicas',
  'leader.replication.throttled.replicas',
  'remote.log.copy.disable',
  'remote.log.delete.on.disable',
  'remote.storage.enable',
])

/** Returns the name of a topic config as a broker config; its own name if the broker has none, or the same. */
export function brokerKeyOf(key: TopicConfigKey): string {
  return BROKER_KEYS[key] ?? key
}

export function isBrokerKey(key: TopicConfigKey): boolean {
  return !TOPIC_ONLY.has(key)
}
