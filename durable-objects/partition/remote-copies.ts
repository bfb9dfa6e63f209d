/**
 * The copies of a log in R2 that are written, and those whose chunks may leave the partition: decides on the next ones,
 * and writes their rows. All calls are synchronous; `remote-tier.ts` calls R2 between them.
 */
import { REMOTE_IN_DOUBT_MS, REMOTE_OBJECT_ABORTED_MAX } from '../../src/core/limits.ts'
import type { ChunkSpan } from '../../src/core/log/chunk.ts'
import type { PartitionAssignment } from '../../src/core/log/partition-api.ts'
import { isLocallyExpired, locallyExpiresAtMs } from '../../src/core/log/remote/local-retention.ts'
import { type CopyPlan, isCopying, planCopy } from '../../src/core/log/remote/plan-copy.ts'
import { objectKey } from '../../src/core/log/remote/remote-segment.ts'
import type { AbortedTransaction } from '../../src/core/log/transactions.ts'
import type { LogWriter } from './log-writer.ts'
import type { RemoteLog } from './remote-log.ts'
import type { LiveSegment, RemoteChange, RemoteTable } from './remote-table.ts'
import { takeWhile } from './take.ts'

/** One attempt to write an object. */
export interface CopyAttempt extends RemoteChange {
  /** Until then, an earlier attempt may still take effect; 0 if there was none. */
  readonly earlierInDoubtUntilMs: number
}

export class RemoteCopies {
  readonly remote: RemoteLog
  readonly #table: RemoteTable
  readonly #rows: LogWriter

  constructor(remote: RemoteLog, rows: LogWriter) {
    this.remote = remote
    this.#table = remote.table
    this.#rows = rows
  }

  /** Returns when there is something to do with R2; undefined if nothing is known. */
  dueAtMs(assignment: PartitionAssignment, nowMs: number): number | undefined {
    const { config } = assignment
    if (!this.#table.isUsed && !isCopying(config)) return undefined
    if (this.#table.changes('copying', 1).length > 0) return nowMs
    const [deleting] = this.#table.changes('deleting', 1)
    const plan = this.#planCopy(assignment, nowMs)
    const evictable = this.remote.oldestInBoth
    const times = [
      deleting?.inDoubtUntilMs,
      plan.chunks.length > 0 ? nowMs : plan.dueAtMs,
      this.nextToEvict(assignment, nowMs) !== undefined ? nowMs : undefined,
      evictable === undefined ? undefined : locallyExpiresAtMs(evictable, config),
    ].filter((time) => time !== undefined)
    return times.length === 0 ? undefined : Math.max(nowMs, Math.min(...times))
  }

  /** Names the next object, if one is due. From now on its name is stored, so that it is never forgotten. */
  beginCopy(
    assignment: PartitionAssignment,
    suffix: string,
    nowMs: number,
  ): CopyAttempt | undefined {
    let { chunks } = this.#planCopy(assignment, nowMs)
    while (chunks.length > 1 && this.#abortedIn(chunks).length > REMOTE_OBJECT_ABORTED_MAX) {
      chunks = chunks.slice(0, Math.ceil(chunks.length / 2))
    }
    const [first] = chunks
    const last = chunks.at(-1)
    if (first === undefined || last === undefined) return undefined
    const { baseOffset } = first
    const key = objectKey(assignment, baseOffset, suffix)
    const { endOffset } = last
    return this.#attempt({ key, state: 'copying', baseOffset, endOffset, inDoubtUntilMs: 0 }, nowMs)
  }

  /** Begins the next attempt of a copy that was not completed. */
  resumeCopy(nowMs: number): CopyAttempt | undefined {
    const [copying] = this.#table.isUsed ? this.#table.changes('copying', 1) : []
    return copying === undefined ? undefined : this.#attempt(copying, nowMs)
  }

  #attempt(copying: RemoteChange, nowMs: number): CopyAttempt {
    const change = { ...copying, inDoubtUntilMs: nowMs + REMOTE_IN_DOUBT_MS }
    this.#table.writeChange(change)
    return { ...change, earlierInDoubtUntilMs: copying.inDoubtUntilMs }
  }

  /** Notes that R2 has responded to an attempt: it takes no effect any more. */
  settleCopy({ key, earlierInDoubtUntilMs }: CopyAttempt): void {
    const change = this.#table.change(key)
    if (change === undefined) return
    this.#table.writeChange({ ...change, inDoubtUntilMs: earlierInDoubtUntilMs })
  }

  #planCopy({ config }: PartitionAssignment, nowMs: number): CopyPlan {
    const { checkpoint, oldest, ends } = this.#rows
    if (!isCopying(config) || oldest === undefined) return { chunks: [] }
    const gap = this.#gapBefore(oldest)
    const from = gap === undefined ? this.#copiedOffset : oldest.baseOffset
    const sealed = Math.min(checkpoint.sealedOffset, checkpoint.offset, ends.lastStableOffset)
    const endOffset = gap ?? sealed
    if (from >= endOffset) return { chunks: [] }
    const uncopied = takeWhile(this.#chunksSince(from), (span) => span.endOffset <= endOffset)
    // Chunks between segments are as many as they will ever be.
    return planCopy(uncopied, config, gap === undefined ? nowMs : Number.POSITIVE_INFINITY)
  }

  get #copiedOffset(): number {
    return this.#table.isUsed ? (this.#table.last()?.endOffset ?? 0) : 0
  }

