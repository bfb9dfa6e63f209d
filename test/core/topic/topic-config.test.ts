import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { EdgelogError } from '../../../src/core/errors.ts'
import { BATCH_BYTES_MAX, CONFIG_VALUE_BYTES_MAX } from '../../../src/core/limits.ts'
import {
  applyConfigChange,
  parseTopicConfigChange,
  parseTopicConfigOverrides,
  resolveTopicConfig,
  topicConfigToJson,
} from '../../../src/core/topic/topic-config.ts'
import {
  TOPIC_CONFIG_KEYS,
  type TopicConfigKey,
} from '../../../src/core/topic/topic-config-keys.ts'

const INT_MAX = '2147483647'
const INT_OVER = '2147483648'
const LONG_MAX = '9223372036854775807'
const LONG_OVER = '9223372036854775808'
const THROTTLED = {
  accepted: ['', '*', '0:1', ' 0:1 , 1:2 '],
  refused: ['0', 'a:b', '0:1,', 5, true],
}
const THROTTLED_KEY = 'leader.replication.throttled.replicas'
const BOOLEAN = {
  accepted: ['true', 'FALSE', ' true ', true, false],
  refused: ['', 'yes', '1', 1, 0],
}

function longFrom(min: number) {
  return {
    accepted: [String(min), min, LONG_MAX, `+${LONG_MAX}`, ' 1 ', '007'],
    refused: [String(min - 1), min - 1, LONG_OVER, '', '1.0', 1.5, '0x10', '1e3', 2 ** 53, true],
  }
}

function intFrom(min: number, max: number | string = INT_MAX, over: number | string = INT_OVER) {
  return {
    accepted: [String(min), min, String(max), Number(max)],
    refused: [String(min - 1), min - 1, String(over), Number(over), '', ' ', '1_000', 1.5, false],
  }
}

/** Values that Kafka accepts and refuses for every key, at n and n + 1 for each limit. */
const CASES: Record<TopicConfigKey, { accepted: unknown[]; refused: unknown[] }> = {
  'cleanup.policy': {
    accepted: ['delete', 'compact', 'compact,delete', ' delete , compact '],
    refused: ['', ' ', 'Delete', 'delete,', 'delete;compact', 'none', 1, true],
  },
  'compression.gzip.level': intFrom(-1, 9, 10),
  'compression.lz4.level': intFrom(1, 17, 18),
  'compression.type': {
    accepted: ['producer', 'uncompressed', 'gzip', 'snappy', 'lz4', 'zstd', ' zstd'],
    refused: ['', 'none', 'GZIP', 'brotli', 0],
  },
  'compression.zstd.level': intFrom(-131_072, 22, 23),
  'delete.retention.ms': longFrom(0),
  'edgelog.public.read': BOOLEAN,
  'edgelog.table.enable': { accepted: ['false'], refused: ['yes', 1] },
  'file.delete.delay.ms': longFrom(0),
  'flush.messages': longFrom(1),
  'flush.ms': longFrom(0),
  'follower.replication.throttled.replicas': THROTTLED,
  'index.interval.bytes': intFrom(0),
  'leader.replication.throttled.replicas': THROTTLED,
  'local.retention.bytes': longFrom(-2),
  'local.retention.ms': longFrom(-2),
  'max.compaction.lag.ms': longFrom(1),
  'max.message.bytes': intFrom(0, BATCH_BYTES_MAX, BATCH_BYTES_MAX + 1),
  'message.timestamp.after.max.ms': longFrom(0),
  'message.timestamp.before.max.ms': longFrom(0),
  'message.timestamp.type': {
    accepted: ['CreateTime', 'LogAppendTime'],
    refused: ['', 'createtime', 'LogAppendTime,CreateTime', 1],
  },
  'min.cleanable.dirty.ratio': {
    accepted: ['0', '1', '0.5', '.5', '1e-3', 0, 0.25, 1],
    refused: ['-0.01', '1.01', 1.01, '', 'NaN', Number.NaN, Infinity, '0x1', true],
  },
  'min.compaction.lag.ms': longFrom(0),
  'min.insync.replicas': intFrom(1),
  preallocate: BOOLEAN,
  'remote.log.copy.disable': BOOLEAN,
  'remote.log.delete.on.disable': BOOLEAN,
  'remote.storage.enable': BOOLEAN,
  'retention.bytes': longFrom(-1),
  'retention.ms': longFrom(-1),
  'segment.bytes': intFrom(1_048_576),
  'segment.index.bytes': intFrom(4),
  'segment.jitter.ms': longFrom(0),
  'segment.ms': longFrom(1),
  'unclean.leader.election.enable': BOOLEAN,
}
const KEYS = Object.keys(TOPIC_CONFIG_KEYS) as TopicConfigKey[]

