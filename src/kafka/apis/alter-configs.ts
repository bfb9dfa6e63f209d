/**
 * Kafka's AlterConfigs (key 33): sets all configs of a resource; those not named fall back to their
 * default. Older clients have nothing else (see `incremental-alter-configs.ts`).
 */
import { fanOut } from '../../broker/fan-out.ts'
import { changeTopic, getTopic } from '../../broker/topics.ts'
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
import { parseTopicConfigOverrides } from '../../core/topic/topic-config.ts'
import { parseTopicName } from '../../core/topic/topic-name.ts'
import { RESOURCE, resourceKey, unchangeable } from '../config-resource.ts'
import { errorNumbersOf, NO_ERROR } from '../error-number.ts'
import { handled } from '../handled.ts'
import { nameCheck } from '../unique-names.ts'

const { errorFields } = errorNumbersOf('admin')

export const ALTER_CONFIGS = messages({
  key: 33,
  name: 'AlterConfigs',
  versions: [0, 2],
  flexibleSince: 2,
  request: {
    resources: array({
      resourceType: int8,
      resourceName: string,
      configs: array({ name: string, value: nullableString }),
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

export type AlterConfigsRequest = RequestOf<typeof ALTER_CONFIGS>
export type AlterConfigsResponse = ResponseOf<typeof ALTER_CONFIGS>

/** What was set before and is not named any more is a default again. */
export const alterConfigsApi = handled(ALTER_CONFIGS, async (request, { cluster }) => {
  const checkName = nameCheck('resources', request.resources.map(resourceKey))
  const responses = await fanOut(
    request.resources,
    async ({ resourceType, resourceName, configs }) => {
      const resource = { resourceType, resourceName }
      try {
        checkName(resourceKey(resource))
        if (resourceType !== RESOURCE.topic) throw unchangeable(resource)
        const name = parseTopicName(resourceName)
        const { overrides } = await getTopic(cluster, name)
        const given = Object.fromEntries(configs.map((config) => [config.name, config.value]))
        const dropped = Object.fromEntries(Object.keys(overrides).map((key) => [key, null]))
        const change = { ...dropped, ...parseTopicConfigOverrides(given, 'configs') }
        const { validateOnly } = request
        await changeTopic(cluster, name, { overrides: change, validateOnly })
        return { ...resource, errorCode: NO_ERROR }
      } catch (error) {
        return { ...resource, ...errorFields(error) }
      }
    },
  )
  return { responses }
})