  /** Returns where the segments begin if the oldest chunk is in none of them: the copy of it was lost. */
  #gapBefore(oldest: ChunkSpan): number | undefined {
    if (!this.#table.isUsed || this.remote.oldestInBoth !== undefined) return undefined
    return this.#table.since(oldest.baseOffset, 1)[0]?.baseOffset
  }

  *#chunksSince(from: number): Generator<ChunkSpan> {
    for (const span of this.#rows.chunks.spansFrom(from)) if (span.baseOffset >= from) yield span
  }

  /** Returns the chunks of a copy; undefined if some are not in the partition any more. */
  chunksOf({ baseOffset, endOffset }: RemoteChange): ChunkSpan[] | undefined {
    const spans = [
      ...takeWhile(this.#chunksSince(baseOffset), (span) => span.endOffset <= endOffset),
    ]
    const isWhole = spans[0]?.baseOffset === baseOffset && spans.at(-1)?.endOffset === endOffset
    return isWhole ? spans : undefined
  }

  /** Returns the bytes of one chunk; undefined if it is not in the partition any more. */
  bytesOf({ baseOffset, sizeBytes }: ChunkSpan): Uint8Array | undefined {
    const [chunk] = this.#rows.chunks.between(baseOffset, baseOffset)
    return chunk?.bytes.length === sizeBytes ? chunk.bytes : undefined
  }

  abortedIn({ baseOffset, endOffset }: Pick<RemoteChange, 'baseOffset' | 'endOffset'>) {
    const { transactions } = this.#rows
    return transactions.abortedBetween(baseOffset, endOffset, Number.MAX_SAFE_INTEGER)
  }

  #abortedIn(chunks: readonly ChunkSpan[]): AbortedTransaction[] {
    const { transactions } = this.#rows
    const from = chunks[0]?.baseOffset ?? 0
    const to = chunks.at(-1)?.endOffset ?? 0
    return transactions.abortedBetween(from, to, REMOTE_OBJECT_ABORTED_MAX)
  }

  /** Makes a copied segment live, unless it was dropped while it was written. */
  completeCopy(segment: LiveSegment): void {
    if (this.#table.change(segment.key)?.state !== 'copying') return
    this.#table.removeChange(segment.key)
    this.#table.insert(segment)
  }

  /** Gives up a copy: its object, if it exists, is deleted. */
  abandonCopy(key: string): void {
    const change = this.#table.change(key)
    if (change !== undefined) this.#table.writeChange({ ...change, state: 'deleting' })
  }

  /** Returns the next segment that is live and should leave the partition. */
  nextToEvict({ config }: PartitionAssignment, nowMs: number): LiveSegment | undefined {
    if (!config.remoteStorageEnable) return undefined
    const segment = this.remote.oldestInBoth
    if (segment === undefined) return undefined
    const isDue = isLocallyExpired(segment, this.#rows.sizeBytes, config, nowMs)
    return isDue ? segment : undefined
  }

  /** Copies a segment again whose object is not what was written. Its chunks are in the partition. */
  copyAgain(segment: LiveSegment, assignment: PartitionAssignment, suffix: string): void {
    const { oldest } = this.#rows
    if (oldest === undefined || this.remote.oldestInBoth?.key !== segment.key) return
    const { endOffset, inDoubtUntilMs } = segment
    const { baseOffset } = oldest
    const key = objectKey(assignment, baseOffset, suffix)
    const range = { baseOffset, endOffset }
    this.#table.remove(segment)
    this.#table.writeChange({ key: segment.key, state: 'deleting', ...range, inDoubtUntilMs })
    this.#table.writeChange({ key, state: 'copying', ...range, inDoubtUntilMs: 0 })
  }
}
