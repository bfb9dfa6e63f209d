/** Configs of groups over the wire, with a coordinator that stores them in memory. */
import { describe, expect, test } from 'vitest'
import {
  changedGroupConfig,
  type GroupConfigChange,
  type GroupConfigOverrides,
} from '../../src/core/group/group-config.ts'
import { ALTER_CONFIGS } from '../../src/kafka/apis/alter-configs.ts'
import { DESCRIBE_CONFIGS } from '../../src/kafka/apis/describe-configs.ts'
import { INCREMENTAL_ALTER_CONFIGS } from '../../src/kafka/apis/incremental-alter-configs.ts'
import { LIST_CONFIG_RESOURCES } from '../../src/kafka/apis/list-config-resources.ts'
import { ask, brokerOf, callerOf } from './door.ts'

const GROUP = 32
const REQUEST_TIMED_OUT = 7
const INVALID_GROUP_ID = 24
const INVALID_CONFIG = 40
const INVALID_REQUEST = 42
const DEFAULT = 5
const DYNAMIC_GROUP = 8
const INT = 3

const SET = 0
const DELETE = 1
const APPEND = 2
const SUBTRACT = 3

const HEARTBEAT = 'consumer.heartbeat.interval.ms'
const SESSION = 'consumer.session.timeout.ms'

function groups() {
  const configs = new Map<string, GroupConfigOverrides>()
  const coordinator = {
    groupConfig: async (groupId: string) => ({ ok: configs.get(groupId) ?? {} }),
    changeGroupConfig: async (
      groupId: string,
      change: GroupConfigChange,
      validateOnly: boolean,
    ) => {
      const changed = changedGroupConfig(configs.get(groupId) ?? {}, change)
      if (!validateOnly) configs.set(groupId, changed)
      return { ok: null }
    },
    listConfiguredGroups: async () => ({ ok: [...configs.keys()] }),
  }
  const caller = callerOf(brokerOf({ coordinator }))
  const named = (resourceName: string) => ({ resourceType: GROUP, resourceName })
  return {
    caller,
    configs,
    async describe(resourceName: string) {
      const resources = [{ ...named(resourceName), configurationKeys: null }]
      const request = { resources, includeSynonyms: true, includeDocumentation: true }
      return (await ask(caller, DESCRIBE_CONFIGS, 4, request))?.results[0]
    },
    async incrementally(
      resourceName: string,
      changes: ReadonlyArray<readonly [name: string, operation: number, value: string | null]>,
      validateOnly = false,
    ) {
      const given = changes.map(([name, configOperation, value]) => {
        return { name, configOperation, value }
      })
      const request = { resources: [{ ...named(resourceName), configs: given }], validateOnly }
      return (await ask(caller, INCREMENTAL_ALTER_CONFIGS, 1, request))?.responses[0]
    },
    async all(resourceName: string, given: Readonly<Record<string, string | null>>) {
      const entries = Object.entries(given).map(([name, value]) => ({ name, value }))
      const resources = [{ ...named(resourceName), configs: entries }]
      return (await ask(caller, ALTER_CONFIGS, 2, { resources, validateOnly: false }))?.responses[0]
    },
  }
}

test('returns the set values, and defaults for the others', async () => {
  const { describe, incrementally } = groups()
  const before = await describe('g')
  expect(before?.configs.map(({ name, value }) => [name, value])).toEqual([
    ['consumer.assignment.interval.ms', '1000'],
    [HEARTBEAT, '5000'],
    [SESSION, '45000'],
  ])
  expect(await incrementally('g', [[HEARTBEAT, SET, '6000']])).toMatchObject({ errorCode: 0 })
  const [, heartbeat, session] = (await describe('g'))?.configs ?? []
  expect(heartbeat).toMatchObject({
    value: '6000',
    configSource: DYNAMIC_GROUP,
    configType: INT,
    readOnly: false,
    synonyms: [
      { name: HEARTBEAT, value: '6000', source: DYNAMIC_GROUP },
      { name: `group.${HEARTBEAT}`, value: '5000', source: DEFAULT },
    ],
  })
  expect(session).toMatchObject({
    configSource: DEFAULT,
    synonyms: [{ name: `group.${SESSION}`, value: '45000', source: DEFAULT }],
  })
})

