/** The configs of the broker: true, typed, and read-only. */
import { describe, expect, test } from 'vitest'
import { ALTER_CONFIGS } from '../../src/kafka/apis/alter-configs.ts'
import { DESCRIBE_CONFIGS } from '../../src/kafka/apis/describe-configs.ts'
import { INCREMENTAL_ALTER_CONFIGS } from '../../src/kafka/apis/incremental-alter-configs.ts'
import type { KafkaCaller } from '../../src/kafka/serve-frames.ts'
import { ask, brokerOf, callerOf } from './door.ts'

const BROKER = 4
const BROKER_LOGGER = 8
const INVALID_REQUEST = 42
const STATIC = 4
const DEFAULT = 5
const TYPES = { boolean: 1, string: 2, int: 3, long: 5, double: 6, list: 7, password: 9 }

const SET = 0
const DELETE = 1
const APPEND = 2

const broker = brokerOf({})
const caller = callerOf(broker)

async function describeBroker(
  resourceName: string,
  from: KafkaCaller = caller,
  keys: string[] | null = null,
) {
  const response = await ask(from, DESCRIBE_CONFIGS, 4, {
    resources: [{ resourceType: BROKER, resourceName, configurationKeys: keys }],
    includeSynonyms: true,
    includeDocumentation: true,
  })
  return response?.results[0]
}

async function configsOf(from?: KafkaCaller) {
  const result = await describeBroker('1', from)
  expect(result?.errorCode).toBe(0)
  return new Map(result?.configs.map((entry) => [entry.name, entry]))
}

test.each([
  ['node.id', '1', TYPES.int, STATIC],
  ['broker.id', '1', TYPES.int, STATIC],
  ['process.roles', 'broker,controller', TYPES.list, STATIC],
  ['listeners', 'BRIDGE://localhost:9092', TYPES.list, STATIC],
  ['advertised.listeners', 'BRIDGE://localhost:9092', TYPES.list, STATIC],
  ['log.dirs', '/edgelog', TYPES.list, STATIC],
  ['num.partitions', '1', TYPES.int, DEFAULT],
  ['default.replication.factor', '1', TYPES.int, DEFAULT],
  ['min.insync.replicas', '1', TYPES.int, DEFAULT],
  ['message.max.bytes', '1048588', TYPES.int, DEFAULT],
  ['log.cleanup.policy', 'delete', TYPES.list, DEFAULT],
  ['log.retention.ms', '604800000', TYPES.long, DEFAULT],
  ['log.retention.hours', '168', TYPES.int, DEFAULT],
  ['log.retention.bytes', '-1', TYPES.long, DEFAULT],
  ['log.cleaner.min.cleanable.ratio', '0.5', TYPES.double, DEFAULT],
  ['offsets.retention.minutes', '10080', TYPES.int, DEFAULT],
  ['offset.metadata.max.bytes', '4096', TYPES.int, DEFAULT],
  ['group.initial.rebalance.delay.ms', '300', TYPES.int, DEFAULT],
  ['group.min.session.timeout.ms', '1000', TYPES.int, DEFAULT],
  ['group.consumer.assignors', 'uniform,range', TYPES.list, DEFAULT],
  ['group.consumer.min.heartbeat.interval.ms', '5000', TYPES.int, DEFAULT],
  ['group.coordinator.rebalance.protocols', 'classic,consumer', TYPES.list, DEFAULT],
])('returns %s as %s', async (name, value, configType, configSource) => {
  const entry = (await configsOf()).get(name)
  expect(entry).toMatchObject({ value, configType, configSource, readOnly: true })
  expect(entry?.isSensitive).toBe(false)
  expect(entry?.synonyms).toEqual([{ name, value, source: configSource }])
  expect(entry?.documentation).not.toBe('')
})

test('returns each config once', async () => {
  const names = (await describeBroker('1'))?.configs.map(({ name }) => name)
  expect(names).toEqual([...new Set(names)])
})

