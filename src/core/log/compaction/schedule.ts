/**
 * Decides when a log is compacted, and which part of it.
 *
 *     log start      cleanOffset         settledOffset        high watermark
 *        |--- clean ---|------- dirty -------|------ active ------|
 *
 * The active part takes the place of Kafka's active segment, but is bounded by time: a mark notes the end of the log,
 * and a minute later all records below it have settled.
 */
import type { TopicConfig } from '../../topic/topic-config.ts'
import type { ChunkSpan } from '../chunk.ts'
import type { LogEnds } from '../log-ends.ts'
import { ACTIVE_MS_MAX } from './limits.ts'

/** The part of a checkpoint that is about compaction. */
export interface CompactionState {
  /** Below it no record is superseded by another one below it. */
  readonly cleanOffset: number
  /** Records below it are no longer active. */
  readonly settledOffset: number
  /** An end of the log, and the time at which it was seen. */
  readonly mark?: { readonly offset: number; readonly atMs: number }
  /** The earliest delete horizon in the clean part. */
  readonly horizonMs?: number
  /** All tombstones that were removed lay below it. A reader that is further behind may not have seen them. */
  readonly tombstonesGoneBelow: number
}

export const NOT_COMPACTED: CompactionState = {
  cleanOffset: 0,
  settledOffset: 0,
  tombstonesGoneBelow: 0,
}

export type CompactionConfig = Pick<
  TopicConfig,
  | 'cleanupPolicy'
  | 'minCleanableDirtyRatio'
  | 'minCompactionLagMs'
  | 'maxCompactionLagMs'
  | 'segmentMs'
>

/** Returns how long a record stays active. A topic may make it shorter, as it may roll Kafka's segments sooner. */
export function activeMs({
  segmentMs,
  maxCompactionLagMs,
}: Pick<CompactionConfig, 'segmentMs' | 'maxCompactionLagMs'>): number {
  return Math.min(ACTIVE_MS_MAX, segmentMs, maxCompactionLagMs)
}

/** Lets records settle whose time is over, and marks the end of the log if there are younger ones. */
export function settle(
  state: CompactionState,
  highWatermark: number,
  config: CompactionConfig,
  nowMs: number,
): CompactionState {
  const { mark, ...rest } = state
  if (mark !== undefined && nowMs < mark.atMs + activeMs(config)) return state
  const settledOffset = mark?.offset ?? rest.settledOffset
  if (highWatermark <= settledOffset) return { ...rest, settledOffset }
  return { ...rest, settledOffset, mark: { offset: highWatermark, atMs: nowMs } }
}

/** The log as a look at it finds it. */
export interface CompactedLog {
  readonly ends: LogEnds
  readonly sizeBytes: number
  readonly state: CompactionState
  /** The chunks from the one that holds the first dirty offset on, in order. */
  readonly dirtySpans: Iterable<ChunkSpan>
  /** The timestamp of the first dirty batch; undefined if none has one, or if it does not count. */
  readonly firstDirtyTimestamp: number | undefined
  /** Records that begin here or above must stay. */
  readonly endOffset: number
}

export type CompactionDecision =
  | {
      readonly kind: 'run'
      /** Batches that end at or below are clean. */
      readonly from: number
      /** Batches that begin here or above stay as they are. */
      readonly to: number
    }
  | {
      readonly kind: 'wait'
      /** When to look again without an append; Infinity: never. */
      readonly untilMs: number
    }

/** Returns the first offset that may be dirty. A clean offset beyond the log's end belongs to a log that was lost. */
export function firstDirtyOffset(
  { cleanOffset }: CompactionState,
  { logStartOffset, highWatermark }: LogEnds,
): number {
  return cleanOffset > highWatermark ? logStartOffset : Math.max(cleanOffset, logStartOffset)
}

/** Decides if a pass begins now: Kafka's rules, and also for delete horizons that are over (KAFKA-8522). */
export function decideCompaction(
  log: CompactedLog,
  config: CompactionConfig,
  nowMs: number,
): CompactionDecision {
  const { ends, state, firstDirtyTimestamp } = log
  const { minCompactionLagMs, maxCompactionLagMs, minCleanableDirtyRatio } = config
  const from = firstDirtyOffset(state, ends)
  const endOffset = Math.min(ends.lastStableOffset, log.endOffset)
  let to = Math.max(from, Math.min(endOffset, state.settledOffset))
  let untilMs = Math.min(
    state.mark === undefined ? Number.POSITIVE_INFINITY : state.mark.atMs + activeMs(config),
    state.horizonMs ?? Number.POSITIVE_INFINITY,
  )
  let dirtyBytes = 0
  let uncompactedBytes = 0
  for (const span of log.dirtySpans) {
    if (span.endOffset <= from) continue
    uncompactedBytes += span.sizeBytes
    if (span.baseOffset >= to) continue
    const ripeAtMs = Math.abs(span.maxTimestamp) + minCompactionLagMs
    if (minCompactionLagMs > 0 && ripeAtMs > nowMs) {
      to = Math.max(from, span.baseOffset)
      untilMs = Math.min(untilMs, ripeAtMs)
    } else dirtyBytes += span.sizeBytes
  }
  const overdueAtMs =
    firstDirtyTimestamp === undefined
      ? Number.POSITIVE_INFINITY
      : firstDirtyTimestamp + maxCompactionLagMs + 1
  const cleanBytes = Math.max(0, log.sizeBytes - uncompactedBytes)
  const hasDirt = to > from && dirtyBytes > 0
  const isDirty = hasDirt && dirtyBytes / (cleanBytes + dirtyBytes) > minCleanableDirtyRatio
  const isOverdue = hasDirt && overdueAtMs <= nowMs
  const isHorizonOver = state.horizonMs !== undefined && state.horizonMs <= nowMs
  if (isDirty || isOverdue || isHorizonOver) return { kind: 'run', from, to }
  if (hasDirt) untilMs = Math.min(untilMs, overdueAtMs)
  return { kind: 'wait', untilMs }
}
