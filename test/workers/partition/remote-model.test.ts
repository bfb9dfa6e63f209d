/**
 * Question: does a tiered partition keep every record where readers find it, and no other object, whatever happens?
 * Contract: L1 and L2 of docs/GUARANTEES.md. Model: `remote-model.ts`. Broken variants must be caught.
 */
import { reset } from 'cloudflare:test'
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest'
import { RemoteCopies } from '../../../durable-objects/partition/remote-copies.ts'
import { RemoteTable } from '../../../durable-objects/partition/remote-table.ts'
import { logEvent, setEventSink } from '../../../src/events/report.ts'
import { runs, TEST_SEED } from '../../support/seed.ts'
import { range } from './partition-for-test.ts'
import { runTiered } from './remote-model.ts'

/** Runs after which a broken variant must have been caught. */
const MUTANT_RUNS = 8

beforeEach(() => setEventSink(() => undefined))

afterEach(async () => {
  vi.useRealTimers()
  vi.restoreAllMocks()
  setEventSink(logEvent)
  await reset()
})

const SEEDS = range(runs(10)).map((run) => TEST_SEED + run)

test.each(SEEDS)('keeps every record, and no other object: seed %d', async (seed) => {
  await runTiered(seed)
})

test('keeps every record of R2 that confirms what it has not', async () => {
  await runTiered(TEST_SEED, { liesOften: true })
})

/** Deletes the chunks of an object before it is written. */
function evictEarly(): void {
  const { beginCopy } = RemoteCopies.prototype
  vi.spyOn(RemoteCopies.prototype, 'beginCopy').mockImplementation(function (
    this: RemoteCopies,
    ...args
  ) {
    const copying = beginCopy.apply(this, args)
    const chunks = copying && this.chunksOf(copying)
    if (copying === undefined || chunks === undefined) return copying
    const { key, baseOffset, endOffset } = copying
    const sizeBytes = chunks.reduce((sum, chunk) => sum + chunk.sizeBytes, 0)
    const sizes = { sizeBytes, objectBytes: sizeBytes + 1_000, maxTimestamp: 0 }
    const segment = { key, baseOffset, endOffset, ...sizes, sha256: '', inDoubtUntilMs: 0 }
    this.completeCopy(segment)
    this.remote.evict(segment)
    return copying
  })
}

/** Evicts a segment without a look at its object. */
function trustPuts(): void {
  const { completeCopy } = RemoteCopies.prototype
  vi.spyOn(RemoteCopies.prototype, 'completeCopy').mockImplementation(function (
    this: RemoteCopies,
    segment,
  ) {
    completeCopy.call(this, segment)
    this.remote.evict(segment)
  })
}

/** Deletes objects whose rows stay: the marking of a retention turn is only half done. */
function keepRowsOfDeleted(): void {
  vi.spyOn(RemoteTable.prototype, 'deleteBelow').mockImplementation(function (
    this: RemoteTable,
    endOffset,
  ) {
    for (const { key, baseOffset, ...segment } of this.since(0, 1_000)) {
      if (segment.endOffset > endOffset) continue
      const change = { key, baseOffset, endOffset: segment.endOffset, inDoubtUntilMs: 0 }
      this.writeChange({ ...change, state: 'deleting' })
    }
  })
}

/** Deletes rows before their objects. */
function forgetObjects(): void {
  const { changes } = RemoteTable.prototype
  vi.spyOn(RemoteTable.prototype, 'changes').mockImplementation(function (
    this: RemoteTable,
    ...args
  ) {
    const found = changes.apply(this, args)
    if (args[0] === 'deleting') for (const { key } of found) this.removeChange(key)
    return found
  })
}

/** Counts what is in both places as what is in R2 only (KAFKA-20732, KAFKA-15479). */
function countTwice(): void {
  const { completeCopy } = RemoteCopies.prototype
  vi.spyOn(RemoteCopies.prototype, 'completeCopy').mockImplementation(function (
    this: RemoteCopies,
    segment,
  ) {
    completeCopy.call(this, segment)
    const evictedBytes = this.remote.evictedBytes + segment.sizeBytes
    vi.spyOn(this.remote, 'evictedBytes', 'get').mockReturnValue(evictedBytes)
  })
}

describe('the model catches a partition that', () => {
  test.each([
    ['deletes a chunk before its object is live', evictEarly],
    ['deletes a chunk without a look at its object', trustPuts],
    ['deletes an object before its row', keepRowsOfDeleted],
    ['deletes a row before its object', forgetObjects],
    ['counts copied records twice', countTwice],
  ])('%s', async (_, breakIt) => {
    breakIt()
    let caught: unknown
    for (let run = 0; run < MUTANT_RUNS && caught === undefined; run++) {
      caught = await runTiered(TEST_SEED + run, { liesOften: run % 2 === 0 }).then(
        () => undefined,
        (error: unknown) => error,
      )
      vi.useRealTimers()
      await reset()
    }
    expect(caught).toBeDefined()
  })
})
