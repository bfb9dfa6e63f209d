/** The offsets of one partition, compared with a list of the records that the application has finished. */
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { type Delivery, PartitionOffsets } from '../../client/group/partition-offsets.ts'
import { SEEDED } from '../support/seed.ts'

type Step =
  | { readonly op: 'deliver' | 'seek' | 'finishTo'; readonly by: number }
  | { readonly op: 'finish' | 'abandon' | 'finishLate' | 'acknowledge' }

const steps = fc.array(
  fc.oneof(
    {
      weight: 4,
      arbitrary: fc.record({
        op: fc.constant('deliver' as const),
        by: fc.integer({ min: 1, max: 9 }),
      }),
    },
    { weight: 1, arbitrary: fc.record({ op: fc.constant('seek' as const), by: fc.nat(99) }) },
    { weight: 1, arbitrary: fc.record({ op: fc.constant('finishTo' as const), by: fc.nat(99) }) },
    {
      weight: 6,
      arbitrary: fc.record({
        op: fc.constantFrom('finish', 'finish', 'abandon', 'finishLate', 'acknowledge'),
      }),
    },
  ),
  { maxLength: 60 },
) as fc.Arbitrary<Step[]>

/** A reader, an application, and the records that the application has finished since the last seek. */
class Model {
  readonly offsets: PartitionOffsets
  begunAt: number
  position: number
  committed: number | undefined
  current: Delivery | undefined
  /** Stale after a seek, or after it was abandoned. */
  stale: Delivery | undefined
  readonly done = new Set<number>()
  deliveredTo = -1

  constructor(start: number, committed: number | undefined) {
    this.offsets = new PartitionOffsets(committed)
    this.committed = committed
    this.begunAt = start
    this.position = start
  }

  /** Offset of the first unfinished record. */
  get frontier(): number {
    let at = this.begunAt
    while (this.done.has(at)) at += 1
    return at
  }

  markDone(from: number, to: number): void {
    for (let at = from; at < to; at++) this.done.add(at)
  }

  moveTo(offset: number): void {
    this.position = offset
    this.begunAt = offset
    this.done.clear()
  }
}

const OPERATIONS = {
  deliver(model: Model, by: number) {
    if (model.current !== undefined) return
    model.current = { offset: model.position, nextOffset: model.position + by }
    model.position += by
    model.deliveredTo = Math.max(model.deliveredTo, model.position)
    model.offsets.deliver(model.current)
  },
  finish(model: Model) {
    if (model.current === undefined) return
    model.offsets.finish(model.current)
    model.markDone(model.current.offset, model.current.nextOffset)
    model.current = undefined
  },
  abandon(model: Model) {
    if (model.current === undefined) return
    const again = model.offsets.abandon(model.current)
    if (again !== undefined) {
      expect(again).toBeGreaterThanOrEqual(model.current.offset)
      expect(again).toBeLessThan(model.current.nextOffset)
      for (let at = model.current.offset; at < again; at++) expect(model.done).toContain(at)
      // As a reader after a seek back; earlier records stay finished.
      model.position = again
    } else expect(model.frontier).toBeGreaterThanOrEqual(model.current.nextOffset)
    model.stale = model.current
    model.current = undefined
  },
  finishLate(model: Model) {
    if (model.stale !== undefined) model.offsets.finish(model.stale)
  },
  seek(model: Model, to: number) {
    model.offsets.seek()
    model.stale = model.current
    model.current = undefined
    model.moveTo(to)
  },
  finishTo(model: Model, by: number) {
    const end = Math.max(model.deliveredTo, model.begunAt)
    expect(model.offsets.isDelivered(end + 1, model.begunAt)).toBe(false)
    expect(model.offsets.isDelivered(end, model.begunAt)).toBe(true)
    // Within the current batch, or the finished ones.
    const offset = model.begunAt + (by % (model.position - model.begunAt + 1))
    model.offsets.finishTo(offset)
    model.markDone(model.begunAt, offset)
  },
  acknowledge(model: Model) {
    const due = model.offsets.due(model.begunAt)
    if (due === undefined) return
    model.offsets.acknowledge(due)
    model.committed = due
    expect(model.offsets.due(model.begunAt)).toBeUndefined()
  },
}

describe('the offsets of a partition', () => {
  test('never exceed the unfinished records, and always cover all finished ones', () => {
    fc.assert(
      fc.property(
        fc.nat(20),
        fc.option(fc.nat(20), { nil: undefined }),
        steps,
        (start, committed, list) => {
          const model = new Model(start, committed)
          for (const step of list) {
            OPERATIONS[step.op](model, 'by' in step ? step.by : 0)
            const due = model.offsets.due(model.begunAt)
            expect(due ?? model.committed, step.op).toBe(model.frontier)
          }
        },
      ),
      SEEDED,
    )
  })

  test('ignore a batch that was delivered before a seek', () => {
    const offsets = new PartitionOffsets(0)
    const delivery = { offset: 0, nextOffset: 10 }
    offsets.deliver(delivery)
    offsets.seek()
    offsets.finish(delivery)
    expect(offsets.due(3)).toBe(3)
  })
})
