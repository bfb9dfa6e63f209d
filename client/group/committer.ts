/** Commits offsets: one call at a time, so that commits of a partition stay in order. */
import { EdgelogError, type ErrorCode } from '../../src/core/errors.ts'
import { COMMIT_OFFSETS_MAX } from '../../src/core/limits.ts'
import { sleep } from '../clock.ts'
import { retryDelayMs } from '../http/backoff.ts'
import type { Connection } from '../http/connection.ts'
import { isTransient } from '../http/request-error.ts'
import {
  CALLS_PER_SESSION,
  COMMIT_TIMEOUT_MS,
  REQUEST_TIMEOUT_MS,
  RETRY_BACKOFF_MS,
  RETRY_BACKOFF_MS_MAX,
} from '../limits.ts'
import { type CommittingMember, commitOffsets, type OffsetCommit } from './group-calls.ts'
import type { GroupConsumerSettings } from './group-consumer-options.ts'

export interface PendingCommit extends OffsetCommit {
  /** False if the partition was given up or lost: its new owner may have committed further. */
  readonly isHeld: () => boolean
  readonly acknowledge: () => void
  /** Continues at the committed offset. */
  readonly restart: () => void
}

interface CommitterContext {
  readonly connection: Connection
  readonly settings: GroupConsumerSettings
  readonly committing: () => CommittingMember | undefined
}

interface CommitAttempt {
  readonly deadlineMs: number
  readonly end: AbortSignal
}

/** Errors of single partitions: the other offsets of the call may be accepted without them. */
const PARTITION_ERRORS: ReadonlySet<ErrorCode> = new Set([
  'stale_member_epoch',
  'offset_out_of_range',
  'unknown_topic_or_partition',
])

/** Errors of partitions or of a member that the group no longer has. */
const OWNERSHIP_ERRORS: ReadonlySet<ErrorCode> = new Set([
  ...PARTITION_ERRORS,
  'unknown_member_id',
  'fenced_instance_id',
  'group_id_not_found',
])

/** Returns whether an automatic commit may ignore this error: its records are delivered again elsewhere. */
export function isHarmless(error: unknown): boolean {
  return isTransient(error) || isOneOf(OWNERSHIP_ERRORS, error)
}

export class Committer {
  readonly #context: CommitterContext
  #last: Promise<void> = Promise.resolve()
  #queued = 0
  #end = new AbortController()
  /** Ends the pause before a retry. */
  #pause = new AbortController()

  constructor(context: CommitterContext) {
    this.#context = context
  }

  get isBusy(): boolean {
    return this.#queued > 0
  }

  /**
   * Commits the offsets that `select` returns once the earlier
   * commits are done, or gives up `COMMIT_TIMEOUT_MS` from now.
   *
   * @throws {EdgelogError} the first error; all other offsets are committed
   */
  commit(select: () => readonly PendingCommit[]): Promise<void> {
    this.#queued += 1
    const attempt = {
      deadlineMs: this.#context.connection.clock.now() + COMMIT_TIMEOUT_MS,
      end: this.#end.signal,
    }
    const commit = this.#last
      .then(() => this.#commit(select(), attempt))
      .finally(() => {
        this.#queued -= 1
      })
    this.#last = commit.catch(() => undefined)
    return commit
  }

  /** Aborts all commits requested so far, including the call in flight. */
  abort(): void {
    this.#end.abort()
    this.#end = new AbortController()
    this.retryNow()
  }

  /** Retries a waiting commit at once, because others wait behind it. */
  retryNow(): void {
    this.#pause.abort()
    this.#pause = new AbortController()
  }

  async #commit(pending: readonly PendingCommit[], attempt: CommitAttempt): Promise<void> {
    const refused: unknown[] = []
    for (let first = 0; first < pending.length; first += COMMIT_OFFSETS_MAX) {
      const part = pending.slice(first, first + COMMIT_OFFSETS_MAX)
      refused.push(...(await this.#send(part, attempt)))
    }
    if (refused.length > 0) throw refused[0]
  }

  /** Sends offsets. The server rejects a commit as a whole, so it is halved until only the invalid offsets fail. */
  async #send(pending: readonly PendingCommit[], attempt: CommitAttempt): Promise<unknown[]> {
    const error = await this.#try(pending, attempt)
    if (error === undefined) return []
    if (pending.length === 1 || !isOneOf(PARTITION_ERRORS, error)) return [error]
    const middle = pending.length >> 1
    return [
      ...(await this.#send(pending.slice(0, middle), attempt)),
      ...(await this.#send(pending.slice(middle), attempt)),
    ]
  }

  /** @returns the error; undefined if it is committed */
  async #try(
    pending: readonly PendingCommit[],
    { deadlineMs, end }: CommitAttempt,
  ): Promise<unknown> {
    const { connection, settings, committing } = this.#context
    const { clock } = connection
    const { groupId, sessionTimeoutMs } = settings
    const timeoutMs = Math.min(REQUEST_TIMEOUT_MS, sessionTimeoutMs / CALLS_PER_SESSION)
    const offsets = pending.map(offsetOf)
    for (let attempts = 1; ; attempts++) {
      if (end.aborted) return new EdgelogError('unavailable', 'the consumer is leaving its group')
      const member = committing()
      if (member === undefined) {
        return new EdgelogError('unknown_member_id', 'the consumer is not in the group')
      }
      if (!pending.every(({ isHeld }) => isHeld())) {
        return new EdgelogError('stale_member_epoch', 'the partition belongs to another member')
      }
      try {
        await commitOffsets(connection, groupId, member, offsets, { timeoutMs, signal: end })
        for (const { acknowledge } of pending) acknowledge()
        return undefined
      } catch (error) {
        if (end.aborted) continue
        // A heartbeat has changed the epoch meanwhile.
        const isOldEpoch = committing()?.memberEpoch !== member.memberEpoch
        if (isOldEpoch && isOneOf(OWNERSHIP_ERRORS, error)) continue
        if (!isTransient(error) || clock.now() >= deadlineMs) return error
        await sleep(
          clock,
          retryDelayMs(connection, error, attempts, RETRY_BACKOFF_MS, RETRY_BACKOFF_MS_MAX),
          this.#pause.signal,
        )
      }
    }
  }
}

function isOneOf(codes: ReadonlySet<ErrorCode>, error: unknown): boolean {
  return error instanceof EdgelogError && codes.has(error.code)
}

function offsetOf({ topic, partition, offset, metadata }: PendingCommit): OffsetCommit {
  return { topic, partition, offset, ...(metadata !== undefined && { metadata }) }
}