function refusal(work: () => unknown): EdgelogError {
  try {
    work()
  } catch (error) {
    if (error instanceof EdgelogError) return error
    throw error
  }
  throw new Error('was accepted')
}

describe.each(KEYS)('config key %s', (key) => {
  test("accepts Kafka's values, and reads them back unchanged", () => {
    for (const value of CASES[key].accepted) {
      const overrides = parseTopicConfigOverrides({ [key]: value })
      expect(parseTopicConfigOverrides(overrides)).toEqual(overrides)
      expect(parseTopicConfigOverrides({ [key]: topicConfigToJson(overrides)[key] })).toEqual(
        overrides,
      )
      expect(parseTopicConfigChange({ [key]: value })).toEqual(overrides)
    }
  })

  test('refuses other values, naming the key and the allowed ones', () => {
    for (const value of [...CASES[key].refused, null, undefined, {}, []]) {
      const { code, message } = refusal(() => parseTopicConfigOverrides({ [key]: value }))
      expect(code, String(value)).toBe('invalid_config')
      expect(message).toMatch(new RegExp(`^config\\.${key}: .+ is allowed; got .+$`))
    }
  })

  test('has a valid and canonical default', () => {
    const { default: text } = TOPIC_CONFIG_KEYS[key]
    expect(parseTopicConfigOverrides({ [key]: text })).toEqual({ [key]: text })
  })

  test('refuses a text over the limit, and shows it shortened', () => {
    const fits = ' '.repeat(CONFIG_VALUE_BYTES_MAX)
    const { message } = refusal(() => parseTopicConfigOverrides({ [key]: `${fits} ` }))
    expect(message).toContain(`at most ${CONFIG_VALUE_BYTES_MAX} bytes`)
    expect(message.length).toBeLessThan(250)
  })
})

describe('parseTopicConfigOverrides()', () => {
  test('names the allowed values and the given one', () => {
    expect(refusal(() => parseTopicConfigOverrides({ 'max.message.bytes': 1.5 })).message).toBe(
      `config.max.message.bytes: an integer from 0 to ${BATCH_BYTES_MAX} is allowed; got 1.5`,
    )
  })

  test.each([
    ['retention.msec', 'retention.ms'],
    ['retentionMs', 'retention.ms'],
    ['cleanup.polcy', 'cleanup.policy'],
    ['__proto__', ''],
    ['constructor', ''],
    ['', ''],
    ['x'.repeat(1_000_000), ''],
  ])('refuses the unknown key %s', (key, nearest) => {
    const { code, message } = refusal(() =>
      parseTopicConfigOverrides(JSON.parse(`{${JSON.stringify(key)}: "1"}`)),
    )
    expect(code).toBe('invalid_config')
    expect(message).toContain('did you mean')
    expect(message).toContain(nearest)
    expect(message.length).toBeLessThan(2_000)
  })

  test('stores one canonical text for equal values', () => {
    expect(
      parseTopicConfigOverrides({
        'retention.ms': ' +0060000 ',
        'cleanup.policy': 'delete, compact,delete',
        preallocate: 'TRUE',
        'min.cleanable.dirty.ratio': '5e-1',
      }),
    ).toEqual({
      'retention.ms': '60000',
      'cleanup.policy': 'delete,compact',
      preallocate: 'true',
      'min.cleanable.dirty.ratio': '0.5',
    })
  })

  test('refuses a minimum compaction lag above the maximum', () => {
    const input = { 'min.compaction.lag.ms': 2, 'max.compaction.lag.ms': 1 }
    expect(refusal(() => parseTopicConfigOverrides(input)).code).toBe('invalid_config')
  })

  test('allows a table only for compacted topics', () => {
    const table = { 'edgelog.table.enable': true }
    for (const policy of ['compact', 'compact,delete']) {
      const parsed = parseTopicConfigOverrides({ ...table, 'cleanup.policy': policy })
      expect(resolveTopicConfig(parsed)).toMatchObject({ tableEnable: true })
      expect(
        refusal(() => applyConfigChange(parsed, { 'cleanup.policy': 'delete' })),
      ).toMatchObject({
        code: 'invalid_config',
        message: expect.stringContaining('edgelog.table.enable'),
      })
    }
    expect(refusal(() => parseTopicConfigOverrides(table)).code).toBe('invalid_config')
  })
})

