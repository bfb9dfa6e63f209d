/**
 * The config of a topic: the overrides in Kafka's text form, and the typed values that result from them. Keys,
 * defaults and bounds are in `topic-config-keys.ts`.
 */
import { EdgelogError } from '../errors.ts'
import { shownValue } from '../shown-value.ts'
import {
  checkValueLength,
  configListItems,
  configValueToJson,
  parseConfigValue,
} from './config-value.ts'
import { nearestConfigKeys } from './nearest-config-keys.ts'
import {
  type ConfigKey,
  isTopicConfigKey,
  TOPIC_CONFIG_KEYS,
  type TopicConfigKey,
  type TopicConfigKeyOf,
} from './topic-config-keys.ts'

type CleanupPolicy = 'delete' | 'compact'
type TimestampType = 'CreateTime' | 'LogAppendTime'
type TopicCompressionType = 'producer' | 'uncompressed' | 'gzip' | 'snappy' | 'lz4' | 'zstd'

/** The values that control a log. Longs above 2^53 - 1 are cut to it: as a time or a size both are "never". */
export interface TopicConfig {
  readonly cleanupPolicy: readonly CleanupPolicy[]
  readonly compressionType: TopicCompressionType
  readonly deleteRetentionMs: number
  /** -2: as `retentionBytes`; -1: unlimited. */
  readonly localRetentionBytes: number
  /** -2: as `retentionMs`; -1: unlimited. */
  readonly localRetentionMs: number
  readonly maxCompactionLagMs: number
  readonly maxMessageBytes: number
  readonly messageTimestampAfterMaxMs: number
  readonly messageTimestampBeforeMaxMs: number
  readonly messageTimestampType: TimestampType
  readonly minCleanableDirtyRatio: number
  readonly minCompactionLagMs: number
  /** True if sealed chunks are read without a token. Undefined in configs that were stored before. */
  readonly publicRead?: boolean
  readonly remoteLogCopyDisable: boolean
  readonly remoteStorageEnable: boolean
  /** -1: unlimited. */
  readonly retentionBytes: number
  /** -1: unlimited. */
  readonly retentionMs: number
  readonly segmentBytes: number
  readonly segmentMs: number
  /** Whether the partitions keep the latest value of each key in a table. */
  readonly tableEnable: boolean
}

/** The keys that were set explicitly, each with its valid, canonical text. */
export type TopicConfigOverrides = Readonly<Record<string, string>>

/** Keys to set, keys to reset to their default (`null`), and lists to change (KIP-339). */
export type TopicConfigChange = Readonly<Record<string, string | null | ConfigListChange>>

/** A change to the current value of a list: two concurrent appends both take effect. */
type ConfigListChange =
  | { readonly append: readonly string[] }
  | { readonly subtract: readonly string[] }

/** Config as received: Kafka's text, or JSON. */
type TopicConfigInput = Readonly<Record<string, unknown>>

/**
 * Checks the config of a new topic, given as Kafka's text or as JSON numbers and booleans.
 *
 * @throws {EdgelogError} `invalid_config`; as in Kafka also for `null`, which is allowed only in a change.
 * @example
 * parseTopicConfigOverrides({ 'retention.ms': 60_000 }) // { 'retention.ms': '60000' }
 */
export function parseTopicConfigOverrides(input: TopicConfigInput): TopicConfigOverrides {
  const overrides = Object.fromEntries(
    Object.entries(input).map(([key, value]) => [key, parseEntry(key, value)]),
  )
  checkTogether(overrides)
  return overrides
}

/**
 * Checks a change of config; `null` resets a key to its default.
 *
 * @throws {EdgelogError} `invalid_config`.
 */
export function parseTopicConfigChange(input: TopicConfigInput): TopicConfigChange {
  return Object.fromEntries(
    Object.entries(input).map(([key, value]) => {
      const definition = parseKey(key)
      return [key, value === null ? null : parseConfigValue(value, definition, fieldOf(key))]
    }),
  )
}

/**
 * Checks the items to append to a list or to subtract from it. Only
 * `applyConfigChange` can check the resulting list.
 *
 * @throws {EdgelogError} `invalid_config`.
 */
