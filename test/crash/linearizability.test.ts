/**
 * Question: do concurrent appends, conditional appends, reads and tails of one partition over HTTP look as
 * if they happened one after the other?
 * Contract: L7 and L8 of docs/GUARANTEES.md. Model: `linearizability-checker.ts`.
 * Generated: from a printed seed, 5 clients with 60 calls each, on one topic per history. The clients abort
 * one append in 20, so its result is unknown. Limits: one partition, no kills (the crash harness has them),
 * histories small enough for the search.
 */
import { beforeAll, describe, expect, test } from 'vitest'
import { sharedServerUrl } from '../server/shared-server.ts'
import { Random } from '../support/random.ts'
import { TEST_SEED } from '../support/seed.ts'
import {
  type Answer,
  type Call,
  checkLinearizable,
  type Operation,
} from './linearizability-checker.ts'

const HISTORIES = 6
const CLIENTS = 5
const CALLS = 60

beforeAll(() => console.log(`linearizability: TEST_SEED=${TEST_SEED}`))

/** State that the clients share: the last known end of the log makes their calls conflict. */
interface Shared {
  readonly topic: string
  end: number
  values: number
}

interface RecordsAnswer {
  readonly records: { readonly offset: number; readonly value: string }[]
  readonly highWatermark: number
}

async function createTopic(name: string): Promise<void> {
  const response = await fetch(`${sharedServerUrl()}/v1/topics`, {
    method: 'POST',
    headers: { 'Content-Type': 'application/json' },
    body: JSON.stringify({ name, partitions: 1 }),
  })
  expect(response.status).toBe(201)
}

function chooseCall(random: Random, shared: Shared): Call {
  const kind = random.between(0, 9)
  if (kind < 2) return { kind: 'tail' }
  if (kind < 5) return { kind: 'read', offset: Math.max(0, shared.end - random.between(-1, 6)) }
  const values = Array.from({ length: random.between(1, 3) }, () => `v${shared.values++}`)
  if (kind < 7) return { kind: 'append', values }
  return { kind: 'conditionalAppend', expectedOffset: shared.end, values }
}

async function perform(call: Call, random: Random, shared: Shared): Promise<Answer> {
  const url = `${sharedServerUrl()}/v1/topics/${shared.topic}/partitions/0/records`
  if (call.kind === 'tail') {
    const { highWatermark } = await getRecords(`${url}?offset=latest`)
    return { kind: 'tail', highWatermark }
  }
  if (call.kind === 'read') {
    const response = await fetch(`${url}?offset=${call.offset}&maxBytes=${random.between(1, 400)}`)
    if (response.status === 416) {
      await response.arrayBuffer()
      return { kind: 'mismatch' }
    }
    const { records } = (await response.json()) as RecordsAnswer
    expect(records.map(({ offset }) => offset)).toEqual(records.map((_, n) => call.offset + n))
    return { kind: 'values', values: records.map(({ value }) => value) }
  }
  const isAborted = random.between(0, 19) === 0
  const condition: Record<string, string> =
    call.kind === 'append' ? {} : { 'If-Match': `"${call.expectedOffset}"` }
  try {
    const response = await fetch(url, {
      method: 'POST',
      headers: { 'Content-Type': 'application/json', ...condition },
      body: JSON.stringify({ records: call.values.map((value) => ({ value })) }),
      ...(isAborted ? { signal: AbortSignal.timeout(random.between(0, 3)) } : {}),
    })
    const answer = (await response.json()) as { offsets?: { offset: number }[] }
    if (response.status === 412) return { kind: 'mismatch' }
    const [first] = answer.offsets ?? []
    if (response.status === 200 && first !== undefined) {
      return { kind: 'appended', baseOffset: first.offset }
    }
    return response.status < 500 ? { kind: 'failed' } : { kind: 'unknown' }
  } catch {
    return { kind: 'unknown' }
  }
}

