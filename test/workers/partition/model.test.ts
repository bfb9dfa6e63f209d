/**
 * Question: does a partition keep its promises when it is evicted, aborted,
 * sealed and trimmed between and within any two calls?
 * Contract: L1 to L6, L8, L9 and P1, P2, P4 of docs/GUARANTEES.md after every step; a call that an abort interrupted
 * took effect as a whole or not at all, and if it has a sequence, a retry shows which.
 * Model: `LogModel`: the bytes seen so far, the calls since, and each producer's batches with their offsets.
 * Generated: from a seed, steps of up to six concurrent appends (plain, conditional, idempotent and out of order),
 * retries, gaps, reads, evictions, alarms, retention by size, and aborts of all objects at any moment of an append.
 * Limits: one partition, two producers, 60 steps per seed.
 */
import {
  abortAllDurableObjects,
  evictDurableObject,
  reset,
  runInDurableObject,
} from 'cloudflare:test'
import { afterEach, expect, test } from 'vitest'
import { Random } from '../../support/random.ts'
import { LogModel, type Operation, type Outcome } from './model.ts'
import {
  batch,
  configure,
  headersOf,
  maintain,
  newPartition,
  partition,
  read,
  sameBytes,
  tryAppend,
} from './partition-for-test.ts'

const STEPS = 60
const FILLER_BYTES = 150_000
/** Fixed seeds, and one that is new in each run; a seed that fails is added to the fixed ones. */
const SEEDS = [1, 2, 3, 4, Date.now() % 1_000_000]

afterEach(async () => {
  await reset()
})

interface Producer {
  readonly id: number
  epoch: number
  next: number
  /** The batches sent under the current epoch, in order. */
  sent: { readonly operation: Operation; readonly offset: number }[]
}

class Run {
  readonly #model: LogModel
  readonly #random: Random
  readonly #producers: Producer[] = [1, 2].map((id) => ({ id, epoch: 0, next: 0, sent: [] }))
  #values = 0
  #version = 1

  constructor(name: string, seed: number) {
    this.#model = new LogModel(name)
    this.#random = new Random(seed)
  }

  async step(): Promise<void> {
    const { name } = this.#model
    const kind = this.#random.below(20)
    if (kind < 6) await this.#appendTogether(false)
    else if (kind < 10) await this.#appendTogether(true)
    else if (kind < 12) await this.#retry()
    else if (kind < 13) await this.#breakSequence()
    else if (kind < 15) await this.#read()
    else if (kind < 16) await evictDurableObject(partition(name)).catch(() => undefined)
    else if (kind < 17) await abortAllDurableObjects()
    else if (kind < 19) await this.#maintainThrough()
    else await this.#trim()
    await this.#model.check([])
  }

