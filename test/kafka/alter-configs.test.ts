/** Concurrent changes of configs; needs a coordinator that decides like the real one. */
import { expect, test } from 'vitest'
import { resultOf } from '../../src/core/errors.ts'
import { CONFIG_VALUE_BYTES_MAX } from '../../src/core/limits.ts'
import type { TopicChange } from '../../src/core/topic/topic.ts'
import {
  decideChange,
  decideCreate,
  type TopicState,
  wantedTopic,
} from '../../src/core/topic/topic-state.ts'
import { ALTER_CONFIGS } from '../../src/kafka/apis/alter-configs.ts'
import { INCREMENTAL_ALTER_CONFIGS } from '../../src/kafka/apis/incremental-alter-configs.ts'
import { ask, brokerOf, callerOf, topicOf } from './door.ts'

const SET = 0
const DELETE = 1
const APPEND = 2
const SUBTRACT = 3

const INVALID_CONFIG = 40
const INVALID_REQUEST = 42

const LIST = 'leader.replication.throttled.replicas'

/** Makes a topic as the coordinator stores it, and two ways to change it over the wire. */
function topicWith(overrides: Record<string, string>) {
  const { name, id } = topicOf('configured')
  const facts = { id, nowMs: 0, existing: null, topicCount: 0 }
  let state: TopicState = decideCreate({ name, partitions: 1, overrides }, facts)
  const caller = callerOf(
    brokerOf({
      coordinator: {
        getTopic: async () => ({ ok: wantedTopic(state) }),
        changeTopic: async (_: string, change: TopicChange) =>
          resultOf(() => {
            const changed = decideChange(state, change)
            if (!change.validateOnly) state = changed
            return wantedTopic(changed)
          }),
      },
    }),
  )
  const resource = { resourceType: 2, resourceName: name }
  const incrementally = async (
    configs: ReadonlyArray<readonly [name: string, configOperation: number, value: string | null]>,
    validateOnly = false,
  ) => {
    const named = configs.map(([name, configOperation, value]) => ({
      name,
      configOperation,
      value,
    }))
    const request = { resources: [{ ...resource, configs: named }], validateOnly }
    const response = await ask(caller, INCREMENTAL_ALTER_CONFIGS, 1, request)
    return response?.responses[0]
  }
  const all = async (configs: ReadonlyArray<readonly [name: string, value: string | null]>) => {
    const named = configs.map(([name, value]) => ({ name, value }))
    const request = { resources: [{ ...resource, configs: named }], validateOnly: false }
    return (await ask(caller, ALTER_CONFIGS, 2, request))?.responses[0]
  }
  return { incrementally, all, overrides: () => state.wanted.overrides }
}

test('keeps everything that concurrent requests append to one list or subtract from it', async () => {
  const topic = topicWith({ [LIST]: '9:0,9:1' })
  const answers = await Promise.all([
    topic.incrementally([[LIST, APPEND, '0:1']]),
    topic.incrementally([[LIST, SUBTRACT, '9:1, 9:0']]),
    topic.incrementally([[LIST, APPEND, '0:2,0:3']]),
  ])
  expect(answers.map((response) => response?.errorCode)).toEqual([0, 0, 0])
  expect(topic.overrides()).toEqual({ [LIST]: '0:1,0:2,0:3' })
})

test('keeps only the last of concurrent changes of all configs', async () => {
  const topic = topicWith({ 'flush.ms': '1' })
  await Promise.all([
    topic.all([['retention.ms', '1']]),
    topic.all([['segment.ms', '2']]),
    topic.incrementally([['retention.bytes', SET, '3']]),
  ])
  expect(topic.overrides()).toEqual({ 'segment.ms': '2', 'retention.bytes': '3' })
})

