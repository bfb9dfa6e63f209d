/**
 * Kafka's AlterConfigs (key 33): sets all configs of a resource and resets those not named to their defaults. Older
 * clients have only this API (see `incremental-alter-configs.ts`).
 */

import { parseGroupConfig } from '../../core/group/group-config.ts'
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
import { alterResources, givenValue } from '../alter-resources.ts'
import { handled } from '../handled.ts'

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

/** Resets every config that was set before and is not named. */
export const alterConfigsApi = handled(ALTER_CONFIGS, async (request, { broker }) => ({
  responses: await alterResources(broker, request.resources, request.validateOnly, {
    topic: ({ configs }) => {
      const given = Object.fromEntries(configs.map((one) => [one.name, givenValue(one)]))
      return { overrides: parseTopicConfigOverrides(given), resetsOthers: true }
    },
    brokerKeys: ({ configs }) => configs.map(({ name }) => name),
    group: ({ configs }) => {
      const given = configs.map((one) => parseGroupConfig(one.name, givenValue(one)))
      return { overrides: Object.assign({}, ...given), resetsOthers: true }
    },
  }),
}))