async function getRecords(url: string): Promise<RecordsAnswer> {
  const response = await fetch(url)
  expect(response.status).toBe(200)
  return (await response.json()) as RecordsAnswer
}

async function runClient(random: Random, shared: Shared, history: Operation[]): Promise<void> {
  for (let n = 0; n < CALLS; n++) {
    const call = chooseCall(random, shared)
    const invokedAt = performance.now()
    const answer = await perform(call, random, shared)
    const returnedAt = answer.kind === 'unknown' ? Number.POSITIVE_INFINITY : performance.now()
    history.push({ call, answer, invokedAt, returnedAt })
    if (answer.kind === 'tail') shared.end = Math.max(shared.end, answer.highWatermark)
    if (answer.kind === 'appended' && 'values' in call) {
      shared.end = Math.max(shared.end, answer.baseOffset + call.values.length)
    }
  }
}

async function runHistory(historySeed: number): Promise<Operation[]> {
  const shared: Shared = { topic: `history-${historySeed}`, end: 0, values: 0 }
  await createTopic(shared.topic)
  const history: Operation[] = []
  await Promise.all(
    Array.from({ length: CLIENTS }, (_, client) =>
      runClient(new Random(historySeed * CLIENTS + client), shared, history),
    ),
  )
  return history
}

/** Returns a copy in which one tail misses the last append before it. */
function withStaleTail(history: readonly Operation[]): Operation[] {
  const ends = history.flatMap(({ call, answer, returnedAt }) =>
    answer.kind === 'appended' && 'values' in call
      ? [{ returnedAt, end: answer.baseOffset + call.values.length }]
      : [],
  )
  const surelyBefore = ({ invokedAt }: Operation) =>
    Math.max(0, ...ends.filter((one) => one.returnedAt < invokedAt).map(({ end }) => end))
  const stale = history
    .filter(({ call }) => call.kind === 'tail')
    .find((one) => surelyBefore(one) > 0)
  if (stale === undefined) throw new Error('the history has no tail after an append')
  const answer: Answer = { kind: 'tail', highWatermark: surelyBefore(stale) - 1 }
  return history.map((one) => (one === stale ? { ...one, answer } : one))
}

/** Returns a copy in which one read that returned values returns none. */
function withStaleRead(history: readonly Operation[]): Operation[] {
  const stale = history.find(({ answer }) => answer.kind === 'values' && answer.values.length > 0)
  const call = stale?.call
  if (stale === undefined || call?.kind !== 'read')
    throw new Error('the history has no read that returned values')
  const surely = history.some(
    ({ call: other, answer, returnedAt }) =>
      answer.kind === 'appended' &&
      'values' in other &&
      returnedAt < stale.invokedAt &&
      answer.baseOffset + other.values.length > call.offset,
  )
  const at = surely ? stale.invokedAt : Math.max(...history.map(({ invokedAt }) => invokedAt)) + 1e6
  const moved: Operation = {
    ...stale,
    answer: { kind: 'values', values: [] },
    invokedAt: at,
    returnedAt: at + 1,
  }
  return history.map((one) => (one === stale ? moved : one))
}

describe('a partition over HTTP', () => {
  test.each(Array.from({ length: HISTORIES }, (_, n) => n))(
    'has a linearizable history %d, and the checker rejects broken copies of it',
    async (n) => {
      const history = await runHistory((TEST_SEED % 1_000_000) + n)
      const count = (kind: Answer['kind']) =>
        history.filter(({ answer }) => answer.kind === kind).length
      expect(count('failed')).toBe(0)
      expect(count('appended')).toBeGreaterThan(30)
      expect(count('mismatch')).toBeGreaterThan(0)
      expect(checkLinearizable(history)).toEqual({ isLinearizable: true })
      expect(checkLinearizable(withStaleTail(history)).isLinearizable).toBe(false)
      expect(checkLinearizable(withStaleRead(history)).isLinearizable).toBe(false)
    },
  )
})
