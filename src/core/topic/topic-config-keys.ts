/**
 * The one table of topic config keys: Kafka 4's names, types, defaults and bounds, and keys of our own, which begin
 * with `edgelog.`. A key with `effect: false` is validated and stored, so that Kafka's tools can set and read it, but
 * has no effect.
 */
import { BATCH_BYTES_MAX } from '../limits.ts'

const INT_MAX = 2n ** 31n - 1n
const LONG_MAX = 2n ** 63n - 1n

interface ConfigKeyBase {
  /** Kafka's text form. */
  readonly default: string
  readonly effect: boolean
  readonly doc: string
}

interface IntegerConfigKey extends ConfigKeyBase {
  readonly type: 'int' | 'long'
  readonly min: bigint
  readonly max: bigint
}
interface DoubleConfigKey extends ConfigKeyBase {
  readonly type: 'double'
  readonly min: number
  readonly max: number
}
interface BooleanConfigKey extends ConfigKeyBase {
  readonly type: 'boolean'
}
interface StringConfigKey extends ConfigKeyBase {
  readonly type: 'string'
  readonly values: readonly string[]
}
interface ListConfigKey extends ConfigKeyBase {
  readonly type: 'list'
  readonly isEmptyAllowed: boolean
  readonly item: RegExp
  /** Description of the allowed items, for error messages. */
  readonly items: string
}
export type ConfigKey =
  | IntegerConfigKey
  | DoubleConfigKey
  | BooleanConfigKey
  | StringConfigKey
  | ListConfigKey

interface Options {
  readonly min?: bigint
  readonly max?: bigint
  readonly effect?: boolean
}

function int(value: bigint, doc: string, { min = 0n, max = INT_MAX, effect = true }: Options = {}) {
  return { type: 'int', default: String(value), min, max, effect, doc } as const
}

function long(
  value: bigint,
  doc: string,
  { min = 0n, max = LONG_MAX, effect = true }: Options = {},
) {
  return { type: 'long', default: String(value), min, max, effect, doc } as const
}

function boolean(doc: string, { effect = true }: Pick<Options, 'effect'> = {}) {
  return { type: 'boolean', default: 'false', effect, doc } as const
}

function throttledReplicas(doc: string) {
  const item = /^(\*|\d{1,9}:\d{1,9})$/
  const items = '* or partition:broker pairs'
  return {
    type: 'list',
    default: '',
    isEmptyAllowed: true,
    item,
    items,
    effect: false,
    doc,
  } as const
}

const NO_EFFECT = { effect: false }