  #newValues(): string[] {
    const filler = this.#random.below(4) === 0 ? 'x'.repeat(FILLER_BYTES) : ''
    return Array.from({ length: 1 + this.#random.below(3) }, (_, index) => {
      this.#values += 1
      return `v${this.#values}${index === 0 ? filler : ''}`
    })
  }

  #newOperation(producer?: Producer): Operation {
    if (producer === undefined) {
      return { batches: Array.from({ length: 1 + this.#random.below(2) }, () => this.#newValues()) }
    }
    const values = this.#newValues()
    const { id, epoch, next } = producer
    producer.next += values.length
    return { batches: [values], producer: { id, epoch, sequence: next } }
  }

  async #append(operation: Operation, expectedOffset?: number): Promise<Outcome> {
    const fields =
      operation.producer === undefined
        ? {}
        : {
            producerId: BigInt(operation.producer.id),
            producerEpoch: operation.producer.epoch,
            baseSequence: operation.producer.sequence,
          }
    try {
      const result = await tryAppend(
        this.#model.name,
        operation.batches.map((values) => batch(values, fields)),
        expectedOffset === undefined ? {} : { expectedOffset },
      )
      if ('error' in result) return { code: result.error.code }
      return { baseOffsets: result.ok.baseOffsets }
    } catch {
      return undefined
    }
  }

  /** Makes up to six concurrent calls; with `isAborted` all objects are aborted at some moment of them. */
  async #appendTogether(isAborted: boolean): Promise<void> {
    const operations: { operation: Operation; expectedOffset?: number }[] = []
    const sent = new Map<Producer, Operation[]>()
    for (const producer of this.#producers) {
      const pipelined = Array.from({ length: this.#random.below(3) }, () =>
        this.#newOperation(producer),
      )
      sent.set(producer, pipelined)
      // The later batch is sent first: it must wait for the other.
      for (const operation of [...pipelined].reverse()) operations.push({ operation })
    }
    for (let n = this.#random.below(3); n > 0; n--) {
      const operation = this.#newOperation()
      const expectedOffset = this.#model.endOffset - (this.#random.below(5) === 0 ? 1 : 0)
      operations.push(this.#random.below(2) === 0 ? { operation } : { operation, expectedOffset })
    }
    const calls = operations.map(
      ({ operation, expectedOffset }) =>
        [operation, this.#append(operation, expectedOffset)] as const,
    )
    if (isAborted) await this.#abortSoon()
    const results = await Promise.all(
      calls.map(async ([operation, outcome]) => [operation, await outcome] as const),
    )
    if (!isAborted) expect(results.every(([, outcome]) => outcome !== undefined)).toBe(true)
    for (const [, outcome] of results) {
      if (outcome !== undefined && 'code' in outcome) {
        expect(outcome.code).toBe('expected_offset_mismatch')
      }
    }
    const found = await this.#model.check(results)
    const places = new Map(results.map(([operation], index) => [operation, found[index]]))
    for (const [producer, operations] of sent) await this.#settle(producer, operations, places)
  }

  /** Aborts from within, so that it falls between any two turns of a commit, also while responses are in transit. */
  async #abortSoon(): Promise<void> {
    const turns = this.#random.below(12)
    const syncs = this.#random.below(4)
    await runInDurableObject(partition(this.#model.name), async (_, state) => {
      for (let sync = 0; sync < syncs; sync++) await state.storage.sync()
      for (let turn = 0; turn < turns; turn++) await Promise.resolve()
      state.abort('injected: abort')
    }).catch(() => undefined)
  }

  /** Repeats, in order, the batches that may not be in the log, until all of them are. */
  async #settle(
    producer: Producer,
    operations: readonly Operation[],
    places: ReadonlyMap<Operation, number | undefined>,
  ): Promise<void> {
    let isMissing = false
    for (const operation of operations) {
      const place = places.get(operation)
      if (place === undefined) isMissing = true
      else expect(isMissing, 'no batch is there without the one before it').toBe(false)
      const outcome = await this.#append(operation)
      await this.#model.check([[operation, outcome]])
      const offset = outcome !== undefined && 'baseOffsets' in outcome ? outcome.baseOffsets[0] : -1
      if (place !== undefined) expect(offset, 'a retry gets the first answer').toBe(place)
      producer.sent.push({ operation, offset: offset ?? -1 })
    }
    const offsets = producer.sent.map(({ offset }) => offset)
    expect(
      [...offsets].sort((a, b) => a - b),
      'in the order they were sent',
    ).toEqual(offsets)
  }

  async #retry(): Promise<void> {
    for (const { sent } of this.#producers) {
      const one = sent.at(-1 - this.#random.below(Math.min(5, sent.length)))
      if (one === undefined) continue
      expect(await this.#append(one.operation)).toEqual({ baseOffsets: [one.offset] })
    }
  }

  /** Checks that a gap is rejected, and that a new epoch fences the old one. */
  async #breakSequence(): Promise<void> {
    const producer = this.#producers[this.#random.below(2)]
    if (producer === undefined || producer.sent.length === 0) return
    const { name } = this.#model
    const { id, epoch, next } = producer
    const fields = { producerId: BigInt(id), producerEpoch: epoch }
    const gap = batch(['gap'], { ...fields, baseSequence: next + 1 })
    expect(await tryAppend(name, gap)).toMatchObject({
      error: { code: 'out_of_order_sequence_number', details: { expectedSequence: next } },
    })
    if (this.#random.below(2) === 0) return
    Object.assign(producer, { epoch: epoch + 1, next: 0, sent: [] })
    const operation = this.#newOperation(producer)
    const outcome = await this.#append(operation)
    const [offset] = await this.#model.check([[operation, outcome]])
    producer.sent.push({ operation, offset: offset ?? -1 })
    const late = batch(['late'], { ...fields, baseSequence: next })
    expect(await tryAppend(name, late)).toMatchObject({ error: { code: 'invalid_producer_epoch' } })
  }

  async #read(): Promise<void> {
    const { name, logStartOffset, endOffset } = this.#model
    const offset = logStartOffset + this.#random.below(endOffset - logStartOffset + 1)
    const maxBytes = [1, 500, 200_000, 1_000_000][this.#random.below(4)] ?? 1
    const { batches, to } = await read(name, { offset, maxBytes })
    const headers = headersOf(batches)
    const expected = this.#model.from(offset).slice(0, headers.length)
    expect(headers.length > 0).toBe(offset < endOffset)
    expect(headers.length === 1 || batches.length <= maxBytes || headers.length === 0).toBe(true)
    expect(to).toBe(expected.at(-1)?.endOffset ?? offset)
    let position = 0
    for (const { bytes } of expected) {
      expect(sameBytes(batches.subarray(position, position + bytes.length), bytes)).toBe(true)
      position += bytes.length
    }
  }

  /** Runs the alarm to its end, or interrupts it. */
  async #maintainThrough(): Promise<void> {
    const { name } = this.#model
    const alarm = maintain(name).catch(() => undefined)
    if (this.#random.below(2) === 0) {
      for (let turns = this.#random.below(8); turns > 0; turns--) await scheduler.wait(0)
      await abortAllDurableObjects()
    }
    await alarm
  }

  async #trim(): Promise<void> {
    const { name, sizeBytes } = this.#model
    const retentionBytes = this.#random.below(4) === 0 ? 0 : Math.floor(sizeBytes / 2)
    this.#version += 1
    await configure(name, { 'retention.bytes': String(retentionBytes) }, this.#version)
    await this.#maintainThrough()
    this.#version += 1
    await configure(name, {}, this.#version)
    await this.#model.trimmed(retentionBytes)
  }
}

test.each(SEEDS)('a partition keeps its promises, seed %d', async (seed) => {
  const run = new Run(await newPartition(), seed)
  for (let step = 0; step < STEPS; step++) {
    try {
      await run.step()
    } catch (error) {
      throw new Error(`seed ${seed}, step ${step}: ${String(error)}`, { cause: error })
    }
  }
})