test('returns a value set by the deployment before the default', async () => {
  const settings = {
    autoCreateTopics: false,
    numPartitions: 6,
    offsetsRetentionMinutes: 60,
    retentionCheckIntervalMs: 1_000,
  }
  const address = { host: '::1', port: 19_092 }
  const configs = await configsOf(callerOf(broker, { settings, address }))
  for (const [name, value, fallback] of [
    ['auto.create.topics.enable', 'false', 'true'],
    ['num.partitions', '6', '1'],
    ['offsets.retention.minutes', '60', '10080'],
    ['log.retention.check.interval.ms', '1000', '300000'],
  ] as const) {
    expect(configs.get(name)).toMatchObject({
      value,
      configSource: STATIC,
      synonyms: [
        { name, value, source: STATIC },
        { name, value: fallback, source: DEFAULT },
      ],
    })
  }
  expect(configs.get('listeners')?.value).toBe('BRIDGE://[::1]:19092')
})

test('returns no sensitive value, and no synonym without a value', async () => {
  const configs = await configsOf()
  expect(configs.get('sasl.jaas.config')).toMatchObject({
    value: null,
    isSensitive: true,
    configType: TYPES.password,
    synonyms: [],
  })
  expect(configs.get('broker.rack')).toMatchObject({ value: null, isSensitive: false })
})

test('returns the requested configs', async () => {
  const result = await describeBroker('1', caller, ['node.id', 'no.such.config'])
  expect(result?.configs.map(({ name }) => name)).toEqual(['node.id'])
})

test('returns no dynamic defaults of all brokers, and no config of another broker', async () => {
  expect(await describeBroker('')).toMatchObject({ errorCode: 0, configs: [] })
  for (const name of ['2', 'x']) {
    expect(await describeBroker(name)).toMatchObject({ errorCode: INVALID_REQUEST, configs: [] })
  }
})

test.each([
  ['1', 0],
  ['', INVALID_REQUEST],
  ['2', INVALID_REQUEST],
])('returns no loggers of the broker named "%s"', async (resourceName, errorCode) => {
  const resources = [{ resourceType: BROKER_LOGGER, resourceName, configurationKeys: null }]
  const response = await ask(caller, DESCRIBE_CONFIGS, 4, { resources })
  expect(response?.results).toMatchObject([{ errorCode, configs: [] }])
})

describe('a change of the broker', () => {
  const incrementally = async (
    resourceName: string,
    ...configs: ReadonlyArray<readonly [name: string, operation: number, value: string | null]>
  ) => {
    const named = configs.map(([name, configOperation, value]) => ({
      name,
      configOperation,
      value,
    }))
    const resources = [{ resourceType: BROKER, resourceName, configs: named }]
    const request = { resources, validateOnly: false }
    return (await ask(caller, INCREMENTAL_ALTER_CONFIGS, 1, request))?.responses[0]
  }
  const all = async (resourceName: string, ...names: string[]) => {
    const configs = names.map((name) => ({ name, value: '1' }))
    const resources = [{ resourceType: BROKER, resourceName, configs }]
    const request = { resources, validateOnly: true }
    return (await ask(caller, ALTER_CONFIGS, 2, request))?.responses[0]
  }
  const refused = (keys: string) => ({
    errorCode: INVALID_REQUEST,
    errorMessage: `Cannot update these configs dynamically: [${keys}]`,
  })

  test.each(['1', ''])('is rejected for the name "%s"', async (name) => {
    const response = await incrementally(
      name,
      ['node.id', SET, '2'],
      ['broker.rack', DELETE, null],
      ['listeners', APPEND, 'X://y:1'],
    )
    expect(response).toMatchObject(refused('node.id, listeners'))
    expect(await all(name, 'num.partitions')).toMatchObject(refused('num.partitions'))
  })

  test.each(['1', ''])('is accepted for the name "%s" if it changes nothing', async (name) => {
    const deleted = await incrementally(name, ['node.id', DELETE, null])
    expect(deleted).toMatchObject({ errorCode: 0 })
    expect(await all(name)).toMatchObject({ errorCode: 0 })
  })

  test('is rejected for another node', async () => {
    expect(await incrementally('2')).toMatchObject({ errorCode: INVALID_REQUEST })
    expect(await all('x')).toMatchObject({ errorCode: INVALID_REQUEST })
  })
})
