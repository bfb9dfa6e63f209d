/** Queries that read the log of a source: pull queries of streams, and push queries of streams and tables. */
import { topicResource } from '../../core/access/resource.ts'
import type { LogRecord } from '../../core/batch/record.ts'
import type { Source } from '../../core/sql/catalog/source.ts'
import { SqlError } from '../../core/sql/errors.ts'
import { PULL_ROWS_MAX, PUSH_WAIT_MS, READ_BYTES } from '../../core/sql/limits.ts'
import { planSelect } from '../../core/sql/query/select-plan.ts'
import { rowSelector } from '../../core/sql/query/select-row.ts'
import type { Query } from '../../core/sql/syntax/ast.ts'
import { parseTopicName, type TopicName } from '../../core/topic/topic-name.ts'
import type { Access } from '../access.ts'
import type { Cluster } from '../cluster.ts'
import { fetchRecords } from '../fetch.ts'
import { limited, type ResultRow, type ResultRows } from './result-rows.ts'
import { ENVIRONMENT } from './statement-context.ts'

export interface ReadOptions {
  readonly from: 'earliest' | 'latest'
  /** True to go on with records that are written later. */
  readonly isPush: boolean
  readonly signal?: AbortSignal
}

/** A partition on its way to the end of its log. */
export interface OpenPlace {
  readonly topic: TopicName
  readonly partition: number
  offset: number
}

export interface PlaceRecords {
  readonly place: OpenPlace
  readonly records: readonly LogRecord[]
  /** False: records of other partitions that are as old follow at once. */
  readonly isLast: boolean
}

export async function readLog(
  cluster: Cluster,
  access: Access,
  query: Query,
  source: Source,
  options: ReadOptions,
): Promise<ResultRows> {
  const plan = planSelect(query, source, ENVIRONMENT)
  const selectRow = rowSelector(source, plan, ENVIRONMENT)
  const select: RowSelector = (record, partition) => selectRow({ ...record, partition })
  const rows = await readTopic(cluster, access, source.topic, select, options)
  const { isPush, from } = options
  // ksqlDB's names for a query that joins readers at the end of a log, and for one that reads by itself.
  const prefix = !isPush ? 'query' : from === 'latest' ? 'SCALABLE_PUSH_QUERY' : 'transient'
  const kind = isPush ? 'push' : 'pull-stream'
  return {
    ...{ queryId: `${prefix}_${source.name}_${crypto.randomUUID()}`, columns: plan.columns, kind },
    ...{ isEndless: isPush && query.limit === undefined, rows: limited(rows, query.limit) },
  }
}

/** Reads all partitions of a topic. */
export async function readTopic(
  cluster: Cluster,
  access: Access,
  name: string,
  select: RowSelector,
  { from, isPush, signal }: ReadOptions,
): Promise<AsyncGenerator<readonly ResultRow[], void>> {
  const topic = parseTopicName(name, 'topic')
  await access.check('read', topicResource(topic))
  const places = await openPlaces(cluster, topic, from)
  return isPush ? pushRows(cluster, places, select, signal) : pullRows(cluster, places, select)
}

export async function openPlaces(
  cluster: Cluster,
  topic: TopicName,
  from: ReadOptions['from'],
): Promise<OpenPlace[]> {
  const { partitions } = await cluster.topics.get(topic)
  return await Promise.all(
    Array.from({ length: partitions }, async (_, partition) => {
      const read = await fetchRecords(cluster, topic, partition, {
        ...{ maxBytes: 1, minBytes: 0, maxWaitMs: 0, isolation: 'committed' },
        from: { offset: from },
      })
      return { topic, partition, offset: from === 'earliest' ? read.from : read.lastStableOffset }
    }),
  )
}

/** Returns the row of a record; undefined: it has none. */
export type RowSelector = (record: LogRecord, partition: number) => ResultRow | undefined

async function readPlace(
  cluster: Cluster,
  place: OpenPlace,
  maxWaitMs: number,
): Promise<{
  readonly place: OpenPlace
  readonly records: readonly LogRecord[]
  readonly end: number
}> {
  const { topic, partition, offset } = place
  const read = await fetchRecords(cluster, topic, partition, {
    ...{ maxBytes: READ_BYTES, minBytes: maxWaitMs === 0 ? 0 : 1, maxWaitMs },
    ...{ isolation: 'committed', from: { offset } },
  })
  place.offset = Math.max(read.to, offset)
  return { place, records: read.records, end: read.lastStableOffset }
}

/** Reads to the ends that the partitions have at the start. */
async function* pullRows(
  cluster: Cluster,
  places: readonly OpenPlace[],
  select: RowSelector,
): AsyncGenerator<readonly ResultRow[], void> {
  let count = 0
  for (const place of places) {
    let end: number | undefined
    while (end === undefined || place.offset < end) {
      const before = place.offset
      const { records, end: endNow } = await readPlace(cluster, place, 0)
      end ??= endNow
      const rows = records.flatMap((record) => select(record, place.partition) ?? [])
      count += rows.length
      if (count > PULL_ROWS_MAX) {
        throw new SqlError(
          `the result has more than ${PULL_ROWS_MAX} rows; a condition or LIMIT makes it smaller`,
        )
      }
      yield rows
      if (place.offset === before) break
    }
  }
}

async function* pushRows(
  cluster: Cluster,
  places: readonly OpenPlace[],
  select: RowSelector,
  signal: AbortSignal | undefined,
): AsyncGenerator<readonly ResultRow[], void> {
  for await (const { place, records } of pushRecords(cluster, places, signal)) {
    yield records.flatMap((record) => select(record, place.partition) ?? [])
  }
}

/**
 * Reads partitions side by side, as long as there is a reader. At first it reads each to its end, so that the rows of a
 * table are there before later records of a stream are joined with them.
 */
export async function* pushRecords(
  cluster: Cluster,
  places: readonly OpenPlace[],
  signal: AbortSignal | undefined,
): AsyncGenerator<PlaceRecords, void> {
  let behind = [...places]
  while (behind.length > 0 && signal?.aborted !== true) {
    const read = await Promise.all(behind.map((place) => readPlace(cluster, place, 0)))
    for (const one of read.slice(0, -1)) if (one.records.length > 0) yield { ...one, isLast: false }
    const last = read.at(-1)
    if (last !== undefined) yield { ...last, isLast: true }
    behind = read.filter(({ place, end }) => place.offset < end).map(({ place }) => place)
  }
  const start = (place: OpenPlace) => readPlace(cluster, place, PUSH_WAIT_MS)
  const reads = new Map(places.map((place) => [place, start(place)]))
  const left = new Promise<undefined>((resolve) => {
    signal?.addEventListener('abort', () => resolve(undefined))
  })
  try {
    while (signal?.aborted !== true) {
      const read = await Promise.race([left, ...reads.values()])
      if (read === undefined) return
      yield { ...read, isLast: true }
      // The next read begins once the reader has taken the records.
      reads.set(read.place, start(read.place))
    }
  } finally {
    // The reads that are under way have no reader any more: their errors are of no use.
    for (const read of reads.values()) read.catch(() => {})
  }
}
