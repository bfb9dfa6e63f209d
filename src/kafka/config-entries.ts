/** Configs in the form of DescribeConfigs and CreateTopics: those of topics, and the common types. */

import type { TopicConfigOverrides } from '../core/topic/topic-config.ts'
import {
  type ConfigKey,
  isTopicConfigKey,
  TOPIC_CONFIG_KEYS,
  type TopicConfigKey,
} from '../core/topic/topic-config-keys.ts'
import { brokerKeyOf } from './broker-key.ts'

/** Kafka's ConfigSource. */
export const SOURCE = { dynamicTopic: 1, staticBroker: 4, default: 5, dynamicGroup: 8 } as const

/** Kafka's ConfigType. */
export const CONFIG_TYPE = {
  boolean: 1,
  string: 2,
  int: 3,
  long: 5,
  double: 6,
  list: 7,
  password: 9,
} as const satisfies Record<ConfigKey['type'] | 'password', number>

export interface ConfigSynonym {
  readonly name: string
  readonly value: string
  readonly source: number
}

export interface ConfigEntry {
  readonly name: string
  /** Null if it has no value, or one that is not shown. */
  readonly value: string | null
  readonly readOnly: boolean
  readonly configSource: number
  readonly isSensitive: boolean
  /** Possible sources of the value; the first one that is set counts. */
  readonly synonyms: readonly ConfigSynonym[]
  readonly configType: number
  readonly documentation: string
}

/** Returns all configs of a topic: those that were set, and the defaults of the others. */
export function topicConfigEntries(overrides: TopicConfigOverrides): ConfigEntry[] {
  return Object.keys(TOPIC_CONFIG_KEYS)
    .filter(isTopicConfigKey)
    .map((name) => topicConfigEntry(name, overrides[name]))
}

function topicConfigEntry(name: TopicConfigKey, override: string | undefined): ConfigEntry {
  const key: ConfigKey = TOPIC_CONFIG_KEYS[name]
  const fallback = { name: brokerKeyOf(name), value: key.default, source: SOURCE.default }
  const own = override === undefined ? [] : [{ name, value: override, source: SOURCE.dynamicTopic }]
  return {
    name,
    value: override ?? key.default,
    readOnly: false,
    configSource: override === undefined ? SOURCE.default : SOURCE.dynamicTopic,
    isSensitive: false,
    synonyms: [...own, fallback],
    configType: CONFIG_TYPE[key.type],
    documentation: key.doc,
  }
}