describe('the config of a tiered topic', () => {
  const tiered = { 'remote.storage.enable': true }

  test.each([
    [{ 'cleanup.policy': 'compact' }, 'remote.storage.enable'],
    [{ 'cleanup.policy': 'compact,delete' }, 'remote.storage.enable'],
    [{ 'retention.ms': 1_000, 'local.retention.ms': 1_001 }, 'local.retention.ms'],
    [{ 'retention.ms': 1_000, 'local.retention.ms': -1 }, 'local.retention.ms'],
    [{ 'retention.bytes': 1_000, 'local.retention.bytes': 1_001 }, 'local.retention.bytes'],
    [{ 'retention.bytes': 1_000, 'local.retention.bytes': -1 }, 'local.retention.bytes'],
    [{ 'remote.log.copy.disable': true, 'local.retention.ms': 1_000 }, 'local.retention.ms'],
  ])('refuses %o, as Kafka does', (input, key) => {
    const { code, message } = refusal(() => parseTopicConfigOverrides({ ...tiered, ...input }))
    expect(code).toBe('invalid_config')
    expect(message).toContain(`config.${key}: `)
    expect(parseTopicConfigOverrides(input), 'without remote storage').toBeDefined()
  })

  test.each([
    { 'retention.ms': 1_000, 'local.retention.ms': 1_000 },
    { 'retention.ms': 1_000, 'local.retention.ms': -2 },
    { 'retention.ms': -1, 'local.retention.ms': 5_000 },
    { 'retention.bytes': -1, 'local.retention.bytes': -1 },
    { 'retention.bytes': 1_000, 'local.retention.bytes': 0 },
    { 'remote.log.copy.disable': true, 'retention.ms': 1_000, 'local.retention.ms': 1_000 },
  ])('takes %o', (input) => {
    expect(parseTopicConfigOverrides({ ...tiered, ...input })).toMatchObject({})
  })

  test('is disabled only together with the deletion of what is in R2 (KIP-950)', () => {
    const before = parseTopicConfigOverrides(tiered)
    for (const change of [
      { 'remote.storage.enable': 'false' },
      { 'remote.storage.enable': null },
    ]) {
      const { code, message } = refusal(() => applyConfigChange(before, change))
      expect(code).toBe('invalid_config')
      expect(message).toContain('remote.log.delete.on.disable=true')
      const both = { ...change, 'remote.log.delete.on.disable': 'true' }
      expect(resolveTopicConfig(applyConfigChange(before, both)).remoteStorageEnable).toBe(false)
    }
    expect(refusal(() => applyConfigChange({}, {}, before)).code).toBe('invalid_config')
  })
})

describe('resolveTopicConfig()', () => {
  test("returns Kafka's defaults, with longs cut to the range of a double", () => {
    expect(resolveTopicConfig({})).toEqual({
      cleanupPolicy: ['delete'],
      compressionType: 'producer',
      deleteRetentionMs: 86_400_000,
      localRetentionBytes: -2,
      localRetentionMs: -2,
      maxCompactionLagMs: Number.MAX_SAFE_INTEGER,
      maxMessageBytes: 1_048_588,
      messageTimestampAfterMaxMs: 3_600_000,
      messageTimestampBeforeMaxMs: Number.MAX_SAFE_INTEGER,
      messageTimestampType: 'CreateTime',
      minCleanableDirtyRatio: 0.5,
      minCompactionLagMs: 0,
      publicRead: false,
      remoteLogCopyDisable: false,
      remoteStorageEnable: false,
      retentionBytes: -1,
      retentionMs: 604_800_000,
      segmentBytes: 1_073_741_824,
      segmentMs: 604_800_000,
      tableEnable: false,
    })
  })

  test('returns the values that were set', () => {
    const overrides = parseTopicConfigOverrides({
      'cleanup.policy': 'compact,delete',
      'retention.ms': -1,
      'message.timestamp.type': 'LogAppendTime',
    })
    expect(resolveTopicConfig(overrides)).toMatchObject({
      cleanupPolicy: ['compact', 'delete'],
      retentionMs: -1,
      messageTimestampType: 'LogAppendTime',
    })
  })
})

