/** Storage of client quotas. */
import { evictDurableObject, reset, runInDurableObject } from 'cloudflare:test'
import { afterEach, expect, test } from 'vitest'
import { unwrap } from '../../../src/core/errors.ts'
import { CLIENT_QUOTAS_MAX } from '../../../src/core/limits.ts'
import type { QuotaAlteration } from '../../../src/core/quota/client-quota.ts'
import { coordinator } from './cluster.ts'

const ALL = { parts: [], isStrict: false }

afterEach(async () => {
  await reset()
})

async function alter(alterations: readonly QuotaAlteration[], validateOnly = false) {
  return unwrap(await coordinator().alterClientQuotas(alterations, validateOnly))
}

async function list() {
  return unwrap(await coordinator().listClientQuotas(ALL))
}

test('keeps quotas over an eviction, until they are removed', async () => {
  const entity = { user: 'alice', 'client-id': null }
  await alter([
    { entity, change: { producer_byte_rate: 1_000, request_percentage: 0.5 } },
    { entity: { ip: null }, change: { connection_creation_rate: 7 } },
  ])
  await alter([{ entity, change: { producer_byte_rate: null, consumer_byte_rate: 2 } }])
  await evictDurableObject(coordinator())
  expect(await list()).toEqual([
    {
      entity: { 'client-id': null, user: 'alice' },
      values: { request_percentage: 0.5, consumer_byte_rate: 2 },
    },
    { entity: { ip: null }, values: { connection_creation_rate: 7 } },
  ])
  await alter([{ entity, change: { consumer_byte_rate: null, request_percentage: null } }])
  expect(await list()).toHaveLength(1)
})

test('changes nothing if the request only validates', async () => {
  const change = { producer_byte_rate: 1 }
  expect(await alter([{ entity: { user: 'a' }, change }], true)).toEqual([{ ok: null }])
  expect(await list()).toEqual([])
})

test('returns only the quotas that match a filter', async () => {
  const change = { producer_byte_rate: 1 }
  await alter([
    { entity: { user: 'a' }, change },
    { entity: { user: 'b' }, change },
  ])
  const filter = { parts: [{ type: 'user' as const, match: { name: 'b' } }], isStrict: true }
  const listed = unwrap(await coordinator().listClientQuotas(filter))
  expect(listed.map(({ entity }) => entity)).toEqual([{ user: 'b' }])
})

test('rejects an entity beyond the limit, and changes existing ones', async () => {
  await runInDurableObject(coordinator(), (_, { storage }) => {
    storage.sql.exec(
      `WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < ?)
       INSERT INTO client_quota SELECT '[["user","u' || i || '"]]', '{"formVersion":1,"values":{"producer_byte_rate":1}}' FROM n`,
      CLIENT_QUOTAS_MAX,
    )
  })
  await evictDurableObject(coordinator())
  const change = { producer_byte_rate: 5 }
  const results = await alter([
    { entity: { user: 'new' }, change },
    { entity: { user: 'u1' }, change },
  ])
  expect(results).toMatchObject([{ error: { code: 'policy_violation' } }, { ok: null }])
  const later = await alter([
    { entity: { user: 'u1' }, change: { producer_byte_rate: null } },
    { entity: { user: 'new' }, change },
    { entity: { user: 'other' }, change },
  ])
  const refused = { error: { code: 'policy_violation' } }
  expect(later).toMatchObject([{ ok: null }, { ok: null }, refused])
})
