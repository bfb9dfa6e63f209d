/**
 * Question: does compaction keep what readers need, and nothing else, whatever is appended and wherever it is cut?
 * Contract, after every step:
 *  - a full read gives the latest value of each key, as a list of all appended records gives it; surviving records
 *    have their offsets, times and values; a record above the clean offset is never lost;
 *  - below the clean offset no record is superseded, and no aborted record is left;
 *  - a tombstone stays for `delete.retention.ms` after the first pass that kept it, and is noted when it goes;
 *  - a marker stays while records of its transaction are in the log;
 *  - readers reach the end of the log; compacting twice is compacting once.
 * Model: `CompactedLog`: appended records and ends of transactions as lists.
 * Generated: up to 60 steps: batches of 1 to 6 records of 5 keys in each codec that is written, transactions of three
 * producers, sealing, whole passes with maps of 1 to 12 keys, passes that are lost after some chunks, short and
 * long waits.
 * Limits: one log, no retention; zstd is in `rewrite-batch.test.ts`.
 * The tests at the end show that the checker fails with broken rules.
 */
import fc from 'fast-check'
import { afterEach, expect, test, vi } from 'vitest'
import { AbortedBatches } from '../../../../src/core/log/compaction/aborted-batches.ts'
import { KeyMap } from '../../../../src/core/log/compaction/key-map.ts'
import { TransactionTrace } from '../../../../src/core/log/compaction/transaction-trace.ts'
import { runs, SEEDED } from '../../../support/seed.ts'
import { CompactedLog, DELETE_RETENTION_MS } from './compacted-log.ts'

afterEach(() => {
  vi.restoreAllMocks()
})

type Step = (log: CompactedLog) => Promise<void>

const records = fc.array(
  fc.tuple(fc.constantFrom('a', 'b', 'c', 'd', ''), fc.option(fc.string({ maxLength: 3 }))),
  { minLength: 1, maxLength: 6 },
)
const codec = fc.constantFrom('none', 'none', 'gzip', 'snappy', 'lz4') as fc.Arbitrary<
  'none' | 'gzip' | 'snappy' | 'lz4'
>
const producerId = fc.constantFrom(1n, 2n, 3n)

const step: fc.Arbitrary<Step> = fc.oneof(
  {
    weight: 4,
    arbitrary: fc.tuple(records, codec).map(
      ([list, name]): Step =>
        (log) =>
          log.append(list, { codec: name }),
    ),
  },
  {
    weight: 3,
    arbitrary: fc.tuple(records, producerId).map(
      ([list, id]): Step =>
        (log) =>
          log.append(list, { producerId: id }),
    ),
  },
  {
    weight: 3,
    arbitrary: fc.tuple(producerId, fc.constantFrom('commit', 'abort')).map(
      ([id, outcome]): Step =>
        async (log) =>
          log.end(id, outcome as 'commit' | 'abort'),
    ),
  },
  {
    weight: 1,
    arbitrary: fc.integer({ min: 2, max: 4 }).map(
      (count): Step =>
        async (log) =>
          log.seal(count),
    ),
  },
  {
    weight: 3,
    arbitrary: fc.integer({ min: 1, max: 12 }).map(
      (keysMax): Step =>
        async (log) =>
          void (await log.compact(keysMax + 5)),
    ),
  },
  {
    weight: 1,
    arbitrary: fc.constantFrom(1, DELETE_RETENTION_MS).map(
      (ms): Step =>
        async (log) => {
          log.nowMs += ms
        },
    ),
  },
)

const lostPass: fc.Arbitrary<Step> = fc.tuple(fc.integer({ min: 6, max: 12 }), fc.nat(4)).map(
  ([keysMax, chunks]): Step =>
    async (log) => {
      log.losesPasses()
      await log.compact(keysMax, chunks)
    },
)

function property(anyStep: fc.Arbitrary<Step>) {
  return fc.asyncProperty(fc.array(anyStep, { maxLength: 60, size: 'max' }), async (steps) => {
    const log = new CompactedLog()
    for (const act of steps) {
      await act(log)
      await log.check()
    }
  })
}

test('a compacted log agrees with a list of all records', async () => {
  await fc.assert(property(step), { ...SEEDED, numRuns: runs(500) })
})

test('passes that are lost on the way leave nothing wrong', async () => {
  const steps = fc.oneof({ weight: 6, arbitrary: step }, { weight: 1, arbitrary: lostPass })
  await fc.assert(property(steps), { ...SEEDED, numRuns: runs(500) })
})

test('compacting twice is compacting once', async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(step, { maxLength: 40, size: 'max' }), async (steps) => {
      const log = new CompactedLog()
      for (const act of steps) await act(log)
      await log.compact(100)
      expect(await log.compact(100)).toBe(false)
    }),
    { ...SEEDED, numRuns: runs(200) },
  )
})

test('tombstones and empty transactions leave a log that gets no more records', async () => {
  const log = new CompactedLog()
  await log.append([['a', '1']])
  await log.append([['b', '1']], { producerId: 1n })
  log.end(1n, 'commit')
  await log.append([['c', '1']], { producerId: 2n })
  log.end(2n, 'abort')
  await log.append([
    ['a', null],
    ['b', '2'],
    ['z', 'last'],
  ])
  for (let pass = 0; pass < 3; pass++) {
    await log.compact(100)
    await log.check()
    log.nowMs += DELETE_RETENTION_MS
  }
  const { records: left, markers } = await log.read()
  expect(left.map(({ key, value }) => [key, value])).toEqual([
    ['b', '2'],
    ['z', 'last'],
  ])
  expect(markers).toEqual([])
})

// -- the checker ---------------------------------------------------------------------------------

const BROKEN: Array<[string, () => unknown, complaint: RegExp]> = [
  [
    'keeps out records that are newer than the map',
    () => {
      const get = KeyMap.prototype.get
      vi.spyOn(KeyMap.prototype, 'get').mockImplementation(function (this: KeyMap, ...args) {
        const offset = get.apply(this, args)
        return offset < 0 ? offset : offset + 1
      })
    },
    /latest value is gone|tombstone is not noted/,
  ],
  [
    'drops markers while records of their transaction remain',
    () => vi.spyOn(TransactionTrace.prototype, 'end').mockReturnValue(false),
    /marker is gone before/,
  ],
  [
    'counts aborted records',
    () => vi.spyOn(AbortedBatches.prototype, 'has').mockReturnValue(false),
    /latest value is gone|tombstone is not noted|aborted records are|dirty record is gone/,
  ],
  [
    'finds no key',
    () => vi.spyOn(KeyMap.prototype, 'get').mockReturnValue(-1),
    /superseded record is left|dirty record/,
  ],
]

test.each(BROKEN)('the checker detects a compaction that %s', async (_, breakIt, complaint) => {
  breakIt()
  const result = await fc.check(property(step), { ...SEEDED, numRuns: 500, endOnFailure: true })
  expect(result.failed).toBe(true)
  expect(String(result.errorInstance)).toMatch(complaint)
})

test('the checker detects a compaction that drops tombstones too early', async () => {
  const hasty = fc.constant<Step>(async (log) => {
    const { nowMs } = log
    log.nowMs += DELETE_RETENTION_MS
    await log.compact(100)
    log.nowMs = nowMs
  })
  const result = await fc.check(property(fc.oneof(step, hasty)), {
    ...SEEDED,
    numRuns: 500,
    endOnFailure: true,
  })
  expect(result.failed).toBe(true)
  expect(String(result.errorInstance)).toMatch(/gone too early/)
})
