/** Kafka's DescribeClientQuotas (key 48): lists quotas of users, clients and addresses (KIP-546). */

import {
  array,
  bool,
  float64,
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
import { type ClientQuota, QUOTA_ENTITY_TYPES } from '../../core/quota/client-quota.ts'
import { parseQuotaFilter } from '../../core/quota/quota-filter.ts'
import { errorNumbersOf, errorOf, NO_ERROR } from '../error-number.ts'
import { handled } from '../handled.ts'

const { errorFields } = errorNumbersOf('admin')
const UNSUPPORTED_VERSION = 35
const KNOWN_TYPES = new Set<string>(QUOTA_ENTITY_TYPES)

export const DESCRIBE_CLIENT_QUOTAS = messages({
  key: 48,
  name: 'DescribeClientQuotas',
  versions: [0, 1],
  flexibleSince: 1,
  request: {
    components: array({
      entityType: string,
      /** 0: this name, 1: the default, 2: any name. */
      matchType: int8,
      match: nullableString,
    }),
    /** Leaves out entities that have types other than those of the components. */
    strict: bool,
  },
  response: {
    throttleTimeMs: int32.or(0),
    errorCode: int16,
    errorMessage: nullableString.or(null),
    entries: nullableArray({
      /** Null for the default of the type. */
      entity: array({ entityType: string, entityName: nullableString }),
      values: array({ key: string, value: float64 }),
    }),
  },
})

export type DescribeClientQuotasRequest = RequestOf<typeof DESCRIBE_CLIENT_QUOTAS>
export type DescribeClientQuotasResponse = ResponseOf<typeof DESCRIBE_CLIENT_QUOTAS>

export const describeClientQuotasApi = handled(
  DESCRIBE_CLIENT_QUOTAS,
  async ({ components, strict }, { broker }) => {
    const unknown = components.find(
      (one) => one.entityType !== '' && !KNOWN_TYPES.has(one.entityType),
    )
    if (unknown !== undefined) {
      const why = `Unsupported entity type ${unknown.entityType}`
      return { ...errorOf(UNSUPPORTED_VERSION, why), entries: null }
    }
    try {
      const quotas = await broker.quotas.list(parseQuotaFilter(components, strict))
      return { errorCode: NO_ERROR, entries: quotas.map(entryOf) }
    } catch (error) {
      return { ...errorFields(error), entries: null }
    }
  },
)

function entryOf({ entity, values }: ClientQuota) {
  return {
    entity: Object.entries(entity).map(([entityType, entityName]) => ({ entityType, entityName })),
    values: Object.entries(values).map(([key, value]) => ({ key, value })),
  }
}
