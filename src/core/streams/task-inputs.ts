/** The inputs of a task: what is fetched of each and not processed yet, and the cut at which it stops. */
import type { LogRecord } from '../batch/record.ts'
import type { TurnInput } from './task-run.ts'

/** One partition of a topic that a task reads. */
export interface TaskInput {
  /** The source or repartition by which its records come in. */
  readonly node: string
  readonly topic: string
  readonly partition: number
  /** Where the task begins to read. */
  readonly startOffset: number
  /** The task processes no record at or above it. */
  readonly cutOffset?: number
}

export type InputName = Pick<TaskInput, 'node' | 'topic' | 'partition'>

export type PositionedInput = TaskInput & { readonly offset: number }

/** The result of a fetch. */
export interface FetchedRecords {
  /** The first offset that the log still had; above the wanted one, if records were deleted before they were read. */
  readonly from: number
  readonly records: readonly LogRecord[]
  /** The offset behind the records. */
  readonly to: number
  /** True if the log ends there. */
  readonly isAtEnd: boolean
}

interface InputState {
  readonly input: TaskInput
  readonly name: string
  readonly cutOffset: number
  buffer: LogRecord[]
  /** The offset of the first buffered record of the last fetch. */
  lastFetchedFrom: number
  /** The offset behind the buffer. */
  fetchOffset: number
  isAtEnd: boolean
}

export class TaskInputs {
  readonly #inputs: readonly InputState[]

  /** @param positions The offset to read next, by the name of the input. */
  constructor(inputs: readonly TaskInput[], positions: Readonly<Record<string, number>>) {
    this.#inputs = inputs.map((input): InputState => {
      const name = inputName(input)
      const { startOffset, cutOffset = Number.POSITIVE_INFINITY } = input
      const fetchOffset = positions[name] ?? startOffset
      const isAtEnd = fetchOffset >= cutOffset
      const offsets = { fetchOffset, lastFetchedFrom: fetchOffset }
      return { input, name, cutOffset, buffer: [], ...offsets, isAtEnd }
    })
  }

  /** True if the record to process next is known. */
  get hasNext(): boolean {
    const canGoOn = this.#inputs.every(({ buffer, isAtEnd }) => buffer.length > 0 || isAtEnd)
    return canGoOn && this.#inputs.some(({ buffer }) => buffer.length > 0)
  }

  /**
   * Returns the inputs that may have more records, with the offset to fetch: those of which the last fetch is being
   * processed. So the records of two fetches are in memory at most, and none has to be waited for.
   */
  wanted(): readonly PositionedInput[] {
    return this.#inputs
      .filter((one) => !one.isAtEnd && positionOf(one) >= one.lastFetchedFrom)
      .map(({ input, fetchOffset }) => ({ ...input, offset: fetchOffset }))
  }

  /** Returns the position of each input: the offset of the first record that is not processed. */
  positions(): readonly PositionedInput[] {
    return this.#inputs.map((one) => ({ ...one.input, offset: positionOf(one) }))
  }

  /** Returns the inputs that do not stand at their cut. */
  open(): readonly PositionedInput[] {
    return this.positions().filter(
      ({ offset, cutOffset = Number.POSITIVE_INFINITY }) => offset < cutOffset,
    )
  }

  /** Returns the positions by the names of the inputs, as they are stored. */
  named(): ReadonlyArray<readonly [string, number]> {
    return this.#inputs.map((one) => [one.name, positionOf(one)])
  }

  turnInputs(): readonly TurnInput[] {
    return this.#inputs.map(({ input: { node, topic, partition }, buffer, isAtEnd }) => ({
      ...{ node, topic, partition },
      records: buffer,
      isAtEnd,
    }))
  }

  /** Adds fetched records, and returns how many the log had deleted before. */
  receive(wanted: InputName, { from, records, to, isAtEnd }: FetchedRecords): number {
    const input = this.#find(wanted)
    const { cutOffset } = input
    const lostCount = Math.max(0, Math.min(from, cutOffset) - input.fetchOffset)
    const bufferedBefore = input.buffer.length
    for (const record of records) {
      if (record.offset >= input.fetchOffset && record.offset < cutOffset) input.buffer.push(record)
    }
    input.lastFetchedFrom = input.buffer[bufferedBefore]?.offset ?? input.lastFetchedFrom
    input.fetchOffset = Math.max(input.fetchOffset, Math.min(to, cutOffset))
    input.isAtEnd = isAtEnd || input.fetchOffset >= cutOffset
    return lostCount
  }

  /** Notes that a topic may have new records. Those behind a cut are of no interest. */
  wake(topic: string, partition: number): void {
    for (const one of this.#inputs) {
      const isSame = one.input.topic === topic && one.input.partition === partition
      if (isSame && one.fetchOffset < one.cutOffset) one.isAtEnd = false
    }
  }

  /** Returns the record to process next of an input. */
  next(index: number): LogRecord | undefined {
    return this.#inputs[index]?.buffer[0]
  }

  /** Returns the counts of a turn that processes nothing. */
  none(): number[] {
    return this.#inputs.map(() => 0)
  }

  consume(consumed: readonly number[]): void {
    for (const [index, input] of this.#inputs.entries()) {
      const count = consumed[index] as number
      if (count > 0) input.buffer = input.buffer.slice(count)
    }
  }

  #find(wanted: InputName): InputState {
    const name = inputName(wanted)
    const found = this.#inputs.find((input) => input.name === name)
    if (found === undefined) throw new Error(`${name} is not an input of this task`)
    return found
  }
}

function inputName({ node, topic, partition }: InputName): string {
  return `${node}/${topic}/${partition}`
}

function positionOf({ buffer, fetchOffset }: InputState): number {
  return buffer[0]?.offset ?? fetchOffset
}
