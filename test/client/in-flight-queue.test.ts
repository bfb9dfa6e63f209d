/**
 * Question: whatever the network does to requests and responses, does an idempotent
 * producer leave each acknowledged batch in the log exactly once, in the order of sending?
 * Contract: `InFlightQueue`, against the log's own `decideAppend`.
 * Generated: any interleaving of sending, arriving, responding, losing (before or after the arrival),
 * duplicating, delaying beyond the client's time-out, throttling, rejecting and giving up. Under
 * Kafka's rules, and under those of the log over HTTP, which acknowledges old batches as stored.
 * Limits: one producer, one partition; the log never drops a producer's state.
 */
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import type { ProducerStamp } from '../../client/producer/in-flight-queue.ts'
import {
  type InFlightEntry,
  InFlightQueue,
  type Verdict,
} from '../../client/producer/in-flight-queue.ts'
import { EdgelogError } from '../../src/core/errors.ts'
import { runs, TEST_SEED } from '../support/seed.ts'
import { LogModel, type ModelAnswer, type ModelBatch } from './log-model.ts'

const TIMEOUT = new EdgelogError('unavailable', 'given up')

interface Request {
  readonly entry: InFlightEntry<ModelBatch>
  readonly stamp: ProducerStamp
  /** True if the client no longer waits for it. */
  isForgotten: boolean
  answer: ModelAnswer | undefined
}

class Simulation {
  readonly log: LogModel
  readonly acked = new Map<number, number>()
  readonly rejected = new Map<number, boolean>()
  readonly queue: InFlightQueue<ModelBatch>
  admitted = 0
  #requests: Request[] = []
  #waiting: InFlightEntry<ModelBatch>[] = []
  #nextProducerId = 1n

  constructor(inFlightMax: number, isIdempotent = true, isKafka = false) {
    this.log = new LogModel(isKafka)
    this.queue = new InFlightQueue({
      inFlightMax,
      isIdempotent,
      newProducerId: () => this.#nextProducerId++,
    })
  }

  admit(isTooLarge: boolean): void {
    if (!this.queue.hasRoom) return
    const id = this.admitted++
    this.queue.admit({ id, recordsCount: 1 + (id % 3), isTooLarge })
  }

  send(): void {
    const entry = this.queue.takeReady()
    if (entry === undefined) return
    this.#requests.push({ entry, stamp: entry.stamp, isForgotten: false, answer: undefined })
  }

  arrive(pick: number): void {
    const request = pickFrom(
      this.#requests.filter(({ answer }) => answer === undefined),
      pick,
    )
    if (request === undefined) return
    request.answer = this.log.append(request.entry.batch, request.stamp)
    if (request.isForgotten) this.#remove(request)
  }

  answer(pick: number): void {
    const answered = this.#requests.filter(({ answer }) => answer !== undefined)
    const request = pickFrom(answered, pick)
    if (request?.answer === undefined) return
    this.#remove(request)
    const { outcome, baseOffset } = request.answer
    this.#act(this.queue.settle(request.entry, outcome), baseOffset)
  }

  /** The client gets no response; the request arrives later, or has arrived. */
  lose(pick: number): void {
    const request = pickFrom(
      this.#requests.filter(({ isForgotten }) => !isForgotten),
      pick,
    )
    if (request === undefined) return
    request.isForgotten = true
    if (request.answer !== undefined) this.#remove(request)
    this.#act(this.queue.settle(request.entry, { kind: 'unknown' }), undefined)
  }

