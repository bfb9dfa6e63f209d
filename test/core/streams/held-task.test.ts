/** Question: does a task stop at its cut, leave out muted topics, and run no punctuation while its clock stands? */
import { describe, expect, test } from 'vitest'
import { int64, keyValueStore, text, topology } from '../../../client/streams/index.ts'
import { readBatchHeaders } from '../../../src/core/batch/record-batch.ts'
import { splitTopology } from '../../../src/core/streams/split.ts'
import { MemoryLeaves } from '../../../src/core/streams/stores/leaf-source.ts'
import { TaskProcess, type TaskProcessOptions } from '../../../src/core/streams/task-process.ts'

const INPUT = { node: 'in-source', topic: 'in', partition: 0, startOffset: 0 }
const ticks = keyValueStore('ticks', { key: text, value: int64 })

/** Copies records to two topics, and writes a tick each second. */
const copies = topology('app', (builder) => {
  const stream = builder.stream<string, string>('in', { key: text, value: text })
  stream.to('shared', { name: 'shared', value: text })
  stream
    .process<string, string>(
      (context) => {
        context.schedule(1_000, 'wall-clock', () => context.forward({ key: 't', value: 'tick' }))
        return { process: (record) => context.forward(record) }
      },
      { name: 'ticker', stores: [ticks] },
    )
    .to('own', { name: 'own', value: text })
})

function open(options: Partial<TaskProcessOptions> = {}): TaskProcess {
  const [sub] = splitTopology(copies)
  if (sub === undefined) throw new Error('a sub-topology')
  const output = (topic: string) => ({ topic, partitions: 1, batchBytesMax: 100_000 })
  return new TaskProcess({
    ...{ sub, partition: 0, inputs: [INPUT], onError: 'stop', producerId: 7n, coalesces: false },
    outputs: new Map(['shared', 'own'].map((name) => [name, output(name)])),
    ...{ leaves: new MemoryLeaves(), turns: [], nowMs: 0 },
    ...options,
  })
}

/** Gives the task the records of a topic with five. */
function receive(process: TaskProcess): void {
  const value = new TextEncoder().encode('x')
  for (const input of process.wanted()) {
    const records = [0, 1, 2, 3, 4]
      .filter((offset) => offset >= input.offset)
      .map((offset) => ({ offset, timestamp: 0, key: value, value, headers: [] }))
    process.receive(input, { from: input.offset, records, to: 5, isAtEnd: true })
  }
}

/** Makes turns until there is nothing to do; returns the records that were sent to each topic. */
function run(process: TaskProcess, nowMs: number): Record<string, number> {
  const sent: Record<string, number> = {}
  receive(process)
  while (process.step(nowMs).kind === 'commit') {
    for (const { turn, outgoing } of process.pending) {
      for (const one of outgoing) {
        const counts = readBatchHeaders(one.batches).map(({ recordsCount }) => recordsCount)
        sent[one.topic] = counts.reduce((sum, count) => sum + count, sent[one.topic] ?? 0)
        process.acknowledge(turn, one, nowMs)
      }
    }
  }
  return sent
}

const positionsOf = (process: TaskProcess) => process.positions().map(({ offset }) => offset)

describe('a task with a cut', () => {
  test('processes the records below it, and asks for no others', () => {
    const process = open({ inputs: [{ ...INPUT, cutOffset: 3 }] })
    expect(run(process, 0)).toEqual({ shared: 3, own: 3 })
    expect(positionsOf(process)).toEqual([3])
    process.wake('in', 0)
    expect(process.wanted()).toEqual([])
    expect(process.open()).toEqual([])
  })

  test('that stands at it processes nothing', () => {
    const process = open({ inputs: [{ ...INPUT, startOffset: 3, cutOffset: 3 }] })
    expect(run(process, 0)).toEqual({})
    expect(positionsOf(process)).toEqual([3])
  })

  test('does not count records behind it as lost', () => {
    const process = open({ inputs: [{ ...INPUT, cutOffset: 3 }] })
    process.receive(INPUT, { from: 9, records: [], to: 9, isAtEnd: false })
    expect(positionsOf(process)).toEqual([3])
    process.storeAcks(0)
    expect(process.header.dropped).toEqual({ 'in-source: deleted before it was read': 3 })
  })

  test('goes on behind it when it is opened again without one', () => {
    const first = open({ inputs: [{ ...INPUT, cutOffset: 3 }] })
    receive(first)
    const step = first.step(0)
    if (step.kind !== 'commit') throw new Error('a commit')
    const process = open({ turns: [step.commit.bytes] })
    expect(positionsOf(process)).toEqual([3])
    // Batches without an acknowledgement are sent again.
    expect(run(process, 0)).toEqual({ shared: 5, own: 5 })
  })
})

test('a muted topic gets nothing, and other topics get everything', () => {
  const topic = { partitions: 1, batchBytesMax: 100_000 }
  const outputs = new Map([
    ['shared', { ...topic, topic: 'shared', isMuted: true }],
    ['own', { ...topic, topic: 'own' }],
  ])
  const process = open({ outputs })
  expect(run(process, 0)).toEqual({ own: 5 })
  expect(process.header.recordsCount).toBe(5)
})

test('a clock that stands runs no punctuation, also not in a turn of records', () => {
  const first = open()
  const step = first.step(0)
  if (step.kind !== 'commit') throw new Error('a commit')
  const turns = [step.commit.bytes]
  expect(run(open({ turns, isClockStopped: true }), 5_000)).toEqual({ shared: 5, own: 5 })
  // With the clock there is the tick that is due.
  expect(run(open({ turns }), 5_000)).toEqual({ shared: 5, own: 6 })
})

describe('a task that reads ahead', () => {
  const value = new TextEncoder().encode('x')
  const fetched = (from: number, to: number) => ({
    ...{ from, to, isAtEnd: false },
    records: Array.from({ length: to - from }, (_, index) => {
      return { offset: from + index, timestamp: 0, key: value, value, headers: [] }
    }),
  })
  const wanted = (process: TaskProcess) => process.wanted().map(({ offset }) => offset)

  test('asks for more when it processes what it fetched last, and has two fetches at most', () => {
    const process = open({ turnRecordsMax: 3 })
    expect(wanted(process)).toEqual([0])
    process.receive(INPUT, fetched(0, 4))
    expect(wanted(process)).toEqual([4])
    process.receive(INPUT, fetched(4, 8))
    expect(wanted(process)).toEqual([])
    process.step(0)
    expect(positionsOf(process)).toEqual([3])
    expect(wanted(process)).toEqual([])
    process.step(0)
    expect(positionsOf(process)).toEqual([6])
    expect(wanted(process)).toEqual([8])
  })

  test('asks for more when a fetch had offsets without records only', () => {
    const process = open()
    process.receive(INPUT, { from: 0, to: 9, isAtEnd: false, records: [] })
    expect(wanted(process)).toEqual([9])
  })
})