export function parseConfigListItems(key: string, text: string): readonly string[] {
  const { type } = parseKey(key)
  checkValueLength(text, fieldOf(key))
  if (type === 'list') return configListItems(text.trim())
  throw new EdgelogError(
    'invalid_config',
    `${fieldOf(key)}: not a list; only set and delete are allowed`,
  )
}

function parseEntry(key: string, value: unknown): string {
  return parseConfigValue(value, parseKey(key), fieldOf(key))
}

/** Returns the name of a key's value in error messages, for all sources of the value. */
function fieldOf(key: string): string {
  return `config.${key}`
}

function parseKey(key: string): ConfigKey {
  if (isTopicConfigKey(key)) return TOPIC_CONFIG_KEYS[key]
  const nearest = nearestConfigKeys(key).join(' or ')
  throw new EdgelogError(
    'invalid_config',
    `config: ${shownValue(key)} is not a topic config key; did you mean ${nearest}?`,
  )
}

/** Checks rules that involve more than one key. */
function checkTogether(overrides: TopicConfigOverrides): void {
  checkCompactionLag(overrides)
  checkTiering(overrides)
}

function checkCompactionLag(overrides: TopicConfigOverrides): void {
  const min = BigInt(effectiveText(overrides, 'min.compaction.lag.ms'))
  const max = BigInt(effectiveText(overrides, 'max.compaction.lag.ms'))
  if (min > max) {
    throw new EdgelogError(
      'invalid_config',
      `${fieldOf('min.compaction.lag.ms')}: at most max.compaction.lag.ms (${max}) is allowed; got ${min}`,
    )
  }
  const { cleanupPolicy, tableEnable } = resolveTopicConfig(overrides)
  if (tableEnable && !cleanupPolicy.includes('compact')) {
    throw new EdgelogError(
      'invalid_config',
      `${fieldOf('edgelog.table.enable')}: true is allowed with a cleanup.policy that has compact; got ${cleanupPolicy}`,
    )
  }
}

/** The checks of Kafka's LogConfig for a tiered topic. */
function checkTiering(overrides: TopicConfigOverrides): void {
  if (!isTiered(overrides)) return
  if (configListItems(effectiveText(overrides, 'cleanup.policy')).includes('compact')) {
    const why = 'only topics with cleanup.policy=delete can have remote storage'
    throw new EdgelogError('invalid_config', `${fieldOf('remote.storage.enable')}: ${why}`)
  }
  checkLocalRetention(overrides, 'retention.bytes', 'local.retention.bytes')
  checkLocalRetention(overrides, 'retention.ms', 'local.retention.ms')
}

/** Checks that the partition keeps at most what the log keeps, and all of it if nothing more is copied. */
function checkLocalRetention(
  overrides: TopicConfigOverrides,
  wholeKey: 'retention.bytes' | 'retention.ms',
  localKey: 'local.retention.bytes' | 'local.retention.ms',
): void {
  const whole = BigInt(effectiveText(overrides, wholeKey))
  const local = BigInt(effectiveText(overrides, localKey))
  if (local === -2n) return
  const isCopying = effectiveText(overrides, 'remote.log.copy.disable') !== 'true'
  if (!isCopying && local !== whole) {
    throw new EdgelogError(
      'invalid_config',
      `${fieldOf(localKey)}: with remote.log.copy.disable=true only -2 or ${wholeKey} (${whole}) is allowed, because nothing more is copied; got ${local}`,
    )
  }
  if (whole >= 0n && (local === -1n || local > whole)) {
    throw new EdgelogError(
      'invalid_config',
      `${fieldOf(localKey)}: -2, or at most ${wholeKey} (${whole}) is allowed; got ${local}`,
    )
  }
}

function isTiered(overrides: TopicConfigOverrides): boolean {
  return effectiveText(overrides, 'remote.storage.enable') === 'true'
}

/** Checks that remote storage is not disabled by mistake: its records would be deleted (KIP-950). */
function checkDisabling(before: TopicConfigOverrides, after: TopicConfigOverrides): void {
  if (!isTiered(before) || isTiered(after)) return
  if (effectiveText(after, 'remote.log.delete.on.disable') === 'true') return
  throw new EdgelogError(
    'invalid_config',
    `${fieldOf('remote.storage.enable')}: false is allowed only with remote.log.delete.on.disable=true, which deletes the records in R2; to keep them, set remote.log.copy.disable=true`,
  )
}

