/**
 * Question: does a transaction that is made in one call have one outcome and one result, whatever fails?
 * Contract: docs/ARCHITECTURE.md, "Transactions".
 */
import { abortAllDurableObjects, reset, runInDurableObject } from 'cloudflare:test'
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest'
import {
  ONE_SHOT_KEPT_MS,
  ONE_SHOT_OPEN_MAX,
  TRANSACTION_END_WAIT_MS,
} from '../../../src/core/limits.ts'
import type {
  BeginOneShotRequest,
  OneShotResult,
} from '../../../src/core/transaction/one-shot-api.ts'
import type { TransactionOutcome } from '../../../src/core/transaction/participant-api.ts'
import { oneShotProducerIdFrom } from '../../../src/core/transaction/producer-ids.ts'
import { WAIT } from '../../support/until.ts'
import { countRowsWritten } from '../count-rows.ts'
import { logErrorsOnly } from '../quiet-events.ts'
import {
  alarmTime,
  codeOf,
  evict,
  FakeParticipants,
  FakeTimers,
  GROUP,
  isStored,
  objectOf,
  ok,
  partitions,
  pass,
  runAlarm,
  stopAlarms,
  unavailable,
} from './transaction-for-test.ts'

const NAME = 'one-shot/7'
const DEADLINE_MS = 10_000
const OFFSETS = [{ topic: 'orders', partition: 0, offset: 5 }]
const COMMITTED: OneShotResult = { outcome: 'commit', offsets: OFFSETS, isComplete: true }
const ENDED = ['billing commit 1/1', 'topic-id/0 commit 1/1', 'topic-id/1 commit 1/1']

let participants: FakeParticipants
let timers: FakeTimers

beforeEach(() => {
  logErrorsOnly()
  stopAlarms()
  participants = new FakeParticipants()
  timers = new FakeTimers()
})

afterEach(async () => {
  vi.restoreAllMocks()
  vi.useRealTimers()
  await reset()
})

let producers = 0n

function requestOf(id: string, change: Partial<BeginOneShotRequest> = {}): BeginOneShotRequest {
  return {
    id,
    bodyHash: 'hash',
    producerId: oneShotProducerIdFrom(++producers),
    deadlineMs: Date.now() + DEADLINE_MS,
    partitions: partitions(2),
    groups: [GROUP],
    ...change,
  }
}

async function decide({ id, producerId }: BeginOneShotRequest, outcome: TransactionOutcome) {
  return await objectOf(NAME).decide({ id, producerId, outcome, offsets: OFFSETS })
}

async function begin(request: BeginOneShotRequest) {
  return await objectOf(NAME).begin(request)
}

describe('a transaction of one call', () => {
  test('ends at all participants and has its result', async () => {
    const request = requestOf('a')
    expect(ok(await begin(request))).toEqual({ number: 1 })
    expect(ok(await decide(request, 'commit'))).toEqual(COMMITTED)
    expect(participants.summary()).toEqual(ENDED)
  })

  test('takes one row for its begin and one for its decision', async () => {
    const first = requestOf('a')
    ok(await begin(first))
    ok(await decide(first, 'commit'))
    const rows = await countRowsWritten(objectOf(NAME) as never)
    const second = requestOf('b')
    ok(await begin(second))
    ok(await decide(second, 'commit'))
    expect(rows()).toBe(2)
  })

  test('may begin with its decision, in one row', async () => {
    const [first, second] = [requestOf('a'), requestOf('b')]
    const decideNew = async (begin: BeginOneShotRequest) => {
      const { id, producerId } = begin
      const decision = { id, producerId, outcome: 'commit', offsets: OFFSETS, begin } as const
      return await objectOf(NAME).decide(decision)
    }
    expect(ok(await decideNew(first))).toEqual(COMMITTED)
    expect(participants.summary()).toEqual(ENDED)
    const rows = await countRowsWritten(objectOf(NAME) as never)
    expect(ok(await decideNew(second))).toEqual(COMMITTED)
    expect(rows()).toBe(1)
    expect(ok(await decideNew(second))).toEqual(COMMITTED)
    expect(ok(await begin(requestOf('b')))).toEqual({ result: COMMITTED })
  })

  test('is aborted if it begins with a decision after its deadline', async () => {
    const begin = requestOf('a', { deadlineMs: Date.now() })
    const { id, producerId } = begin
    const decision = { id, producerId, outcome: 'commit', offsets: OFFSETS, begin } as const
    expect(ok(await objectOf(NAME).decide(decision))).toMatchObject({ outcome: 'abort' })
    expect(participants.summary()).toContain('topic-id/0 abort 1/1')
  })

  test('that begins with its decision is ended when the object wakes up', async () => {
    participants.behaviour = () => unavailable
    timers.elapse(TRANSACTION_END_WAIT_MS)
    const begin = requestOf('a')
    const { id, producerId } = begin
    const decision = { id, producerId, outcome: 'commit', offsets: OFFSETS, begin } as const
    expect(ok(await objectOf(NAME).decide(decision))).toMatchObject({ isComplete: false })
    await abortAllDurableObjects()
    participants.behaviour = (_, end) => end()
    await runAlarm(NAME)
    await vi.waitUntil(() => participants.ended.size === 3, WAIT)
    expect(participants.summary()).toEqual(ENDED)
  })

  test('has the reason of its abort, and no offsets', async () => {
    const request = requestOf('a')
    ok(await begin(request))
    const reason = { code: 'throttled', message: 'injected', retryable: true } as const
    const { id, producerId } = request
    const decision = { id, producerId, outcome: 'abort', offsets: OFFSETS, reason } as const
    expect(ok(await objectOf(NAME).decide(decision))).toEqual({
      outcome: 'abort',
      offsets: [],
      reason,
      isComplete: true,
    })
    expect(participants.summary()).toContain('topic-id/0 abort 1/1')
  })

  test('has its result before all participants have ended it, if one is slow', async () => {
    participants.behaviour = (name, end) => (name === GROUP ? unavailable : end())
    timers.elapse(TRANSACTION_END_WAIT_MS)
    const request = requestOf('a')
    ok(await begin(request))
    expect(ok(await decide(request, 'commit'))).toEqual({ ...COMMITTED, isComplete: false })
    participants.behaviour = (_, end) => end()
    await runAlarm(NAME)
    await runAlarm(NAME)
    expect(participants.summary()).toEqual(ENDED)
    expect(ok(await begin(requestOf('a')))).toEqual({ result: COMMITTED })
  })
})

