/**
 * Question: which offset of a partition counts, when commits of transactions and others arrive in any order?
 * Contract: the committed one that arrived last; a transaction counts as a whole, once.
 */
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { EdgelogError } from '../../../../src/core/errors.ts'
import type { OffsetToCommit } from '../../../../src/core/group/group-api.ts'
import { OpenTransactions } from '../../../../src/core/group/pending/open-transactions.ts'
import {
  addPending,
  endPending,
  markUnstable,
  type ProducerOffsets,
} from '../../../../src/core/group/pending/pending-offsets.ts'
import { PENDING_OFFSETS_BYTES_MAX, PENDING_PRODUCERS_MAX } from '../../../../src/core/limits.ts'
import type {
  EndTransactionRequest,
  TransactionOutcome,
} from '../../../../src/core/transaction/participant-api.ts'
import { runs, SEEDED } from '../../../support/seed.ts'

function offsetOf(partition: number, offset: number): OffsetToCommit {
  return { topicId: 't', topic: 'orders', partition, offset, leaderEpoch: -1, metadata: '' }
}

function transactionOf(number: number, { producerId = 1n, producerEpoch = 0 } = {}) {
  const version = 1 as const
  return {
    ...{ coordinator: 'id/x', transactionalId: 'x', number, version },
    ...{ producerId, producerEpoch },
  }
}

function endOf(
  number: number,
  outcome: TransactionOutcome,
  { producerId = 1n, producerEpoch = 0 } = {},
): EndTransactionRequest {
  return { producerId, producerEpoch, version: 1, number, outcome }
}

function codeOf(work: () => unknown): string {
  try {
    work()
    return 'ok'
  } catch (error) {
    if (error instanceof EdgelogError) return error.code
    throw error
  }
}

const opened = addPending(
  undefined,
  { transaction: transactionOf(3), offsets: [offsetOf(0, 10)] },
  1,
  0,
)
const ended = endPending(opened, endOf(3, 'commit'))?.producer as ProducerOffsets

describe('addPending()', () => {
  test.each([
    ['a first transaction', undefined, transactionOf(1), 'ok'],
    ['more offsets of the open one', opened, transactionOf(3), 'ok'],
    ['an earlier one than the open one', opened, transactionOf(2), 'invalid_txn_state'],
    ['a later one while one is open', opened, transactionOf(4), 'invalid_txn_state'],
    ['the one that has ended', ended, transactionOf(3), 'invalid_txn_state'],
    ['the one after it', ended, transactionOf(4), 'ok'],
    ['a call at its deadline', undefined, { ...transactionOf(1), deadlineMs: 0 }, 'ok'],
    [
      'a call after its deadline',
      undefined,
      { ...transactionOf(1), deadlineMs: -1 },
      'invalid_txn_state',
    ],
    [
      'an epoch that was replaced',
      { ...ended, producerEpoch: 5 },
      transactionOf(4, { producerEpoch: 4 }),
      'invalid_producer_epoch',
    ],
  ])('decides about %s', (_, known, transaction, code) => {
    expect(codeOf(() => addPending(known, { transaction, offsets: [] }, 2, 0))).toBe(code)
  })

  test('keeps the last offset of a partition and the time of the first', () => {
    const request = { transaction: transactionOf(3), offsets: [offsetOf(0, 11), offsetOf(1, 5)] }
    const { open } = addPending(opened, request, 2, 900)
    expect(open?.startedAtMs).toBe(0)
    expect(
      open?.offsets.map(({ partition, offset, arrival }) => [partition, offset, arrival]),
    ).toEqual([
      [0, 11, 2],
      [1, 5, 2],
    ])
  })
})

describe('endPending()', () => {
  test('commits the offsets once, and does nothing for a repeated marker', () => {
    expect(endPending(opened, endOf(3, 'commit'))?.committed.map(({ offset }) => offset)).toEqual([
      10,
    ])
    expect(endPending(ended, endOf(3, 'commit'))).toBeNull()
    expect(endPending(ended, endOf(3, 'abort'))).toBeNull()
  })

  test('drops the offsets of an aborted transaction', () => {
    const step = endPending(opened, endOf(3, 'abort', { producerEpoch: 1 }))
    expect(step).toEqual({
      producer: { producerId: 1n, producerEpoch: 1, endedNumber: 3, open: null },
      committed: [],
    })
  })

  test('records the end of a transaction without offsets, so that its late offsets are refused', () => {
    const { producer } = endPending(undefined, endOf(7, 'commit')) ?? {}
    const late = { transaction: transactionOf(7), offsets: [offsetOf(0, 1)] }
    expect(codeOf(() => addPending(producer, late, 1, 0))).toBe('invalid_txn_state')
  })

  test('commits nothing of a late message of an earlier transaction', () => {
    expect(endPending(opened, endOf(4, 'commit'))?.committed).toEqual([])
  })

  test('refuses a marker of an earlier transaction', () => {
    const stale = 'transaction_coordinator_fenced'
    expect(codeOf(() => endPending(opened, endOf(2, 'abort')))).toBe(stale)
    expect(codeOf(() => endPending(ended, endOf(2, 'abort')))).toBe(stale)
  })
})

describe('markUnstable()', () => {
  test('marks pending partitions, also those without a committed offset', () => {
    const committed = [0, 2].map((partition) => ({ ...offsetOf(partition, 4), committedAtMs: 1 }))
    const pending = [0, 1].map((partition) => ({ ...offsetOf(partition, 9), arrival: 1 }))
    const shown = markUnstable(committed, pending).map(
      ({ partition, offset, isUnstable = false }) => [...[partition, offset, isUnstable]],
    )
    expect(shown.sort()).toEqual([
      [0, -1, true],
      [1, -1, true],
      [2, 4, false],
    ])
  })
})

