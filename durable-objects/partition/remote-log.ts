/**
 * The part of a log that lies in R2, over its rows: which records are where, and the turns that change it. All calls
 * are synchronous; `remote-tier.ts` calls R2 between them.
 */
import { assert } from '../../src/core/errors.ts'
import {
  REMOTE_DELETES_MAX,
  REMOTE_IN_DOUBT_MS,
  REMOTE_OBJECT_ABORTED_MAX,
  REMOTE_RANGE_SEGMENTS_MAX,
} from '../../src/core/limits.ts'
import type { ChunkSpan } from '../../src/core/log/chunk.ts'
import type {
  FoundSegment,
  PartitionAssignment,
  RemoteDescription,
  RemoteListing,
} from '../../src/core/log/partition-api.ts'
import { isLocallyExpired, locallyExpiresAtMs } from '../../src/core/log/remote/local-retention.ts'
import { type CopyPlan, isCopying, planCopy } from '../../src/core/log/remote/plan-copy.ts'
import { objectKey, type RemoteSegment } from '../../src/core/log/remote/remote-segment.ts'
import type { AbortedTransaction } from '../../src/core/log/transactions.ts'
import type { LogWriter } from './log-writer.ts'
import { type LiveSegment, type RemoteChange, RemoteTable } from './remote-table.ts'
import { takeWhile } from './take.ts'

const PAGE_SEGMENTS = 64

/** One attempt to write an object. */
export interface CopyAttempt extends RemoteChange {
  /** Until then, an earlier attempt may still take effect; 0 if there was none. */
  readonly earlierInDoubtUntilMs: number
}

export class RemoteLog {
  readonly table: RemoteTable
  readonly #rows: LogWriter
  /** False while the partition has no row of an object: then nothing here costs a read. */
  #isUsed: boolean
  /** The oldest segment whose records are in R2 only. */
  #oldestEvicted: LiveSegment | undefined

  constructor(sql: SqlStorage, rows: LogWriter) {
    this.table = new RemoteTable(sql)
    this.#rows = rows
    this.#isUsed = !this.table.isEmpty
    this.#readOldest()
  }

  // -- what is where -----------------------------------------------------------------------------

  get evictedBytes(): number {
    return this.#rows.checkpoint.evictedBytes ?? 0
  }

  /** The oldest offset in the partition; the log start if no record is in R2 only. */
  get localStartOffset(): number {
    const { logStartOffset } = this.#rows.checkpoint
    return this.evictedBytes === 0 ? logStartOffset : Math.max(logStartOffset, this.#chunksOffset)
  }

  /** The offset at which the chunks begin. The log start may lie behind it while chunks wait for their deletion. */
  get #chunksOffset(): number {
    return this.#rows.oldest?.baseOffset ?? this.#rows.ends.highWatermark
  }

  /** The oldest segment or chunk of the whole log. */
  get oldest(): ChunkSpan | undefined {
    return this.#oldestEvicted ?? this.#rows.oldest
  }

  /** The first offset of the oldest segment or chunk; the end of the log if there is none. */
  get firstOffset(): number {
    return this.oldest?.baseOffset ?? this.#rows.ends.highWatermark
  }

  /** Yields the whole log, oldest first, and each offset once: what is in R2 only, then the chunks. */
  *spans(): Generator<ChunkSpan> {
    yield* this.#evicted()
    yield* this.#rows.chunks.spansFrom(0)
  }

