/**
 * The configs of the one broker: edgelog's behaviour, under the names that Kafka's tools use. A deployment sets some of
 * them, the others are fixed; clients cannot change any.
 */
import { ASSIGNOR_NAMES } from '../core/group/assign/assignor.ts'
import {
  ASSIGNMENT_INTERVAL_MS_MAX,
  CONSUMER_ASSIGNMENT_INTERVAL_MS_MAX,
  CONSUMER_ASSIGNMENT_INTERVAL_MS_MIN,
  CONSUMER_HEARTBEAT_INTERVAL_MS_MAX,
  CONSUMER_HEARTBEAT_INTERVAL_MS_MIN,
  CONSUMER_SESSION_TIMEOUT_MS_MAX,
  CONSUMER_SESSION_TIMEOUT_MS_MIN,
  FETCH_BYTES_MAX,
  GROUP_MEMBERS_MAX,
  HEARTBEAT_INTERVAL_MS,
  INITIAL_REBALANCE_DELAY_MS,
  KAFKA_DESCRIBED_PARTITIONS_MAX,
  OFFSET_METADATA_BYTES_MAX,
  OFFSETS_RETENTION_MINUTES_DEFAULT,
  PRODUCER_EXPIRATION_MS,
  REQUEST_BODY_BYTES_MAX,
  RETENTION_CHECK_INTERVAL_MS_DEFAULT,
  SESSION_TIMEOUT_MS_DEFAULT,
  SESSION_TIMEOUT_MS_MAX,
  SESSION_TIMEOUT_MS_MIN,
  TRANSACTION_TIMEOUT_MS_MAX,
  TRANSACTIONAL_ID_EXPIRATION_MS,
} from '../core/limits.ts'
import { isTopicConfigKey, TOPIC_CONFIG_KEYS } from '../core/topic/topic-config-keys.ts'
import { SASL_MECHANISMS } from './apis/sasl-handshake.ts'
import { brokerKeyOf, isBrokerKey } from './broker-key.ts'
import { LISTENER_NAME, LOG_DIR, NODE_ID } from './broker-node.ts'
import { CONFIG_TYPE, type ConfigEntry, SOURCE } from './config-entries.ts'
import type { HostAndPort, KafkaCall, KafkaSettings } from './handled.ts'

type Type = keyof typeof CONFIG_TYPE

const HOUR_MS = 3_600_000

export function brokerConfigEntries({
  settings,
  address,
}: Pick<KafkaCall, 'settings' | 'address'>): ConfigEntry[] {
  return [
    ...nodeEntries(address),
    ...settingEntries(settings),
    ...defaultsOfTopics(),
    ...limitEntries(),
    ...groupEntries(),
    ...transactionEntries(),
    ...securityEntries(),
  ].sort((one, other) => (one.name < other.name ? -1 : 1))
}

function nodeEntries({ host, port }: HostAndPort): ConfigEntry[] {
  const listener = `${LISTENER_NAME}://${host.includes(':') ? `[${host}]` : host}:${port}`
  return [
    set('node.id', 'int', NODE_ID, 'The id of the one node.'),
    set('broker.id', 'int', NODE_ID, 'The id of the one node.'),
    set('process.roles', 'list', 'broker,controller', 'The one node has both roles.'),
    set('listeners', 'list', listener, 'The bridge that the client is connected to.'),
    set('advertised.listeners', 'list', listener, 'The address that clients connect to.'),
    set('log.dirs', 'list', LOG_DIR, "Stands for the platform's storage."),
    fixed('broker.rack', 'string', null, 'The platform places partitions.'),
  ]
}