/**
 * Returns the overrides after a change. An appended item that the list already contains keeps its position.
 *
 * @param before the current overrides, if the change does not begin with them.
 * @throws {EdgelogError} `invalid_config` if the change conflicts with unchanged values, or a resulting list is
 * invalid.
 * @example
 * applyConfigChange({}, { 'cleanup.policy': { append: ['compact'] } }) // { 'cleanup.policy': 'delete,compact' }
 */
export function applyConfigChange(
  overrides: TopicConfigOverrides,
  change: TopicConfigChange,
  before: TopicConfigOverrides = overrides,
): TopicConfigOverrides {
  const values = Object.entries(change).map(
    ([key, value]) => [key, valueAfter(overrides, key, value)] as const,
  )
  const changed: TopicConfigOverrides = Object.fromEntries(
    Object.entries({ ...overrides, ...Object.fromEntries(values) }).filter((entry) => isSet(entry)),
  )
  checkTogether(changed)
  checkDisabling(before, changed)
  return changed
}

function valueAfter(
  overrides: TopicConfigOverrides,
  key: string,
  change: TopicConfigChange[string],
): string | null {
  if (change === null || typeof change === 'string') return change
  const definition = parseKey(key)
  const items = configListItems(overrides[key] ?? definition.default)
  const changed =
    'append' in change
      ? [...items, ...change.append]
      : items.filter((item) => !change.subtract.includes(item))
  return parseConfigValue(changed.join(','), definition, fieldOf(key))
}

function isSet(entry: readonly [string, string | null]): entry is readonly [string, string] {
  return entry[1] !== null
}

/** Returns the typed values of the keys that control a log. */
export function resolveTopicConfig(overrides: TopicConfigOverrides): TopicConfig {
  const number = (key: TopicConfigKeyOf<'int' | 'long' | 'double'>) =>
    Math.min(Number(effectiveText(overrides, key)), Number.MAX_SAFE_INTEGER)
  return {
    // `as` only decodes here: the texts were checked against the table when they were set.
    cleanupPolicy: configListItems(
      effectiveText(overrides, 'cleanup.policy'),
    ) as readonly CleanupPolicy[],
    compressionType: effectiveText(overrides, 'compression.type') as TopicCompressionType,
    deleteRetentionMs: number('delete.retention.ms'),
    localRetentionBytes: number('local.retention.bytes'),
    localRetentionMs: number('local.retention.ms'),
    maxCompactionLagMs: number('max.compaction.lag.ms'),
    maxMessageBytes: number('max.message.bytes'),
    messageTimestampAfterMaxMs: number('message.timestamp.after.max.ms'),
    messageTimestampBeforeMaxMs: number('message.timestamp.before.max.ms'),
    messageTimestampType: effectiveText(overrides, 'message.timestamp.type') as TimestampType,
    minCleanableDirtyRatio: number('min.cleanable.dirty.ratio'),
    minCompactionLagMs: number('min.compaction.lag.ms'),
    publicRead: effectiveText(overrides, 'edgelog.public.read') === 'true',
    remoteLogCopyDisable: effectiveText(overrides, 'remote.log.copy.disable') === 'true',
    remoteStorageEnable: isTiered(overrides),
    retentionBytes: number('retention.bytes'),
    retentionMs: number('retention.ms'),
    segmentBytes: number('segment.bytes'),
    segmentMs: number('segment.ms'),
    tableEnable: effectiveText(overrides, 'edgelog.table.enable') === 'true',
  }
}

/**
 * Returns the effective value of every key, with Kafka's names. A long that a JSON number cannot hold exactly,
 * such as 9223372036854775807, stays text.
 */
export function topicConfigToJson(
  overrides: TopicConfigOverrides,
): Record<string, string | number | boolean> {
  return Object.fromEntries(
    Object.keys(TOPIC_CONFIG_KEYS)
      .filter(isTopicConfigKey)
      .map((key) => [
        key,
        configValueToJson(effectiveText(overrides, key), TOPIC_CONFIG_KEYS[key]),
      ]),
  )
}

function effectiveText(overrides: TopicConfigOverrides, key: TopicConfigKey): string {
  return Object.hasOwn(overrides, key)
    ? (overrides[key] ?? TOPIC_CONFIG_KEYS[key].default)
    : TOPIC_CONFIG_KEYS[key].default
}
