/** Configs as DescribeConfigs and CreateTopics tell them: of topics, and of the one broker. */

import type { TopicConfigOverrides } from '../core/topic/topic-config.ts'
import {
  type ConfigKey,
  isTopicConfigKey,
  TOPIC_CONFIG_KEYS,
  type TopicConfigKey,
} from '../core/topic/topic-config-keys.ts'
import { NODE_ID } from './broker-node.ts'
import type { KafkaSettings } from './handled.ts'

/** Kafka's ConfigSource. */
const DYNAMIC_TOPIC = 1
const STATIC_BROKER = 4
const DEFAULT = 5

/** Kafka's ConfigType. */
const TYPES: Record<ConfigKey['type'], number> = {
  boolean: 1,
  string: 2,
  int: 3,
  long: 5,
  double: 6,
  list: 7,
}

export interface ConfigEntry {
  readonly name: string
  readonly value: string
  readonly readOnly: boolean
  readonly configSource: number
  readonly isSensitive: false
  readonly synonyms: ReadonlyArray<{
    readonly name: string
    readonly value: string
    readonly source: number
  }>
  readonly configType: number
  readonly documentation: string
}

/** All configs of a topic: those that were set, and the defaults of the others. */
export function topicConfigEntries(overrides: TopicConfigOverrides): ConfigEntry[] {
  return Object.keys(TOPIC_CONFIG_KEYS)
    .filter(isTopicConfigKey)
    .map((name) => topicConfigEntry(name, overrides[name]))
}

function topicConfigEntry(name: TopicConfigKey, override: string | undefined): ConfigEntry {
  const key: ConfigKey = TOPIC_CONFIG_KEYS[name]
  const fallback = { name, value: key.default, source: DEFAULT }
  const own = override === undefined ? [] : [{ name, value: override, source: DYNAMIC_TOPIC }]
  return {
    name,
    value: override ?? key.default,
    readOnly: false,
    configSource: override === undefined ? DEFAULT : DYNAMIC_TOPIC,
    isSensitive: false,
    synonyms: [...own, fallback],
    configType: TYPES[key.type],
    documentation: key.doc,
  }
}

/** What Kafka's tools look for in a broker. A deployment sets them; no client does. */
export function brokerConfigEntries({
  autoCreateTopics,
  numPartitions,
}: KafkaSettings): ConfigEntry[] {
  const topic = (name: TopicConfigKey) => TOPIC_CONFIG_KEYS[name].default
  return [
    brokerConfigEntry('node.id', 'int', String(NODE_ID), 'The one node.'),
    brokerConfigEntry('broker.id', 'int', String(NODE_ID), 'The one node.'),
    brokerConfigEntry(
      'auto.create.topics.enable',
      'boolean',
      String(autoCreateTopics),
      'Whether a client creates a topic by naming it.',
    ),
    brokerConfigEntry('num.partitions', 'int', String(numPartitions), 'Of such a topic.'),
    brokerConfigEntry('default.replication.factor', 'int', '1', 'The platform replicates.'),
    brokerConfigEntry('min.insync.replicas', 'int', '1', 'The platform replicates.'),
    brokerConfigEntry('delete.topic.enable', 'boolean', 'true', 'Topics may be deleted.'),
    brokerConfigEntry('log.cleanup.policy', 'list', topic('cleanup.policy'), 'Of new topics.'),
    brokerConfigEntry('log.retention.ms', 'long', topic('retention.ms'), 'Of new topics.'),
    brokerConfigEntry('log.retention.bytes', 'long', topic('retention.bytes'), 'Of new topics.'),
    brokerConfigEntry('log.segment.bytes', 'int', topic('segment.bytes'), 'Of new topics.'),
    brokerConfigEntry('message.max.bytes', 'int', topic('max.message.bytes'), 'Of new topics.'),
    brokerConfigEntry('compression.type', 'string', topic('compression.type'), 'Of new topics.'),
  ]
}

function brokerConfigEntry(
  name: string,
  type: ConfigKey['type'],
  value: string,
  documentation: string,
): ConfigEntry {
  return {
    name,
    value,
    readOnly: true,
    configSource: STATIC_BROKER,
    isSensitive: false,
    synonyms: [{ name, value, source: STATIC_BROKER }],
    configType: TYPES[type],
    documentation,
  }
}
