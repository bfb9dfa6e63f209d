/**
 * Kafka's IncrementalAlterConfigs (key 44): sets (operation 0), deletes (1), appends to (2) or subtracts
 * from (3) single configs (KIP-339).
 */
import { EdgelogError } from '../../core/errors.ts'
import {
  array,
  bool,
  int8,
  int16,
  int32,
  messages,
  nullableString,
  type RequestOf,
  type ResponseOf,
  string,
} from '../../core/kafka/schema.ts'
import { configListItems } from '../../core/topic/config-value.ts'
import { parseTopicConfigChange, type TopicConfigOverrides } from '../../core/topic/topic-config.ts'
import {
  type ConfigKey,
  isTopicConfigKey,
  TOPIC_CONFIG_KEYS,
} from '../../core/topic/topic-config-keys.ts'
import { alterTopicConfigs } from '../alter-topic-configs.ts'
import { handled } from '../handled.ts'

/** What is done with a value. */
const SET = 0
const DELETE = 1
const APPEND = 2
const SUBTRACT = 3

export const INCREMENTAL_ALTER_CONFIGS = messages({
  key: 44,
  name: 'IncrementalAlterConfigs',
  versions: [0, 1],
  flexibleSince: 1,
  request: {
    resources: array({
      resourceType: int8,
      resourceName: string,
      configs: array({ name: string, configOperation: int8, value: nullableString }),
    }),
    validateOnly: bool,
  },
  response: {
    throttleTimeMs: int32.or(0),
    responses: array({
      errorCode: int16,
      errorMessage: nullableString.or(null),
      resourceType: int8,
      resourceName: string,
    }),
  },
})

export type IncrementalAlterConfigsRequest = RequestOf<typeof INCREMENTAL_ALTER_CONFIGS>
export type IncrementalAlterConfigsResponse = ResponseOf<typeof INCREMENTAL_ALTER_CONFIGS>

export const incrementalAlterConfigsApi = handled(
  INCREMENTAL_ALTER_CONFIGS,
  async (request, { cluster }) => ({
    responses: await alterTopicConfigs(
      cluster,
      request.resources,
      request.validateOnly,
      ({ configs }, overrides) => parseTopicConfigChange(changeOf(configs, overrides), 'configs'),
    ),
  }),
)

type AlterableConfig = IncrementalAlterConfigsRequest['resources'][number]['configs'][number]

/** @throws {EdgelogError} `invalid_request`, `invalid_config`. */
function changeOf(
  configs: readonly AlterableConfig[],
  overrides: TopicConfigOverrides,
): Record<string, string | null> {
  const change = Object.fromEntries(
    configs.map((config) => [config.name, newValue(config, overrides)]),
  )
  if (Object.keys(change).length === configs.length) return change
  throw new EdgelogError('invalid_request', 'configs: each may be named once')
}

/** Null: the default again. */
function newValue(
  { name, configOperation, value }: AlterableConfig,
  overrides: TopicConfigOverrides,
): string | null {
  if (configOperation === DELETE) return null
  if (value === null)
    throw new EdgelogError('invalid_request', `configs.${name}: a value is needed`)
  if (configOperation === SET) return value
  if (configOperation !== APPEND && configOperation !== SUBTRACT) {
    const why = `configs.${name}: there is no operation ${configOperation}`
    throw new EdgelogError('invalid_request', why)
  }
  const key: ConfigKey | undefined = isTopicConfigKey(name) ? TOPIC_CONFIG_KEYS[name] : undefined
  if (key?.type !== 'list') {
    throw new EdgelogError(
      'invalid_config',
      `configs.${name}: not a list, so there is only set and delete`,
    )
  }
  const items = configListItems(overrides[name] ?? key.default)
  const given = configListItems(value)
  const kept = items.filter((item) => !given.includes(item))
  return (configOperation === APPEND ? [...kept, ...given] : kept).join(',')
}
