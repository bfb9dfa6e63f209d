/**
 * One task between its storage and its topics: it buffers records, makes turns, and keeps the batches that are not
 * acknowledged. The shell around it fetches, stores what `step` returns in one commit, and sends; only then does it
 * call again.
 */
import { DEAD_LETTERS, deadLetter, shownError } from './failed-record.ts'
import {
  CHECKPOINT_BYTES,
  CHECKPOINT_TURNS,
  PENDING_TURNS_MAX,
  TURN_RECORDS_MAX,
} from './limits.ts'
import {
  encodeOutgoing,
  type OutgoingContext,
  type OutputTopic,
  partitionName,
  type TurnOutput,
} from './outgoing.ts'
import type { SubTopology } from './split.ts'
import type { Checkpoint, LeafSource } from './stores/leaf-source.ts'
import {
  type FetchedRecords,
  type InputName,
  type PositionedInput,
  type TaskInput,
  TaskInputs,
} from './task-inputs.ts'
import { TaskRun, type TurnFailure, type TurnResult } from './task-run.ts'
import type { ErrorPolicy } from './topology.ts'
import {
  decodeTurn,
  encodeTurn,
  type OutgoingBatches,
  type OutgoingProducer,
  type ShownError,
  type TaskHeader,
} from './turn-row.ts'

export interface TaskProcessOptions {
  readonly sub: SubTopology
  readonly partition: number
  readonly inputs: readonly TaskInput[]
  /** By the name of the sink or repartition. */
  readonly outputs: ReadonlyMap<string, OutputTopic>
  readonly onError: ErrorPolicy
  readonly producerId: bigint
  readonly coalesces: boolean
  readonly leaves: LeafSource
  /** The stored turns, in their order. */
  readonly turns: readonly Uint8Array[]
  readonly nowMs: number
  readonly turnRecordsMax?: number
  /** True: no punctuation by the clock is run. */
  readonly isClockStopped?: boolean
}

/** One commit of the shell. */
export interface TurnCommit {
  readonly turn: number
  readonly bytes: Uint8Array<ArrayBuffer>
  readonly checkpoint?: Checkpoint
  /** Turns below it are no longer needed. */
  readonly forgetBelow: number
}

export type Step =
  | { readonly kind: 'commit'; readonly commit: TurnCommit }
  /** Nothing to do until records arrive, batches are acknowledged, or a punctuation is due. */
  | { readonly kind: 'wait' }
  /** A record cannot be processed, and the policy is to stop. */
  | { readonly kind: 'failed'; readonly error: ShownError }

interface PendingTurn {
  readonly turn: number
  readonly outgoing: readonly OutgoingBatches[]
}

export class TaskProcess {
  readonly run: TaskRun
  readonly #options: TaskProcessOptions
  readonly #inputs: TaskInputs
  #header: TaskHeader
  #pending: PendingTurn[] = []
  #bytesSinceCheckpoint = 0
  /** Records that were deleted before they were read; stored with the next turn. */
  readonly #lost = new Map<string, number>()
  /** When each output partition acknowledged last; stored with the next turn. */
  readonly #ackTimes = new Map<string, number>()