  *#evicted(): Generator<LiveSegment> {
    if (this.evictedBytes === 0) return
    const chunksOffset = this.#chunksOffset
    for (let baseOffset = 0; ; ) {
      const segments = this.table.since(baseOffset, PAGE_SEGMENTS)
      yield* takeWhile(segments, ({ endOffset }) => endOffset <= chunksOffset)
      const last = segments.at(-1)
      if (last === undefined || last.endOffset > chunksOffset) return
      baseOffset = last.endOffset
    }
  }

  /** Returns the segments that a read from `offset` needs; undefined if its records are in the partition. */
  rangeFrom(offset: number): RemoteSegment[] | undefined {
    const { localStartOffset } = this
    const { logStartOffset } = this.#rows.checkpoint
    if (!(offset >= logStartOffset && offset < localStartOffset)) return undefined
    return this.table
      .from(offset, REMOTE_RANGE_SEGMENTS_MAX)
      .filter(({ endOffset }) => endOffset <= this.#chunksOffset)
  }

  /**
   * Returns the segments in R2 only that may have the first record at or after `wanted`, or the one with the latest
   * time: the one that holds the log start, and the first of the others.
   */
  findTimestamp(wanted: number | 'max'): RemoteSegment[] {
    const range = this.rangeFrom(this.#rows.checkpoint.logStartOffset)
    const [first] = range ?? []
    if (first === undefined) return []
    const { logStartOffset } = this.#rows.checkpoint
    const { localStartOffset } = this
    const isCut = first.baseOffset < logStartOffset
    const from = isCut ? first.endOffset : first.baseOffset
    const timestamp =
      wanted === 'max' ? Math.max(0, this.table.latestTimestamp(from, localStartOffset)) : wanted
    const found = this.table.firstReaching(timestamp, from, localStartOffset)
    const isFirstWanted = isCut && (wanted === 'max' || first.maxTimestamp >= wanted)
    return [isFirstWanted ? first : undefined, found].filter((segment) => segment !== undefined)
  }

  describe({ config }: PartitionAssignment): RemoteDescription | undefined {
    if (!config.remoteStorageEnable) return undefined
    const { localStartOffset } = this
    const chunksOffset = this.#chunksOffset
    const local = this.table
      .from(chunksOffset, Number.MAX_SAFE_INTEGER)
      .filter(({ endOffset }) => endOffset > chunksOffset)
    return {
      localStartOffset,
      copiedOffset: this.table.last()?.endOffset ?? null,
      localBytes: this.#rows.sizeBytes,
      remoteBytes: local.reduce((sum, { sizeBytes }) => sum + sizeBytes, this.evictedBytes),
    }
  }

  /** Returns live segments that begin at an offset or later, in order, and the names of the other objects. */
  list(
    baseOffset: number,
    limit: number,
  ): Pick<RemoteListing, 'firstOffset' | 'segments' | 'changing'> {
    const changing = [
      ...this.table.changes('copying', REMOTE_DELETES_MAX),
      ...this.table.changes('deleting', REMOTE_DELETES_MAX),
    ]
    return {
      firstOffset: this.firstOffset,
      segments: this.table.since(baseOffset, limit),
      changing: changing.map(({ key }) => key),
    }
  }

  // -- retention ---------------------------------------------------------------------------------

  /**
   * Marks the segments below the end of what retention deletes. Part of its turn.
   *
   * @returns the bytes of those that were in R2 only.
   */
  deleteBelow(endOffset: number): number {
    if (!this.#isUsed) return 0
    let evictedBytes = 0
    for (const segment of takeWhile(this.#evicted(), (one) => one.endOffset <= endOffset)) {
      evictedBytes += segment.sizeBytes
    }
    this.table.deleteBelow(endOffset)
    this.#rows.noteEvicted(this.evictedBytes - evictedBytes)
    this.#readOldest()
    return evictedBytes
  }

  /** Marks all objects for deletion: the log begins where the partition's own records begin. */
  drop(): void {
    if (!this.#isUsed) return
    const { localStartOffset } = this
    this.table.deleteBelow(Number.MAX_SAFE_INTEGER)
    this.#rows.noteEvicted(0)
    this.#rows.writeCheckpoint({ logStartOffset: localStartOffset })
    this.#rows.transactions.forgetAbortedBelow(localStartOffset)
    this.#readOldest()
  }

  #readOldest(): void {
    this.#oldestEvicted = this.evictedBytes === 0 ? undefined : this.table.since(0, 1)[0]
  }

  /** Adds segments below all others. Part of the turn that writes the log start. */
  adopt(segments: readonly FoundSegment[]): void {
    this.#isUsed = true
    for (const segment of segments) this.table.insert({ ...segment, inDoubtUntilMs: 0 })
    const addedBytes = segments.reduce((sum, { sizeBytes }) => sum + sizeBytes, 0)
    this.#rows.noteEvicted(this.evictedBytes + addedBytes)
    this.#readOldest()
  }

  // -- work --------------------------------------------------------------------------------------

  /** Returns when there is something to do with R2; undefined if nothing is known. */
  dueAtMs(assignment: PartitionAssignment, nowMs: number): number | undefined {
    const { config } = assignment
    if (!this.#isUsed && !isCopying(config)) return undefined
    if (this.table.changes('copying', 1).length > 0) return nowMs
    const [deleting] = this.table.changes('deleting', 1)
    const plan = this.#planCopy(assignment, nowMs)
    const evictable = this.#oldestInBoth()
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
    this.#isUsed = true
    return this.#attempt({ key, state: 'copying', baseOffset, endOffset, inDoubtUntilMs: 0 }, nowMs)
  }

  /** Begins the next attempt of a copy that was not completed. */
  resumeCopy(nowMs: number): CopyAttempt | undefined {
    const [copying] = this.#isUsed ? this.table.changes('copying', 1) : []
    return copying === undefined ? undefined : this.#attempt(copying, nowMs)
  }

  #attempt(copying: RemoteChange, nowMs: number): CopyAttempt {
    const change = { ...copying, inDoubtUntilMs: nowMs + REMOTE_IN_DOUBT_MS }
    this.table.writeChange(change)
    return { ...change, earlierInDoubtUntilMs: copying.inDoubtUntilMs }
  }

  /** Notes that R2 has responded to an attempt: it takes no effect any more. */
  settleCopy({ key, earlierInDoubtUntilMs }: CopyAttempt): void {
    const change = this.table.change(key)
    if (change === undefined) return
    this.table.writeChange({ ...change, inDoubtUntilMs: earlierInDoubtUntilMs })
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
    return this.#isUsed ? (this.table.last()?.endOffset ?? 0) : 0
  }

  /** Returns where the segments begin if the oldest chunk is in none of them: the copy of it was lost. */
  #gapBefore(oldest: ChunkSpan): number | undefined {
    if (!this.#isUsed || this.#oldestInBoth() !== undefined) return undefined
    return this.table.since(oldest.baseOffset, 1)[0]?.baseOffset
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
    if (this.table.change(segment.key)?.state !== 'copying') return
    this.table.removeChange(segment.key)
    this.table.insert(segment)
  }

  /** Gives up a copy: its object, if it exists, is deleted. */
  abandonCopy(key: string): void {
    const change = this.table.change(key)
    if (change !== undefined) this.table.writeChange({ ...change, state: 'deleting' })
  }

  /** Returns the next segment that is live and should leave the partition. */
  nextToEvict({ config }: PartitionAssignment, nowMs: number): LiveSegment | undefined {
    if (!config.remoteStorageEnable) return undefined
    const segment = this.#oldestInBoth()
    if (segment === undefined) return undefined
    const isDue = isLocallyExpired(segment, this.#rows.sizeBytes, config, nowMs)
    return isDue ? segment : undefined
  }

  /** Returns the segment of the partition's oldest chunk, if it is live. */
  #oldestInBoth(): LiveSegment | undefined {
    const { oldest } = this.#rows
    if (!this.#isUsed || oldest === undefined) return undefined
    const [segment] = this.table.from(oldest.baseOffset, 1)
    return segment !== undefined && segment.baseOffset <= oldest.baseOffset ? segment : undefined
  }

  /** Deletes the chunks of a live segment. The caller has just seen its object in R2. */
  evict(segment: LiveSegment): void {
    const { chunks, checkpoint } = this.#rows
    if (this.#oldestInBoth()?.key !== segment.key) return
    const { endOffset } = segment
    assert(endOffset <= checkpoint.sealedOffset, 'what is copied is sealed')
    let sizeBytes = 0
    for (const span of takeWhile(chunks.spansFrom(0), (one) => one.endOffset <= endOffset)) {
      sizeBytes += span.sizeBytes
    }
    this.#rows.noteEvicted(this.evictedBytes + segment.sizeBytes)
    this.#rows.deleteChunks(endOffset, sizeBytes, checkpoint.logStartOffset)
    this.#readOldest()
  }

  /** Copies a segment again whose object is not what was written. Its chunks are in the partition. */
  copyAgain(segment: LiveSegment, assignment: PartitionAssignment, suffix: string): void {
    const { oldest } = this.#rows
    if (oldest === undefined || this.#oldestInBoth()?.key !== segment.key) return
    const { endOffset, inDoubtUntilMs } = segment
    const { baseOffset } = oldest
    const key = objectKey(assignment, baseOffset, suffix)
    const range = { baseOffset, endOffset }
    this.table.remove(segment)
    this.table.writeChange({ key: segment.key, state: 'deleting', ...range, inDoubtUntilMs })
    this.table.writeChange({ key, state: 'copying', ...range, inDoubtUntilMs: 0 })
  }
}
