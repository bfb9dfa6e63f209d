/**
 * Kafka's AlterClientQuotas (key 49): sets and removes quotas of users, clients and addresses (KIP-546).
 */

import type { Broker } from '../../broker/broker.ts'
import { EdgelogError } from '../../core/errors.ts'
import {
  array,
  bool,
  float64,
  int16,
  int32,
  messages,
  nullableString,
  type RequestOf,
  type ResponseOf,
  string,
} from '../../core/kafka/schema.ts'
import {
  parseQuotaChange,
  parseQuotaEntity,
  type QuotaAlteration,
  quotaEntityKey,
} from '../../core/quota/client-quota.ts'
import { errorNumbersOf, NO_ERROR } from '../error-number.ts'
import { handled } from '../handled.ts'
import { nameCheck } from '../unique-names.ts'

const { errorFields } = errorNumbersOf('admin')

const entity = array({ entityType: string, entityName: nullableString })

export const ALTER_CLIENT_QUOTAS = messages({
  key: 49,
  name: 'AlterClientQuotas',
  versions: [0, 1],
  flexibleSince: 1,
  request: {
    entries: array({ entity, ops: array({ key: string, value: float64, remove: bool }) }),
    validateOnly: bool,
  },
  response: {
    throttleTimeMs: int32.or(0),
    entries: array({ errorCode: int16, errorMessage: nullableString.or(null), entity }),
  },
})

export type AlterClientQuotasRequest = RequestOf<typeof ALTER_CLIENT_QUOTAS>
export type AlterClientQuotasResponse = ResponseOf<typeof ALTER_CLIENT_QUOTAS>

/** Changes or rejects each entity separately. */
export const alterClientQuotasApi = handled(ALTER_CLIENT_QUOTAS, async (request, { broker }) => {
  const parsed = parseEntries(request.entries)
  const valid = parsed.flatMap((one) => (one instanceof EdgelogError ? [] : [one]))
  const refusals = await refusalsOf(broker, valid, request.validateOnly)
  return {
    entries: parsed.map((one, index) => {
      const error = one instanceof EdgelogError ? one : refusals.get(one)
      const entity = request.entries[index]?.entity ?? []
      return { entity, ...(error === undefined ? { errorCode: NO_ERROR } : errorFields(error)) }
    }),
  }
})

function parseEntries(
  entries: AlterClientQuotasRequest['entries'],
): ReadonlyArray<QuotaAlteration | EdgelogError> {
  const entities = entries.map(({ entity }) => refusalOr(() => parseQuotaEntity(entity)))
  const keys = entities.map((one) => (one instanceof EdgelogError ? '' : quotaEntityKey(one)))
  const checkName = nameCheck(
    'entries',
    keys.filter((key) => key !== ''),
  )
  return entities.map((entity, index) =>
    entity instanceof EdgelogError
      ? entity
      : refusalOr(() => {
          checkName(keys[index] ?? '')
          return { entity, change: parseQuotaChange(entity, entries[index]?.ops ?? []) }
        }),
  )
}

function refusalOr<T>(parse: () => T): T | EdgelogError {
  try {
    return parse()
  } catch (error) {
    if (error instanceof EdgelogError) return error
    throw error
  }
}

/** Returns the errors of the failed alterations. */
async function refusalsOf(
  broker: Broker,
  alterations: readonly QuotaAlteration[],
  validateOnly: boolean,
): Promise<ReadonlyMap<QuotaAlteration, EdgelogError>> {
  const refusals = new Map<QuotaAlteration, EdgelogError>()
  try {
    const results = await broker.quotas.alter(alterations, validateOnly)
    for (const [index, result] of results.entries()) {
      const alteration = alterations[index]
      if (alteration !== undefined && 'error' in result) {
        refusals.set(alteration, EdgelogError.fromBody(result.error))
      }
    }
  } catch (error) {
    if (!(error instanceof EdgelogError)) throw error
    for (const alteration of alterations) refusals.set(alteration, error)
  }
  return refusals
}