function settingEntries(settings: KafkaSettings): ConfigEntry[] {
  const { autoCreateTopics, numPartitions, offsetsRetentionMinutes, retentionCheckIntervalMs } =
    settings
  return [
    setting(
      ['auto.create.topics.enable', 'boolean', 'Whether a client creates a topic by naming it.'],
      autoCreateTopics,
      true,
    ),
    setting(
      ['num.partitions', 'int', 'The number of partitions of a topic that is created without one.'],
      numPartitions,
      1,
    ),
    setting(
      ['offsets.retention.minutes', 'int', 'How long a group without members keeps its offsets.'],
      offsetsRetentionMinutes,
      OFFSETS_RETENTION_MINUTES_DEFAULT,
    ),
    setting(
      [
        'log.retention.check.interval.ms',
        'long',
        'The time between two checks for expired records.',
      ],
      retentionCheckIntervalMs,
      RETENTION_CHECK_INTERVAL_MS_DEFAULT,
    ),
  ]
}

/** Returns the defaults of topic configs, under their names as broker configs. */
function defaultsOfTopics(): ConfigEntry[] {
  const names = Object.keys(TOPIC_CONFIG_KEYS).filter(isTopicConfigKey).filter(isBrokerKey)
  const entries = names.map((name) => {
    const { type, default: value, doc } = TOPIC_CONFIG_KEYS[name]
    return fixed(brokerKeyOf(name), type, value, doc)
  })
  const hours = (ms: string) => Number(ms) / HOUR_MS
  const { 'retention.ms': retention, 'segment.ms': segment } = TOPIC_CONFIG_KEYS
  return [
    ...entries,
    fixed('log.retention.hours', 'int', hours(retention.default), 'log.retention.ms in hours.'),
    fixed('log.retention.minutes', 'int', null, 'log.retention.ms is used.'),
    fixed('log.roll.hours', 'int', hours(segment.default), 'log.roll.ms in hours.'),
  ]
}

function limitEntries(): ConfigEntry[] {
  return [
    fixed('default.replication.factor', 'int', 1, 'The platform replicates.'),
    fixed('delete.topic.enable', 'boolean', true, 'Whether topics may be deleted.'),
    fixed('fetch.max.bytes', 'int', FETCH_BYTES_MAX, 'The maximum bytes of one fetch.'),
    fixed('max.incremental.fetch.session.cache.slots', 'int', 0, 'There are no fetch sessions.'),
    fixed(
      'max.request.partition.size.limit',
      'int',
      KAFKA_DESCRIBED_PARTITIONS_MAX,
      'The maximum partitions of one DescribeTopicPartitions.',
    ),
    fixed(
      'producer.id.expiration.ms',
      'long',
      PRODUCER_EXPIRATION_MS,
      'The idle time after which a partition deletes an idempotent producer.',
    ),
    fixed(
      'socket.request.max.bytes',
      'int',
      REQUEST_BODY_BYTES_MAX,
      'The maximum bytes of a request.',
    ),
  ]
}

function groupEntries(): ConfigEntry[] {
  const ms = (name: string, value: number, doc: string) => fixed(name, 'int', value, doc)
  return [
    fixed(
      'group.coordinator.rebalance.protocols',
      'list',
      'classic,consumer',
      'The protocols that are served.',
    ),
    ms('group.initial.rebalance.delay.ms', INITIAL_REBALANCE_DELAY_MS, 'The delay of a new group.'),
    ms('group.min.session.timeout.ms', SESSION_TIMEOUT_MS_MIN, 'For the classic protocol.'),
    ms('group.max.session.timeout.ms', SESSION_TIMEOUT_MS_MAX, 'For the classic protocol.'),
    fixed('group.max.size', 'int', GROUP_MEMBERS_MAX, 'The maximum members of a classic group.'),
    fixed('group.consumer.max.size', 'int', GROUP_MEMBERS_MAX, 'The maximum members of a group.'),
    fixed('group.consumer.assignors', 'list', ASSIGNOR_NAMES.join(','), 'The default is first.'),
    fixed(
      'group.consumer.migration.policy',
      'string',
      'disabled',
      'A group with members cannot change its protocol.',
    ),
    ms('group.consumer.session.timeout.ms', SESSION_TIMEOUT_MS_DEFAULT, 'Default of groups.'),
    ms(
      'group.consumer.min.session.timeout.ms',
      CONSUMER_SESSION_TIMEOUT_MS_MIN,
      'Limit of consumer.session.timeout.ms.',
    ),
    ms(
      'group.consumer.max.session.timeout.ms',
      CONSUMER_SESSION_TIMEOUT_MS_MAX,
      'Limit of consumer.session.timeout.ms.',
    ),
    ms('group.consumer.heartbeat.interval.ms', HEARTBEAT_INTERVAL_MS, 'Default of groups.'),
    ms(
      'group.consumer.min.heartbeat.interval.ms',
      CONSUMER_HEARTBEAT_INTERVAL_MS_MIN,
      'Limit of consumer.heartbeat.interval.ms.',
    ),
    ms(
      'group.consumer.max.heartbeat.interval.ms',
      CONSUMER_HEARTBEAT_INTERVAL_MS_MAX,
      'Limit of consumer.heartbeat.interval.ms.',
    ),
    ms(
      'group.consumer.assignment.interval.ms',
      ASSIGNMENT_INTERVAL_MS_MAX,
      'The maximum time between two assignments of a group; it is shorter for small groups.',
    ),
    ms(
      'group.consumer.min.assignment.interval.ms',
      CONSUMER_ASSIGNMENT_INTERVAL_MS_MIN,
      'Limit of consumer.assignment.interval.ms.',
    ),
    ms(
      'group.consumer.max.assignment.interval.ms',
      CONSUMER_ASSIGNMENT_INTERVAL_MS_MAX,
      'Limit of consumer.assignment.interval.ms.',
    ),
    fixed(
      'offset.metadata.max.bytes',
      'int',
      OFFSET_METADATA_BYTES_MAX,
      'The maximum bytes of metadata with an offset.',
    ),
  ]
}

