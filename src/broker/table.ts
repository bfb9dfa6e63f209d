/** Reads the table of a compacted topic: the latest record of each key. */
import type { LogRecord } from '../core/batch/record.ts'
import { EdgelogError } from '../core/errors.ts'
import { TABLE_READ_ATTEMPTS_MAX } from '../core/limits.ts'
import { EMPTY_LOG } from '../core/log/empty-partition.ts'
import {
  recordOfEntry,
  type TableEntry,
  type TableGetRequest,
  type TableGetResult,
  type TableScanRequest,
  type TableScanResult,
} from '../core/log/table-api.ts'
import { partitionForKey } from '../core/topic/partitioner.ts'
import type { Topic } from '../core/topic/topic.ts'
import type { TopicName } from '../core/topic/topic-name.ts'
import type { Cluster } from './cluster.ts'
import { decodeFrom } from './fetch.ts'

export interface TableRecord {
  readonly partition: number
  readonly record: LogRecord
}

export interface TableGetOptions extends TableGetRequest {
  /** The partition of the key, if its producer does not use Kafka's default partitioner. */
  readonly partition?: number | undefined
}

/**
 * Returns the latest record of a key.
 *
 * @throws {EdgelogError} `key_not_found`, `table_not_enabled`, `unknown_topic_or_partition`, `unavailable`.
 */
export async function getFromTable(
  cluster: Cluster,
  name: TopicName,
  { partition: wanted, ...request }: TableGetOptions,
): Promise<TableRecord> {
  const { partitions } = await cluster.topics.get(name)
  const partition = wanted ?? partitionForKey(request.key, partitions)
  for (let attempt = 0; attempt < TABLE_READ_ATTEMPTS_MAX; attempt++) {
    const { entry } = await cluster.topics.callPartition<TableGetResult>(
      name,
      partition,
      (stub) => stub.tableGet(request),
      (topic) => emptyTable(topic),
    )
    if (entry === undefined) throw new EdgelogError('key_not_found', 'key: has no value')
    const record = await readEntry(cluster, name, partition, entry)
    if (record !== undefined) return { partition, record }
  }
  throw new EdgelogError('unavailable', 'the value of the key changes too often to be read')
}

function emptyTable({ name, config, version }: Topic): TableGetResult {
  if (config.tableEnable) return { ...EMPTY_LOG, tableOffset: 0, topicVersion: version }
  const why = 'has no table; edgelog.table.enable=true on a compacted topic is needed'
  throw new EdgelogError('table_not_enabled', `topic ${name} ${why}`)
}

/** Returns the record of an entry; undefined if it was too large for the table and is no longer in the log. */
async function readEntry(
  cluster: Cluster,
  name: TopicName,
  partition: number,
  entry: TableEntry,
): Promise<LogRecord | undefined> {
  if (entry.rest !== null) return recordOfEntry(entry, entry.rest)
  const { offset } = entry
  const limits = { maxBytes: 1, minBytes: 1, maxWaitMs: 0, isolation: 'committed' } as const
  const { batches } = await cluster.topics.callPartition(name, partition, (stub) =>
    stub.read({ offset, ...limits }),
  )
  for await (const { records } of decodeFrom(batches, offset)) {
    const record = records.find((one) => one.offset === offset)
    if (record !== undefined) return record
  }
  return undefined
}

export interface TableScanOptions extends TableScanRequest {
  /** The partition to begin with. */
  readonly partition: number
}

export interface TablePage {
  readonly records: readonly TableRecord[]
  /** Where the next page begins; undefined behind the last one. */
  readonly next: { readonly partition: number; readonly after: Uint8Array | undefined } | undefined
  /** For each partition that was read, the offset from which its later changes follow. */
  readonly tableOffsets: ReadonlyMap<number, number>
}

/**
 * Returns entries partition by partition, and in each in the order of their keys' bytes.
 *
 * @throws {EdgelogError} as `getFromTable`, without `key_not_found`.
 */
export async function scanTable(
  cluster: Cluster,
  name: TopicName,
  { partition: first, after, limit, ...request }: TableScanOptions,
): Promise<TablePage> {
  const { partitions } = await cluster.topics.get(name)
  const records: TableRecord[] = []
  const tableOffsets = new Map<number, number>()
  for (let partition = first; partition < partitions; partition++) {
    const from = partition === first ? after : undefined
    const { entries, hasMore, tableOffset } = await cluster.topics.callPartition<TableScanResult>(
      name,
      partition,
      (stub) => stub.tableScan({ ...request, after: from, limit: limit - records.length }),
      (topic) => ({ ...emptyTable(topic), entries: [], hasMore: false }),
    )
    tableOffsets.set(partition, tableOffset)
    for (const entry of entries) {
      const record = await readEntry(cluster, name, partition, entry)
      // Superseded while it was read: the change follows.
      if (record !== undefined) records.push({ partition, record })
    }
    const last = entries.at(-1)
    if (hasMore) return { records, tableOffsets, next: { partition, after: last?.key ?? from } }
    if (records.length >= limit && partition + 1 < partitions) {
      return { records, tableOffsets, next: { partition: partition + 1, after: undefined } }
    }
  }
  return { records, tableOffsets, next: undefined }
}
