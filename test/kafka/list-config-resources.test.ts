/** The resources that have configs. */
import { expect, test } from 'vitest'
import { LIST_CONFIG_RESOURCES } from '../../src/kafka/apis/list-config-resources.ts'
import { ask, brokerOf, callerOf, topicOf } from './door.ts'

const REQUEST_TIMED_OUT = 7
const UNSUPPORTED_VERSION = 35
const TOPIC = 2
const BROKER = 4
const BROKER_LOGGER = 8
const CLIENT_METRICS = 16
const GROUP = 32

const topics = [topicOf('listed-a'), topicOf('listed-b')]
const coordinator = {
  listTopics: async () => ({ ok: topics }),
  listConfiguredGroups: async () => ({ ok: ['configured'] }),
}
const caller = callerOf(brokerOf({ coordinator }))

async function list(...resourceTypes: number[]) {
  const response = await ask(caller, LIST_CONFIG_RESOURCES, 1, { resourceTypes })
  expect(response?.errorCode).toBe(0)
  return response?.configResources.map((one) => [one.resourceType, one.resourceName])
}

test('lists topics, the broker and groups, each type once', async () => {
  expect(await list(TOPIC, TOPIC)).toEqual([
    [TOPIC, 'listed-a'],
    [TOPIC, 'listed-b'],
  ])
  expect(await list(BROKER)).toEqual([[BROKER, '1']])
  expect(await list(GROUP)).toEqual([[GROUP, 'configured']])
  expect(await list(BROKER_LOGGER)).toEqual([[BROKER_LOGGER, '1']])
  expect(await list(CLIENT_METRICS)).toEqual([])
})

test('lists all types if none is named', async () => {
  expect(await list()).toEqual([
    [TOPIC, 'listed-a'],
    [TOPIC, 'listed-b'],
    [BROKER, '1'],
    [BROKER_LOGGER, '1'],
    [GROUP, 'configured'],
  ])
})

test('lists no client metrics in the version that lists only these', async () => {
  const response = await ask(caller, LIST_CONFIG_RESOURCES, 0, {})
  expect(response).toMatchObject({ errorCode: 0, configResources: [] })
})

test.each([[[0]], [[TOPIC, 99]]])('rejects the types %j', async (resourceTypes) => {
  const response = await ask(caller, LIST_CONFIG_RESOURCES, 1, { resourceTypes })
  expect(response).toMatchObject({ errorCode: UNSUPPORTED_VERSION, configResources: [] })
})

test('returns an error while the topics are unknown', async () => {
  const listTopics = () => {
    throw new Error('the coordinator is unavailable')
  }
  const away = callerOf(brokerOf({ coordinator: { listTopics } }))
  const response = await ask(away, LIST_CONFIG_RESOURCES, 1, { resourceTypes: [TOPIC] })
  expect(response).toMatchObject({ errorCode: REQUEST_TIMED_OUT, configResources: [] })
})
