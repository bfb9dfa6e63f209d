import { describe, expect, test } from 'vitest'
import { CLIENT_QUOTA_NAME_LENGTH_MAX } from '../../../src/core/limits.ts'
import {
  changedQuotas,
  parseQuotaChange,
  parseQuotaEntity,
  type QuotaEntity,
  quotaEntityKey,
} from '../../../src/core/quota/client-quota.ts'
import { isIpAddress } from '../../../src/core/quota/ip-address.ts'
import { matchesQuotaFilter, parseQuotaFilter } from '../../../src/core/quota/quota-filter.ts'

const part = ([entityType, entityName]: readonly [string, string | null]) => ({
  entityType,
  entityName,
})
const refusal = (message: RegExp) =>
  expect.objectContaining({ code: 'invalid_request', message: expect.stringMatching(message) })
const set = (key: string, value: number) => ({ key, value, remove: false })

describe('parseQuotaEntity()', () => {
  test('accepts users, clients, both, addresses and defaults', () => {
    const both = parseQuotaEntity([part(['user', 'a']), part(['client-id', null])])
    expect(both).toEqual({ user: 'a', 'client-id': null })
    expect(parseQuotaEntity([part(['ip', '::1'])])).toEqual({ ip: '::1' })
  })

  test.each([
    [[], /^entity: empty/],
    [[['group', 'g']], /unknown type "group"; client-id, ip, user are allowed/],
    [[['user', '']], /^entity\.user: it has 0 characters/],
    [[['user', 'x'.repeat(CLIENT_QUOTA_NAME_LENGTH_MAX + 1)]], /^entity\.user: it has 256/],
    [
      [
        ['user', 'a'],
        ['user', 'b'],
      ],
      /user is given twice/,
    ],
    [
      [
        ['ip', '1.2.3.4'],
        ['user', 'b'],
      ],
      /ip cannot be combined/,
    ],
    [[['ip', 'localhost']], /^entity\.ip: "localhost" is not an IPv4 or IPv6 address/],
  ] as const)('refuses %j', (parts, message) => {
    expect(() => parseQuotaEntity(parts.map(part))).toThrow(refusal(message))
  })
})

describe('parseQuotaChange()', () => {
  test.each([
    [{ user: 'a' }, 'producer_byte_rate', 2 ** 63],
    [{ 'client-id': null }, 'consumer_byte_rate', 5.0000001],
    [{ user: 'a', 'client-id': 'c' }, 'request_percentage', 0.5],
    [{ user: 'a' }, 'controller_mutation_rate', 1e9],
    [{ ip: null }, 'connection_creation_rate', 2 ** 31 - 1],
  ])('accepts for %j the quota %s of %d', (entity, key, value) => {
    expect(parseQuotaChange(entity, [set(key, value)])).toEqual({ [key]: value })
  })

  test.each<[QuotaEntity, string, number, RegExp]>([
    [{ user: 'a' }, 'connection_creation_rate', 1, /is not a quota of this entity/],
    [{ ip: null }, 'producer_byte_rate', 1, /connection_creation_rate are allowed/],
    [{ user: 'a' }, '__proto__', 1, /is not a quota of this entity/],
    [{ user: 'a' }, 'producer_byte_rate', 0, /a number above 0 is needed/],
    [{ user: 'a' }, 'request_percentage', -1, /a number above 0 is needed/],
    [{ user: 'a' }, 'request_percentage', Number.NaN, /a number above 0 is needed/],
    [{ user: 'a' }, 'request_percentage', Number.POSITIVE_INFINITY, /a number above 0/],
    [{ user: 'a' }, 'producer_byte_rate', 1.5, /a whole number up to/],
    [{ user: 'a' }, 'producer_byte_rate', 1e-7, /a whole number up to/],
    [{ user: 'a' }, 'producer_byte_rate', 1e300, /a whole number up to/],
    [{ ip: null }, 'connection_creation_rate', 2 ** 31, /a whole number up to 2147483647/],
  ])('refuses for %j the quota %s of %d', (entity, key, value, message) => {
    expect(() => parseQuotaChange(entity, [set(key, value)])).toThrow(refusal(message))
  })

  test('refuses a repeated quota, and ignores the removal of an unknown one', () => {
    const twice = [set('producer_byte_rate', 1), set('producer_byte_rate', 2)]
    expect(() => parseQuotaChange({ user: 'a' }, twice)).toThrow(refusal(/more than once/))
    const unknown = { key: 'no_such_rate', value: 0, remove: true }
    expect(parseQuotaChange({ user: 'a' }, [unknown])).toEqual({})
  })
})

