/** Changes by time, bounds, and what is described. */
import { expect, test } from 'vitest'
import {
  TRANSACTION_GROUPS_MAX,
  TRANSACTION_PARTITIONS_MAX,
  TRANSACTIONAL_ID_EXPIRATION_MS,
} from '../../../src/core/limits.ts'
import { decideAdd } from '../../../src/core/transaction/add-participants.ts'
import { ONE_SHOT_PRODUCER_ID_MIN } from '../../../src/core/transaction/participant-api.ts'
import {
  oneShotProducerIdFrom,
  producerIdFrom,
} from '../../../src/core/transaction/producer-ids.ts'
import {
  describe as describeRecord,
  fateOf,
  nextDeadlineMs,
  passTime,
} from '../../../src/core/transaction/transaction-deadlines.ts'
import { CONTEXT, ID, NOW_MS, numberOf, PRODUCER, partition, recordIn, STATES } from './records.ts'

test('aborts an open transaction when its timeout has passed, counted from its begin', () => {
  const open = recordIn('Ongoing', { startedAtMs: NOW_MS, timeoutMs: 100 })
  expect(nextDeadlineMs(open)).toBe(NOW_MS + 100)
  expect(passTime(open, { ...CONTEXT, nowMs: NOW_MS + 99 })).toBe(open)
  const aborted = passTime(open, { ...CONTEXT, nowMs: NOW_MS + 100 })
  expect(aborted).toMatchObject({ state: 'PrepareAbort', producerEpoch: 6 })
  expect(aborted?.partitions).toEqual(open.partitions)
})

test('aborts an open transaction without participants, too', () => {
  const open = recordIn('Ongoing', { partitions: [], groups: [], startedAtMs: 0, timeoutMs: 1 })
  expect(passTime(open, CONTEXT)?.state).toBe('CompleteAbort')
})

test.each(['Empty', 'CompleteCommit', 'CompleteAbort'] as const)(
  'forgets an id in %s after seven days without a change',
  (state) => {
    const record = recordIn(state, { updatedAtMs: NOW_MS })
    const endMs = NOW_MS + TRANSACTIONAL_ID_EXPIRATION_MS
    expect(nextDeadlineMs(record)).toBe(endMs)
    expect(passTime(record, { ...CONTEXT, nowMs: endMs - 1 })).toBe(record)
    expect(passTime(record, { ...CONTEXT, nowMs: endMs })).toBeUndefined()
  },
)

test.each(['PrepareCommit', 'PrepareAbort'] as const)('never forgets a decision in %s', (state) => {
  const record = recordIn(state)
  expect(nextDeadlineMs(record)).toBeUndefined()
  expect(passTime(record, { ...CONTEXT, nowMs: Number.MAX_SAFE_INTEGER })).toBe(record)
})

test('refuses more partitions or groups than a transaction may have, and adds none of them', () => {
  const record = recordIn('Ongoing')
  const producer = {
    transactionalId: ID,
    version: 2,
    producerId: PRODUCER,
    producerEpoch: 5,
  } as const
  const many = Array.from({ length: TRANSACTION_PARTITIONS_MAX }, (_, index) => partition(index))
  const fits = decideAdd(record, { ...producer, partitions: many, groups: [] }, CONTEXT)
  expect(fits.record?.partitions).toHaveLength(TRANSACTION_PARTITIONS_MAX)
  const tooMany = { ...producer, partitions: [...many, partition(5_000)], groups: [] }
  const refused = decideAdd(record, tooMany, CONTEXT)
  expect(numberOf(refused.result)).toBe(44)
  expect(refused.record).toBe(record)
  const groups = Array.from({ length: TRANSACTION_GROUPS_MAX }, (_, n) => `g${n}` as never)
  expect(numberOf(decideAdd(record, { ...producer, partitions: [], groups }, CONTEXT).result)).toBe(
    44,
  )
})

test('names a participant once, however often it is added', () => {
  const producer = {
    transactionalId: ID,
    version: 2,
    producerId: PRODUCER,
    producerEpoch: 5,
  } as const
  const added = { partitions: [partition(3), partition(3), partition(0)], groups: [] }
  const { record } = decideAdd(recordIn('Ongoing'), { ...producer, ...added }, CONTEXT)
  expect(record?.partitions.map((one) => one.partition)).toEqual([0, 1, 3])
})

test('makes a participant wait for a transaction that is open or being ended, and for no other', () => {
  for (const state of STATES) {
    const record = recordIn(state)
    const isOpen = state === 'Ongoing' || state.startsWith('Prepare')
    expect(fateOf(record, PRODUCER, ID, 3)).toBe(isOpen ? 'pending' : 'unknown')
    expect(fateOf(record, PRODUCER, ID, 2)).toBe('unknown')
    expect(fateOf(record, 1n, ID, 3)).toBe('unknown')
    expect(fateOf(record, PRODUCER, 'another', 3)).toBe('unknown')
  }
  expect(fateOf(undefined, PRODUCER, ID, 3)).toBe('unknown')
})

test('describes a known id only', () => {
  const open = recordIn('Ongoing')
  const { replaced: _, version: __, connection: ___, ...described } = open
  expect(describeRecord(open)).toEqual({ ok: described })
  expect(numberOf(describeRecord(undefined))).toBe(105)
})

test('divides the producer ids between both kinds of transactions', () => {
  for (const bits of [0n, 1n, 2n ** 62n - 1n, 2n ** 62n, 2n ** 63n, 2n ** 64n - 1n]) {
    expect(producerIdFrom(bits) >= 0n && producerIdFrom(bits) < ONE_SHOT_PRODUCER_ID_MIN).toBe(true)
    const oneShot = oneShotProducerIdFrom(bits)
    expect(oneShot >= ONE_SHOT_PRODUCER_ID_MIN && oneShot < 2n ** 63n).toBe(true)
  }
})