  throttle(pick: number): void {
    const onTheWay = this.#requests.filter(
      ({ isForgotten, answer }) => !isForgotten && answer === undefined,
    )
    const request = pickFrom(onTheWay, pick)
    if (request !== undefined) {
      request.answer = { outcome: { kind: 'throttled' }, baseOffset: undefined }
    }
  }

  /** Sends a request twice, as a careless proxy does. */
  repeat(pick: number): void {
    // A copy of a rejected request could be accepted later, which no client could detect.
    const copied = this.#requests.filter(
      ({ isForgotten, answer }) => isForgotten || answer?.outcome.kind === 'acked',
    )
    const request = pickFrom(copied, pick)
    if (request === undefined) return
    this.#requests.push({ ...request, isForgotten: true, answer: undefined })
  }

  wake(pick: number): void {
    const entry = pickFrom(this.#waiting, pick)
    if (entry === undefined) return
    this.#waiting = this.#waiting.filter((other) => other !== entry)
    this.queue.wake(entry)
  }

  giveUp(pick: number): void {
    const entry = pickFrom(this.queue.entries, pick)
    if (entry !== undefined) this.#act(this.queue.giveUp(entry, TIMEOUT), undefined)
  }

  /** Delivers everything over a network without faults. */
  finish(): void {
    for (let round = 0; this.queue.size > 0; round++) {
      expect(round, 'the queue comes to its end').toBeLessThan(200)
      while (this.#waiting.length > 0) this.wake(0)
      for (let count = 0; count < 6; count++) this.send()
      while (this.#requests.some(({ answer }) => answer === undefined)) this.arrive(0)
      while (this.#requests.some(({ answer }) => answer !== undefined)) this.answer(0)
    }
  }

  check(): void {
    const { stored } = this.log
    const ids = stored.map(({ id }) => id)
    expect(new Set(ids).size, 'no batch is stored twice').toBe(ids.length)
    expect(ids, 'in the order of sending').toEqual(ids.toSorted((a, b) => a - b))
    for (const [id, baseOffset] of this.acked) {
      expect(stored, 'an acknowledged batch is where it was said to be').toContainEqual({
        id,
        baseOffset,
      })
    }
    for (const [id, isOutcomeUnknown] of this.rejected) {
      if (!isOutcomeUnknown) expect(ids, 'what is refused is not stored').not.toContain(id)
    }
    for (let id = 0; id < this.admitted; id++) {
      expect(this.acked.has(id) !== this.rejected.has(id), 'each is settled, once').toBe(true)
    }
  }

  #remove(request: Request): void {
    this.#requests = this.#requests.filter((other) => other !== request)
  }

  #act(verdicts: Verdict<ModelBatch>[], baseOffset: number | undefined): void {
    for (const verdict of verdicts) {
      const { id } = verdict.entry.batch
      if (verdict.kind === 'retry') this.#waiting.push(verdict.entry)
      else {
        expect(this.acked.has(id) || this.rejected.has(id), `${id} is settled once`).toBe(false)
        if (verdict.kind === 'ack') this.acked.set(id, baseOffset as number)
        else this.rejected.set(id, verdict.isOutcomeUnknown)
      }
    }
  }
}

function pickFrom<T>(items: readonly T[], pick: number): T | undefined {
  return items[pick % Math.max(1, items.length)]
}

const step = fc.tuple(
  fc.oneof(
    { weight: 8, arbitrary: fc.constant('admit' as const) },
    { weight: 12, arbitrary: fc.constant('send' as const) },
    { weight: 12, arbitrary: fc.constant('arrive' as const) },
    { weight: 10, arbitrary: fc.constant('answer' as const) },
    { weight: 5, arbitrary: fc.constant('lose' as const) },
    { weight: 6, arbitrary: fc.constant('wake' as const) },
    { weight: 2, arbitrary: fc.constant('throttle' as const) },
    { weight: 2, arbitrary: fc.constant('repeat' as const) },
    { weight: 1, arbitrary: fc.constant('giveUp' as const) },
    { weight: 1, arbitrary: fc.constant('admitTooLarge' as const) },
  ),
  fc.nat(20),
)

function play(simulation: Simulation, steps: ReadonlyArray<readonly [string, number]>): void {
  for (const [name, pick] of steps) {
    if (name === 'admit') simulation.admit(false)
    else if (name === 'admitTooLarge') simulation.admit(true)
    else if (name === 'send') simulation.send()
    else if (name === 'arrive') simulation.arrive(pick)
    else if (name === 'answer') simulation.answer(pick)
    else if (name === 'lose') simulation.lose(pick)
    else if (name === 'wake') simulation.wake(pick)
    else if (name === 'throttle') simulation.throttle(pick)
    else if (name === 'repeat') simulation.repeat(pick)
    else simulation.giveUp(pick)
  }
}

describe('InFlightQueue', () => {
  test('leaves each acknowledged batch once and in order, whatever the network does', () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 1, max: 5 }),
        fc.boolean(),
        fc.array(step, { maxLength: 300, size: 'max' }),
        (inFlightMax, isKafka, steps) => {
          const simulation = new Simulation(inFlightMax, true, isKafka)
          play(simulation, steps)
          simulation.finish()
          simulation.check()
        },
      ),
      { seed: TEST_SEED, numRuns: runs(2_000) },
    )
  })

  test('without idempotence leaves duplicates, which shows that the check can fail', () => {
    const simulation = new Simulation(1, false)
    play(simulation, [
      ['admit', 0],
      ['send', 0],
      ['arrive', 0],
      ['lose', 0],
    ])
    simulation.finish()
    expect(() => simulation.check()).toThrow('no batch is stored twice')
  })

  test('waits before it resends the first batch of an epoch that was rejected as out of order', () => {
    const { queue } = new Simulation(5)
    queue.admit({ id: 0, recordsCount: 1, isTooLarge: false })
    for (let round = 0; round < 3; round++) {
      const entry = queue.takeReady()
      if (entry === undefined) throw new Error('nothing to send')
      const verdicts = queue.settle(entry, { kind: 'outOfOrder' })
      expect(verdicts).toMatchObject([{ kind: 'retry', entry }])
      expect(queue.takeReady()).toBeUndefined()
      queue.wake(entry)
    }
    expect(queue.entries[0]?.stamp).toMatchObject({ producerEpoch: 0, baseSequence: 0 })
  })

  test('takes a new producer id after the last epoch, and after being fenced', () => {
    const simulation = new Simulation(1)
    for (let count = 0; count < 2 ** 15 + 10; count++) {
      simulation.admit(true)
      simulation.finish()
    }
    simulation.admit(false)
    expect(simulation.queue.entries[0]?.stamp).toMatchObject({ producerId: 2n, producerEpoch: 10 })
    const fenced = simulation.queue.takeReady()
    expect(fenced).toBeDefined()
    if (fenced === undefined) return
    const error = new EdgelogError('invalid_producer_epoch', 'fenced')
    const verdicts = simulation.queue.settle(fenced, { kind: 'fenced', error })
    expect(verdicts).toMatchObject([{ kind: 'reject', isOutcomeUnknown: false }])
    simulation.admit(false)
    expect(simulation.queue.entries[0]?.stamp).toMatchObject({ producerId: 3n, producerEpoch: 0 })
  })
})
