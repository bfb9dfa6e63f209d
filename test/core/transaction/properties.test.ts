/**
 * Properties of any sequence of requests, from clients with correct, old and invented producers, with lost responses
 * and time-outs. A failure prints the seed.
 */
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { PRODUCER_EPOCH_MAX, TRANSACTION_NUMBER_MAX } from '../../../src/core/limits.ts'
import { decideAdd, decideVerify } from '../../../src/core/transaction/add-participants.ts'
import { decideEnd, decideForceAbort } from '../../../src/core/transaction/end-transaction.ts'
import { decideInit } from '../../../src/core/transaction/init-producer-id.ts'
import { complete } from '../../../src/core/transaction/prepare.ts'
import type {
  ProducerIdAndEpoch,
  TransactionOutcome,
  TransactionVersion,
} from '../../../src/core/transaction/transaction-api.ts'
import { nextDeadlineMs, passTime } from '../../../src/core/transaction/transaction-deadlines.ts'
import {
  type Decision,
  isPrepared,
  markerOf,
  type TransactionRecord,
} from '../../../src/core/transaction/transaction-record.ts'
import { runs, SEEDED } from '../../support/seed.ts'
import { ID, partition, producerOf } from './records.ts'

/** `ago` selects the producer that a request carries: 0 is the last one that was given out, 1 the one before. */
type Command =
  | { readonly type: 'init'; readonly ago: number | null; readonly isLost: boolean }
  | {
      readonly type: 'add'
      readonly ago: number
      readonly version: TransactionVersion
      readonly partition: number
    }
  | {
      readonly type: 'end'
      readonly ago: number
      readonly version: TransactionVersion
      readonly outcome: TransactionOutcome
      readonly isLost: boolean
    }
  | { readonly type: 'complete' | 'force' }
  | { readonly type: 'pass'; readonly ms: number }
  | { readonly type: 'exhaust'; readonly what: 'epoch' | 'number' }

const ago = fc.oneof({ weight: 6, arbitrary: fc.constant(0) }, fc.nat({ max: 3 }))
const version = fc.constantFrom<TransactionVersion>(1, 2)
const command: fc.Arbitrary<Command> = fc.oneof(
  fc.record({
    type: fc.constant('init' as const),
    ago: fc.option(ago),
    isLost: fc.boolean(),
  }),
  {
    weight: 3,
    arbitrary: fc.record({ type: fc.constant('add' as const), ago, version, partition: fc.nat(3) }),
  },
  {
    weight: 3,
    arbitrary: fc.record({
      type: fc.constant('end' as const),
      ago,
      version,
      outcome: fc.constantFrom<TransactionOutcome>('commit', 'abort'),
      isLost: fc.boolean(),
    }),
  },
  { weight: 3, arbitrary: fc.record({ type: fc.constant('complete' as const) }) },
  fc.record({ type: fc.constant('force' as const) }),
  fc.record({ type: fc.constant('pass' as const), ms: fc.nat(120_000) }),
  fc.record({
    type: fc.constant('exhaust' as const),
    what: fc.constantFrom('epoch' as const, 'number' as const),
  }),
)

/** Runs commands against the rules, and checks each step. */
class World {
  record: TransactionRecord | undefined
  nowMs = 1_000
  #nextId = 100n
  /** Producers that clients received, the last one first. */
  #given: ProducerIdAndEpoch[] = []
  /** Outcome of each transaction, by producer id and number. */
  readonly #outcomes = new Map<string, TransactionOutcome>()
  readonly #initialized = new Set<string>()
  readonly #highestNumber = new Map<bigint, number>()

  run(one: Command): void {
    switch (one.type) {
      case 'init':
        this.#init(one)
        return
      case 'add':
        this.#add(one)
        return
      case 'end':
        this.#end(one)
        return
      case 'complete':
        if (this.record && isPrepared(this.record)) this.#become(complete(this.record, this.nowMs))
        return
      case 'force':
        this.#decided(decideForceAbort(this.record, this.#context()))
        return
      case 'pass':
        this.nowMs += one.ms
        if (this.record) this.#become(passTime(this.record, this.#context()))
        return
      case 'exhaust':
        this.#exhaust(one.what)
    }
  }

  #init({ ago, isLost }: Command & { type: 'init' }): void {
    const producer = ago === null ? undefined : this.#given[ago]
    const request = { transactionalId: ID, timeoutMs: 60_000, ...(producer && { producer }) }
    const before = this.record
    const result = this.#decided(decideInit(before, request, this.#context()))
    if (result === undefined) return
    const isRepeat = this.record === before
    const key = producerOf(result)
    // Each new instance has an epoch of its own. Only a producer that continues gets one again.
    if (!isRepeat) {
      expect(this.#initialized.has(key)).toBe(false)
      expect(this.#given.map(producerOf)).not.toContain(key)
    } else expect(producer).toBeDefined()
    this.#initialized.add(key)
    if (!isLost) this.#given.unshift(result)
  }

  #add({ ago, version, partition: index }: Command & { type: 'add' }): void {
    const producer = this.#given[ago]
    if (producer === undefined) return
    const added = { partitions: [partition(index)], groups: [] }
    const request = { transactionalId: ID, version, ...producer, ...added }
    const result = this.#decided(decideAdd(this.record, request, this.#context()))
    if (result === undefined) return
    expect(this.record).toMatchObject({ ...producer, state: 'Ongoing', number: result.number })
    expect(decideVerify(this.record, request)).toEqual({ ok: result })
  }

