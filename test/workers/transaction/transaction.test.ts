/**
 * Question: does every transaction of a transactional id end once at all its participants, whatever fails?
 * Contract: docs/ARCHITECTURE.md, "Transactions".
 */
import { abortAllDurableObjects, reset } from 'cloudflare:test'
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest'
import { EdgelogError } from '../../../src/core/errors.ts'
import {
  MARKER_TIMEOUT_MS,
  MARKERS_FANOUT_MAX,
  TRANSACTION_ALARM_MS,
  TRANSACTION_END_WAIT_MS,
} from '../../../src/core/limits.ts'
import { transactionObjectName } from '../../../src/core/transaction/transaction-api.ts'
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
  gate,
  newId,
  ok,
  Producer,
  partition,
  partitions,
  pass,
  runAlarm,
  stopAlarms,
  TIMEOUT_MS,
  unavailable,
} from './transaction-for-test.ts'

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

const COMMITTED = ['billing commit 1/1', 'topic-id/0 commit 1/1', 'topic-id/1 commit 1/1']

/** Waits until the participants have ended the transaction. */
async function untilComplete(producer: Producer): Promise<void> {
  await vi.waitUntil(async () => (await producer.describe()).state.startsWith('Complete'), WAIT)
}

describe('a transaction', () => {
  test('ends at all its participants, and the next one has the next number', async () => {
    const producer = new Producer()
    await producer.begin()
    const committed = ok(await producer.end('commit'))
    expect(committed).toEqual({ ...producer.current, isComplete: true })
    expect(producer.current.producerEpoch).toBe(1)
    expect(participants.summary()).toEqual(COMMITTED)
    expect(ok(await producer.add([partition(7)]))).toEqual({ number: 2 })
    ok(await producer.end('abort'))
    expect(participants.summary()).toContain('topic-id/7 abort 2/2')
    expect(await producer.describe()).toMatchObject({
      state: 'CompleteAbort',
      partitions: [],
      number: 2,
    })
  })

  test('of version 1 keeps the epoch of its producer', async () => {
    const producer = new Producer(newId(), 1)
    await producer.begin()
    ok(await producer.end('commit'))
    expect(producer.current.producerEpoch).toBe(0)
    expect(participants.summary()).toContain('topic-id/0 commit 1/0')
    expect(ok(await producer.add([partition(0)]))).toEqual({ number: 2 })
  })

  test('takes one row for its begin and one for its decision', async () => {
    const producer = new Producer()
    await producer.begin()
    ok(await producer.end('commit'))
    const rows = await countRowsWritten(producer.object as never)
    ok(await producer.add(partitions(5), [GROUP]))
    expect(ok(await producer.end('commit'))).toMatchObject({ isComplete: true })
    expect(rows()).toBe(2)
  })

  test('calls a bounded number of participants at a time, and all of them', async () => {
    const producer = new Producer()
    ok(await producer.init())
    ok(await producer.add(partitions(150)))
    participants.behaviour = async (_, end) => {
      await scheduler.wait(1)
      return end()
    }
    ok(await producer.end('commit'))
    expect(participants.ended.size).toBe(150)
    expect(participants.underWayMax).toBe(MARKERS_FANOUT_MAX)
  })

  test('without participants is aborted without a call', async () => {
    const producer = new Producer()
    ok(await producer.init())
    expect(ok(await producer.end('abort'))).toMatchObject({ producerEpoch: 1, isComplete: true })
    expect(participants.calls).toEqual([])
  })
})

