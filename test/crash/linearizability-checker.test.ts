import { describe, expect, test } from 'vitest'
import { Random } from '../support/random.ts'
import {
  type Answer,
  type Call,
  checkLinearizable,
  type Operation,
} from './linearizability-checker.ts'

function operation(invokedAt: number, returnedAt: number, call: Call, answer: Answer): Operation {
  return { invokedAt, returnedAt, call, answer }
}

function append(from: number, to: number, values: string, baseOffset: number): Operation {
  const call: Call = { kind: 'append', values: values.split('') }
  return operation(from, to, call, { kind: 'appended', baseOffset })
}

function lostAppend(from: number, values: string): Operation {
  const call: Call = { kind: 'append', values: values.split('') }
  return operation(from, Number.POSITIVE_INFINITY, call, { kind: 'unknown' })
}

function conditional(
  from: number,
  to: number,
  expectedOffset: number,
  values: string,
  isDone: boolean,
): Operation {
  const call: Call = { kind: 'conditionalAppend', expectedOffset, values: values.split('') }
  const answer: Answer = isDone
    ? { kind: 'appended', baseOffset: expectedOffset }
    : { kind: 'mismatch' }
  return operation(from, to, call, answer)
}

function read(from: number, to: number, offset: number, values: string): Operation {
  return operation(from, to, { kind: 'read', offset }, { kind: 'values', values: values.split('') })
}

function tail(from: number, to: number, highWatermark: number): Operation {
  return operation(from, to, { kind: 'tail' }, { kind: 'tail', highWatermark })
}

function isLinearizable(...history: Operation[]): boolean {
  return checkLinearizable(history).isLinearizable
}

