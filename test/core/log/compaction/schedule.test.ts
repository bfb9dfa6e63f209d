import { describe, expect, test } from 'vitest'
import { ACTIVE_MS_MAX } from '../../../../src/core/log/compaction/limits.ts'
import {
  type CompactionState,
  decideCompaction,
  NOT_COMPACTED,
  settle,
} from '../../../../src/core/log/compaction/schedule.ts'
import { config, NOW_MS } from '../log-batches.ts'

const COMPACT = config({ 'cleanup.policy': 'compact' })
const NEVER = Number.POSITIVE_INFINITY

/** Four chunks of ten records and 100 bytes each, a minute apart. */
const SPANS = [0, 10, 20, 30].map((baseOffset, index) => ({
  baseOffset,
  endOffset: baseOffset + 10,
  maxTimestamp: NOW_MS + index * 60_000,
  sizeBytes: 100,
}))
const ENDS = { logStartOffset: 0, lastStableOffset: 40, highWatermark: 40 }

function decide({
  state = {},
  ends = {},
  overrides = {},
  nowMs = NOW_MS + 3_600_000,
  firstDirtyTimestamp,
}: {
  state?: Partial<CompactionState>
  ends?: Partial<typeof ENDS>
  overrides?: Record<string, string>
  nowMs?: number
  firstDirtyTimestamp?: number
} = {}) {
  const whole = { ...NOT_COMPACTED, settledOffset: 40, ...state }
  const log = {
    ends: { ...ENDS, ...ends },
    sizeBytes: 400,
    state: whole,
    dirtySpans: SPANS,
    firstDirtyTimestamp,
    endOffset: 40,
  }
  return decideCompaction(log, config({ 'cleanup.policy': 'compact', ...overrides }), nowMs)
}

describe('settling', () => {
  test('takes a minute from the mark of an end', () => {
    const marked = settle(NOT_COMPACTED, 7, COMPACT, NOW_MS)
    expect(marked).toEqual({ ...NOT_COMPACTED, mark: { offset: 7, atMs: NOW_MS } })
    expect(settle(marked, 9, COMPACT, NOW_MS + ACTIVE_MS_MAX - 1)).toBe(marked)
    const settled = settle(marked, 9, COMPACT, NOW_MS + ACTIVE_MS_MAX)
    expect(settled).toMatchObject({ settledOffset: 7, mark: { offset: 9 } })
    const quiet = settle(settled, 9, COMPACT, NOW_MS + 2 * ACTIVE_MS_MAX)
    expect(quiet).toEqual({ ...NOT_COMPACTED, settledOffset: 9 })
    expect(settle(quiet, 9, COMPACT, NOW_MS + 9 * ACTIVE_MS_MAX)).toEqual(quiet)
  })

  test.each(['segment.ms', 'max.compaction.lag.ms'])('is sooner with a short %s', (key) => {
    const hasty = config({ 'cleanup.policy': 'compact', [key]: '100' })
    const marked = settle(NOT_COMPACTED, 7, hasty, NOW_MS)
    expect(settle(marked, 7, hasty, NOW_MS + 100)).toMatchObject({ settledOffset: 7 })
  })
})

describe('a pass', () => {
  test('begins when more than half of the log is dirty', () => {
    expect(decide()).toEqual({ kind: 'run', from: 0, to: 40 })
    expect(decide({ state: { cleanOffset: 10 } })).toEqual({ kind: 'run', from: 10, to: 40 })
    expect(decide({ state: { cleanOffset: 20 } })).toEqual({ kind: 'wait', untilMs: NEVER })
    const eager = { overrides: { 'min.cleanable.dirty.ratio': '0' } }
    expect(decide({ state: { cleanOffset: 30 }, ...eager })).toMatchObject({ kind: 'run' })
    expect(decide({ state: { cleanOffset: 40 }, ...eager })).toMatchObject({ kind: 'wait' })
  })

  test('ends at the last stable offset, and where records are active', () => {
    expect(decide({ ends: { lastStableOffset: 15 } })).toEqual({ kind: 'run', from: 0, to: 15 })
    expect(decide({ state: { settledOffset: 25 } })).toEqual({ kind: 'run', from: 0, to: 25 })
    const mark = { offset: 40, atMs: NOW_MS }
    const active = decide({ state: { settledOffset: 0, mark } })
    expect(active).toEqual({ kind: 'wait', untilMs: NOW_MS + ACTIVE_MS_MAX })
  })

  test('ends before the first record that is younger than min.compaction.lag.ms', () => {
    const overrides = { 'min.compaction.lag.ms': '60000', 'min.cleanable.dirty.ratio': '0' }
    const at = (nowMs: number) => decide({ overrides, nowMs })
    expect(at(NOW_MS)).toEqual({ kind: 'wait', untilMs: NOW_MS + 60_000 })
    expect(at(NOW_MS + 120_000)).toEqual({ kind: 'run', from: 0, to: 20 })
  })

  test('begins for a record that is older than max.compaction.lag.ms', () => {
    const overrides = { 'max.compaction.lag.ms': '60000' }
    const state = { cleanOffset: 30 }
    const late = { overrides, state, firstDirtyTimestamp: NOW_MS }
    expect(decide({ ...late, nowMs: NOW_MS + 60_001 })).toMatchObject({ kind: 'run', from: 30 })
    expect(decide({ ...late, nowMs: NOW_MS + 60_000 })).toEqual({
      kind: 'wait',
      untilMs: NOW_MS + 60_001,
    })
  })

  test('begins for tombstones whose time is over, in a log without new records', () => {
    const state = { cleanOffset: 40, horizonMs: NOW_MS }
    expect(decide({ state, nowMs: NOW_MS })).toEqual({ kind: 'run', from: 40, to: 40 })
    expect(decide({ state, nowMs: NOW_MS - 1 })).toEqual({ kind: 'wait', untilMs: NOW_MS })
  })

  test('begins anew above the log start, and in a log that is shorter than it was', () => {
    expect(decide({ ends: { logStartOffset: 10 } })).toEqual({ kind: 'run', from: 10, to: 40 })
    expect(decide({ state: { cleanOffset: 90 } })).toEqual({ kind: 'run', from: 0, to: 40 })
  })
})