describe('an eviction', () => {
  test('between any two calls changes nothing', async () => {
    const producer = new Producer()
    const name = transactionObjectName(producer.id)
    ok(await producer.init())
    await evict(name)
    ok(await producer.add(partitions(2)))
    await evict(name)
    expect(ok(await producer.add([], [GROUP]))).toEqual({ number: 1 })
    await evict(name)
    const before = producer.current
    ok(await producer.end('commit'))
    await evict(name)
    // The response was lost: the repeat gets it again.
    expect(ok(await producer.end('commit', before))).toEqual({
      ...producer.current,
      isComplete: true,
    })
    expect(participants.summary()).toEqual(COMMITTED)
  })

  test.each(['before', 'after'] as const)(
    'while participants hang resumes the decision, if they hang %s the effect',
    async (when) => {
      const producer = new Producer()
      await producer.begin()
      const held = gate()
      participants.behaviour = async (name, end) => {
        if (name === 'topic-id/1' && when === 'after') end()
        if (name === 'topic-id/1') await held.opened
        return end()
      }
      timers.elapse(TRANSACTION_END_WAIT_MS)
      expect(ok(await producer.end('commit'))).toMatchObject({ isComplete: false })
      await abortAllDurableObjects()
      participants.behaviour = (_, end) => end()
      await untilComplete(producer)
      held.open()
      expect(participants.summary()).toEqual(COMMITTED)
      expect(participants.calls.filter((call) => call === 'topic-id/1 commit 1')).toHaveLength(2)
    },
  )

  test('by the alarm alone also resumes the decision', async () => {
    const producer = new Producer()
    const name = transactionObjectName(producer.id)
    await producer.begin()
    participants.behaviour = () => unavailable
    timers.elapse(TRANSACTION_END_WAIT_MS)
    expect(ok(await producer.end('abort'))).toMatchObject({ isComplete: false })
    expect(await alarmTime(name)).not.toBeNull()
    await abortAllDurableObjects()
    participants.behaviour = (_, end) => end()
    await runAlarm(name)
    expect((await producer.describe()).state).toBe('CompleteAbort')
  })

  test('after the completion ends the transaction again only until the alarm has written it', async () => {
    const producer = new Producer()
    const name = transactionObjectName(producer.id)
    await producer.begin()
    ok(await producer.end('commit'))
    await evict(name)
    await untilComplete(producer)
    expect(participants.calls).toHaveLength(6)
    await runAlarm(name)
    await evict(name)
    expect((await producer.describe()).state).toBe('CompleteCommit')
    expect(participants.calls).toHaveLength(6)
    expect(participants.summary()).toEqual(COMMITTED)
  })
})

describe('a participant', () => {
  test.each([
    'unknown_topic_or_partition',
    'unknown_topic_id',
    'group_id_not_found',
    'transaction_coordinator_fenced',
  ] as const)('that responds %s has nothing to end', async (code) => {
    const producer = new Producer()
    await producer.begin()
    const gone = { error: new EdgelogError(code, 'injected').toBody() }
    participants.behaviour = (name, end) => (name === 'topic-id/1' ? gone : end())
    expect(ok(await producer.end('commit'))).toMatchObject({ isComplete: true })
  })

  test.each([
    ['an error', () => unavailable],
    [
      'an exception',
      () => {
        throw new Error('injected')
      },
    ],
    [
      'a lost response',
      (_: string, end: () => unknown) => {
        end()
        throw new Error('injected')
      },
    ],
  ])('that fails with %s is called again, and the others are not', async (_, fail) => {
    const producer = new Producer()
    const name = transactionObjectName(producer.id)
    await producer.begin()
    participants.behaviour = (called, end) => (called === 'billing' ? fail(called, end) : end())
    timers.elapse(TRANSACTION_END_WAIT_MS)
    expect(ok(await producer.end('commit'))).toMatchObject({ isComplete: false })
    expect(await producer.describe()).toMatchObject({ state: 'PrepareCommit' })
    await runAlarm(name)
    participants.behaviour = (_, end) => end()
    await runAlarm(name)
    await untilComplete(producer)
    expect(participants.summary()).toEqual(COMMITTED)
    expect(participants.calls.filter((call) => call.startsWith('topic-id/'))).toHaveLength(2)
  })
})

test('calls a participant again that does not respond in time', async () => {
  const producer = new Producer()
  await producer.begin()
  participants.behaviour = (called, end) => {
    return called === GROUP ? new Promise(() => undefined) : end()
  }
  const ending = producer.end('commit')
  await vi.waitUntil(() => participants.calls.length === 3, WAIT)
  timers.elapse(MARKER_TIMEOUT_MS)
  expect(ok(await ending)).toMatchObject({ isComplete: false })
  participants.behaviour = (_, end) => end()
  await vi.waitUntil(async () => {
    await runAlarm(transactionObjectName(producer.id))
    return (await producer.describe()).state === 'CompleteCommit'
  }, WAIT)
  expect(participants.summary()).toEqual(COMMITTED)
})