describe('checkLinearizable()', () => {
  test('accepts an empty history', () => {
    expect(isLinearizable()).toBe(true)
  })

  test('accepts sequential calls', () => {
    const history = [
      append(0, 1, 'ab', 0),
      tail(2, 3, 2),
      append(4, 5, 'c', 2),
      read(6, 7, 1, 'bc'),
    ]
    expect(isLinearizable(...history)).toBe(true)
  })

  test('accepts overlapping calls that only one order explains', () => {
    const history = [
      append(0, 10, 'a', 1),
      append(1, 9, 'b', 0),
      tail(2, 8, 1),
      read(3, 7, 0, 'ba'),
    ]
    expect(isLinearizable(...history)).toBe(true)
  })

  test('accepts a read that returns a part of the log', () => {
    expect(isLinearizable(append(0, 1, 'abc', 0), read(2, 3, 1, 'b'))).toBe(true)
  })

  test('accepts an append without a response, done or not, early or late', () => {
    expect(isLinearizable(lostAppend(0, 'x'), append(1, 2, 'a', 0), tail(3, 4, 1))).toBe(true)
    expect(isLinearizable(lostAppend(0, 'x'), append(1, 2, 'a', 1), tail(3, 4, 2))).toBe(true)
    const late = [tail(3, 4, 1), tail(5, 6, 2), read(7, 8, 0, 'ax')]
    expect(isLinearizable(lostAppend(0, 'x'), append(1, 2, 'a', 0), ...late)).toBe(true)
  })

  test('accepts two conditional appends of which one won', () => {
    const history = [
      conditional(0, 5, 0, 'a', true),
      conditional(0, 5, 0, 'b', false),
      tail(6, 7, 1),
    ]
    expect(isLinearizable(...history)).toBe(true)
  })

  test('accepts a call that definitely failed', () => {
    const call: Call = { kind: 'append', values: ['x'] }
    const failed = operation(0, 1, call, { kind: 'failed' })
    expect(isLinearizable(failed, append(2, 3, 'a', 0), tail(4, 5, 1))).toBe(true)
  })

  test('rejects a lost acknowledged append', () => {
    expect(isLinearizable(append(0, 1, 'a', 0), append(2, 3, 'b', 0))).toBe(false)
    expect(isLinearizable(append(0, 1, 'a', 0), tail(2, 3, 0))).toBe(false)
    expect(isLinearizable(append(0, 1, 'a', 0), read(2, 3, 0, ''))).toBe(false)
  })

  test('rejects a stale tail', () => {
    const history = [append(0, 1, 'a', 0), append(2, 3, 'b', 1), tail(4, 5, 1)]
    expect(isLinearizable(...history)).toBe(false)
  })

  test('rejects a tail that goes back between two readers', () => {
    const history = [append(0, 20, 'a', 0), tail(1, 2, 1), tail(3, 4, 0)]
    expect(isLinearizable(...history)).toBe(false)
  })

  test('rejects a stale read', () => {
    const history = [append(0, 1, 'a', 0), append(2, 3, 'b', 1), read(4, 5, 1, '')]
    expect(isLinearizable(...history)).toBe(false)
  })

  test('rejects a read of a value that was never appended, or whose append failed', () => {
    expect(isLinearizable(append(0, 1, 'a', 0), read(2, 3, 0, 'z'))).toBe(false)
    const call: Call = { kind: 'append', values: ['x'] }
    const failed = operation(0, 1, call, { kind: 'failed' })
    expect(isLinearizable(failed, read(2, 3, 0, 'x'))).toBe(false)
  })

  test('rejects reordered appends', () => {
    expect(isLinearizable(append(0, 1, 'a', 1), append(2, 3, 'b', 0))).toBe(false)
    const history = [append(0, 1, 'a', 0), append(2, 3, 'b', 1), read(4, 5, 0, 'ba')]
    expect(isLinearizable(...history)).toBe(false)
  })

  test('rejects an append that is stored in part, or twice', () => {
    expect(isLinearizable(append(0, 1, 'ab', 0), tail(2, 3, 1))).toBe(false)
    expect(isLinearizable(append(0, 1, 'a', 0), tail(2, 3, 2))).toBe(false)
    expect(isLinearizable(lostAppend(0, 'x'), read(1, 2, 0, 'xx'))).toBe(false)
  })

  test('rejects two conditional appends that both won', () => {
    const history = [conditional(0, 5, 0, 'a', true), conditional(0, 5, 0, 'b', true)]
    expect(isLinearizable(...history)).toBe(false)
  })

  test('rejects a conditional append that lost without a conflict', () => {
    expect(isLinearizable(conditional(0, 5, 0, 'a', false), tail(6, 7, 0))).toBe(false)
  })

  test('rejects an unknown append that takes effect before it was sent', () => {
    expect(isLinearizable(tail(0, 1, 1), lostAppend(2, 'x'))).toBe(false)
  })

  test('returns the calls that it could not explain', () => {
    const stale = tail(4, 5, 1)
    const verdict = checkLinearizable([append(0, 1, 'a', 0), append(2, 3, 'b', 1), stale])
    expect(verdict).toEqual({ isLinearizable: false, stuckAt: [stale] })
  })
})

/**
 * Question: does the checker distinguish a correct log from one with a single fault?
 * Contract: on all seeds, histories of a correct log are accepted and those of each broken log are rejected.
 * Model: a log in memory; each call takes effect at a moment between its invocation and its return.
 * Generated: 5 clients with 40 calls each; one in 15 append responses is lost. The fault is placed where a
 * later response must contradict it. Limits: one fault per history.
 */
type Fault = 'none' | 'lost ack' | 'stale tail' | 'stale read' | 'reordered'

const CLIENTS = 5
const CALLS = 40

