import { decompressedRecords } from '../batch/decode-records.ts'
import { readBatchHeaders } from '../batch/record-batch.ts'
import type { Codecs } from '../compression/codec.ts'
import { TABLE_ENTRY_BYTES_MAX } from '../limits.ts'
import type { Pace } from './compaction/pace.ts'
import { RecordCursor } from './compaction/record-cursor.ts'
import type { TableEntry } from './table-api.ts'

/** The latest entry of each key; undefined if that is a tombstone. The text of a key names it in the map. */
export type LatestEntries = Map<string, { readonly key: Uint8Array; entry: TableEntry | undefined }>

/** Each byte is one character of its own. */
const keyText = new TextDecoder('latin1')

/**
 * Returns the latest entry of each key in batches. Records without a key have none.
 *
 * @throws {EdgelogError} `corrupt_message`.
 */
export async function latestEntries(
  batches: Uint8Array,
  codecs: Codecs,
  pace: Pace,
): Promise<LatestEntries> {
  const latest: LatestEntries = new Map()
  if (batches.length === 0) return latest
  for (const header of readBatchHeaders(batches)) {
    if (header.recordsCount === 0) continue
    const { baseOffset, baseTimestamp, timestampType, maxTimestamp } = header
    const records = await decompressedRecords(batches, header, codecs)
    const cursor = new RecordCursor(records, header)
    while (cursor.next()) {
      if (pace.isOver) await pace.rest()
      const { keyStart, keyLength, end, isTombstone } = cursor
      if (keyLength < 0) continue
      const keyEnd = keyStart + keyLength
      const key = records.slice(keyStart, keyEnd)
      const isTooLarge = end - keyStart > TABLE_ENTRY_BYTES_MAX
      const entry = {
        key,
        offset: baseOffset + cursor.offsetDelta,
        timestamp:
          timestampType === 'LogAppendTime' ? maxTimestamp : baseTimestamp + cursor.timestampDelta,
        rest: isTooLarge ? null : records.slice(keyEnd, end),
      }
      latest.set(keyText.decode(key), { key, entry: isTombstone ? undefined : entry })
    }
  }
  return latest
}