  constructor(options: TaskProcessOptions) {
    this.#options = options
    const { turns, inputs } = options
    const stored = turns.map(decodeTurn)
    this.#header = stored.at(-1)?.header ?? NEW_HEADER
    const cells = new Map(Object.entries(this.#header.cells))
    this.run = new TaskRun({ ...options, cells })
    const { checkpointTurn, acknowledgedTurn } = this.#header
    for (const [index, { header, state, outgoing }] of stored.entries()) {
      if (header.turn > checkpointTurn) {
        this.run.stores.apply(state)
        this.#bytesSinceCheckpoint += (turns[index] as Uint8Array).length
      }
      if (header.turn > acknowledgedTurn && outgoing.length > 0) {
        this.#pending.push({ turn: header.turn, outgoing })
      }
    }
    this.#inputs = new TaskInputs(inputs, this.#header.positions)
  }

  get header(): TaskHeader {
    return this.#header
  }

  /** The batches to send, the oldest turn first. Batches of one output partition are sent one after the other. */
  get pending(): readonly PendingTurn[] {
    return this.#pending
  }

  /** True if acknowledgements are known that no turn has stored yet. */
  get hasUnstoredAcks(): boolean {
    return this.#ackTimes.size > 0
  }

  /** Returns the inputs to fetch from, with the offset. */
  wanted(): readonly PositionedInput[] {
    return this.#inputs.wanted()
  }

  /** Returns the position of each input: the offset of the first record that is not processed. */
  positions(): readonly PositionedInput[] {
    return this.#inputs.positions()
  }

  /** Returns the inputs that may have more records: those that do not stand at their cut. */
  open(): readonly PositionedInput[] {
    return this.#inputs.open()
  }

  /** Adds fetched records. Offsets that the log no longer has are counted as dropped. */
  receive(input: InputName, fetched: FetchedRecords): void {
    const lostCount = this.#inputs.receive(input, fetched)
    if (lostCount === 0) return
    const name = `${input.node}: deleted before it was read`
    this.#lost.set(name, (this.#lost.get(name) ?? 0) + lostCount)
  }

  /** Notes that a topic may have new records. */
  wake(topic: string, partition: number): void {
    this.#inputs.wake(topic, partition)
  }

  /** Notes that a turn's batches for one output partition are in the log. */
  acknowledge(turn: number, { topic, partition }: OutgoingBatches, nowMs: number): void {
    this.#ackTimes.set(partitionName(topic, partition), nowMs)
    this.#pending = this.#pending.flatMap((one) => {
      if (one.turn !== turn) return [one]
      const outgoing = one.outgoing.filter(
        (batches) => batches.topic !== topic || batches.partition !== partition,
      )
      return outgoing.length === 0 ? [] : [{ turn, outgoing }]
    })
  }

