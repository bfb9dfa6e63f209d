/**
 * Ends one decided transaction at its participants, some at a time. A participant that fails is called again in the
 * next round; each recognizes a transaction that it has ended, so a repeat is harmless.
 */
import { EdgelogError, type ErrorCode, type Result } from '../../src/core/errors.ts'
import type { GroupId } from '../../src/core/group/group-id.ts'
import {
  MARKER_TIMEOUT_MS,
  MARKERS_FANOUT_MAX,
  MARKERS_RETRY_MS_MAX,
  MARKERS_RETRY_MS_MIN,
} from '../../src/core/limits.ts'
import type { EndTransactionRequest } from '../../src/core/transaction/participant-api.ts'
import type { PartitionParticipant } from '../../src/core/transaction/partition-participant.ts'
import { report } from '../../src/events/report.ts'
import { type Clock, within } from './clock.ts'
import type { ParticipantCalls } from './participants.ts'

/** The participant is gone, or has ended a later transaction: nothing of this one can be open there. */
const NOTHING_OPEN: ReadonlySet<ErrorCode> = new Set([
  'unknown_topic_or_partition',
  'unknown_topic_id',
  'group_id_not_found',
  'transaction_coordinator_fenced',
])

export interface EndedParticipants {
  readonly transactionalId: string
  readonly partitions: readonly PartitionParticipant[]
  readonly groups: readonly GroupId[]
}

export class Ending {
  readonly #transactionalId: string
  readonly #clock: Clock
  /** Calls to the participants that have not ended the transaction. */
  #left: ReadonlyArray<() => Promise<Result<null>>>
  #failedRounds = 0
  #round: Promise<boolean> | undefined

  constructor(
    { transactionalId, partitions, groups }: EndedParticipants,
    request: EndTransactionRequest,
    calls: ParticipantCalls,
    clock: Clock,
  ) {
    this.#transactionalId = transactionalId
    this.#clock = clock
    this.#left = [
      ...partitions.map((partition) => () => calls.endAtPartition(partition, request)),
      ...groups.map((group) => () => calls.endAtGroup(group, request)),
    ]
  }

  /** Calls all participants that are left. Returns whether none is left then. Concurrent calls share one round. */
  run(): Promise<boolean> {
    this.#round ??= this.#runRound().finally(() => {
      this.#round = undefined
    })
    return this.#round
  }

  /** Pause before the next round. */
  get retryMs(): number {
    return Math.min(MARKERS_RETRY_MS_MIN * 2 ** (this.#failedRounds - 1), MARKERS_RETRY_MS_MAX)
  }

  async #runRound(): Promise<boolean> {
    const calls = this.#left
    const failed: Array<() => Promise<Result<null>>> = []
    let next = 0
    const work = async () => {
      for (let call = calls[next++]; call !== undefined; call = calls[next++]) {
        if (!(await this.#hasEnded(call))) failed.push(call)
      }
    }
    await Promise.all(Array.from({ length: MARKERS_FANOUT_MAX }, work))
    this.#left = failed
    if (failed.length > 0) this.#failedRounds += 1
    return failed.length === 0
  }

  async #hasEnded(call: () => Promise<Result<null>>): Promise<boolean> {
    try {
      const result = await within(this.#clock, MARKER_TIMEOUT_MS, call())
      if (result === undefined) throw new EdgelogError('unavailable', 'no response in time')
      if ('ok' in result || NOTHING_OPEN.has(result.error.code)) return true
      throw EdgelogError.fromBody(result.error)
    } catch (error) {
      report({ type: 'transaction_not_ended', transactionalId: this.#transactionalId, error })
      return false
    }
  }
}
