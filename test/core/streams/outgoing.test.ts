/**
 * Question: does a log take each batch of a task once, whenever it is sent again, and whatever the log has forgotten?
 * Contract: S1 and S2 of docs/GUARANTEES.md. Model: the log's own decision on sequences.
 */
import { describe, expect, it } from 'vitest'
import { int64, text, topology } from '../../../client/streams/index.ts'
import { type BatchHeader, readBatchHeaders } from '../../../src/core/batch/record-batch.ts'
import {
  decideSequence,
  type ProducerState,
  rememberBatch,
} from '../../../src/core/log/producer-state.ts'
import { PENDING_TURNS_MAX, PRODUCER_SILENCE_MS_MAX } from '../../../src/core/streams/limits.ts'
import { splitTopology } from '../../../src/core/streams/split.ts'
import { MemoryLeaves } from '../../../src/core/streams/stores/leaf-source.ts'
import { TaskProcess, type TurnCommit } from '../../../src/core/streams/task-process.ts'

const counts = topology('app', (builder) => {
  const stream = builder.stream<string, string>('in', { key: text, value: text })
  stream.groupByKey().count({ name: 'counts' }).toStream().to('out', { value: int64 })
})
const sink = 'counts-to-out'

/** The log of the sink: what it remembers of the producer, and the records that it took. */
class Log {
  records = 0
  #state: ProducerState | undefined

  append(batches: Uint8Array): string {
    let last = ''
    for (const header of readBatchHeaders(batches)) last = this.#take(header)
    return last
  }

  /** As after 30 days without a batch of the producer. */
  forget(): void {
    this.#state = undefined
  }

  #take(header: BatchHeader): string {
    const { kind } = decideSequence(this.#state, header, 'resendable')
    if (kind === 'append') {
      this.#state = rememberBatch(this.#state, header, this.records, null)
      this.records += header.recordsCount
    }
    return kind
  }
}

class Task {
  readonly leaves = new MemoryLeaves()
  turns: TurnCommit[] = []
  nowMs = 1_000
  #offset = 0
  process = this.#open()

  #open(): TaskProcess {
    const [sub] = splitTopology(counts)
    if (sub === undefined) throw new Error('a sub-topology')
    return new TaskProcess({
      ...{ sub, partition: 0, onError: 'stop', producerId: 7n, coalesces: false },
      inputs: [{ node: 'in-source', topic: 'in', partition: 0, startOffset: 0 }],
      outputs: new Map([[sink, { topic: 'out', partitions: 1, batchBytesMax: 100_000 }]]),
      leaves: this.leaves,
      turns: this.turns.map(({ bytes }) => bytes),
      nowMs: this.nowMs,
    })
  }

  restart(): void {
    this.process = this.#open()
  }

  store(commit: TurnCommit): void {
    this.turns.push(commit)
    if (commit.checkpoint !== undefined) this.leaves.write(commit.checkpoint)
    this.turns = this.turns.filter(({ turn }) => turn >= commit.forgetBelow)
  }

  /** Processes one record in a turn of its own. */
  turn(): boolean {
    const value = new TextEncoder().encode('x')
    const record = { offset: this.#offset, timestamp: 0, key: value, value, headers: [] }
    const input = { node: 'in-source', topic: 'in', partition: 0 }
    const from = this.#offset
    this.process.receive(input, { from, records: [record], to: from + 1, isAtEnd: true })
    const step = this.process.step(this.nowMs)
    if (step.kind !== 'commit') return false
    this.#offset++
    this.store(step.commit)
    return true
  }

  /** Sends what is pending; without `isAcknowledged` the responses are lost. */
  send(log: Log, isAcknowledged = true): string[] {
    return [...this.process.pending].flatMap(({ turn, outgoing }) =>
      outgoing.map((one) => {
        const kind = log.append(one.batches)
        if (isAcknowledged) this.process.acknowledge(turn, one, this.nowMs)
        return kind
      }),
    )
  }
}

describe('the batches of a task', () => {
  it('are duplicates when they are sent again after a restart', () => {
    const [task, log] = [new Task(), new Log()]
    for (let turn = 0; turn < 3; turn++) task.turn()
    expect(task.send(log, false)).toEqual(['append', 'append', 'append'])
    task.restart()
    expect(task.send(log)).not.toContain('append')
    task.turn()
    expect(task.send(log)).toEqual(['append'])
    expect(log.records).toBe(4)
  })

  it('hold the task back until some are acknowledged', () => {
    const task = new Task()
    for (let turn = 0; turn < PENDING_TURNS_MAX; turn++) expect(task.turn()).toBe(true)
    expect(task.turn()).toBe(false)
    task.send(new Log())
    expect(task.turn()).toBe(true)
  })

  it('begin a new epoch where the log has forgotten the producer, and not before', () => {
    const [task, log] = [new Task(), new Log()]
    task.turn()
    task.send(log)
    task.nowMs += PRODUCER_SILENCE_MS_MAX
    task.turn()
    expect(task.send(log)).toEqual(['append'])
    expect(task.process.header.producers).toMatchObject({ 'out/0': { epoch: 0, nextSequence: 2 } })
    task.nowMs += PRODUCER_SILENCE_MS_MAX + 1
    log.forget()
    task.turn()
    expect(task.send(log)).toEqual(['append'])
    expect(task.process.header.producers).toMatchObject({ 'out/0': { epoch: 1, nextSequence: 1 } })
  })

  it('would be refused without the new epoch', () => {
    const [task, log] = [new Task(), new Log()]
    task.turn()
    task.send(log)
    log.forget()
    task.turn()
    expect(task.send(log)).toEqual(['unknown_producer'])
  })

  it('are not sent again once their acknowledgement is stored, even if the log has forgotten them', () => {
    const [task, log] = [new Task(), new Log()]
    task.turn()
    task.send(log)
    expect(task.process.hasUnstoredAcks).toBe(true)
    task.store(task.process.storeAcks(task.nowMs))
    expect(task.process.hasUnstoredAcks).toBe(false)
    log.forget()
    task.restart()
    expect(task.send(log)).toEqual([])
    expect(log.records).toBe(1)
  })

  it('would be doubled if the acknowledgement were only in memory', () => {
    const [task, log] = [new Task(), new Log()]
    task.turn()
    task.send(log)
    log.forget()
    task.restart()
    expect(task.send(log)).toEqual(['append'])
    expect(log.records).toBe(2)
  })
})