  /** Makes a turn if there is something to process. */
  step(nowMs: number): Step {
    if (this.#pending.length >= PENDING_TURNS_MAX) return { kind: 'wait' }
    const clockMs = this.#options.isClockStopped === true ? undefined : nowMs
    const { nextPunctuationMs = Number.POSITIVE_INFINITY } = this.#header
    const isPunctuationDue = clockMs !== undefined && nextPunctuationMs <= clockMs
    const hasTime = isPunctuationDue || this.run.hasUnstoredSchedule
    if (!this.#inputs.hasNext && !hasTime) return { kind: 'wait' }
    const recordsMax = this.#options.turnRecordsMax ?? TURN_RECORDS_MAX
    const inputs = this.#inputs.turnInputs()
    const outgoing = this.#outgoing(nowMs)
    const result = this.run.turn({ inputs, recordsMax, nowMs, clockMs, outgoing })
    if ('failure' in result) return this.#fail(result.failure, nowMs)
    return { kind: 'commit', commit: this.#commit(result) }
  }

  /** Returns a commit that stores acknowledgements and nothing else. */
  storeAcks(nowMs: number): TurnCommit {
    return this.#commit(this.#emptyTurn([], nowMs))
  }

  #fail(failure: TurnFailure, nowMs: number): Step {
    const error = shownError(failure, nowMs)
    const { onError } = this.#options
    const { input } = failure
    const record = input === undefined ? undefined : this.#inputs.next(input)
    if (onError === 'stop' || record === undefined) return { kind: 'failed', error }
    const dropped = new Map([[`${failure.node}: error`, 1]])
    const consumed = this.#inputs.none().map((_, index) => (index === input ? 1 : 0))
    try {
      const outputs = onError === 'skip' ? [] : [deadLetter(record, error)]
      const result = { ...this.#emptyTurn(outputs, nowMs), consumed, dropped }
      return { kind: 'commit', commit: this.#commit(result, error) }
    } catch (cause) {
      return {
        kind: 'failed',
        error: shownError({ ...failure, node: DEAD_LETTERS, error: cause }, nowMs),
      }
    }
  }

  /** Returns a turn that processes nothing. */
  #emptyTurn(outputs: readonly TurnOutput[], nowMs: number): TurnResult {
    return {
      consumed: this.#inputs.none(),
      state: { changes: [], drops: [] },
      cells: new Map(),
      outgoing: encodeOutgoing(outputs, this.#outgoing(nowMs)),
      dropped: new Map(),
      nextPunctuationMs: this.#header.nextPunctuationMs,
    }
  }

  #commit(result: TurnResult, lastError = this.#header.lastError): TurnCommit {
    const { producers, batches } = result.outgoing
    this.#ackTimes.clear()
    this.#inputs.consume(result.consumed)
    const turn = this.#header.turn + 1
    const acknowledgedTurn = (this.#pending[0]?.turn ?? turn) - 1
    const { checkpointTurn, recordsCount } = this.#header
    const isCheckpoint =
      this.#bytesSinceCheckpoint >= CHECKPOINT_BYTES || turn - checkpointTurn >= CHECKPOINT_TURNS
    const { nextPunctuationMs } = result
    const positions = this.#inputs.named()
    this.#header = {
      turn,
      checkpointTurn: isCheckpoint ? turn : checkpointTurn,
      acknowledgedTurn:
        batches.length === 0 && this.#pending.length === 0 ? turn : acknowledgedTurn,
      positions: Object.fromEntries(positions),
      cells: { ...this.#header.cells, ...Object.fromEntries(result.cells) },
      producers,
      dropped: added(added(this.#header.dropped, result.dropped), this.#lost),
      recordsCount: recordsCount + result.consumed.reduce((sum, count) => sum + count, 0),
      ...(nextPunctuationMs === undefined ? {} : { nextPunctuationMs }),
      ...(lastError === undefined ? {} : { lastError }),
    }
    this.#lost.clear()
    if (batches.length > 0) this.#pending.push({ turn, outgoing: batches })
    const bytes = encodeTurn({ header: this.#header, state: result.state, outgoing: batches })
    this.#bytesSinceCheckpoint = isCheckpoint ? 0 : this.#bytesSinceCheckpoint + bytes.length
    const forgetBelow = Math.min(this.#header.checkpointTurn, this.#header.acknowledgedTurn)
    if (!isCheckpoint) return { turn, bytes, forgetBelow: 0 }
    const checkpoint = this.run.checkpoint()
    this.run.stores.evict()
    return { turn, bytes, checkpoint, forgetBelow }
  }

  #outgoing(nowMs: number): OutgoingContext {
    const producers: Record<string, OutgoingProducer> = { ...this.#header.producers }
    for (const [name, lastAckMs] of this.#ackTimes) {
      const producer = producers[name]
      if (producer !== undefined) producers[name] = { ...producer, lastAckMs }
    }
    const { outputs: topics, producerId, partition } = this.#options
    const waiting = this.#pending.flatMap(({ outgoing }) => outgoing)
    const pending = new Set(waiting.map((one) => partitionName(one.topic, one.partition)))
    return { topics, producerId, producers, pending, nowMs, partition }
  }
}

const NEW_HEADER: TaskHeader = {
  turn: 0,
  checkpointTurn: 0,
  acknowledgedTurn: 0,
  positions: {},
  cells: {},
  producers: {},
  dropped: {},
  recordsCount: 0,
}

function added(
  counts: Readonly<Record<string, number>>,
  more: ReadonlyMap<string, number>,
): Readonly<Record<string, number>> {
  if (more.size === 0) return counts
  const sums = { ...counts }
  for (const [name, count] of more) sums[name] = (sums[name] ?? 0) + count
  return sums
}
