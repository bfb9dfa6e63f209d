/**
 * Finds batches by time. The log may start within a chunk and within a batch;
 * records below the log start must not be found:
 *
 *     | batch | batch | batch | batch |   the chunk that holds the log start
 *                 ^ log start
 *             |  cut  |     rest      |
 */
import { findBatchByTimestamp, maxTimestampIn, sliceChunk } from '../../src/core/log/chunk.ts'
import type { ChunkTable } from './chunk-table.ts'
import { take } from './take.ts'

const NOTHING = new Uint8Array(0)

interface LogStart {
  /** The batch that holds the log start, if that is within a chunk; otherwise empty. */
  readonly cut: Uint8Array
  /** The batches after `cut` in its chunk. */
  readonly rest: Uint8Array
  /** The base offset of the first chunk that lies wholly in the log. */
  readonly baseOffset: number
}

/**
 * Returns the first batch with a record at or after `wanted`, or the one with the latest time. If the log start is
 * within a chunk and the batch that holds it reaches that time, that batch comes first.
 */
export function findTimestamp(
  chunks: ChunkTable,
  logStartOffset: number,
  wanted: number | 'max',
): Uint8Array[] {
  const { cut, rest, baseOffset } = readLogStart(chunks, logStartOffset)
  const timestamp =
    wanted === 'max'
      ? Math.max(0, maxTimestampIn(rest), chunks.latestTimestamp(baseOffset))
      : wanted
  const found =
    findBatchByTimestamp(rest, timestamp) ??
    findBatchByTimestamp(chunks.firstReaching(timestamp, baseOffset) ?? NOTHING, timestamp)
  return [findBatchByTimestamp(cut, timestamp), found].filter((batch) => batch !== undefined)
}

function readLogStart(chunks: ChunkTable, logStartOffset: number): LogStart {
  const [span] = take(chunks.spansFrom(logStartOffset), 1)
  if (span === undefined || span.baseOffset >= logStartOffset) {
    return { cut: NOTHING, rest: NOTHING, baseOffset: logStartOffset }
  }
  const [{ bytes } = { bytes: NOTHING }] = chunks.between(span.baseOffset, span.baseOffset)
  const batches = sliceChunk(bytes, logStartOffset, bytes.length)?.bytes ?? NOTHING
  const cut = sliceChunk(batches, logStartOffset, 0)?.bytes ?? NOTHING
  return { cut, rest: batches.subarray(cut.length), baseOffset: span.endOffset }
}
