/** Client quotas over the wire, with a coordinator that stores them in memory. */
import { expect, test } from 'vitest'
import { EdgelogError, type Result } from '../../src/core/errors.ts'
import {
  type ClientQuota,
  changedQuotas,
  type QuotaAlteration,
  quotaEntityKey,
} from '../../src/core/quota/client-quota.ts'
import { matchesQuotaFilter, type QuotaFilter } from '../../src/core/quota/quota-filter.ts'
import { ALTER_CLIENT_QUOTAS } from '../../src/kafka/apis/alter-client-quotas.ts'
import { DESCRIBE_CLIENT_QUOTAS } from '../../src/kafka/apis/describe-client-quotas.ts'
import { ask, brokerOf, callerOf } from './door.ts'

const REQUEST_TIMED_OUT = 7
const UNSUPPORTED_VERSION = 35
const INVALID_REQUEST = 42
const POLICY_VIOLATION = 44

function callerWithQuotas() {
  const quotas = new Map<string, ClientQuota>()
  const alterOne = ({ entity, change }: QuotaAlteration): Result<null> => {
    if (entity.user === 'beyond') {
      return { error: new EdgelogError('policy_violation', 'entity: too many').toBody() }
    }
    const key = quotaEntityKey(entity)
    const values = changedQuotas(quotas.get(key)?.values ?? {}, change)
    if (values === null) quotas.delete(key)
    else quotas.set(key, { entity, values })
    return { ok: null }
  }
  const coordinator = {
    listClientQuotas: async (filter: QuotaFilter) => ({
      ok: [...quotas.values()].filter(({ entity }) => matchesQuotaFilter(entity, filter)),
    }),
    alterClientQuotas: async (alterations: readonly QuotaAlteration[]) => ({
      ok: alterations.map(alterOne),
    }),
  }
  return callerOf(brokerOf({ coordinator }))
}

const user = (entityName: string | null) => [{ entityType: 'user', entityName }]
const rate = (value: number) => [{ key: 'producer_byte_rate', value, remove: false }]
const ANY_USER = [{ entityType: 'user', matchType: 2, match: null }]

test.each([0, 1])('sets, returns and removes quotas in v%i', async (version) => {
  const caller = callerWithQuotas()
  const entity = [...user('alice'), { entityType: 'client-id', entityName: null }]
  const ops = [...rate(1_000), { key: 'request_percentage', value: 0.25, remove: false }]
  const entries = [{ entity, ops }]
  const request = { entries, validateOnly: false }
  const altered = await ask(caller, ALTER_CLIENT_QUOTAS, version, request)
  expect(altered?.entries).toEqual([{ entity, errorCode: 0, errorMessage: null }])

  const asked = { components: ANY_USER, strict: false }
  const described = await ask(caller, DESCRIBE_CLIENT_QUOTAS, version, asked)
  expect(described).toMatchObject({ errorCode: 0, errorMessage: null })
  expect(described?.entries).toEqual([
    {
      entity,
      values: [
        { key: 'producer_byte_rate', value: 1_000 },
        { key: 'request_percentage', value: 0.25 },
      ],
    },
  ])

  const removed = ops.map((op) => ({ ...op, remove: true }))
  const removal = { entries: [{ entity, ops: removed }], validateOnly: false }
  await ask(caller, ALTER_CLIENT_QUOTAS, version, removal)
  expect((await ask(caller, DESCRIBE_CLIENT_QUOTAS, version, asked))?.entries).toEqual([])
})

test('changes or rejects each entity separately', async () => {
  const caller = callerWithQuotas()
  const response = await ask(caller, ALTER_CLIENT_QUOTAS, 1, {
    entries: [
      { entity: user('a'), ops: rate(1) },
      { entity: user('b'), ops: rate(-1) },
      { entity: user('beyond'), ops: rate(1) },
      { entity: [], ops: rate(1) },
      { entity: user('twice'), ops: rate(1) },
      { entity: user('twice'), ops: rate(2) },
    ],
    validateOnly: false,
  })
  expect(response?.entries.map(({ errorCode }) => errorCode)).toEqual([
    0,
    INVALID_REQUEST,
    POLICY_VIOLATION,
    INVALID_REQUEST,
    INVALID_REQUEST,
    INVALID_REQUEST,
  ])
  const request = { components: ANY_USER, strict: false }
  const described = await ask(caller, DESCRIBE_CLIENT_QUOTAS, 1, request)
  expect(described?.entries?.map(({ entity }) => entity)).toEqual([user('a')])
})

test.each([
  [[{ entityType: 'group', matchType: 2, match: null }], UNSUPPORTED_VERSION],
  [[{ entityType: '', matchType: 2, match: null }], INVALID_REQUEST],
  [[{ entityType: 'user', matchType: 9, match: null }], INVALID_REQUEST],
])('rejects a description of the quotas of %j', async (components, errorCode) => {
  const request = { components, strict: false }
  const response = await ask(callerWithQuotas(), DESCRIBE_CLIENT_QUOTAS, 1, request)
  expect(response).toMatchObject({ errorCode, entries: null })
})

test('makes clients retry while the coordinator is unavailable', async () => {
  const away = () => {
    throw new Error('the coordinator is unavailable')
  }
  const coordinator = { listClientQuotas: away, alterClientQuotas: away }
  const caller = callerOf(brokerOf({ coordinator }))
  const entries = [{ entity: user('a'), ops: rate(1) }]
  const altered = await ask(caller, ALTER_CLIENT_QUOTAS, 1, { entries, validateOnly: false })
  expect(altered?.entries).toMatchObject([{ errorCode: REQUEST_TIMED_OUT }])
  const request = { components: [], strict: false }
  const described = await ask(caller, DESCRIBE_CLIENT_QUOTAS, 1, request)
  expect(described).toMatchObject({ errorCode: REQUEST_TIMED_OUT, entries: null })
})
