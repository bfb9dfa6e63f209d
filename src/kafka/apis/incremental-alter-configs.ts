/**
 * Kafka's IncrementalAlterConfigs (key 44): sets (operation 0), deletes (1), appends to
 * (2) or subtracts from (3) single configs (KIP-339).
 */
import { EdgelogError } from '../../core/errors.ts'
import {
  type GroupConfigChange,
  isGroupConfigKey,
  parseGroupConfig,
} from '../../core/group/group-config.ts'
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
import {
  parseConfigListItems,
  parseTopicConfigChange,
  type TopicConfigChange,
} from '../../core/topic/topic-config.ts'
import { isTopicConfigKey } from '../../core/topic/topic-config-keys.ts'
import { alterResources, givenValue } from '../alter-resources.ts'
import { handled } from '../handled.ts'

/** Kafka's config operations. */
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
  async (request, { broker }) => ({
    responses: await alterResources(broker, request.resources, request.validateOnly, {
      topic: ({ configs }) => ({ overrides: changeOf(configs) }),
      // Clients cannot set broker configs, so deleting one changes nothing.
      brokerKeys: ({ configs }) =>
        configs.flatMap(({ name, configOperation }) => (configOperation === DELETE ? [] : [name])),
      group: ({ configs }) => ({ overrides: Object.assign({}, ...configs.map(groupChangeOf)) }),
    }),
  }),
)

type AlterableConfig = IncrementalAlterConfigsRequest['resources'][number]['configs'][number]

/** @throws {EdgelogError} `invalid_request`, `invalid_config`. */
function changeOf(configs: readonly AlterableConfig[]): TopicConfigChange {
  return Object.fromEntries(configs.flatMap((one) => Object.entries(changeOfOne(one))))
}

function changeOfOne(config: AlterableConfig): TopicConfigChange {
  const { name, configOperation } = config
  // An unknown config has no value, so deleting it changes nothing; a broker of 4.3 accepts that too.
  if (configOperation === DELETE) return isTopicConfigKey(name) ? { [name]: null } : {}
  const value = givenValue(config)
  switch (configOperation) {
    case SET:
      return parseTopicConfigChange({ [name]: value })
    case APPEND:
      return { [name]: { append: parseConfigListItems(name, value) } }
    case SUBTRACT:
      return { [name]: { subtract: parseConfigListItems(name, value) } }
    default:
      throw unknownOperation(config)
  }
}

/** @throws {EdgelogError} `invalid_request`, `invalid_config`. */
function groupChangeOf(config: AlterableConfig): GroupConfigChange['overrides'] {
  const { name, configOperation } = config
  if (configOperation === DELETE) return isGroupConfigKey(name) ? { [name]: null } : {}
  const value = givenValue(config)
  if (configOperation === SET) return parseGroupConfig(name, value)
  if (configOperation !== APPEND && configOperation !== SUBTRACT) throw unknownOperation(config)
  const why = `config.${name}: not a list; only lists can be appended to or subtracted from`
  throw new EdgelogError('invalid_config', why)
}

function unknownOperation({ name, configOperation }: AlterableConfig): EdgelogError {
  const why = `config.${name}: operation 0 to 3 is allowed, got ${configOperation}`
  return new EdgelogError('invalid_request', why)
}