function transactionEntries(): ConfigEntry[] {
  return [
    fixed(
      'transaction.max.timeout.ms',
      'int',
      TRANSACTION_TIMEOUT_MS_MAX,
      'The maximum transaction.timeout.ms of a producer.',
    ),
    fixed(
      'transactional.id.expiration.ms',
      'int',
      TRANSACTIONAL_ID_EXPIRATION_MS,
      'The idle time after which a transactional id is forgotten.',
    ),
    fixed(
      'transaction.two.phase.commit.enable',
      'boolean',
      false,
      'Every transaction has a timeout.',
    ),
  ]
}

function securityEntries(): ConfigEntry[] {
  return [
    fixed('authorizer.class.name', 'string', '', 'There are no ACLs; one token allows everything.'),
    fixed(
      'sasl.enabled.mechanisms',
      'list',
      SASL_MECHANISMS.join(','),
      'Used if a token is required.',
    ),
    {
      ...fixed('sasl.jaas.config', 'password', null, 'The token; it is never shown.'),
      isSensitive: true,
    },
  ]
}

type Value = string | number | boolean | null

/** Makes a config that identifies the node. */
function set(name: string, type: Type, value: Value, documentation: string): ConfigEntry {
  return brokerEntry(name, type, documentation, [[value, SOURCE.staticBroker]])
}

/** Makes a config that is the same in every deployment. */
function fixed(name: string, type: Type, value: Value, documentation: string): ConfigEntry {
  return brokerEntry(name, type, documentation, [[value, SOURCE.default]])
}

/** Makes a config that a deployment may set. */
function setting(
  [name, type, documentation]: readonly [name: string, type: Type, documentation: string],
  value: Value,
  fallback: Value,
): ConfigEntry {
  const own: Array<[Value, number]> = value === fallback ? [] : [[value, SOURCE.staticBroker]]
  return brokerEntry(name, type, documentation, [...own, [fallback, SOURCE.default]])
}

/** @param values the first one is used. */
function brokerEntry(
  name: string,
  type: Type,
  documentation: string,
  values: ReadonlyArray<readonly [value: Value, source: number]>,
): ConfigEntry {
  const [value, configSource] = values[0] ?? [null, SOURCE.default]
  return {
    name,
    value: value === null ? null : String(value),
    readOnly: true,
    configSource,
    isSensitive: false,
    synonyms: values.flatMap(([one, source]) =>
      one === null ? [] : [{ name, value: String(one), source }],
    ),
    configType: CONFIG_TYPE[type],
    documentation,
  }
}
