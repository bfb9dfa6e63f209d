/**
 * Kafka's DescribeConfigs (key 32): returns the configs of topics (resource type
 * 2), brokers (4) and others. Null keys stand for all.
 */
import { fanOut } from '../../broker/fan-out.ts'
import { CLUSTER } from '../../core/access/resource.ts'
import {
  array,
  bool,
  int8,
  int16,
  int32,
  messages,
  nullableArray,
  nullableString,
  type RequestOf,
  type ResponseOf,
  string,
} from '../../core/kafka/schema.ts'
import { parseTopicName } from '../../core/topic/topic-name.ts'
import { brokerConfigEntries } from '../broker-configs.ts'
import { type ConfigEntry, topicConfigEntries } from '../config-entries.ts'
import {
  type ConfigResource,
  checkBroker,
  checkNode,
  groupOf,
  RESOURCE,
  resourceKey,
  unknownResource,
} from '../config-resource.ts'
import { errorNumbersOf, NO_ERROR } from '../error-number.ts'
import { groupConfigEntries } from '../group-configs.ts'
import { handled, type KafkaCall } from '../handled.ts'
import { nameCheck, uniqueBy } from '../unique-names.ts'

const { errorFields } = errorNumbersOf('admin')

export const DESCRIBE_CONFIGS = messages({
  key: 32,
  name: 'DescribeConfigs',
  versions: [1, 4],
  flexibleSince: 4,
  request: {
    resources: array({
      resourceType: int8,
      resourceName: string,
      configurationKeys: nullableArray(string),
    }),
    includeSynonyms: bool.or(false),
    includeDocumentation: bool.in('3+').or(false),
  },
  response: {
    throttleTimeMs: int32.or(0),
    results: array({
      errorCode: int16,
      errorMessage: nullableString.or(null),
      resourceType: int8,
      resourceName: string,
      configs: array({
        name: string,
        value: nullableString,
        readOnly: bool,
        configSource: int8.or(-1),
        isSensitive: bool,
        synonyms: array({ name: string, value: nullableString, source: int8 }).or([]),
        configType: int8.in('3+').or(0),
        documentation: nullableString.in('3+').or(null),
      }),
    }),
  },
})

export type DescribeConfigsRequest = RequestOf<typeof DESCRIBE_CONFIGS>
export type DescribeConfigsResponse = ResponseOf<typeof DESCRIBE_CONFIGS>

export const describeConfigsApi = handled(DESCRIBE_CONFIGS, async (request, call) => {
  const resources = uniqueBy(request.resources, resourceKey)
  const checkName = nameCheck('resources', resources.map(resourceKey))
  const results = await fanOut(resources, async (resource) => {
    const { resourceType, resourceName, configurationKeys } = resource
    const named = { resourceType, resourceName }
    try {
      checkName(resourceKey(resource))
      const entries = await entriesOf(resource, call)
      const wanted = entries.filter(({ name }) => configurationKeys?.includes(name) ?? true)
      const configs = wanted.map((entry) => shown(entry, request))
      return { ...named, errorCode: NO_ERROR, configs }
    } catch (error) {
      return { ...named, ...errorFields(error), configs: [] }
    }
  })
  return { results }
})

async function entriesOf(resource: ConfigResource, call: KafkaCall): Promise<ConfigEntry[]> {
  switch (resource.resourceType) {
    case RESOURCE.topic: {
      const topic = await call.broker.topics.lookUp(
        parseTopicName(resource.resourceName),
        'describe_configs',
      )
      return topicConfigEntries(topic.overrides)
    }
    case RESOURCE.broker:
      await call.broker.access.check('describe_configs', CLUSTER)
      checkBroker(resource)
      // An empty id requests the dynamic configs of all brokers: there are none.
      return resource.resourceName === '' ? [] : brokerConfigEntries(call)
    case RESOURCE.brokerLogger:
      await call.broker.access.check('describe_configs', CLUSTER)
      checkNode(resource)
      // A Worker has no loggers with a level.
      return []
    case RESOURCE.group:
      return groupConfigEntries(await call.broker.groups.config(groupOf(resource)))
    default:
      throw unknownResource(resource)
  }
}

function shown(entry: ConfigEntry, request: DescribeConfigsRequest): ConfigEntry | ShortEntry {
  const { includeSynonyms, includeDocumentation } = request
  const { synonyms, documentation, ...rest } = entry
  return {
    ...rest,
    synonyms: includeSynonyms ? synonyms : [],
    documentation: includeDocumentation ? documentation : null,
  }
}

type ShortEntry = Omit<ConfigEntry, 'documentation'> & { readonly documentation: string | null }
