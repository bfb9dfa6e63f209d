/**
 * Reads the part of a tiered log that is in R2 only. The partition says once in about a gigabyte, and at least every
 * 30 s, which segments there are; the edge reads them without it.
 */
import { concatenate } from '../core/bytes/concatenate.ts'
import { assert } from '../core/errors.ts'
import {
  ABORTED_TRANSACTIONS_MAX,
  REMOTE_RANGE_AGE_MS,
  REMOTE_RANGES_MAX,
  REMOTE_READ_BYTES_MAX,
} from '../core/limits.ts'
import { findBatchByTimestamp, maxTimestampIn, sliceChunk } from '../core/log/chunk.ts'
import { type ChunkToCut, type CutSlice, chunksToRead, cutSlice } from '../core/log/cut-slice.ts'
import type { LogEnds } from '../core/log/log-ends.ts'
import type { FetchRequest, FetchResult, SealedChunk } from '../core/log/partition-api.ts'
import type { RemoteChunk, RemoteFooter } from '../core/log/remote/remote-object.ts'
import type { RemoteRange, RemoteSegment } from '../core/log/remote/remote-segment.ts'
import { isSealed, notSealed } from '../core/log/sealed.ts'
import type { AbortedTransaction } from '../core/log/transactions.ts'
import { visibleBatches } from '../core/log/visible-batches.ts'
import { RemoteObjectCache, type RemoteObjects } from './remote-objects.ts'

/** The segments of a partition, as it returned them. */
export interface KnownRange extends LogEnds {
  readonly range: RemoteRange
  readonly topicVersion: number
  readonly expiresAtMs: number
}

/** Keeps what the requests of an isolate learned about tiered logs. */
export class RemoteCache {
  readonly objects = new RemoteObjectCache()
  /** By topic id and partition. */
  readonly #ranges = new Map<string, KnownRange>()

  /** False while no tiered log was read below its local start. */
  get isUsed(): boolean {
    return this.#ranges.size > 0
  }

  /** Returns the segments of a partition, if one of them holds the offset. */
  rangeWith(
    topicId: string,
    partition: number,
    offset: number,
    nowMs: number,
  ): KnownRange | undefined {
    const known = this.#ranges.get(`${topicId} ${partition}`)
    if (known === undefined || known.expiresAtMs <= nowMs) return undefined
    const isHeld =
      offset >= Math.max(known.logStartOffset, known.range.fromOffset) &&
      segmentWith(known.range, offset) !== undefined
    return isHeld ? known : undefined
  }

