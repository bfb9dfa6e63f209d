/**
 * Kafka's ListConfigResources (key 74): lists the resources that have configs (KIP-1142). Version 0 is named
 * ListClientMetricsResources, and lists only these.
 */

import {
  array,
  int8,
  int16,
  int32,
  messages,
  type RequestOf,
  type ResponseOf,
  string,
} from '../../core/kafka/schema.ts'
import { NODE_ID } from '../broker-node.ts'
import { clusterError } from '../cluster-error.ts'
import { RESOURCE } from '../config-resource.ts'
import { errorNumbersOf, NO_ERROR } from '../error-number.ts'
import { handled, type KafkaCall } from '../handled.ts'

const { errorNumber } = errorNumbersOf('admin')
const UNSUPPORTED_VERSION = 35

/** Topics, brokers, loggers of brokers, client metrics, groups. */
const KNOWN_TYPES = new Set([2, 4, 8, 16, 32])

export const LIST_CONFIG_RESOURCES = messages({
  key: 74,
  name: 'ListConfigResources',
  versions: [0, 1],
  flexibleSince: 0,
  request: {
    /** Empty for all. */
    resourceTypes: array(int8).in('1+').or([]),
  },
  response: {
    throttleTimeMs: int32.or(0),
    errorCode: int16,
    configResources: array({
      resourceName: string,
      resourceType: int8.in('1+').or(16),
    }),
  },
})

export type ListConfigResourcesRequest = RequestOf<typeof LIST_CONFIG_RESOURCES>
export type ListConfigResourcesResponse = ResponseOf<typeof LIST_CONFIG_RESOURCES>

export const listConfigResourcesApi = handled(LIST_CONFIG_RESOURCES, async (request, call) => {
  const all = Object.values(RESOURCE)
  const types = request.resourceTypes.length > 0 ? new Set(request.resourceTypes) : new Set(all)
  const refusal = await clusterError(call.broker, 'describe_configs')
  if (refusal !== undefined) return { errorCode: refusal.errorCode, configResources: [] }
  if (call.version === 0) return { errorCode: NO_ERROR, configResources: [] }
  if ([...types].some((type) => !KNOWN_TYPES.has(type))) {
    return { errorCode: UNSUPPORTED_VERSION, configResources: [] }
  }
  try {
    const listed = await Promise.all([...types].map((type) => resourcesOf(type, call)))
    return { errorCode: NO_ERROR, configResources: listed.flat() }
  } catch (error) {
    return { errorCode: errorNumber(error), configResources: [] }
  }
})

type Listed = ListConfigResourcesResponse['configResources'][number]

/** Returns the resources of one type. There are no client metrics: clients are not asked for any. */
async function resourcesOf(resourceType: number, { broker }: KafkaCall): Promise<Listed[]> {
  switch (resourceType) {
    case RESOURCE.topic:
      return (await broker.topics.listForCluster('describe_configs')).map(({ name }) => {
        return { resourceName: name, resourceType }
      })
    case RESOURCE.broker:
    case RESOURCE.brokerLogger:
      return [{ resourceName: String(NODE_ID), resourceType }]
    case RESOURCE.group:
      return (await broker.groups.listConfigured()).map((groupId) => {
        return { resourceName: groupId, resourceType }
      })
    default:
      return []
  }
}
