/** The decision between requests and a session. */
import { describe, expect, test } from 'vitest'
import { SESSION_REQUESTS_PER_SECOND_MIN } from '../../client/limits.ts'
import {
  allowedTransport,
  isCallable,
  isFetch,
  isRepeatable,
  isSessionWanted,
  NO_REQUESTS,
  rateAfter,
  type Transport,
} from '../../client/session/session-rule.ts'

const NOW_MS = 1_700_000_000_000

/** Returns the rate after requests at these times. */
function rateOf(timesMs: readonly number[]) {
  return timesMs.reduce((rate, timeMs) => rateAfter(rate, NOW_MS + timeMs), NO_REQUESTS)
}

function isWanted(
  timesMs: readonly number[],
  transport: Transport = 'auto',
  avoidedMs = 0,
  hasLastingUse = false,
) {
  const avoidedUntilMs = NOW_MS + avoidedMs
  const nowMs = NOW_MS + (timesMs.at(-1) ?? 0)
  const state = { transport, rate: rateOf(timesMs), hasLastingUse, avoidedUntilMs }
  return isSessionWanted(state, nowMs)
}

const times = (count: number, everyMs: number) =>
  Array.from({ length: count }, (_, index) => index * everyMs)

describe('a session', () => {
  test('is wanted for more than 10 requests in a second', () => {
    expect(isWanted(times(SESSION_REQUESTS_PER_SECOND_MIN, 1))).toBe(false)
    expect(isWanted(times(SESSION_REQUESTS_PER_SECOND_MIN + 1, 1))).toBe(true)
  })

  test('is not wanted for requests now and then, however many', () => {
    expect(isWanted(times(10_000, 1_000))).toBe(false)
    expect(isWanted(times(10_000, 110))).toBe(false)
  })

  test('stays wanted in the second after one with many requests, and no longer', () => {
    const many = times(20, 10)
    expect(isWanted([...many, 1_100])).toBe(true)
    expect(isWanted([...many, 2_300])).toBe(false)
    expect(isWanted([...many, 1_100, 2_200])).toBe(false)
  })

  test('is not wanted after a clock that went back', () => {
    expect(isWanted([...times(20, 10), -5_000])).toBe(false)
  })

  test('is not wanted while it is avoided', () => {
    expect(isWanted(times(20, 10), 'auto', 60_000)).toBe(false)
    expect(isWanted(times(20, 10), 'auto', 190)).toBe(true)
  })

  test('is wanted for a member or a tail, unless it is avoided', () => {
    expect(isWanted([0], 'auto', 0, true)).toBe(true)
    expect(isWanted([0], 'auto', 60_000, true)).toBe(false)
    expect(isWanted([0], 'fetch', 0, true)).toBe(false)
  })

  test('is always wanted with the transport session, and never with fetch', () => {
    expect(isWanted([0], 'session', 60_000)).toBe(true)
    expect(isWanted(times(1_000, 1), 'fetch')).toBe(false)
  })
})

describe('the transport', () => {
  const runtime = { hasWebSocket: true, hasOwnFetchOnly: false, isEdgeFunction: false }

  test('is the one that was asked for', () => {
    for (const wanted of ['auto', 'fetch', 'session'] as const) {
      expect(allowedTransport(wanted, runtime)).toBe(wanted)
    }
  })

  test.each([{ hasWebSocket: false }, { hasOwnFetchOnly: true }, { isEdgeFunction: true }])(
    'auto means fetch for %o',
    (change) => {
      expect(allowedTransport('auto', { ...runtime, ...change })).toBe('fetch')
      expect(allowedTransport('session', { ...runtime, ...change })).toBe('session')
    },
  )
})

describe('a request', () => {
  const path = '/v1/topics/t/partitions/0/records?offset=1&maxBytes=9&waitMs=0'
  const callable = { method: 'GET', path, headerNames: ['accept'] }

  test('may be a call with the methods and headers of calls', () => {
    for (const method of ['GET', 'HEAD', 'POST', 'PATCH', 'DELETE']) {
      expect(isCallable({ ...callable, method })).toBe(true)
    }
    const headerNames = ['accept', 'content-type', 'if-match', 'authorization']
    expect(isCallable({ ...callable, headerNames })).toBe(true)
    expect(isCallable({ ...callable, method: 'PUT' })).toBe(false)
    expect(isCallable({ ...callable, headerNames: ['edgelog-transaction'] })).toBe(false)
  })

  test('may not be a call if it waits for records', () => {
    expect(isCallable({ ...callable, path: path.replace('waitMs=0', 'waitMs=25000') })).toBe(false)
    expect(isCallable({ ...callable, path: '/v1/topics/waitMs=1/partitions/0/records' })).toBe(true)
  })

  test('is repeated at once after a lost session only if it reads', () => {
    expect(['GET', 'HEAD', 'POST', 'PATCH', 'DELETE'].filter(isRepeatable)).toEqual(['GET', 'HEAD'])
  })

  test('is a fetch if it reads the records of a partition', () => {
    expect(isFetch({ method: 'GET', path })).toBe(true)
    expect(isFetch({ method: 'POST', path })).toBe(false)
    expect(isFetch({ method: 'GET', path: '/v1/groups/g/offsets?topic=/records' })).toBe(false)
  })
})
