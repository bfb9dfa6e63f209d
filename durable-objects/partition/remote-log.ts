/**
 * The part of a log that lies in R2, over its rows: which records are where, and the turns that delete. All calls are
 * synchronous; `remote-tier.ts` calls R2 between them.
 */
import { assert } from '../../src/core/errors.ts'
import {
  REMOTE_DELETES_MAX,
  REMOTE_HOLES_MAX,
  REMOTE_RANGE_SEGMENTS_MAX,
} from '../../src/core/limits.ts'
import type { ChunkSpan } from '../../src/core/log/chunk.ts'
import type {
  FoundSegment,
  OffsetRange,
  PartitionAssignment,
  RemoteDescription,
  RemoteListing,
} from '../../src/core/log/partition-api.ts'
import { planAdopt } from '../../src/core/log/remote/plan-adopt.ts'
import type { RemoteSegment } from '../../src/core/log/remote/remote-segment.ts'
import type { LogWriter } from './log-writer.ts'
import { type LiveSegment, RemoteTable } from './remote-table.ts'
import { takeWhile } from './take.ts'

const PAGE_SEGMENTS = 64

export class RemoteLog {
  readonly table: RemoteTable
  readonly #rows: LogWriter
  /** The oldest segment whose records are in R2 only. */
  #oldestEvicted: LiveSegment | undefined

  constructor(sql: SqlStorage, rows: LogWriter) {
    this.table = new RemoteTable(sql)
    this.#rows = rows
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

  /** Returns the segment of the partition's oldest chunk, if it is live. */
  get oldestInBoth(): LiveSegment | undefined {
    const { oldest } = this.#rows
    if (!this.table.isUsed || oldest === undefined) return undefined
    const [segment] = this.table.from(oldest.baseOffset, 1)
    return segment !== undefined && segment.baseOffset <= oldest.baseOffset ? segment : undefined
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
    const segments = this.table
      .from(offset, REMOTE_RANGE_SEGMENTS_MAX)
      .filter(({ endOffset }) => endOffset <= this.#chunksOffset)
    // Offsets between the last segment and the chunks have no record.
    return segments.length === 0 ? undefined : segments
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

  /** Returns the ranges between the segments in R2 only, and before the chunks, that are in none; the highest first. */
  holes(): OffsetRange[] {
    return this.evictedBytes === 0
      ? []
      : this.table.holesBelow(this.#chunksOffset, REMOTE_HOLES_MAX)
  }

  // -- retention ---------------------------------------------------------------------------------

  /**
   * Marks the segments below the end of what retention deletes. Part of its turn.
   *
   * @returns the bytes of those that were in R2 only.
   */
  deleteBelow(endOffset: number): number {
    if (!this.table.isUsed) return 0
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
    if (!this.table.isUsed) return
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

  /** Marks a log whose topic is deleted, so that it stays deleted while its objects are, if it has any. */
  markDestroyed(): void {
    if (!this.table.isEmpty) this.#rows.settings.write('destroyed', {})
  }

  /** Adds the segments that fit to a log whose rows were lost. Returns their names. */
  adopt(found: readonly FoundSegment[]): readonly string[] {
    const { highWatermark } = this.#rows.ends
    const { firstOffset } = this
    const fitting = planAdopt({ firstOffset, highWatermark, holes: this.holes() }, found)
    const [first] = fitting
    const last = fitting.at(-1)
    if (first === undefined || last === undefined) return []
    if (highWatermark === 0) this.#rows.startAt(last.endOffset)
    for (const segment of fitting) this.table.insert({ ...segment, inDoubtUntilMs: 0 })
    const addedBytes = fitting.reduce((sum, { sizeBytes }) => sum + sizeBytes, 0)
    this.#rows.noteEvicted(this.evictedBytes + addedBytes)
    const isBelow = highWatermark === 0 || first.baseOffset < firstOffset
    if (isBelow) this.#rows.writeCheckpoint({ logStartOffset: first.baseOffset })
    this.#readOldest()
    return fitting.map(({ key }) => key)
  }

  /** Deletes the chunks of a live segment. The caller has just seen its object in R2. */
  evict(segment: LiveSegment): void {
    const { chunks, checkpoint } = this.#rows
    if (this.oldestInBoth?.key !== segment.key) return
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
}