  /** Keeps what a partition has just returned. */
  remember(
    range: RemoteRange,
    result: LogEnds & { topicVersion: number },
    nowMs: number,
  ): KnownRange {
    const { logStartOffset, lastStableOffset, highWatermark, topicVersion } = result
    const ends = { logStartOffset, lastStableOffset, highWatermark }
    const known = { range, ...ends, topicVersion, expiresAtMs: nowMs + REMOTE_RANGE_AGE_MS }
    const { topicId, partition } = range.partition
    this.forget(topicId, partition)
    this.#ranges.set(`${topicId} ${partition}`, known)
    const [oldest] = this.#ranges.keys()
    if (this.#ranges.size > REMOTE_RANGES_MAX && oldest !== undefined) this.#ranges.delete(oldest)
    return known
  }

  forget(topicId: string, partition: number): void {
    this.#ranges.delete(`${topicId} ${partition}`)
  }
}

/** Returns the segment with the first record at or after an offset. */
export function segmentWith({ segments }: RemoteRange, offset: number): RemoteSegment | undefined {
  return segments.find(({ endOffset }) => endOffset > offset)
}

type ReadRequest = Omit<FetchRequest, 'offset'> & { readonly offset: number }

/**
 * Reads as a partition does, up to the end of a segment at the most.
 *
 * @param known has a segment that holds the offset
 * @throws {EdgelogError} `remote_storage_damaged`, `remote_storage_unavailable`.
 */
export async function readRemote(
  objects: RemoteObjects,
  { range, topicVersion, logStartOffset, lastStableOffset, highWatermark }: KnownRange,
  request: ReadRequest,
): Promise<FetchResult> {
  const { offset: from, isolation, content = 'visible', mayLeaveFirst = false } = request
  const ends = { logStartOffset, lastStableOffset, highWatermark, topicVersion }
  const segment = segmentWith(range, from)
  assert(segment !== undefined, 'a segment ends above the offset')
  if (mayLeaveFirst && request.maxBytes <= 0) {
    return { from, to: from, ...ends, batches: new Uint8Array(0) }
  }
  const footer = await objects.footer(segment, range.partition)
  const maxBytes = Math.min(request.maxBytes, REMOTE_READ_BYTES_MAX)
  const wanted = chunksToRead(footer.chunks, from, maxBytes)
  const read = await objects.chunks(segment, footer, wanted)
  const chunks = wanted.map(({ endOffset }, index) => ({
    endOffset,
    bytes: read[index] as Uint8Array,
  }))
  const limits = { offset: from, maxBytes, mayLeaveFirst }
  const { aborted, ...slice } = cutWithAborted(chunks, limits, footer)
  const hidden = isolation === 'committed' ? aborted : []
  if (content === 'visible') {
    const batches = slice.batches.flatMap((bytes) => visibleBatches(bytes, hidden))
    const sealed = isolation === 'committed' ? sealedWith(segment, footer, ends, from) : undefined
    const named = sealed !== undefined && { sealedOffset: sealed.baseOffset }
    return { from, to: slice.to, ...ends, ...named, batches: concatenate(batches) }
  }
  const listed = hidden.length > 0 && { abortedTransactions: hidden }
  return { from, to: slice.to, ...ends, ...listed, batches: concatenate(slice.batches) }
}

/**
 * Returns the sealed chunk that holds an offset, as the partition returned it while it had it: an object has the chunks
 * of its partition, with the same ends.
 *
 * @param known has a segment that ends above the offset
 * @throws {EdgelogError} `not_sealed`, `remote_storage_damaged`, `remote_storage_unavailable`.
 */
export async function readRemoteSealed(
  objects: RemoteObjects,
  { range, topicVersion, logStartOffset, lastStableOffset, highWatermark }: KnownRange,
  offset: number,
): Promise<SealedChunk> {
  const ends = { logStartOffset, lastStableOffset, highWatermark }
  const segment = segmentWith(range, offset)
  assert(segment !== undefined, 'a segment ends above the offset')
  const footer = await objects.footer(segment, range.partition)
  const chunk = sealedWith(segment, footer, ends, offset)
  if (chunk === undefined) throw notSealed(offset)
  const { baseOffset: from, endOffset: to } = chunk
  const stored = await objects.chunks(segment, footer, [chunk])
  const aborted = abortedIn(footer, from, to)
  const batches = stored.flatMap((bytes) => visibleBatches(bytes, aborted))
  return { from, to, ...ends, topicVersion, batches: concatenate(batches) }
}

/** Returns the sealed chunk that holds an offset; undefined if the log start cuts it, or no record is there. */
function sealedWith(
  { endOffset }: RemoteSegment,
  { chunks }: RemoteFooter,
  ends: LogEnds,
  offset: number,
): RemoteChunk | undefined {
  const chunk = chunks.find((one) => one.endOffset > offset)
  const holds = chunk !== undefined && chunk.baseOffset <= offset
  // Only what sealing had passed was copied.
  return holds && isSealed(chunk, endOffset, ends) ? chunk : undefined
}

/** Cuts a slice, shorter if it has more aborted transactions than a response may list. */
function cutWithAborted(
  chunks: readonly ChunkToCut[],
  limits: { offset: number; maxBytes: number; mayLeaveFirst: boolean },
  footer: RemoteFooter,
): CutSlice & Pick<RemoteFooter, 'aborted'> {
  const { offset } = limits
  let endOffset = Number.POSITIVE_INFINITY
  for (;;) {
    const slice = cutSlice(chunks, limits, endOffset)
    const aborted = abortedIn(footer, offset, slice.to)
    // No more transactions than the limit were ever open at one offset, so this ends.
    if (aborted.length <= ABORTED_TRANSACTIONS_MAX) return { ...slice, aborted }
    endOffset = offset + Math.ceil((slice.to - offset) / 2)
  }
}

/** Returns the aborted transactions with records from an offset up to another. */
function abortedIn({ aborted }: RemoteFooter, from: number, to: number): AbortedTransaction[] {
  return aborted.filter(({ firstOffset, lastOffset }) => lastOffset >= from && firstOffset < to)
}

/**
 * Yields the batches of segments that may have the first record at or after `timestamp`, or the one with the latest
 * time, in order. The log may start within a chunk and within a batch, as in `find-timestamp.ts` of the partition.
 */
export async function* findRemoteBatches(
  objects: RemoteObjects,
  { segments, partition }: RemoteRange,
  timestamp: number | 'max',
  logStartOffset: number,
): AsyncGenerator<Uint8Array> {
  for (const segment of segments) {
    const footer = await objects.footer(segment, partition)
    const read = async (chunk: RemoteChunk) => (await objects.chunks(segment, footer, [chunk]))[0]
    const kept = footer.chunks.filter(({ endOffset }) => endOffset > logStartOffset)
    const [first] = kept
    if (first === undefined) continue
    const isCut = first.baseOffset < logStartOffset
    if (isCut) yield* batchesInCut(await read(first), timestamp, logStartOffset)
    const others = isCut ? kept.slice(1) : kept
    const wanted = wantedTime(
      timestamp,
      others.map(({ maxTimestamp }) => maxTimestamp),
    )
    const reaching = others.find(({ maxTimestamp }) => maxTimestamp >= wanted)
    if (reaching !== undefined) yield* firstReaching(await read(reaching), wanted)
  }
}

/** Yields the batch that holds the log start, and the one behind it in its chunk that is meant. */
function* batchesInCut(
  chunk: Uint8Array | undefined,
  timestamp: number | 'max',
  logStartOffset: number,
): Generator<Uint8Array> {
  const kept = chunk && sliceChunk(chunk, logStartOffset, chunk.length)?.bytes
  const cut = kept && sliceChunk(kept, logStartOffset, 0)?.bytes
  if (kept === undefined || cut === undefined) return
  yield cut
  const rest = kept.subarray(cut.length)
  yield* firstReaching(rest, wantedTime(timestamp, [maxTimestampIn(rest)]))
}

function wantedTime(timestamp: number | 'max', times: readonly number[]): number {
  return timestamp === 'max' ? Math.max(0, ...times) : timestamp
}

function* firstReaching(chunk: Uint8Array | undefined, timestamp: number): Generator<Uint8Array> {
  const batch = chunk && findBatchByTimestamp(chunk, timestamp)
  if (batch !== undefined) yield batch
}