test('topicConfigToJson() returns every key, as a number if it is exact', () => {
  const json = topicConfigToJson({ 'retention.ms': '9007199254740992', 'flush.ms': '1' })
  expect(Object.keys(json)).toEqual(KEYS)
  expect(json).toMatchObject({
    'retention.ms': '9007199254740992',
    'flush.ms': 1,
    'flush.messages': LONG_MAX,
    'min.cleanable.dirty.ratio': 0.5,
    preallocate: false,
    'cleanup.policy': 'delete',
  })
})

describe('applyConfigChange()', () => {
  test('sets keys, resets keys to their default, and leaves the rest unchanged', () => {
    const before = { 'retention.ms': '1', 'segment.ms': '2' }
    const change = parseTopicConfigChange({ 'retention.ms': null, 'flush.ms': 3 })
    expect(applyConfigChange(before, change)).toEqual({ 'segment.ms': '2', 'flush.ms': '3' })
    expect(before).toEqual({ 'retention.ms': '1', 'segment.ms': '2' })
  })

  test('refuses a change that conflicts with unchanged values', () => {
    const before = parseTopicConfigOverrides({ 'max.compaction.lag.ms': 10 })
    expect(refusal(() => applyConfigChange(before, { 'min.compaction.lag.ms': '11' })).code).toBe(
      'invalid_config',
    )
  })

  test('changes the current value of a list, or its default', () => {
    const appended = applyConfigChange({}, { 'cleanup.policy': { append: ['compact', 'delete'] } })
    expect(appended).toEqual({ 'cleanup.policy': 'delete,compact' })
    expect(applyConfigChange(appended, { 'cleanup.policy': { subtract: ['delete'] } })).toEqual({
      'cleanup.policy': 'compact',
    })
  })

  test.each([
    [{ 'cleanup.policy': { subtract: ['delete'] } }],
    [{ 'cleanup.policy': { append: ['nonsense'] } }],
    [{ [THROTTLED_KEY]: { append: ['1:1'.padStart(CONFIG_VALUE_BYTES_MAX, '1')] } }],
  ])('refuses %j, which results in an invalid value', (change) => {
    const refused = refusal(() => applyConfigChange({ [THROTTLED_KEY]: '0:0' }, change))
    expect(refused.code).toBe('invalid_config')
    expect(refused.message).toContain(Object.keys(change)[0])
  })

  /**
   * Question: does a list lose or duplicate items, for any sequence of appends and subtractions?
   *
   * Contract: the list is the set of the items appended and not subtracted since, in the order of appending.
   *
   * Model: a Set. Generated: up to 12 changes of up to 4 of 6 items. Limits: no concurrent changes.
   */
  test('gives a list the same items as a set, for any sequence of changes', () => {
    const items = fc.array(fc.constantFrom('0:0', '0:1', '1:0', '1:1', '2:0', '*'), {
      maxLength: 4,
    })
    const change = fc.record({ kind: fc.constantFrom('append', 'subtract'), items })
    fc.assert(
      fc.property(fc.array(change, { maxLength: 12 }), (changes) => {
        const model = new Set<string>()
        let overrides = {}
        for (const { kind, items: named } of changes) {
          const listChange = kind === 'append' ? { append: named } : { subtract: named }
          overrides = applyConfigChange(overrides, { [THROTTLED_KEY]: listChange })
          for (const item of named) {
            if (kind === 'append') model.add(item)
            else model.delete(item)
          }
          expect(overrides).toEqual({ [THROTTLED_KEY]: [...model].join(',') })
        }
      }),
    )
  })

  /**
   * Question: does the grouping of changes matter? Contract: the last change of a key wins.
   *
   * Model: a Map. Generated: up to 8 changes over 4 keys. Limits: keys without common limits.
   */
  test('gives the same values as a map, for any sequence of changes', () => {
    const key = fc.constantFrom('retention.ms', 'retention.bytes', 'segment.ms', 'flush.ms')
    const value = fc.option(fc.integer({ min: 1, max: 9 }).map(String))
    fc.assert(
      fc.property(fc.array(fc.dictionary(key, value), { maxLength: 8 }), (changes) => {
        const model = new Map<string, string>()
        let overrides = {}
        for (const change of changes) {
          overrides = applyConfigChange(overrides, change)
          for (const [name, text] of Object.entries(change)) {
            if (text === null) model.delete(name)
            else model.set(name, text)
          }
        }
        expect(overrides).toEqual(Object.fromEntries(model))
      }),
    )
  })
})
