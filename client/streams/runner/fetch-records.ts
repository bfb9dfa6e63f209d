/** Reads the records of a partition for a task. */
import { decodeBatch, decodeUncompressed } from '../../../src/core/batch/decode-records.ts'
import type { LogRecord } from '../../../src/core/batch/record.ts'
import type { Decompressors } from '../../../src/core/compression/codec.ts'
import { EdgelogError } from '../../../src/core/errors.ts'
import { readableEnd } from '../../../src/core/log/log-ends.ts'
import { FETCH_BYTES } from '../../../src/core/streams/limits.ts'
import type { FetchedRecords, TaskInput } from '../../../src/core/streams/task-inputs.ts'
import type { FetchedBatches } from '../../consumer/fetch-batches.ts'
import { parseChunk } from '../../consumer/log-chunk.ts'
import type { LogSource } from '../../consumer/log-source.ts'
import { isTransient } from '../../http/request-error.ts'

export interface RecordSource {
  readonly source: LogSource
  readonly codecs: Decompressors
  readonly signal: AbortSignal
}

/**
 * Reads records from an offset on, or from the start of the log if retention has deleted it.
 *
 * @throws {EdgelogError} `offset_out_of_range` for an offset behind the end of the log.
 */
export async function fetchRecords(
  { source, codecs, signal }: RecordSource,
  { topic, partition }: Pick<TaskInput, 'topic' | 'partition'>,
  offset: number,
): Promise<FetchedRecords> {
  const read = (from: number | 'earliest') =>
    source.fetch(topic, partition, { from, maxBytes: FETCH_BYTES, waitMs: 0, signal })
  return await callLog(async () => {
    try {
      return await decodeFetched(await read(offset), codecs)
    } catch (error) {
      const isGone = error instanceof EdgelogError && error.code === 'offset_out_of_range'
      if (!isGone) throw error
    }
    const earliest = await read('earliest')
    if (earliest.from >= offset) return await decodeFetched(earliest, codecs)
    const why = `${topic}/${partition}: ends at ${earliest.highWatermark}, below ${offset}`
    throw new EdgelogError('offset_out_of_range', `${why}, which was processed; begin anew`)
  })
}

/** @throws {EdgelogError} `corrupt_message`, and what the decompressors throw. */
export async function decodeFetched(
  fetched: FetchedBatches,
  codecs: Decompressors,
): Promise<FetchedRecords> {
  const { bytes, headers } = parseChunk(fetched)
  const records: LogRecord[] = []
  for (const header of headers) {
    if (header.isControl) continue
    const some =
      header.compression === 'none'
        ? decodeUncompressed(bytes, header)
        : await decodeBatch(bytes, header, codecs)
    for (const record of some) if (record.offset >= fetched.from) records.push(record)
  }
  const { from, to } = fetched
  return { from, records, to: Math.max(from, to), isAtEnd: to >= readableEnd(fetched, 'committed') }
}

/** Runs a call of the log. What may succeed later becomes an error that says so, whatever its status was. */
async function callLog<T>(call: () => Promise<T>): Promise<T> {
  try {
    return await call()
  } catch (cause) {
    if (!isTransient(cause) || (cause as EdgelogError).retryable) throw cause
    throw new EdgelogError('unavailable', (cause as Error).message, { cause })
  }
}