describe('a call during the end of the last transaction', () => {
  test('waits for it', async () => {
    const producer = new Producer()
    await producer.begin()
    const held = gate()
    participants.behaviour = async (_, end) => {
      await held.opened
      return end()
    }
    const ending = producer.end('commit')
    await vi.waitUntil(() => participants.calls.length === 3, WAIT)
    const next = new Producer(producer.id)
    next.current = { ...producer.current, producerEpoch: 1 }
    const adding = next.add([partition(0)])
    const initializing = next.init()
    held.open()
    expect(ok(await ending)).toMatchObject({ isComplete: true })
    expect(ok(await adding)).toEqual({ number: 2 })
    expect(codeOf(await initializing)).toBe('concurrent_transactions')
  })

  test('is refused if it takes too long, and changes nothing', async () => {
    const producer = new Producer()
    await producer.begin()
    participants.behaviour = () => unavailable
    timers.elapse(TRANSACTION_END_WAIT_MS)
    ok(await producer.end('commit'))
    const before = await producer.describe()
    expect(codeOf(await producer.add([partition(0)]))).toBe('concurrent_transactions')
    expect(codeOf(await producer.end('commit'))).toBe('concurrent_transactions')
    expect(codeOf(await producer.init())).toBe('concurrent_transactions')
    expect(codeOf(await producer.object.forceAbort())).toBe('concurrent_transactions')
    expect(await producer.describe()).toEqual(before)
  })
})

describe('a new instance', () => {
  test('aborts the open transaction, and then gets an epoch that fences the earlier one', async () => {
    const old = new Producer()
    await old.begin()
    const next = new Producer(old.id)
    expect(codeOf(await next.init())).toBe('concurrent_transactions')
    await untilComplete(next)
    expect(participants.summary()).toContain('topic-id/0 abort 1/1')
    ok(await next.init())
    expect(next.current).toEqual({ ...old.current, producerEpoch: 2 })
    expect(codeOf(await old.add([partition(0)]))).toBe('producer_fenced')
    expect(codeOf(await old.end('commit'))).toBe('producer_fenced')
  })
})

describe('time', () => {
  test('aborts a transaction that is open for too long; its producer of version 2 lives on', async () => {
    const producer = new Producer()
    const name = transactionObjectName(producer.id)
    const startedAtMs = Date.now()
    await producer.begin()
    const alarmAtMs = await alarmTime(name)
    expect(alarmAtMs).toBeGreaterThanOrEqual(startedAtMs + TIMEOUT_MS)
    pass(TIMEOUT_MS)
    await runAlarm(name)
    expect((await producer.describe()).state).toBe('CompleteAbort')
    expect(participants.summary()).toContain('topic-id/0 abort 1/1')
    expect(codeOf(await producer.end('commit'))).toBe('invalid_txn_state')
    expect(ok(await producer.end('abort'))).toMatchObject({ producerEpoch: 1 })
    expect(ok(await producer.add([partition(0)]))).toEqual({ number: 2 })
  })

  test('sets few alarms: one for many transactions', async () => {
    const producer = new Producer()
    await producer.begin()
    ok(await producer.end('commit'))
    const name = transactionObjectName(producer.id)
    const alarmAtMs = await alarmTime(name)
    expect(alarmAtMs).toBeLessThanOrEqual(Date.now() + TRANSACTION_ALARM_MS)
    for (let round = 0; round < 3; round++) {
      ok(await producer.add([partition(0)]))
      ok(await producer.end('commit'))
    }
    expect(await alarmTime(name)).toBe(alarmAtMs)
    await runAlarm(name)
    expect(await alarmTime(name)).toBeGreaterThan(Date.now() + TRANSACTION_ALARM_MS)
  })
})

describe('an operator', () => {
  test('aborts an open transaction and fences its producer', async () => {
    const producer = new Producer()
    await producer.begin()
    expect(ok(await producer.object.forceAbort())).toMatchObject({
      producerEpoch: 1,
      isComplete: true,
    })
    expect(participants.summary()).toContain('topic-id/0 abort 1/1')
    expect(codeOf(await producer.object.forceAbort())).toBe('invalid_txn_state')
    expect(codeOf(await new Producer().object.forceAbort())).toBe('transactional_id_not_found')
  })
})

test('makes a participant wait for an open transaction only', async () => {
  const producer = new Producer()
  await producer.begin()
  const { producerId } = producer.current
  const fate = async (number: number) =>
    ok(await producer.object.fateOf(producerId, producer.id, number))
  expect([await fate(1), await fate(2)]).toEqual(['pending', 'unknown'])
  ok(await producer.end('commit'))
  expect(await fate(1)).toBe('unknown')
  const unused = new Producer()
  expect(ok(await unused.object.fateOf(producerId, unused.id, 1))).toBe('unknown')
})
