/**
 * One pass of a compaction: scans the keys of the dirty part, then filters the log from its start, chunk by chunk.
 *
 * Nothing of it is stored but its results: a pass that is lost with the object's memory begins again, and a chunk that
 * is filtered twice is the same.
 */
import { CODECS } from '../../src/core/compression/codecs.ts'
import { ChunkFilter } from '../../src/core/log/compaction/filter-chunk.ts'
import { HASH_WORDS, KeyHash } from '../../src/core/log/compaction/key-hash.ts'
import { KeyMap } from '../../src/core/log/compaction/key-map.ts'
import {
  PASS_KEYS_MAX,
  REWRITE_REST_MS_MAX,
  REWRITE_REST_STEP_MS,
} from '../../src/core/log/compaction/limits.ts'
import { givesWay, type LogExtent, Pace } from '../../src/core/log/compaction/pace.ts'
import { scanChunk } from '../../src/core/log/compaction/scan-chunk.ts'
import { SEALED_CHUNK_BYTES_MIN } from '../../src/core/log/seal.ts'
import { nextTurn, rest } from '../next-turn.ts'
import type { CompactionRows } from './compaction-rows.ts'

export class CompactionPass {
  readonly #rows: CompactionRows
  readonly #from: number
  readonly #to: number
  readonly #nowMs: number
  readonly #pace = new Pace(nextTurn)
  readonly #keys: KeyMap
  /** The end of the last batch that was scanned. */
  #endOffset: number
  /** The end of the part that was scanned: no batch lies between. */
  #cleanOffset: number
  /** Undefined while keys are scanned. */
  #filter: ChunkFilter | undefined
  /** The chunk that ends above it is next. */
  #position: number
  #horizonMs = Number.POSITIVE_INFINITY
  #hasSmallChunks = false
  /** The log when the last chunk was rewritten. */
  #rewrittenAt: LogExtent

  /** @param nowMs tombstones whose horizon is over by then go */
  constructor(rows: CompactionRows, from: number, to: number, nowMs: number) {
    this.#rows = rows
    this.#from = from
    this.#to = to
    this.#nowMs = nowMs
    const hash = new KeyHash(crypto.getRandomValues(new Int32Array(HASH_WORDS)))
    // No more keys than offsets.
    this.#keys = new KeyMap(hash, Math.min(PASS_KEYS_MAX, to - from))
    this.#endOffset = from
    this.#cleanOffset = from
    this.#position = from
    rows.prepare(to)
    this.#rewrittenAt = rows.extent
  }

  /**
   * Scans or filters one chunk, or some small ones.
   *
   * @param isCurrent returns whether the rows still are those of the partition: it may be deleted between two turns
   * @returns whether there is more to do in this pass
   */
  async step(isCurrent: () => boolean): Promise<boolean> {
    if (this.#filter === undefined) {
      await this.#scanNext()
      return true
    }
    return await this.#filterNext(this.#filter, isCurrent)
  }

  async #scanNext(): Promise<void> {
    const group = this.#position < this.#to ? this.#rows.groupFrom(this.#position) : undefined
    if (group === undefined || group.baseOffset >= this.#to) {
      this.#cleanOffset = this.#to
      return this.#beginToFilter()
    }
    const range = { from: this.#from, to: this.#to }
    const tools = { keys: this.#keys, codecs: CODECS, pace: this.#pace }
    const { endOffset, isFull } = await scanChunk(group.bytes, range, group.aborted, tools)
    this.#endOffset = endOffset ?? this.#endOffset
    this.#position = group.endOffset
    if (!isFull) return
    this.#cleanOffset = this.#endOffset
    this.#beginToFilter()
  }

  #beginToFilter(): void {
    const { deleteRetentionMs } = this.#rows.config
    const rules = {
      keys: this.#keys,
      endOffset: this.#endOffset,
      nowMs: this.#nowMs,
      deleteRetentionMs,
    }
    this.#filter = new ChunkFilter(rules, CODECS, this.#pace)
    this.#position = this.#rows.logStartOffset
  }

  async #filterNext(filter: ChunkFilter, isCurrent: () => boolean): Promise<boolean> {
    const group =
      this.#position < this.#endOffset ? this.#rows.groupFrom(this.#position) : undefined
    if (group === undefined || group.baseOffset >= this.#endOffset) {
      this.#rows.finish(this.#cleanOffset, this.#horizonMs, this.#hasSmallChunks)
      return false
    }
    const filtered = await filter.filter(group.bytes, group.aborted)
    if (filtered.bytes !== undefined) await this.#giveWay(isCurrent)
    // Chunks that were merged or deleted meanwhile are left to the next pass: the filter cannot go back.
    if (!isCurrent() || !this.#rows.replace(group, filtered, this.#endOffset)) return false
    if (filtered.bytes !== undefined) this.#rewrittenAt = this.#rows.extent
    this.#horizonMs = Math.min(this.#horizonMs, filtered.horizonMs)
    const sizeBytes = filtered.bytes?.length ?? SEALED_CHUNK_BYTES_MIN
    if (sizeBytes > 0 && sizeBytes < SEALED_CHUNK_BYTES_MIN) this.#hasSmallChunks = true
    this.#position = group.endOffset
    return true
  }

  /** Lets appends go first for some time. */
  async #giveWay(isCurrent: () => boolean): Promise<void> {
    for (let restedMs = 0; restedMs < REWRITE_REST_MS_MAX; restedMs += REWRITE_REST_STEP_MS) {
      if (!isCurrent() || !givesWay(this.#rewrittenAt, this.#rows.extent)) return
      await rest(REWRITE_REST_STEP_MS)
    }
  }
}