test('sets and deletes configs, and ignores the deletion of an unknown one', async () => {
  const { configs, incrementally } = groups()
  await incrementally('g', [
    [HEARTBEAT, SET, '6000'],
    [SESSION, SET, '50000'],
  ])
  const deleted = await incrementally('g', [
    [HEARTBEAT, DELETE, null],
    ['no.such.config', DELETE, null],
  ])
  expect(deleted).toMatchObject({ errorCode: 0 })
  expect(configs.get('g')).toEqual({ [SESSION]: 50_000 })
})

test('sets all configs at once, and resets the others to their defaults', async () => {
  const { configs, all } = groups()
  await all('g', { [HEARTBEAT]: '6000' })
  expect(await all('g', { [SESSION]: '50000' })).toMatchObject({ errorCode: 0 })
  expect(configs.get('g')).toEqual({ [SESSION]: 50_000 })
  await all('g', {})
  expect(configs.get('g')).toEqual({})
})

test('changes nothing if the request only validates', async () => {
  const { configs, incrementally } = groups()
  const response = await incrementally('g', [[HEARTBEAT, SET, '6000']], true)
  expect(response).toMatchObject({ errorCode: 0 })
  expect(configs.size).toBe(0)
})

describe('a change', () => {
  test.each([
    [[HEARTBEAT, SET, '1000'], INVALID_CONFIG],
    [[HEARTBEAT, SET, 'x'], INVALID_CONFIG],
    [[HEARTBEAT, SET, null], INVALID_REQUEST],
    [[HEARTBEAT, APPEND, '7000'], INVALID_CONFIG],
    [[HEARTBEAT, SUBTRACT, '7000'], INVALID_CONFIG],
    [[HEARTBEAT, 4, '7000'], INVALID_REQUEST],
    [['no.such.config', SET, '1'], INVALID_CONFIG],
    [['streams.num.standby.replicas', SET, '1'], INVALID_CONFIG],
    [[SESSION, SET, '46000'], INVALID_REQUEST],
  ] as const)('is rejected as a whole for %j', async (change, errorCode) => {
    const { configs, incrementally } = groups()
    const response = await incrementally('g', [[SESSION, SET, '50000'], change])
    expect(response).toMatchObject({ errorCode, errorMessage: expect.stringContaining('config') })
    expect(configs.size).toBe(0)
  })

  test.each([
    [{ [HEARTBEAT]: '1' }, INVALID_CONFIG],
    [{ [HEARTBEAT]: null }, INVALID_REQUEST],
    [{ 'no.such.config': '1' }, INVALID_CONFIG],
  ])('of all configs is rejected for %j', async (given, errorCode) => {
    const { configs, all } = groups()
    expect(await all('g', given)).toMatchObject({ errorCode })
    expect(configs.size).toBe(0)
  })

  test.each([
    ['', INVALID_REQUEST],
    ['..', INVALID_GROUP_ID],
  ])('is rejected for the group "%s"', async (name, errorCode) => {
    const { describe, incrementally, all } = groups()
    expect(await describe(name)).toMatchObject({ errorCode, configs: [] })
    expect(await incrementally(name, [[HEARTBEAT, SET, '6000']])).toMatchObject({ errorCode })
    expect(await all(name, {})).toMatchObject({ errorCode })
  })
})

test('lists the groups that have configs', async () => {
  const { caller, incrementally } = groups()
  await incrementally('g', [[HEARTBEAT, SET, '6000']])
  const response = await ask(caller, LIST_CONFIG_RESOURCES, 1, { resourceTypes: [GROUP] })
  expect(response?.configResources).toEqual([{ resourceType: GROUP, resourceName: 'g' }])
})

test('makes clients retry while the coordinator is unavailable', async () => {
  const groupConfig = () => {
    throw new Error('the coordinator is unavailable')
  }
  const caller = callerOf(brokerOf({ coordinator: { groupConfig } }))
  const resources = [{ resourceType: GROUP, resourceName: 'g', configurationKeys: null }]
  const response = await ask(caller, DESCRIBE_CONFIGS, 4, { resources })
  expect(response?.results).toMatchObject([{ errorCode: REQUEST_TIMED_OUT }])
})
