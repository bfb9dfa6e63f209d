/** Appends that share calls: their order, their results, and the limits of a call. */
import fc from 'fast-check'
import { expect, test, vi } from 'vitest'
import { AppendLanes } from '../../src/broker/append-lanes.ts'
import type { TopicMetadata } from '../../src/broker/topic-metadata.ts'
import { EdgelogError } from '../../src/core/errors.ts'
import {
  EDGE_FANOUT_MAX,
  GATHER_TURNS_MAX,
  JOINED_APPENDS_MAX,
  JOINED_BYTES_MAX,
} from '../../src/core/limits.ts'
import type { AppendRequest } from '../../src/core/log/partition-api.ts'
import { parseTopicName } from '../../src/core/topic/topic-name.ts'
import { runs, SEEDED } from '../support/seed.ts'

const topic = { name: parseTopicName('t') }

function requestOf(number: number, sizeBytes = 4): AppendRequest {
  const batches = new Uint8Array(Math.max(4, sizeBytes))
  new DataView(batches.buffer).setInt32(0, number)
  return { batches, checks: [], producerRules: 'kafka' }
}

function numberOf({ batches }: AppendRequest): number {
  return new DataView(batches.buffer).getInt32(0)
}

interface Call {
  readonly partition: number
  readonly numbers: readonly number[]
  /** Answers each append with its number as the next offset, or fails those that `fails` names. */
  finish(fails?: (number: number) => boolean): void
  break(error: Error): void
}

/** Lanes to partitions whose calls end when the test ends them. */
function lanesOfTest() {
  const calls: Call[] = []
  const callPartitionOf = (_: unknown, partition: number, call: (stub: unknown) => unknown) =>
    new Promise((resolve, reject) => {
      const resultOf = (request: AppendRequest, fails: (number: number) => boolean) =>
        fails(numberOf(request))
          ? { error: new EdgelogError('throttled', `no ${numberOf(request)}`).toBody() }
          : { ok: { nextOffset: numberOf(request) } }
      const add = (requests: readonly AppendRequest[], isJoined: boolean) => {
        calls.push({
          partition,
          numbers: requests.map(numberOf),
          finish: (fails = () => false) => {
            const results = requests.map((request) => resultOf(request, fails))
            const [only] = results
            if (isJoined) resolve({ results })
            else if (only !== undefined && 'error' in only)
              reject(EdgelogError.fromBody(only.error))
            else resolve(only?.ok)
          },
          break: reject,
        })
      }
      call({
        append: (request: AppendRequest) => add([request], false),
        appendEach: (requests: AppendRequest[]) => add(requests, true),
      })
    })
  const lanes = new AppendLanes({ callPartitionOf } as unknown as TopicMetadata, nextTurn)
  const outcomes: string[] = []
  const append = (number: number, partition = 0, sizeBytes = 4) => {
    lanes.append(topic, partition, requestOf(number, sizeBytes)).then(
      (result) => outcomes.push(`${number}:${'nextOffset' in result && result.nextOffset}`),
      (error: Error) => outcomes.push(`${number}:${error.message}`),
    )
  }
  // A lane that has waited for turns calls in the next one.
  const settle = async () => {
    for (let turns = 0; turns <= GATHER_TURNS_MAX; turns++) await nextTurn()
  }
  return { calls, outcomes, append, settle }
}

function nextTurn(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve))
}

test('calls at once, and joins the appends that arrive during the call', async () => {
  const { calls, outcomes, append, settle } = lanesOfTest()
  append(1)
  expect(calls.map(({ numbers }) => numbers)).toEqual([[1]])
  for (const number of [2, 3, 4]) append(number)
  append(5, 1)
  calls[0]?.finish()
  await settle()
  expect(calls.map(({ partition, numbers }) => [partition, numbers])).toEqual([
    [0, [1]],
    [1, [5]],
    [0, [2, 3, 4]],
  ])
  calls[2]?.finish((number) => number === 3)
  await settle()
  expect(outcomes).toEqual(['1:1', '2:2', '3:no 3', '4:4'])
})

