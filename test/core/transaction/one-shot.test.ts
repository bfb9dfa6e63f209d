/** The rules of transactions that are made in one call. */
import { describe, expect, test } from 'vitest'
import { ONE_SHOT_DEADLINE_MS_MAX, ONE_SHOT_PARTICIPANTS_MAX } from '../../../src/core/limits.ts'
import {
  abortOverdue,
  beginOneShot,
  completeOneShot,
  decideOneShot,
  type OneShotRecord,
  oneShotMarkerOf,
  resultOfOneShot,
} from '../../../src/core/transaction/one-shot.ts'
import type { BeginOneShotRequest } from '../../../src/core/transaction/one-shot-api.ts'
import { ONE_SHOT_PRODUCER_ID_MIN } from '../../../src/core/transaction/participant-api.ts'
import { GROUP, NOW_MS, numberOf, partition } from './records.ts'

const REQUEST: BeginOneShotRequest = {
  id: 'order-17',
  bodyHash: 'hash',
  producerId: ONE_SHOT_PRODUCER_ID_MIN,
  deadlineMs: NOW_MS + 10_000,
  partitions: [partition(0), partition(1)],
  groups: [GROUP],
}
const OFFSETS = [{ topic: 'orders', partition: 0, offset: 12 }]

function begun(): OneShotRecord {
  const { record } = beginOneShot(undefined, REQUEST, NOW_MS)
  if (record === undefined) throw new Error('the transaction was not begun')
  return record
}

function decide(record: OneShotRecord | undefined, outcome: 'commit' | 'abort', nowMs = NOW_MS) {
  const { id, producerId } = REQUEST
  return decideOneShot(record, { id, producerId, outcome, offsets: OFFSETS }, nowMs)
}

describe('a begin', () => {
  test('names the participants and the deadline', () => {
    const { record, result } = beginOneShot(undefined, REQUEST, NOW_MS)
    expect(result).toEqual({ ok: 'begun' })
    expect(record).toEqual({ ...REQUEST, createdAtMs: NOW_MS, isComplete: false })
  })

  test.each([
    [{ id: '' }, 42],
    [{ id: 'x'.repeat(256) }, 42],
    [{ bodyHash: 'x'.repeat(129) }, 42],
    [{ producerId: ONE_SHOT_PRODUCER_ID_MIN - 1n }, 42],
    [{ deadlineMs: NOW_MS }, 42],
    [{ deadlineMs: NOW_MS + ONE_SHOT_DEADLINE_MS_MAX + 1 }, 42],
    [{ partitions: [], groups: [] }, 44],
    [{ partitions: Array.from({ length: ONE_SHOT_PARTICIPANTS_MAX }, (_, n) => partition(n)) }, 44],
  ])('refuses %o', (change, expected) => {
    const { record, result } = beginOneShot(undefined, { ...REQUEST, ...change }, NOW_MS)
    expect(numberOf(result)).toBe(expected)
    expect(record).toBeUndefined()
  })

  test('of a known id refuses another body, before and after the decision', () => {
    const other = { ...REQUEST, bodyHash: 'another' }
    for (const record of [begun(), decide(begun(), 'commit').record]) {
      expect(beginOneShot(record, other, NOW_MS).result).toMatchObject({
        error: { code: 'transaction_id_reused' },
      })
    }
  })

  test('of a known id waits for the decision, unless it is the same call again', () => {
    const repeat = { ...REQUEST, producerId: ONE_SHOT_PRODUCER_ID_MIN + 1n }
    expect(beginOneShot(begun(), repeat, NOW_MS)).toEqual({
      record: begun(),
      result: { ok: 'pending' },
    })
    expect(beginOneShot(begun(), REQUEST, NOW_MS).result).toEqual({ ok: 'begun' })
    const { record } = decide(begun(), 'commit')
    expect(beginOneShot(record, repeat, NOW_MS).result).toEqual({ ok: 'decided' })
  })
})

describe('a decision', () => {
  test('stands: neither another decision nor the deadline changes it', () => {
    const { record } = decide(begun(), 'commit')
    if (record === undefined) throw new Error('there is no record')
    expect(decide(record, 'abort').record).toBe(record)
    expect(abortOverdue(record, Number.MAX_SAFE_INTEGER)).toBe(record)
    expect(resultOfOneShot(record)).toEqual({
      outcome: 'commit',
      offsets: OFFSETS,
      isComplete: false,
    })
    expect(oneShotMarkerOf(record)).toEqual({
      producerId: REQUEST.producerId,
      producerEpoch: 1,
      version: 2,
      number: 1,
      outcome: 'commit',
    })
  })

  test('to abort has no offsets', () => {
    const { record } = decide(begun(), 'abort')
    expect(record?.decision).toEqual({ outcome: 'abort', offsets: [] })
  })

  test('to commit comes too late from the deadline on: the transaction is aborted', () => {
    const { record, result } = decide(begun(), 'commit', REQUEST.deadlineMs)
    expect(result).toEqual({ ok: null })
    expect(record?.decision).toMatchObject({
      outcome: 'abort',
      offsets: [],
      reason: { code: 'transaction_aborted' },
    })
    expect(decide(begun(), 'commit', REQUEST.deadlineMs - 1).record?.decision?.outcome).toBe(
      'commit',
    )
  })

  test('is refused from a call that did not begin the transaction', () => {
    expect(numberOf(decide(undefined, 'commit').result)).toBe(105)
    const other = { ...begun(), producerId: REQUEST.producerId + 5n }
    expect(numberOf(decide(other, 'commit').result)).toBe(105)
  })
})

test('has no result and no marker before the decision', () => {
  expect(resultOfOneShot(begun())).toBeUndefined()
  expect(oneShotMarkerOf(begun())).toBeUndefined()
})

test('has its result, and no participants, once it is complete', () => {
  const { record } = decide(begun(), 'commit')
  const completed = completeOneShot(record as OneShotRecord)
  expect(completed).toMatchObject({ partitions: [], groups: [] })
  expect(resultOfOneShot(completed)?.isComplete).toBe(true)
})
