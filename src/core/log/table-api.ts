/** The calls of a partition that read the table of a compacted topic: the latest value of each key. */

import type { LogRecord } from '../batch/record.ts'
import { readHeaders, readNullable } from '../batch/record.ts'
import { ByteReader } from '../bytes/byte-reader.ts'
import type { LogEnds } from './log-ends.ts'

/** The latest record of a key. */
export interface TableEntry {
  readonly key: Uint8Array
  readonly offset: number
  readonly timestamp: number
  /** Value and headers as in a record batch; null if they are too large for a row, and have to be read from the log. */
  readonly rest: Uint8Array | null
}

export interface TableRequest {
  /** Responds once the table covers this offset: reads the writer's own record. */
  readonly at?: number | undefined
  readonly maxWaitMs: number
}

export interface TableGetRequest extends TableRequest {
  readonly key: Uint8Array
}

export interface TableScanRequest extends TableRequest {
  /** Only keys that begin with these bytes. */
  readonly prefix: Uint8Array
  /** Only keys after this one. */
  readonly after?: Uint8Array | undefined
  readonly limit: number
}

export interface TableResult extends LogEnds {
  /** The table has all committed records below it. */
  readonly tableOffset: number
  readonly topicVersion: number
}

export interface TableGetResult extends TableResult {
  /** Undefined if the key has no value. */
  readonly entry?: TableEntry | undefined
}

export interface TableScanResult extends TableResult {
  /** In the order of their keys' bytes. */
  readonly entries: readonly TableEntry[]
  readonly hasMore: boolean
}

/** Returns the record of an entry that has its value. */
export function recordOfEntry({ key, offset, timestamp }: TableEntry, rest: Uint8Array): LogRecord {
  const reader = new ByteReader(rest)
  const value = readNullable(reader)
  return { offset, timestamp, key, value, headers: readHeaders(reader) }
}