export const TOPIC_CONFIG_KEYS = {
  'cleanup.policy': {
    type: 'list',
    default: 'delete',
    isEmptyAllowed: false,
    item: /^(delete|compact)$/,
    items: 'delete, compact',
    effect: true,
    doc: 'How old records are removed: delete by time and size; compact keeps the latest record of each key, and refuses records without one.',
  },
  'compression.gzip.level': int(-1n, 'Level of gzip; the server does not recompress.', {
    min: -1n,
    max: 9n,
    effect: false,
  }),
  'compression.lz4.level': int(9n, 'Level of lz4; the server does not recompress.', {
    min: 1n,
    max: 17n,
    effect: false,
  }),
  'compression.type': {
    type: 'string',
    default: 'producer',
    values: ['producer', 'uncompressed', 'gzip', 'snappy', 'lz4', 'zstd'],
    effect: false,
    doc: 'Codec of the log in Kafka; here batches stay as their producer compressed them.',
  },
  'compression.zstd.level': int(3n, 'Level of zstd; the server does not recompress.', {
    min: -131_072n,
    max: 22n,
    effect: false,
  }),
  'delete.retention.ms': long(
    86_400_000n,
    'How long a tombstone stays in a compacted log after its first compaction.',
  ),
  'edgelog.public.read': boolean(
    'Whether sealed chunks are read without a token, and kept by any cache; a key of edgelog alone.',
    { effect: true },
  ),
  'edgelog.table.enable': boolean(
    'Whether the latest values of a compacted topic are served by key; a key of edgelog alone.',
    { effect: true },
  ),
  'file.delete.delay.ms': long(60_000n, 'Wait before a file is deleted; no files here.', NO_EFFECT),
  'flush.messages': long(LONG_MAX, 'Records between two fsyncs; here every commit is durable.', {
    min: 1n,
    effect: false,
  }),
  'flush.ms': long(LONG_MAX, 'Time between two fsyncs; here every commit is durable.', NO_EFFECT),
  'follower.replication.throttled.replicas': throttledReplicas(
    'Followers whose replication is throttled; the platform replicates.',
  ),
  'index.interval.bytes': int(4096n, 'Bytes between two index entries; no index files.', NO_EFFECT),
  'leader.replication.throttled.replicas': throttledReplicas(
    'Leaders whose replication is throttled; the platform replicates.',
  ),
  'local.retention.bytes': long(
    -2n,
    'Bytes kept in the partition of a tiered log once they are copied; -2: retention.bytes.',
    { min: -2n },
  ),
  'local.retention.ms': long(
    -2n,
    'Time that copied records of a tiered log stay in the partition; -2: retention.ms.',
    { min: -2n },
  ),
  'max.compaction.lag.ms': long(
    LONG_MAX,
    'Age by which a record is compacted, whatever share of the log is dirty.',
    { min: 1n },
  ),
  'max.message.bytes': int(1_048_588n, 'Largest record batch, compressed, header included.', {
    max: BigInt(BATCH_BYTES_MAX),
  }),
  'message.timestamp.after.max.ms': long(
    3_600_000n,
    'How far a CreateTime timestamp may lie ahead of the clock.',
  ),
  'message.timestamp.before.max.ms': long(
    LONG_MAX,
    'How far a CreateTime timestamp may lie behind the clock.',
  ),
  'message.timestamp.type': {
    type: 'string',
    default: 'CreateTime',
    values: ['CreateTime', 'LogAppendTime'],
    effect: true,
    doc: 'Which clock sets the timestamps of records: the producer or the log.',
  },
  'min.cleanable.dirty.ratio': {
    type: 'double',
    default: '0.5',
    min: 0,
    max: 1,
    effect: true,
    doc: 'Share of the bytes that are not compacted yet above which a log is compacted.',
  },
  'min.compaction.lag.ms': long(0n, 'Age before which no record is compacted.'),
  'min.insync.replicas': int(1n, 'Copies before an acknowledgement; the platform decides.', {
    min: 1n,
    effect: false,
  }),
  preallocate: boolean('Whether files are preallocated; no files here.', NO_EFFECT),
  'remote.log.copy.disable': boolean('Whether a tiered topic stops copying to R2.'),
  'remote.log.delete.on.disable': boolean(
    'Whether the copies in R2 are deleted when remote.storage.enable becomes false.',
  ),
  'remote.storage.enable': boolean('Whether old records are copied to R2.'),
  'retention.bytes': long(-1n, 'Bytes kept per partition; -1: unlimited.', { min: -1n }),
  'retention.ms': long(604_800_000n, 'Minimum time a record is kept; -1: unlimited.', {
    min: -1n,
  }),
  'segment.bytes': int(
    1_073_741_824n,
    'Largest object of a tiered log, up to 16 MiB; retention deletes by chunk here.',
    { min: 1_048_576n },
  ),
  'segment.index.bytes': int(10_485_760n, 'Bytes of an index file; no index files.', {
    min: 4n,
    effect: false,
  }),
  'segment.jitter.ms': long(0n, 'Random part of segment.ms.', NO_EFFECT),
  'segment.ms': long(
    604_800_000n,
    'Time after which records may be compacted, at most a minute here, and a small object of a tiered log is copied.',
    { min: 1n },
  ),
  'unclean.leader.election.enable': boolean(
    'Whether a lagging copy may lead; copies never lag.',
    NO_EFFECT,
  ),
} as const satisfies Record<string, ConfigKey>

export type TopicConfigKey = keyof typeof TOPIC_CONFIG_KEYS

/** Keys whose value is of one of these types. */
export type TopicConfigKeyOf<Type extends ConfigKey['type']> = {
  [Key in TopicConfigKey]: (typeof TOPIC_CONFIG_KEYS)[Key]['type'] extends Type ? Key : never
}[TopicConfigKey]

export function isTopicConfigKey(key: string): key is TopicConfigKey {
  return Object.hasOwn(TOPIC_CONFIG_KEYS, key)
}