describe('a repeat', () => {
  test('gets the first result, also after an eviction, and ends nothing again', async () => {
    const request = requestOf('a')
    ok(await begin(request))
    ok(await decide(request, 'commit'))
    expect(ok(await begin(requestOf('a')))).toEqual({ result: COMMITTED })
    expect(ok(await decide(request, 'abort'))).toEqual(COMMITTED)
    pass(1_000)
    await runAlarm(NAME)
    await evict(NAME)
    const callsBefore = participants.calls.length
    expect(ok(await begin(requestOf('a')))).toEqual({ result: COMMITTED })
    expect(ok(await decide(request, 'commit'))).toEqual(COMMITTED)
    expect(participants.calls).toHaveLength(callsBefore)
  })

  test('with another body is refused', async () => {
    const request = requestOf('a')
    ok(await begin(request))
    const other = requestOf('a', { bodyHash: 'another' })
    expect(codeOf(await begin(other))).toBe('transaction_id_reused')
  })

  test('waits for the result of the first call', async () => {
    const request = requestOf('a')
    ok(await begin(request))
    const repeating = begin(requestOf('a'))
    ok(await decide(request, 'commit'))
    expect(ok(await repeating)).toEqual({ result: COMMITTED })
  })

  test('aborts a transaction whose first call does not decide before the deadline', async () => {
    const request = requestOf('a')
    ok(await begin(request))
    const repeating = begin(requestOf('a'))
    pass(DEADLINE_MS)
    timers.elapse(DEADLINE_MS)
    expect(ok(await repeating)).toMatchObject({
      result: { outcome: 'abort', reason: { code: 'transaction_aborted' } },
    })
    expect(ok(await decide(request, 'commit'))).toMatchObject({ outcome: 'abort', offsets: [] })
    await vi.waitUntil(() => participants.ended.size === 3, WAIT)
    expect(participants.summary()).toContain('topic-id/0 abort 1/1')
  })

  test('of the very same call may go on', async () => {
    const request = requestOf('a')
    ok(await begin(request))
    await evict(NAME)
    expect(ok(await begin(request))).toEqual({ number: 1 })
    expect(ok(await decide(request, 'commit'))).toEqual(COMMITTED)
  })
})