test('appends to the default of a list, and keeps each item once', async () => {
  const topic = topicWith({})
  await topic.incrementally([['cleanup.policy', APPEND, 'compact, delete']])
  expect(topic.overrides()).toEqual({ 'cleanup.policy': 'delete,compact' })
  await topic.incrementally([['cleanup.policy', DELETE, null]])
  expect(topic.overrides()).toEqual({})
})

test.each([
  ['that would become empty', ['cleanup.policy', SUBTRACT, 'delete'], INVALID_CONFIG],
  ['that would contain an invalid item', ['cleanup.policy', APPEND, 'nonsense'], INVALID_CONFIG],
  ['that is not a list', ['retention.ms', APPEND, '1'], INVALID_CONFIG],
  ['that is unknown', ['clean.policy', APPEND, 'delete'], INVALID_CONFIG],
  ['by too many items', [LIST, SUBTRACT, '0:1,'.repeat(CONFIG_VALUE_BYTES_MAX)], INVALID_CONFIG],
  ['without a value', [LIST, APPEND, null], INVALID_REQUEST],
  ['by an unknown operation', [LIST, 4, '0:1'], INVALID_REQUEST],
] as const)('does not change a list %s', async (_, config, errorCode) => {
  const topic = topicWith({ 'retention.ms': '1' })
  const response = await topic.incrementally([['flush.ms', SET, '1'], config])
  expect(response).toMatchObject({ errorCode, errorMessage: expect.stringContaining(config[0]) })
  expect(topic.overrides()).toEqual({ 'retention.ms': '1' })
})

test('returns the same message for the same mistake in both APIs', async () => {
  const { incrementally, all } = topicWith({})
  const answers = await Promise.all([
    incrementally([['cleanup.policy', SET, 'nonsense']]),
    // The result is known only when the topic is changed.
    incrementally([['cleanup.policy', APPEND, 'nonsense']]),
    all([['cleanup.policy', 'nonsense']]),
  ])
  for (const response of answers) {
    expect(response?.errorMessage).toMatch(/^config\.cleanup\.policy: a comma-separated /)
  }
})

test.each([
  [
    'twice',
    [
      ['flush.ms', '1'],
      ['segment.ms', '2'],
      ['flush.ms', '3'],
    ],
    'flush.ms',
  ],
  [
    'twice, with an invalid value',
    [
      ['flush.ms', 'x'],
      ['flush.ms', '3'],
    ],
    'flush.ms',
  ],
  [
    'without a value',
    [
      ['segment.ms', '2'],
      ['flush.ms', null],
    ],
    'flush.ms',
  ],
] as const)(
  'changes nothing for a config that is named %s, in both APIs',
  async (_, given, field) => {
    const topic = topicWith({ 'retention.ms': '1' })
    const refused = {
      errorCode: INVALID_REQUEST,
      errorMessage: expect.stringContaining(field),
    }
    expect(await topic.all(given)).toMatchObject(refused)
    const operations = given.map(([name, value]) => [name, SET, value] as const)
    expect(await topic.incrementally(operations)).toMatchObject(refused)
    expect(topic.overrides()).toEqual({ 'retention.ms': '1' })
  },
)

test('deletes an unknown config together with known ones', async () => {
  const topic = topicWith({ 'flush.ms': '1', 'retention.ms': '1' })
  const unknown = ['of.another.broker', DELETE, null] as const
  expect(await topic.incrementally([unknown])).toMatchObject({ errorCode: 0 })
  expect(topic.overrides()).toEqual({ 'flush.ms': '1', 'retention.ms': '1' })
  const response = await topic.incrementally([unknown, ['flush.ms', DELETE, null]])
  expect(response).toMatchObject({ errorCode: 0 })
  expect(topic.overrides()).toEqual({ 'retention.ms': '1' })
})

test('changes nothing if the request only validates', async () => {
  const topic = topicWith({})
  const added = ['cleanup.policy', APPEND, 'compact'] as const
  expect(await topic.incrementally([added], true)).toMatchObject({ errorCode: 0 })
  expect(topic.overrides()).toEqual({})
})