  #end({ ago, version, outcome, isLost }: Command & { type: 'end' }): void {
    const producer = this.#given[ago]
    if (producer === undefined) return
    const request = { transactionalId: ID, version, outcome, ...producer }
    const before = this.record
    const result = this.#decided(decideEnd(before, request, this.#context()))
    if (result === undefined || this.record === undefined) return
    expect(this.record.state).toBe(
      `${isPrepared(this.record) ? 'Prepare' : 'Complete'}${outcome === 'commit' ? 'Commit' : 'Abort'}`,
    )
    if (version === 1) expect(result).toEqual(producer)
    // A repeat gets the response of the first, at once or when the participants have ended it.
    const after = isPrepared(this.record) ? complete(this.record, this.nowMs) : this.record
    const isEmptyAbort = version === 2 && before?.state !== 'Ongoing' && before !== this.record
    if (before?.state === 'Ongoing' || isEmptyAbort) {
      expect(decideEnd(after, request, this.#context()).result).toEqual({ ok: result })
    }
    if (!isLost && version === 2) this.#given.unshift(result)
  }

  /** Moves an idle or open record to its last epoch, or close to its last number. */
  #exhaust(what: 'epoch' | 'number'): void {
    if (this.record === undefined || isPrepared(this.record)) return
    const { producerId, producerEpoch, number } = this.record
    if (producerEpoch >= PRODUCER_EPOCH_MAX || number >= TRANSACTION_NUMBER_MAX - 1) return
    const { replaced: _, ...kept } = this.record
    const epoch = { producerEpoch: PRODUCER_EPOCH_MAX }
    this.record = {
      ...kept,
      ...(what === 'epoch' ? epoch : { number: TRANSACTION_NUMBER_MAX - 1 }),
    }
    const given = { producerId, producerEpoch: this.record.producerEpoch }
    this.#given.unshift(given)
    this.#initialized.add(producerOf(given))
  }

  /** Applies a decision, and returns the response if it is not an error. */
  #decided<T>({ record, result }: Decision<T>): T | undefined {
    this.#become(record)
    return 'ok' in result ? result.ok : undefined
  }

  #become(next: TransactionRecord | undefined): void {
    const before = this.record
    this.record = next
    if (next === undefined || next === before) return
    Object.freeze(next)
    const { producerId, number, nextProducerId } = next
    if (before?.producerId === producerId) {
      expect(next.producerEpoch).toBeGreaterThanOrEqual(before.producerEpoch)
    }
    expect(number).toBeGreaterThanOrEqual(this.#highestNumber.get(producerId) ?? 0)
    this.#highestNumber.set(producerId, number)
    expect(nextProducerId === undefined || isPrepared(next)).toBe(true)
    expect(
      next.partitions.length === 0 ||
        nextDeadlineMs(next) === undefined ||
        next.state === 'Ongoing',
    ).toBe(true)
    if (isPrepared(next)) this.#checkMarker(markerOf(next))
    if (before && isPrepared(before))
      expect(next.state).toBe(before.state.replace('Prepare', 'Complete'))
  }

  /** Checks that a transaction never gets another outcome. */
  #checkMarker({ producerId, number, outcome }: ReturnType<typeof markerOf>): void {
    const key = `${producerId}/${number}`
    expect(this.#outcomes.get(key) ?? outcome).toBe(outcome)
    expect(number).toBeGreaterThan(0)
    this.#outcomes.set(key, outcome)
  }

  #context() {
    return { nowMs: this.nowMs, newProducerId: this.#nextId++ }
  }
}

test('keeps one outcome for each number, gives each instance its own epoch, and answers repeats alike', () => {
  fc.assert(
    fc.property(fc.array(command, { maxLength: 60 }), (commands) => {
      const world = new World()
      for (const one of commands) world.run(one)
    }),
    { ...SEEDED, numRuns: runs(20_000) },
  )
})

test('refuses every producer but the last one that was given out, once a new instance has initialized', () => {
  fc.assert(
    fc.property(fc.array(command, { maxLength: 40 }), version, (commands, theirVersion) => {
      const world = new World()
      for (const one of commands) world.run(one)
      if (world.record && isPrepared(world.record))
        world.record = complete(world.record, world.nowMs)
      const before = world.record
      if (before === undefined || before.state === 'Ongoing') return
      const context = { nowMs: world.nowMs, newProducerId: 77n }
      const { record } = decideInit(before, { transactionalId: ID, timeoutMs: 1 }, context)
      if (record === undefined) throw new Error('a new instance was refused')
      for (const epoch of [before.producerEpoch, before.producerEpoch - 1]) {
        const stale = { producerId: before.producerId, producerEpoch: epoch }
        const request = { transactionalId: ID, version: theirVersion, ...stale }
        const added = { partitions: [partition(0)], groups: [] }
        expect(decideAdd(record, { ...request, ...added }, context)).toMatchObject({ record })
        expect(decideAdd(record, { ...request, ...added }, context).result).toHaveProperty('error')
        for (const outcome of ['commit', 'abort'] as const) {
          const decision = decideEnd(record, { ...request, outcome }, context)
          expect(decision.record).toBe(record)
          expect(decision.result).toHaveProperty('error')
        }
      }
    }),
    { ...SEEDED, numRuns: runs(5_000) },
  )
})
