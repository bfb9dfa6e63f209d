/**
 * Collects the commits that arrive while another is being written, and writes them together: only the last one per
 * partition, so that a partition costs one row per turn however many members commit. Each commit is checked in the turn
 * that writes it, so a member that was fenced while its commit waited gets an error.
 */
import { EdgelogError, type Result, resultOf } from '../../src/core/errors.ts'
import type { CommitRequest, OffsetToCommit } from '../../src/core/group/group-api.ts'
import {
  partitionKey,
  type TransactionalOffsets,
} from '../../src/core/group/pending/pending-offsets.ts'
import { PENDING_COMMITS_MAX, THROTTLE_MS } from '../../src/core/limits.ts'

interface Entry {
  readonly request: CommitRequest
  readonly settle: (result: Result<null>) => void
}

export interface CommitTarget {
  /**
   * Checks one request.
   *
   * @param collected offsets of earlier requests that the same turn writes.
   * @throws {EdgelogError} if the request may not commit now.
   */
  check(request: CommitRequest, collected: ReadonlyMap<string, OffsetToCommit>): void
  /** Writes all offsets; each partition occurs once. */
  write(offsets: Iterable<OffsetToCommit>): void
  /**
   * Makes the offsets of a transaction pending.
   *
   * @throws {EdgelogError} if the transaction may not commit them; then nothing has changed.
   */
  writePending(offsets: TransactionalOffsets): void
  /** Drops this turn and all state in memory. */
  abort(error: unknown): void
  /** Resolves when the written offsets are durable. */
  durable(): Promise<void>
}

export class CommitQueue {
  readonly #target: CommitTarget
  #entries: Entry[] = []
  #pendingOffsets = 0
  #isCommitting = false

  constructor(target: CommitTarget) {
    this.#target = target
  }

  push(request: CommitRequest): Promise<Result<null>> {
    const count = request.offsets.length
    if (this.#pendingOffsets + count > PENDING_COMMITS_MAX) {
      const error = new EdgelogError('throttled', 'the group has too many commits waiting', {
        details: { retryAfterMs: THROTTLE_MS },
      })
      return Promise.resolve({ error: error.toBody() })
    }
    this.#pendingOffsets += count
    return new Promise((resolve) => {
      const settle = (result: Result<null>) => {
        this.#pendingOffsets -= count
        resolve(result)
      }
      this.#entries.push({ request, settle })
      if (!this.#isCommitting) void this.#run()
    })
  }

  async #run(): Promise<void> {
    this.#isCommitting = true
    try {
      while (this.#entries.length > 0) {
        this.#commitTogether()
        await this.#target.durable()
      }
    } catch (error) {
      this.#target.abort(error)
    } finally {
      this.#isCommitting = false
    }
  }

  /** Decides, writes and then resolves the calls, in one synchronous turn. */
  #commitTogether(): void {
    const entries = this.#entries
    this.#entries = []
    const offsets = new Map<string, OffsetToCommit>()
    const results = entries.map(({ request }) =>
      resultOf(() => {
        this.#target.check(request, offsets)
        const { transaction } = request
        if (transaction !== undefined) {
          // Commits that arrived earlier must not replace the pending offsets.
          this.#target.write(offsets.values())
          offsets.clear()
          this.#target.writePending({ transaction, offsets: request.offsets })
          return null
        }
        for (const offset of request.offsets) offsets.set(partitionKey(offset), offset)
        return null
      }),
    )
    this.#target.write(offsets.values())
    for (const [index, { settle }] of entries.entries()) settle(results[index] ?? { ok: null })
  }
}