describe('OpenTransactions', () => {
  test('limits the producers, and the size of one transaction', () => {
    const open = new OpenTransactions()
    for (let id = 0; id < PENDING_PRODUCERS_MAX; id++) {
      open.set({ ...opened, producerId: BigInt(id) }, 1)
    }
    const added = { ...opened, producerId: -1n }
    expect(codeOf(() => open.checkRoom(added, 1))).toBe('throttled')
    expect(codeOf(() => open.checkRoom(opened, PENDING_OFFSETS_BYTES_MAX))).toBe('ok')
    expect(codeOf(() => open.checkRoom(opened, PENDING_OFFSETS_BYTES_MAX + 1))).toBe(
      'policy_violation',
    )
    open.set({ ...ended, producerId: 0n }, 1)
    expect(codeOf(() => open.checkRoom(added, 1))).toBe('ok')
  })

  test('limits the size of all transactions together', () => {
    const open = new OpenTransactions()
    for (let id = 0; id < 16; id++) {
      open.set({ ...opened, producerId: BigInt(id) }, PENDING_OFFSETS_BYTES_MAX)
    }
    expect(codeOf(() => open.checkRoom({ ...opened, producerId: 99n }, 1))).toBe('throttled')
    expect(codeOf(() => open.checkRoom({ ...opened, producerId: 3n }, 1))).toBe('ok')
  })
})

// -- all orders ----------------------------------------------------------------------------------

/** The pure parts, put together as the object does. */
class Group {
  readonly open = new OpenTransactions()
  readonly producers = new Map<bigint, ProducerOffsets>()
  readonly committed = new Map<number, number>()

  #set(producer: ProducerOffsets): void {
    this.producers.set(producer.producerId, producer)
    this.open.set(producer, 1)
  }

  add(producerId: bigint, number: number, offset: OffsetToCommit): void {
    const request = { transaction: transactionOf(number, { producerId }), offsets: [offset] }
    const known = this.producers.get(producerId)
    this.#set(addPending(known, request, this.open.nextArrival, 0))
  }

  end(producerId: bigint, number: number, outcome: TransactionOutcome): void {
    const step = endPending(this.producers.get(producerId), endOf(number, outcome, { producerId }))
    if (step === null) return
    this.#set(step.producer)
    for (const changed of this.open.superseded(step.committed)) this.#set(changed)
    for (const { partition, offset } of step.committed) this.committed.set(partition, offset)
  }

  commit(offset: OffsetToCommit): void {
    for (const changed of this.open.superseded([offset])) this.#set(changed)
    this.committed.set(offset.partition, offset.offset)
  }
}

/** Keeps every commit in the order of arrival. */
class Model {
  readonly arrived: { partition: number; offset: number; by: string }[] = []
  readonly outcomes = new Map<string, TransactionOutcome>([['plain', 'commit']])

  expected(): Map<number, number> {
    const counted = this.arrived.filter(({ by }) => this.outcomes.get(by) === 'commit')
    return new Map(counted.map(({ partition, offset }) => [partition, offset]))
  }

  isPending(wanted: number): boolean {
    return this.arrived.some(
      ({ partition, by }, index) =>
        partition === wanted &&
        !this.outcomes.has(by) &&
        !this.arrived
          .slice(index + 1)
          .some((later) => later.partition === wanted && this.outcomes.get(later.by) === 'commit'),
    )
  }
}

const PARTITIONS = [0, 1]
const producer = fc.constantFrom(1n, 2n, 3n)
const partition = fc.constantFrom(...PARTITIONS)
const step = fc.oneof(
  fc.record({ op: fc.constant('add' as const), producer, partition }),
  fc.record({ op: fc.constant('late' as const), producer, partition }),
  fc.record({ op: fc.constant('commit' as const), producer }),
  fc.record({ op: fc.constant('abort' as const), producer }),
  fc.record({ op: fc.constant('repeat' as const), producer }),
  fc.record({ op: fc.constant('plain' as const), partition }),
)

test('lets the commit that arrived last count, for any order of commits, markers and late messages', () => {
  const property = fc.property(fc.array(step, { maxLength: 40 }), (steps) => {
    const [group, model] = [new Group(), new Model()]
    const numbers = new Map([1n, 2n, 3n].map((id) => [id, 1]))
    const last = new Map<bigint, TransactionOutcome>()
    for (const [offset, one] of steps.entries()) {
      if (one.op === 'plain') {
        group.commit(offsetOf(one.partition, offset))
        model.arrived.push({ partition: one.partition, offset, by: 'plain' })
      } else {
        const number = numbers.get(one.producer) as number
        const by = `${one.producer} ${number}`
        if (one.op === 'add') {
          group.add(one.producer, number, offsetOf(one.partition, offset))
          model.arrived.push({ partition: one.partition, offset, by })
        } else if (one.op === 'late') {
          const late = () => group.add(one.producer, number - 1, offsetOf(one.partition, offset))
          expect(codeOf(late)).toBe('invalid_txn_state')
        } else if (one.op === 'repeat') {
          const outcome = last.get(one.producer)
          if (outcome !== undefined) group.end(one.producer, number - 1, outcome)
        } else {
          group.end(one.producer, number, one.op)
          model.outcomes.set(by, one.op)
          last.set(one.producer, one.op)
          numbers.set(one.producer, number + 1)
        }
      }
      expect(group.committed).toEqual(model.expected())
      for (const wanted of PARTITIONS) {
        expect(group.open.isPending({ topicId: 't', partition: wanted })).toBe(
          model.isPending(wanted),
        )
      }
    }
    const shown = [...group.open.offsets()].length
    expect(group.open.offsetsCount).toBe(shown)
  })
  fc.assert(property, { ...SEEDED, numRuns: runs(5_000) })
})