describe('a crash', () => {
  test('before the decision leaves the abort to the alarm', async () => {
    const request = requestOf('a')
    ok(await begin(request))
    await abortAllDurableObjects()
    expect(await alarmTime(NAME)).toBeLessThanOrEqual(request.deadlineMs)
    pass(DEADLINE_MS)
    await runAlarm(NAME)
    await vi.waitUntil(() => participants.ended.size === 3, WAIT)
    expect(ok(await decide(request, 'commit'))).toMatchObject({ outcome: 'abort' })
    expect(participants.summary()).toContain('billing abort 1/1')
  })

  test('after the decision ends the transaction when the object wakes up', async () => {
    participants.behaviour = () => unavailable
    timers.elapse(TRANSACTION_END_WAIT_MS)
    const request = requestOf('a')
    ok(await begin(request))
    expect(ok(await decide(request, 'commit'))).toMatchObject({ isComplete: false })
    await abortAllDurableObjects()
    participants.behaviour = (_, end) => end()
    await runAlarm(NAME)
    await vi.waitUntil(() => participants.ended.size === 3, WAIT)
    expect(participants.summary()).toEqual(ENDED)
  })

  test('does not lose an open transaction beside many that have ended', async () => {
    const slow = requestOf('slow', { groups: [] })
    participants.behaviour = (name, end) => (name === 'topic-id/1' ? unavailable : end())
    timers.elapse(TRANSACTION_END_WAIT_MS)
    ok(await begin(slow))
    ok(await decide(slow, 'commit'))
    for (const id of ['b', 'c', 'd']) {
      pass(1_000)
      const quick = requestOf(id, { partitions: partitions(1), groups: [] })
      ok(await begin(quick))
      ok(await decide(quick, 'commit'))
    }
    await runAlarm(NAME)
    await abortAllDurableObjects()
    participants.behaviour = (_, end) => end()
    await runAlarm(NAME)
    await vi.waitUntil(() => participants.summary().includes('topic-id/1 commit 1/1'), WAIT)
  })
})

test('resumes a transaction that was begun after the clock went back', async () => {
  const first = requestOf('a')
  ok(await begin(first))
  ok(await decide(first, 'commit'))
  pass(60_000)
  await runAlarm(NAME)
  pass(-60_000)
  participants.behaviour = () => unavailable
  timers.elapse(TRANSACTION_END_WAIT_MS)
  const second = requestOf('b', { partitions: partitions(1), groups: [] })
  ok(await begin(second))
  expect(ok(await decide(second, 'abort'))).toMatchObject({ isComplete: false })
  await abortAllDurableObjects()
  participants.behaviour = (_, end) => end()
  await runAlarm(NAME)
  await vi.waitUntil(() => participants.summary().includes('topic-id/0 abort 1/1'), WAIT)
})

describe('results', () => {
  test('are deleted after a day, and the object then stores no alarm', async () => {
    const request = requestOf('a')
    ok(await begin(request))
    ok(await decide(request, 'commit'))
    await runAlarm(NAME)
    pass(ONE_SHOT_KEPT_MS - 60_000)
    await runAlarm(NAME)
    expect(ok(await begin(requestOf('a')))).toEqual({ result: COMMITTED })
    pass(2 * 60 * 60 * 1_000)
    await runAlarm(NAME)
    expect(codeOf(await decide(request, 'commit'))).toBe('transactional_id_not_found')
    expect(await isStored(NAME)).toBe(true)
    await runInDurableObject(objectOf(NAME), async (instance, { storage }) => {
      await storage.deleteAlarm()
      await instance.alarm()
    })
    expect(await alarmTime(NAME)).toBeNull()
  })

  test('are bounded: more open transactions than allowed are refused', async () => {
    const open = Array.from({ length: ONE_SHOT_OPEN_MAX }, (_, n) => requestOf(`open-${n}`))
    await runInDurableObject(objectOf(NAME), async (instance) => {
      for (const request of open) ok(await instance.begin(request))
    })
    expect(codeOf(await begin(requestOf('more')))).toBe('throttled')
    const [first] = open
    if (first !== undefined) ok(await decide(first, 'abort'))
    expect(codeOf(await begin(requestOf('more')))).toBe('ok')
  })
})

test('makes a participant wait until the transaction has ended', async () => {
  const request = requestOf('a')
  ok(await begin(request))
  const fate = async (producerId: bigint) =>
    ok(await objectOf(NAME).fateOf(producerId, request.id, 1))
  expect(await fate(request.producerId)).toBe('pending')
  expect(await fate(request.producerId + 1n)).toBe('unknown')
  ok(await decide(request, 'commit'))
  expect(await fate(request.producerId)).toBe('unknown')
})

test('stores nothing for a decision on a transaction that was not begun', async () => {
  const request = requestOf('a')
  expect(codeOf(await decide(request, 'commit'))).toBe('transactional_id_not_found')
  expect(codeOf(await begin({ ...request, producerId: 7n }))).toBe('invalid_request')
  expect(await isStored(NAME)).toBe(false)
})