function simulate(seed: number, fault: Fault): Operation[] {
  const random = new Random(seed)
  const planned: { call: Call; invokedAt: number; effectAt: number; returnedAt: number }[] = []
  let values = 0
  for (let client = 0; client < CLIENTS; client++) {
    let now = random.between(0, 9)
    for (let n = 0; n < CALLS; n++) {
      const effectAt = now + random.between(1, 9)
      const returnedAt = effectAt + random.between(1, 9)
      const kind = random.between(0, 9)
      const isAppend = kind < 5
      const fresh = Array.from({ length: random.between(1, 3) }, () => `v${values++}`)
      const call: Call = isAppend
        ? { kind: 'append', values: fresh }
        : kind < 7
          ? { kind: 'tail' }
          : { kind: 'read', offset: 0 }
      planned.push({ call, invokedAt: now, effectAt, returnedAt })
      now = returnedAt + random.between(1, 5)
    }
  }
  planned.sort((a, b) => a.effectAt - b.effectAt)
  const log: string[] = []
  /** The end of each append from the time of its response: the log has at least this end from then on. */
  const known: { at: number; end: number }[] = []
  let isBroken = false
  const history = planned.map(({ call, invokedAt, returnedAt }, index): Operation => {
    const end = log.length
    const surely = Math.max(0, ...known.filter(({ at }) => at < invokedAt).map((one) => one.end))
    const mayBreak = !isBroken && index > planned.length / 3 && surely > 0
    if (call.kind === 'append') {
      const isLost = fault === 'lost ack' && mayBreak
      isBroken ||= isLost
      if (!isLost) log.push(...call.values)
      if (!isLost && random.between(0, 14) === 0) {
        return operation(invokedAt, Number.POSITIVE_INFINITY, call, { kind: 'unknown' })
      }
      known.push({ at: returnedAt, end: end + call.values.length })
      return operation(invokedAt, returnedAt, call, { kind: 'appended', baseOffset: end })
    }
    if (call.kind === 'tail') {
      const isStale = fault === 'stale tail' && mayBreak
      isBroken ||= isStale
      return tail(invokedAt, returnedAt, isStale ? surely - 1 : end)
    }
    const isStale = fault === 'stale read' && mayBreak
    isBroken ||= isStale
    const offset = isStale ? surely - 1 : random.between(Math.max(0, end - 8), end)
    const seen = isStale ? [] : log.slice(offset, offset + random.between(1, 6))
    const answer: Answer = { kind: 'values', values: seen }
    return operation(invokedAt, returnedAt, { kind: 'read', offset }, answer)
  })
  if (fault === 'reordered') reorder(history, log)
  const lastAt = Math.max(...planned.map(({ returnedAt }) => returnedAt))
  history.push(tail(lastAt + 1, lastAt + 2, log.length))
  for (let offset = 0; offset < log.length; offset += 50) {
    const answer: Answer = { kind: 'values', values: log.slice(offset, offset + 50) }
    history.push(operation(lastAt + 3, lastAt + 4, { kind: 'read', offset }, answer))
  }
  return history
}

/** Swaps two appends of one record each, of which one was acknowledged before the other was sent. */
function reorder(history: Operation[], log: string[]): void {
  const single = history.filter(
    ({ call, answer }) =>
      call.kind === 'append' && call.values.length === 1 && answer.kind === 'appended',
  )
  const first = single[3] as Operation
  const second = single.find(({ invokedAt }) => invokedAt > first.returnedAt) as Operation
  history[history.indexOf(first)] = { ...first, answer: second.answer }
  history[history.indexOf(second)] = { ...second, answer: first.answer }
  for (const [one, other] of [
    [first, second],
    [second, first],
  ] as const) {
    if (one.call.kind !== 'append' || other.answer.kind !== 'appended') continue
    log[other.answer.baseOffset] = one.call.values[0] as string
  }
}

const SEEDS = Array.from({ length: 20 }, (_, n) => n + 1)

test('checkLinearizable() accepts 20 of 20 histories of a correct log', () => {
  const verdicts = SEEDS.map((seed) => checkLinearizable(simulate(seed, 'none')).isLinearizable)
  expect(verdicts).toEqual(SEEDS.map(() => true))
})

test.each(['lost ack', 'stale tail', 'stale read', 'reordered'] as const)(
  'checkLinearizable() rejects 20 of 20 histories with a %s',
  (fault) => {
    const verdicts = SEEDS.map((seed) => checkLinearizable(simulate(seed, fault)).isLinearizable)
    expect(verdicts).toEqual(SEEDS.map(() => false))
  },
)
