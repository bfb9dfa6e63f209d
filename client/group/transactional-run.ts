/** Handles the batches of a group in transactions: each is handled once, with all that its handler sends. */
import { EdgelogError, type ErrorCode } from '../../src/core/errors.ts'
import { sleep } from '../clock.ts'
import { backoffMs } from '../http/backoff.ts'
import type { Connection } from '../http/connection.ts'
import { RESUME_BACKOFF_MS, RESUME_BACKOFF_MS_MAX } from '../limits.ts'
import type { Producer } from '../producer/producer.ts'
import { TransactionAbortedError } from '../producer/transaction/transaction-error.ts'
import type { ConsumerOffsets } from '../producer/transaction/transaction-parts.ts'
import type { PendingCommit } from './committer.ts'
import type { GroupMember, Work } from './group-member.ts'
import type { TransactionalBatchHandler } from './handlers.ts'

/** Reasons after which another transaction with the batch may succeed, here or by its next owner. */
const PASSING: ReadonlySet<ErrorCode> = new Set([
  // The group has another assignment.
  'stale_member_epoch',
  'fenced_member_epoch',
  'illegal_generation',
  'unknown_member_id',
  'group_id_not_found',
  // The transaction was ended by its timeout or by an operator.
  'invalid_producer_epoch',
  'invalid_producer_id_mapping',
  'invalid_txn_state',
])

export class TransactionalRun {
  readonly #connection: Connection
  readonly #member: GroupMember
  readonly #producer: Producer
  /** Aborted transactions since the last one that was committed. */
  #aborts = 0

  constructor(connection: Connection, member: GroupMember, producer: Producer) {
    this.#connection = connection
    this.#member = member
    this.#producer = producer
  }

  /**
   * @throws the error of `handler`; an error that another transaction cannot solve; `unavailable` if the outcome is
   * unknown: once the member has left, the group refuses the transaction if it arrives late
   */
  async handle(work: Work, handler: TransactionalBatchHandler): Promise<void> {
    const { signal } = work.held.stop
    let isBegun = false
    let isHandled = false
    let isFinished = false
    try {
      await this.#producer.transaction(async (tx) => {
        isBegun = true
        await handler(work.batch, { signal, tx })
        isHandled = true
        tx.commitOffsets({ offsetsToCommit: () => offsetsToCommit(this.#member, [], work) })
      })
      isFinished = true
      this.#aborts = 0
    } catch (error) {
      // A handler that stops early, because its partition is revoked, throws any error.
      const isStopped = signal.aborted && !isHandled
      // `close()` of the client closes the producer too.
      const isClosing = !isBegun && this.#member.readers.signal.aborted
      if (!isStopped && !isClosing && !isPassing(error, isHandled)) throw error
    } finally {
      this.#member.end(work, isFinished)
    }
    if (isFinished) return
    this.#aborts += 1
    const { clock, random } = this.#connection
    const delayMs = backoffMs(this.#aborts, RESUME_BACKOFF_MS, RESUME_BACKOFF_MS_MAX, random)
    await sleep(clock, delayMs, this.#member.readers.signal)
  }
}

/**
 * Returns the offsets that a transaction commits, under the member's id and epoch.
 *
 * @param work The batch that the transaction finishes.
 * @throws {EdgelogError} `unknown_member_id`, `stale_member_epoch`.
 */
export function offsetsToCommit(
  member: GroupMember,
  due: readonly PendingCommit[],
  work?: Work,
): ConsumerOffsets {
  const { groupId, member: committing } = member.committing
  if (committing === undefined) {
    throw new EdgelogError('unknown_member_id', 'the consumer is not in the group')
  }
  const own =
    work === undefined ? [] : [member.held.pendingCommit(work.held, work.batch.nextOffset)]
  const commits = [...due, ...own]
  if (!commits.every(({ isHeld }) => isHeld())) {
    throw new EdgelogError('stale_member_epoch', 'the partition belongs to another member')
  }
  return {
    groupId,
    member: committing,
    offsets: commits.map(({ topic, partition, offset }) => ({ topic, partition, offset })),
    committed: () => {
      if (work !== undefined) work.held.offsets.finish(work.delivery)
      for (const { acknowledge } of commits) acknowledge()
    },
    rewind: () => {
      for (const { restart } of commits) restart()
    },
  }
}

/** An automatic commit during a transaction would drop the offsets of the transaction. */
export function autoCommitError(): EdgelogError {
  const why = 'false is required to commit offsets with a transaction outside of run()'
  return new EdgelogError('invalid_request', `autoCommit: ${why}`)
}

/** Returns whether nothing was committed, and another transaction with the same batch may succeed. */
function isPassing(error: unknown, isHandled: boolean): boolean {
  if (error instanceof TransactionAbortedError) {
    return error.retryable || PASSING.has(error.reason?.code ?? error.code)
  }
  // Errors of the handler itself end the run.
  if (!isHandled || !(error instanceof EdgelogError) || error.mayHaveTakenEffect) return false
  return error.retryable || PASSING.has(error.code)
}