test('waits some turns for as many appends as the last call had', async () => {
  const { calls, append, settle } = lanesOfTest()
  const numbers = () => calls.map((call) => call.numbers)
  for (const number of [1, 2, 3, 4]) append(number)
  calls[0]?.finish()
  await settle()
  calls[1]?.finish()
  await settle()
  append(5)
  await nextTurn()
  append(6)
  expect(numbers()).toEqual([[1], [2, 3, 4]])
  append(7)
  await nextTurn()
  // All are there, so the other turns are not waited for.
  expect(numbers()).toEqual([[1], [2, 3, 4], [5, 6, 7]])
  calls[2]?.finish()
  append(8)
  await settle()
  expect(numbers().at(-1)).toEqual([8])
})

test('never waits for a client with one append at a time', async () => {
  const { calls, append } = lanesOfTest()
  for (const number of [1, 2, 3]) {
    append(number)
    expect(calls.length).toBe(number)
    calls.at(-1)?.finish()
    await Promise.resolve()
    await nextTurn()
  }
})

test('fails all appends of a broken call, and continues with the later ones', async () => {
  const { calls, outcomes, append, settle } = lanesOfTest()
  for (const number of [1, 2, 3]) append(number)
  calls[0]?.break(new Error('cut'))
  await settle()
  append(4)
  calls[1]?.break(new Error('cut again'))
  await settle()
  calls[2]?.finish()
  await settle()
  expect(outcomes).toEqual(['1:cut', '2:cut again', '3:cut again', '4:4'])
})

test('limits the bytes and the number of the appends of one call', async () => {
  const { calls, append, settle } = lanesOfTest()
  append(0)
  append(1, 0, JOINED_BYTES_MAX)
  append(2)
  for (let number = 3; number < JOINED_APPENDS_MAX + 3; number++) append(number)
  for (let index = 0; index < 4; index++) {
    calls[index]?.finish()
    await settle()
  }
  expect(calls.map(({ numbers }) => numbers.length)).toEqual([1, 1, JOINED_APPENDS_MAX, 1])
})

test('limits the calls under way', async () => {
  const { calls, append, settle } = lanesOfTest()
  for (let partition = 0; partition <= EDGE_FANOUT_MAX; partition++) append(partition, partition)
  await settle()
  expect(calls.length).toBe(EDGE_FANOUT_MAX)
  calls[7]?.finish()
  await vi.waitFor(() => expect(calls.length).toBe(EDGE_FANOUT_MAX + 1))
})

test('keeps the order of a partition, and settles every append once', async () => {
  const step = fc.oneof(
    fc.record({ kind: fc.constant('append' as const), partition: fc.nat(2) }),
    fc.record({ kind: fc.constant('finish' as const), pick: fc.nat(9), fails: fc.nat(4) }),
    fc.record({ kind: fc.constant('break' as const), pick: fc.nat(9) }),
  )
  await fc.assert(
    fc.asyncProperty(fc.array(step, { maxLength: 60 }), async (steps) => {
      const { calls, outcomes, append, settle } = lanesOfTest()
      const ended = new Set<Call>()
      let appended = 0
      const end = (pick: number, finish: (call: Call) => void) => {
        const open = calls.filter((call) => !ended.has(call))
        const call = open[pick % Math.max(1, open.length)]
        if (call === undefined) return
        ended.add(call)
        finish(call)
      }
      for (const one of steps) {
        if (one.kind === 'append') append(appended++, one.partition)
        else if (one.kind === 'break') end(one.pick, (call) => call.break(new Error('cut')))
        else end(one.pick, (call) => call.finish((number) => number % 5 === one.fails))
        await settle()
      }
      while (ended.size < calls.length) {
        end(0, (call) => call.finish())
        await settle()
      }
      expect(outcomes.length).toBe(appended)
      for (const partition of [0, 1, 2]) {
        const sent = calls.filter((call) => call.partition === partition)
        const numbers = sent.flatMap((call) => call.numbers)
        expect(numbers).toEqual(numbers.toSorted((a, b) => a - b))
      }
    }),
    { ...SEEDED, numRuns: runs(500) },
  )
})