test('changedQuotas() keeps, replaces and removes quotas until none is left', () => {
  const before = { producer_byte_rate: 1, consumer_byte_rate: 2 }
  const change = { producer_byte_rate: null, request_percentage: 3 }
  expect(changedQuotas(before, change)).toEqual({ consumer_byte_rate: 2, request_percentage: 3 })
  expect(changedQuotas({ producer_byte_rate: 1 }, { producer_byte_rate: null })).toBeNull()
  expect(changedQuotas({}, {})).toBeNull()
})

test('quotaEntityKey() distinguishes entities by their types and names, not by their order', () => {
  const key = quotaEntityKey({ user: 'a', 'client-id': 'b' })
  expect(quotaEntityKey({ 'client-id': 'b', user: 'a' })).toBe(key)
  const others = [{ user: 'a' }, { user: null }, { user: 'b', 'client-id': 'a' }]
  const keys = [key, ...others.map(quotaEntityKey)]
  expect(new Set(keys).size).toBe(keys.length)
})

describe('a filter of quotas', () => {
  const entities: QuotaEntity[] = [
    { user: 'alice' },
    { user: null },
    { user: 'alice', 'client-id': 'c' },
    { 'client-id': 'c' },
    { ip: '1.2.3.4' },
  ]
  const EXACT = 0
  const DEFAULT = 1
  const ANY = 2

  test.each([
    [[], false, [0, 1, 2, 3, 4]],
    [[], true, []],
    [[['user', EXACT, 'alice']], false, [0, 2]],
    [[['user', EXACT, 'alice']], true, [0]],
    [[['user', DEFAULT, null]], false, [1]],
    [[['user', ANY, null]], false, [0, 1, 2]],
    [
      [
        ['user', ANY, null],
        ['client-id', ANY, null],
      ],
      true,
      [2],
    ],
    [[['ip', ANY, null]], true, [4]],
  ] as const)('matches, with %j and strict %s, %j', (components, isStrict, wanted) => {
    const given = components.map(([entityType, matchType, match]) => {
      return { entityType, matchType, match }
    })
    const filter = parseQuotaFilter(given, isStrict)
    const matching = entities.filter((entity) => matchesQuotaFilter(entity, filter))
    expect(matching).toEqual(wanted.map((index) => entities[index]))
  })

  test.each([
    [[['user', EXACT, null]], /a name is needed/],
    [[['user', DEFAULT, 'x']], /a name is not allowed/],
    [[['user', ANY, 'x']], /a name is not allowed/],
    [[['user', 3, null]], /unknown match type 3; 0 to 2 are allowed/],
    [[['', ANY, null]], /unknown type ""/],
    [
      [
        ['user', ANY, null],
        ['user', EXACT, 'a'],
      ],
      /a type is given twice/,
    ],
    [
      [
        ['ip', ANY, null],
        ['user', ANY, null],
      ],
      /ip cannot be combined/,
    ],
  ] as const)('is refused with %j', (components, message) => {
    const given = components.map(([entityType, matchType, match]) => {
      return { entityType, matchType, match }
    })
    expect(() => parseQuotaFilter(given, false)).toThrow(refusal(message))
  })
})

test.each([
  ['1.2.3.4', true],
  ['255.255.255.255', true],
  ['256.1.1.1', false],
  ['1.2.3', false],
  ['01.2.3.4', false],
  ['::', true],
  ['::1', true],
  ['1::', true],
  ['2001:db8::ff00:42:8329', true],
  ['1:2:3:4:5:6:7:8', true],
  ['::ffff:1.2.3.4', true],
  ['1:2:3:4:5:6:1.2.3.4', true],
  ['1:2:3:4:5:6:7', false],
  ['1:2:3:4:5:6:7:8:9', false],
  ['1::2::3', false],
  ['1:2:3:4:5:6:7:8::', false],
  ['1.2.3.4::', false],
  [':1:2:3:4:5:6:7', false],
  ['1:', false],
  [':::', false],
  ['::g', false],
  ['12345::', false],
  ['', false],
  ['localhost', false],
])('isIpAddress() returns for %s %s', (text, isOne) => {
  expect(isIpAddress(text)).toBe(isOne)
})
